"""Constants shared by several parts of the ledger. Scripts read those in `LIMITS` as the table `limits`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from common.domain.delivery import Channel
from common.domain.retry import UNKNOWN_OUTCOME_WAIT_MAX_MS
from common.queue.lua_broker import CRASHES_MAX, HEARTBEAT_TIMEOUT_MS

LEASE_MS: Final = 60_000
"""
How long a claim lasts. This ends a claim that a living worker has lost track of; a dead worker's claim ends with its
heartbeat. Requests to providers time out after 10 s.
"""

REMEMBER_WEBHOOK_MS: Final = 45 * 86_400_000
"""A repeated webhook id is recognized for this long; senders stop repeating after days (Svix: 28 h)."""

PAUSE_WAIT_MS: Final = 60_000
"""A due delivery that is paused is checked again after this time."""

PEOPLE_CHANGES_MAX: Final = 10_000
"""Number of contact changes stored for processes that follow them; one that missed more reads all contacts again."""

REMOVED: Final = "removed from the campaign"
"""Reason for skipping a step that the version in force lacks, and that was planned, or claimed but never attempted."""

ADDED_LATE: Final = "added after its day"
"""Reason for skipping a new step for contacts who were already past its day when it was added."""

NOT_SENT: Final = "was not sent, and this step needs it"
"""Reason for skipping a step that needs another one; the other step's name precedes it: `step-1 was not sent, …`."""

LIMITS: Final[Mapping[str, int | str]] = {
    "remember_webhook_ms": REMEMBER_WEBHOOK_MS,
    "lease_ms": LEASE_MS,
    "heartbeat_timeout_ms": HEARTBEAT_TIMEOUT_MS,
    "crashes_max": CRASHES_MAX,
    "ask_within_ms": UNKNOWN_OUTCOME_WAIT_MAX_MS,
    "pause_wait_ms": PAUSE_WAIT_MS,
    "people_changes_max": PEOPLE_CHANGES_MAX,
    "removed": REMOVED,
    "added_late": ADDED_LATE,
    "not_sent": NOT_SENT,
}

MAIL: Final = "resend"
"""The provider of e-mail."""

MIRROR: Final = "notion"
"""The provider that the mirror writes to; the mirror waits while its circuit is open."""

CALENDAR: Final = "calcom"
"""The provider of bookings. An open circuit shows that bookings are not being compared; nothing waits for it."""

TEXTS: Final = "twilio"
"""The provider of SMS."""

PROVIDER_OF: Final = {Channel.EMAIL: MAIL, Channel.SMS: TEXTS}
"""The provider whose budget and circuit each channel uses."""

QUEUE_OF: Final = {MAIL: "send", TEXTS: "send_sms"}
"""The queue whose jobs all need the provider; while the circuit is open, one job a second is promoted from it."""

SENDING_QUEUES: Final = tuple(QUEUE_OF.values())
"""The queues of all channels; `lua/lib/channel.lua` says which one a delivery waits in."""

QUEUES: Final = (
    "classify",
    *SENDING_QUEUES,
    "bookings",
    "notion_sync",
    "announce",
    "reconcile_bookings",
    "replay",
    "console_job",
)

Outcome = Literal["accepted", "skipped", "dead", "retry", "defer"]
