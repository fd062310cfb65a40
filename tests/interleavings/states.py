"""The state of an exploration, as values that can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from common.ledger.deliveries import ClaimGranted
from tests.interleavings.snapshots import Snapshot


@dataclass(frozen=True)
class Worker:
    """
    The memory of a worker process, which is lost when it dies.

    `at`: its next move. `claimed_ms`: when the lease of its `claim` began, 0 without one.
    """

    name: str
    at: str = "fetch"
    ready_id: str = ""
    claim: ClaimGranted | None = None
    claimed_ms: int = 0
    mail: str = ""
    claims: int = 0

    @property
    def is_fresh(self) -> bool:
        return self.at == "fetch" and self.claims == 0

    def __hash__(self) -> int:
        return hash((self.name, self.at, self.ready_id, self.mail, self.claims))


@dataclass(frozen=True)
class Budget:
    """How often each event may still happen. Without a limit the number of orders would be infinite."""

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
    One state of the exploration.

    `accepted`: idempotency key → the bytes that the provider accepted under it. It remembers them for mail, as Resend
    does for a day; for SMS it has a list.

    `heard`: a webhook reported the first delivery as delivered before she was `forgotten`. `left`: nothing more may be
    sent to her on this channel. `moved`, `cancelled`: what happened to her call.
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
