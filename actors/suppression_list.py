"""Puts addresses on Resend's own suppression list for a person who decided it, at the command line or the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.errors import Failure, Misconfigured, Throttled, Transient
from common.providers.cures import cure_of
from common.world import World

RETRY_MS: Final = 60_000
ON_LIST: Final = "on Resend's own suppression list"
"""What came of it, in the action log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """Why the list lacks them. `retry_after_ms`: when to try again; None: not before a person has mended something."""

    why: str
    is_failure: bool = True
    retry_after_ms: int | None = None

    def words(self, then: str) -> str:
        """`then`: what to do, unless it is meant to be so."""
        return f"Resend's own suppression list was not changed ({self.why})" + (f"; {then}" if self.is_failure else "")


IN_REHEARSAL: Final = Unchanged(why="TESTING_MODE is on, and the list holds for every campaign", is_failure=False)
_NO_CLIENT: Final = Unchanged(why="this process has no client for it")


async def list_at_resend(world: World, addresses: Sequence[str]) -> Unchanged | None:
    """None: the list has them all now. Repeating it changes nothing."""
    if world.settings.is_rehearsal:
        return IN_REHEARSAL
    if world.suppression_list is None:
        return _NO_CLIENT
    try:
        for address in addresses:
            await world.suppression_list.add(address)
    except Failure as failure:
        return Unchanged(why=": ".join(filter(None, (failure.code, _cure(failure)))), retry_after_ms=_wait_ms(failure))
    return None


def _cure(failure: Failure) -> str:
    """Of what is not this address's."""
    if failure.code == "restricted_api_key":
        return "RESEND_API_KEY may only send; the list needs one with full access"
    return cure_of("resend", f"{failure.code} ({failure.status})") if isinstance(failure, Misconfigured) else ""


def _wait_ms(failure: Failure) -> int | None:
    if isinstance(failure, Throttled):
        return max(RETRY_MS, failure.retry_after_ms)
    return RETRY_MS if isinstance(failure, Transient) else None
