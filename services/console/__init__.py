"""
`advent console`: is all well, who waits for a decision, and what the queues hold. Read `routes.py` first.

    __main__.py    settings → desk → server, until SIGTERM
    app.py         what it is made of        desk.py  what a handler may touch
    door.py        who may come in           session.py  cookie and form token     limits.py  failed logins
    around.py      around every request: the door, headers that keep browsers careful, errors
    evidence.py    the newest look at the store and its age, kept while the store is away
    queries.py     what a look reads         verdict.py  what it means, in one sentence
    actions.py     replay, discard           replies.py  pages and JSON
    views/         one file a page           queues/   the Dramatiq dashboard behind the same door
"""
