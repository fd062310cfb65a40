"""Real processes, real SDKs, real kills; read `place.py` for what a test here can do."""
