"""
`advent up`: everything under one parent. Read `up.py` first.

    up.py         the story: check, start, say, watch, stop
    children.py   which children there are, and what each runs
    child.py      one forked child: start, end, when to start it again
    signals.py    Ctrl-C, SIGTERM and ended children, as things to wait for
    house.py      DATA_DIR/run: who runs here, what an earlier run left behind
    sandboxed.py  settings that put the sandbox in a provider's place
    ports.py      is every port free, does everything answer
    screen.py     what the newcomer reads
"""
