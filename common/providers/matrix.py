"""
The fault matrix: every documented error of Resend and Notion and every way an answer can stay away, one row each.

What a row says is shown in `docs/fault-matrix.md` and tried by `tests/faults`, through the real SDKs.
"""

from __future__ import annotations

from common.providers.calcom.failures import cure_of_calcom
from common.providers.fault import Fault
from common.providers.notion.matrix import notion_faults
from common.providers.resend.matrix import resend_faults

RESEND: tuple[Fault, ...] = tuple(resend_faults())
NOTION: tuple[Fault, ...] = tuple(notion_faults())


def cure_of(provider: str, reason: str) -> str:
    """What to do about a trouble, by the reason of a circuit (`invalid_api_key (403)`); "" when it may just pass."""
    code, _, status = reason.partition(" (")
    if provider == "calcom":
        return cure_of_calcom(code)
    for fault in RESEND if provider == "resend" else NOTION:
        same_status = isinstance(fault.answer, str) or not status or f"{fault.answer[0]})" == status
        if fault.code == code and same_status and "; " in fault.sees:
            return fault.sees.partition("; ")[2]
    return ""
