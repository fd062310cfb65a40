"""Everything that can differ between two moments of the play, as values to be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.ledger.deliveries import ClaimGranted
from tests.interleavings.snapshots import Snapshot


@dataclass(frozen=True)
class Worker:
    """What a process remembers; all of it is gone when it dies. `at`: what it does next."""

    name: str
    at: str = "fetch"
    ready_id: str = ""
    claim: ClaimGranted | None = None
    mail: str = ""
    claims: int = 0

    @property
    def is_fresh(self) -> bool:
        return self.at == "fetch" and self.claims == 0

    def __hash__(self) -> int:
        return hash((self.name, self.at, self.ready_id, self.mail, self.claims))


@dataclass(frozen=True)
class Budget:
    """How often each of these may happen yet; without an end to them there would be none to the orders."""

    deaths: int = 0
    sleeps: int = 0
    passes: int = 0
    leaves: int = 0
    replays: int = 0
    troubles: int = 0
    copies: int = 0
    tidings: int = 0
    erasures: int = 0
    reschedules: int = 0
    cancels: int = 0
    stops: int = 0


@dataclass(frozen=True)
class State:
    """
    `accepted`: key → the bytes that the provider accepted under it; of mail it remembers them, as Resend does for a
    day, and of SMS it has a list.

    `heard`: its webhook reported that the first mail arrived, of somebody not yet `forgotten`. `left`: nothing more may
    go to her, of this channel. `moved`, `cancelled`: her call.
    """

    store: Snapshot
    now_ms: int
    workers: tuple[Worker, ...]
    accepted: tuple[tuple[str, str], ...]
    budget: Budget
    left: bool = False
    heard: bool = False
    forgotten: bool = False
    moved: bool = False
    cancelled: bool = False
    names: int = 2


Move = tuple[Any, ...]
