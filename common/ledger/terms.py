"""Terms that steps and reminders share."""

from __future__ import annotations

from typing import Literal

LEASE_MS = 60_000
"""A claim ends with its worker's heartbeat; this ends it when a living worker has forgotten it. Time-outs are 10 s."""

MAIL = "resend"
"""The provider whose circuit holds deliveries."""

MIRROR = "notion"
"""The provider whose circuit holds the mirror."""

CALENDAR = "calcom"
"""The provider whose circuit says that bookings are not compared; it holds nothing."""

Outcome = Literal["accepted", "skipped", "dead", "retry", "hold"]
