"""Facts that several parts of the ledger share, its scripts too: `limits` there is `LIMITS` here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from common.domain.delivery import Channel
from common.domain.retry import ASK_WITHIN_MS
from common.queue.lua_broker import CRASHES_MAX, HEARTBEAT_TIMEOUT_MS

LEASE_MS: Final = 60_000
"""A claim ends with its worker's heartbeat; this ends it when a living worker has forgotten it. Time-outs are 10 s."""

REMEMBER_WEBHOOK_MS: Final = 45 * 86_400_000
"""A repeated webhook id is recognised for this long; senders give up after days (Svix: 28 h)."""

PAUSE_WAIT_MS: Final = 60_000
"""A paused delivery whose turn has come is looked at again so much later."""

PEOPLE_CHANGES_MAX: Final = 10_000
"""So many changes of people are kept for those who follow them; who missed more reads everybody again."""

REMOVED: Final = "removed from the campaign"
"""Why a step is skipped that was still to come, or in hand and never attempted."""

ADDED_LATE: Final = "added after its day"
"""Why a new step is skipped for those who were past its day when it came."""

NOT_SENT: Final = "was not sent, and this step needs it"
"""Why a step is skipped, after the name of the one that it needs: `step-1 was not sent, …`."""

LIMITS: Final[Mapping[str, int | str]] = {
    "remember_webhook_ms": REMEMBER_WEBHOOK_MS,
    "lease_ms": LEASE_MS,
    "heartbeat_timeout_ms": HEARTBEAT_TIMEOUT_MS,
    "crashes_max": CRASHES_MAX,
    "ask_within_ms": ASK_WITHIN_MS,
    "pause_wait_ms": PAUSE_WAIT_MS,
    "people_changes_max": PEOPLE_CHANGES_MAX,
    "removed": REMOVED,
    "added_late": ADDED_LATE,
    "not_sent": NOT_SENT,
}

MAIL: Final = "resend"
"""The provider of e-mail."""

MIRROR: Final = "notion"
"""The provider whose circuit holds the mirror."""

CALENDAR: Final = "calcom"
"""The provider whose circuit says that bookings are not compared; it holds nothing."""

TEXTS: Final = "twilio"
"""The provider of SMS."""

PROVIDER_OF: Final = {Channel.EMAIL: MAIL, Channel.SMS: TEXTS}
"""Whose budget and circuit the deliveries of a channel need."""

QUEUE_OF: Final = {MAIL: "send", TEXTS: "send_sms"}
"""The queue whose jobs all need this provider: while its circuit is open, one job a second is let through."""

SENDING_QUEUES: Final = tuple(QUEUE_OF.values())
"""Those of all channels; `lua/lib/channel.lua` says which one a delivery waits in."""

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
