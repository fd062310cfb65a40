"""
`advent console`: is all well, what needs a decision, and what the queues hold. Read `app.py` first.

    __main__.py    settings → context → server, until SIGTERM
    app.py         routes, and what runs in the background       context.py  what a handler may use
    middleware.py  wraps every request: access, security headers, errors, one log line
    replies.py     pages, redirects, problems                    formatting.py  times as people read them
    auth/          who may use it: access rules, sessions        status/  the store's state, and what it means
    pages/         one file a page                               api/  the same reads and actions as JSON
    campaigns/, dead_letters/, mails/: what several pages and the API need of each; dashboard/: the Dramatiq dashboard
"""
