"""The Dramatiq dashboard at `/dramatiq/`: `dashboard.py` serves it, `wsgi.py` speaks to it, `reads.py` reads for it."""
