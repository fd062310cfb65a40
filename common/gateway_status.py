"""The status of a gateway, as health checks read it from its `/ready`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatus:
    """
    The parts of a gateway's `/ready` that health checks use.

    `spool_status`: `writable`, or why the spool cannot be written. `clock_ahead_ms`: how far the clock of its machine
    is ahead, 0 while it is right.
    """

    is_ready: bool
    spool_events: int
    spool_status: str
    clock_ahead_ms: int = 0

    @classmethod
    def read(cls, body: Any) -> GatewayStatus | None:
        """Read the JSON body of `/ready`, ready or not. Return None for any other value."""
        try:
            spool = body["dependencies"]["spool"]
            return cls(
                is_ready=body["status"] == "ready",
                spool_events=int(spool["events"]),
                spool_status=str(spool["status"]),
                clock_ahead_ms=int(body["dependencies"].get("clock", {}).get("ahead_seconds", 0)) * 1000,
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
