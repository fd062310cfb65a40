"""
`advent up`: everything under one parent process. Read `up.py` first.

    up.py                  the whole course: check, start, announce, watch, stop
    children.py            which children there are, and what each runs
    child.py               one forked child: start, stop, when to start it again
    store_watchdog.py      starts the embedded store again when it ends
    signals.py             Ctrl-C, SIGTERM and ended children, as things to wait for
    run_dir.py             DATA_DIR/run: which processes run here, what an earlier run left behind
    inherited_settings.py  what a command takes over from the `advent up` in the same DATA_DIR
    sandbox_settings.py    settings that put the sandbox in a provider's place
    standby_http.py        what a worker answers while it waits for its store
    ports.py               whether the ports are free, and whether a URL answers
    terminal.py            what the person who started it reads
"""
