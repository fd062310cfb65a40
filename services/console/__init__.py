"""
`advent console`: the web pages and JSON API of the operators. They show the state of campaigns, people and queues, and
take decisions. Read `app.py` first.

    __main__.py    settings → context → server, until SIGTERM
    app.py         routes and background tasks                   context.py  what a handler may use
    middleware.py  wraps every request: access, security headers, errors, one log line
    replies.py     pages, redirects, problems                    formatting.py  filters: numbers and times for people
    auth/          access rules and sessions                     status/  snapshots of the store and the gateway
    pages/         one file per page                             api/  the same reads and actions as JSON
    campaigns/, dead_letters/, mails/: code that several pages and the API share; dashboard/: the Dramatiq dashboard
"""
