"""
The sandbox imitates Resend, Notion and Cal.com on this machine, with pages that show what they received.

    app.py      everything as one application        state.py   what a running sandbox holds
    resend/  notion/  calcom/  twilio/               the imitated APIs
    web_ui/     pages for people                     tools.py   the same as JSON, for tests
    dials.py    how strict, fast and healthy the providers are
    faults.py   fault rules: requests that fail on purpose (fault_rules.py says how)
    disk.py     one SQLite file
"""
