"""Every actor: its queue, how many of its jobs a worker has in hand, how often the queue repeats it. Read it first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import dramatiq

from actors.announce import PATIENCE_MS, announce
from actors.bookings import bookings
from actors.classify import classify
from actors.dead_letters import replay_asked
from actors.notion_sync import notion_sync
from actors.sending.send import send
from actors.upkeep.booking_sync import reconcile_bookings
from common.observability import tracing
from common.world import World

Handler = Callable[[World, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ActorSpec:
    """
    One actor on the queue of its name; its only argument is the id of its job.

    `in_flight`: jobs of this kind that one worker has in hand; their sum is the number of its threads, so that no
    queue can ever take another one's place. `retries`: times the queue repeats a job that raised; where the ledger
    decides about repetition there are none, and what raises is our mistake.
    """

    name: str
    story: Handler
    in_flight: int
    retries: int = 0


REGISTRY = (
    ActorSpec("classify", classify, in_flight=4),
    ActorSpec("send", send, in_flight=8),
    ActorSpec("bookings", bookings, in_flight=2),
    ActorSpec("notion_sync", notion_sync, in_flight=2),
    ActorSpec("announce", announce, in_flight=1, retries=3),
    ActorSpec("reconcile_bookings", reconcile_bookings, in_flight=1),
    ActorSpec("replay", replay_asked, in_flight=1),
)

THREADS = sum(role.in_flight for role in REGISTRY)


def declare(broker: dramatiq.Broker, world: Callable[[], World]) -> None:
    """Make every role an actor of this broker; `world` is asked for each job, since a worker builds its own late."""
    for role in REGISTRY:
        dramatiq.actor(
            actor_name=role.name,
            queue_name=role.name,
            broker=broker,
            max_retries=role.retries,
            min_backoff=PATIENCE_MS,
            max_backoff=300_000,
        )(_bound(role, world))


def _bound(role: ActorSpec, world: Callable[[], World]) -> Callable[[str], Awaitable[None]]:
    async def play(job: str) -> None:
        with tracing.hop(role.name, job):
            await role.story(world(), job)

    play.__name__ = role.name
    play.__doc__ = role.story.__doc__
    return play
