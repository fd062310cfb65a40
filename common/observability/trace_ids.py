"""The ids of a trace, derived from its owner, so that every process can compute them and nothing is stored."""

from __future__ import annotations

import hashlib


def trace_id(owner: str) -> str:
    """Return 32 hexadecimal digits: the trace of a contact (`enr_…`), or of a booking's reminders (`bkg_…`)."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32]


def root_id(owner: str) -> str:
    """Return 16 hexadecimal digits: the first span of that trace, the signup."""
    return hashlib.sha256(owner.encode()).hexdigest()[32:48]
