"""
`advent up`: all processes under one parent. Read `up.py` first.

    up.py                  the whole run: check, start, announce, watch, stop
    children.py            which children there are, and what each runs
    child.py               one forked child: start, stop, when to start it again
    store_watchdog.py      starts the embedded store again when it ends
    signals.py             waits for Ctrl-C, SIGTERM and ended children
    run_dir.py             DATA_DIR/run: which processes run here, what an earlier run left behind
    inherited_settings.py  what a command inherits from the `advent up` in the same DATA_DIR
    sandbox_settings.py    settings that put the sandbox in a provider's place
    standby_http.py        the HTTP responses of a worker that waits for its store
    ports.py               whether the ports are free, and whether a URL answers
    terminal.py            what the terminal shows
"""
