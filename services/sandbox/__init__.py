"""
The sandbox imitates Resend, Notion, Cal.com and Twilio on this machine. Its web pages show what they received.

    app.py      everything as one application        state.py   the state of a running sandbox
    resend/  notion/  calcom/  twilio/               the imitated APIs
    web_ui/     web pages                            tools.py   the same as JSON, for tests
    dials.py    how strict, fast and healthy the providers are
    faults.py   fault rules: requests that fail on purpose (fault_rules.py defines them)
    disk.py     storage: one SQLite file
"""
