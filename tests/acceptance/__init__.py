"""Tests with real processes, real SDKs and real kills; `place.py` lists what a test can do here."""
