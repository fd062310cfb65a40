"""The list of all actors: their queues, concurrency limits and retries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import dramatiq

from actors.announce import PATIENCE_MS, announce
from actors.bookings import bookings
from actors.classify import classify
from actors.console_jobs import console_job
from actors.dead_letters import replay_requested
from actors.notion_sync import notion_sync
from actors.sending.send import send
from actors.upkeep.booking_sync import reconcile_bookings
from common.observability import tracing
from common.world import World

Handler = Callable[[World, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ActorSpec:
    """
    An actor, on the queue of the same name. Its only argument is the job id.

    `in_flight`: how many of its jobs one worker runs at a time. The sum over all actors is the number of a worker's
    threads, so no queue can take the threads of another. `retries`: how often the queue repeats a job that raised an
    exception; 0 where the ledger decides about retries and an exception is a bug.
    """

    name: str
    handler: Handler
    in_flight: int
    retries: int = 0


REGISTRY = (
    ActorSpec("classify", classify, in_flight=4),
    ActorSpec("send", send, in_flight=8),
    ActorSpec("send_sms", send, in_flight=2),
    ActorSpec("bookings", bookings, in_flight=2),
    ActorSpec("notion_sync", notion_sync, in_flight=2),
    ActorSpec("announce", announce, in_flight=1, retries=3),
    ActorSpec("reconcile_bookings", reconcile_bookings, in_flight=1),
    ActorSpec("replay", replay_requested, in_flight=1),
    ActorSpec("console_job", console_job, in_flight=1),
)

THREADS = sum(spec.in_flight for spec in REGISTRY)


def declare(broker: dramatiq.Broker, world: Callable[[], World]) -> None:
    """Declare every actor on this broker. `world` is called for each job and returns the worker's context."""
    for spec in REGISTRY:
        dramatiq.actor(
            actor_name=spec.name,
            queue_name=spec.name,
            broker=broker,
            max_retries=spec.retries,
            min_backoff=PATIENCE_MS,
            max_backoff=300_000,
        )(_actor_function(spec, world))


def _actor_function(spec: ActorSpec, world: Callable[[], World]) -> Callable[[str], Awaitable[None]]:
    async def run(job: str) -> None:
        with tracing.trace_job(spec.name, job):
            await spec.handler(world(), job)

    run.__name__ = spec.name
    run.__doc__ = spec.handler.__doc__
    return run
