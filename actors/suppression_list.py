"""Put addresses on Resend's own suppression list, as a person decided at the command line or the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.errors import Failure, Misconfigured, Permanent, Throttled, Transient
from common.providers.cures import cure_of
from common.world import World

RETRY_MS: Final = 60_000
LISTED: Final = "on Resend's own suppression list"
"""The outcome, as the action log records it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNotChanged:
    """
    Why the list lacks addresses.

    `left`: those addresses. `is_part`: some of the given ones are on the list. `is_failure`: False when the list was
    meant to stay as it is. `retry_after_ms`: when to try again; None: not before a person has fixed something.
    """

    why: str
    left: tuple[str, ...] = ()
    is_part: bool = False
    is_failure: bool = True
    retry_after_ms: int | None = None

    def sentence(self, then: str) -> str:
        """Return the outcome as a sentence. `then`: what to do; it is added after a failure only."""
        changed = "changed only in part" if self.is_part else "not changed"
        return f"Resend's own suppression list was {changed} ({self.why})" + (f"; {then}" if self.is_failure else "")


IN_REHEARSAL: Final = ListNotChanged(why="TESTING_MODE is on, and the list holds for every campaign", is_failure=False)
UNSUPPRESSED: Final = ListNotChanged(why="mail may go to this address again", is_failure=False)


async def list_at_resend(world: World, addresses: Sequence[str]) -> ListNotChanged | None:
    """Add the addresses; None: the list has all of them now. A refused one does not stop the others. Idempotent."""
    if world.settings.is_rehearsal:
        return IN_REHEARSAL
    if world.suppression_list is None:
        return ListNotChanged(why="this process has no client for it", left=tuple(addresses))
    refused: dict[str, Permanent] = {}
    for number, address in enumerate(addresses):
        try:
            await world.suppression_list.add(address)
        except Permanent as refusal:
            refused[address] = refusal
        except Failure as failure:
            return _unchanged(failure, [*addresses[number:], *refused], addresses)
    return _unchanged(next(iter(refused.values())), [*refused], addresses) if refused else None


def _unchanged(failure: Failure, left: Sequence[str], addresses: Sequence[str]) -> ListNotChanged:
    is_part, wait_ms = len(left) < len(addresses), _wait_ms(failure)
    return ListNotChanged(why=_why(failure), left=tuple(left), is_part=is_part, retry_after_ms=wait_ms)


def _why(failure: Failure) -> str:
    if failure.code == "budget":
        return "our own rate limit had no turn free"
    return ": ".join(filter(None, (failure.code, _cure(failure))))


def _cure(failure: Failure) -> str:
    """Return what to do about a failure that is not due to the address; "" for any other."""
    if failure.code == "restricted_api_key":
        return "RESEND_API_KEY may only send; the list needs one with full access"
    return cure_of("resend", f"{failure.code} ({failure.status})") if isinstance(failure, Misconfigured) else ""


def _wait_ms(failure: Failure) -> int | None:
    if isinstance(failure, Throttled):
        return max(RETRY_MS, failure.retry_after_ms)
    return RETRY_MS if isinstance(failure, Transient) else None
