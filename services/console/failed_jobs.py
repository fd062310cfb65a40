"""Failed jobs of one actor or one error, and what is done with many of them. Pages and the API use the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from common.ledger.constants import QUEUES
from common.ledger.failed_jobs import FailedJob
from services.console.acting import record_action
from services.console.auth.access import PRINCIPAL
from services.console.bulk_decisions import WAIT_S, BulkDecision
from services.console.context import ConsoleContext

Verb = Literal["requeue", "delete"]
DONE: Final[Mapping[Verb, str]] = {"requeue": "requeued", "delete": "deleted"}
GROUPED_MAX: Final = 500
"""So many of the newest are read for the groups of a page. What is done with a group is done with all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobGroup:
    """`error`: None for every error of the actor."""

    actor: str
    error: str | None
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChoice:
    """Which failed jobs; "" and None stand for any. `jobs`: (queue, id) of some."""

    queues: Collection[str] = QUEUES
    actor: str = ""
    error: str | None = None
    jobs: Collection[tuple[str, str]] | None = None

    def has(self, job: FailedJob) -> bool:
        if self.jobs is not None and (job.queue, job.id) not in self.jobs:
            return False
        return self.actor in ("", job.actor) and self.error in (None, job.error)


def groups_of(jobs: Sequence[FailedJob]) -> list[JobGroup]:
    """By actor and error, the largest first; an actor with several errors comes before each of them as a whole, too."""
    numbers = Counter((job.actor, job.error) for job in jobs)
    errors = Counter(actor for actor, _ in numbers)
    wholes = [
        JobGroup(actor=actor, error=None, number=sum(job.actor == actor for job in jobs))
        for actor, number in errors.items()
        if number > 1
    ]
    each = [JobGroup(actor=actor, error=error, number=number) for (actor, error), number in numbers.items()]
    return sorted([*wholes, *each], key=lambda one: (-one.number, one.actor, one.error or ""))


async def decide_job(context: ConsoleContext, verb: Verb, queue: str, job: str) -> bool:
    """False: it is no failed job any longer, and nothing was done."""
    is_done = await _decide(context, verb, queue, job)
    if is_done:
        await record_action(context, f"{verb} job", [f"{queue}/{job}"], before="failed", after=DONE[verb])
    context.status_cache.invalidate()
    return is_done


async def decide_jobs(
    context: ConsoleContext, verb: Verb, choice: JobChoice, *, is_waited_for: bool = False
) -> BulkDecision:
    """
    Those of the choice that are failed when it begins: how many were `requeued`, `deleted`, or `gone`.

    Unless its end is waited for, a long one goes on alone. Raises Problem 409 while another one runs.
    """

    async def decide(decision: BulkDecision) -> None:
        chosen = [
            (job.queue, job.id, job.actor)
            async for part in context.ledger.failed_jobs.read_all(queues=choice.queues)
            for job in part
            if choice.has(job)
        ]
        decision.total = len(chosen)
        if choice.jobs is not None:
            decision.done["gone"] += len(set(choice.jobs)) - len(chosen)
        await _decide_chosen(context, verb, chosen, decision)

    decision = BulkDecision(what=verb, by=PRINCIPAL.get().name)
    return await context.job_decisions.run(decision, decide, wait_s=None if is_waited_for else WAIT_S)


async def _decide_chosen(
    context: ConsoleContext, verb: Verb, chosen: Sequence[tuple[str, str, str]], decision: BulkDecision
) -> None:
    decided: list[tuple[str, str]] = []
    try:
        for queue, job, actor in chosen:
            is_done = await _decide(context, verb, queue, job)
            decision.done[DONE[verb] if is_done else "gone"] += 1
            if is_done:
                decided.append((f"{queue}/{job}", actor))
    finally:
        # Also of those that were decided before the store went away.
        if decided:
            actors = ", ".join(sorted({actor for _, actor in decided}))
            after = f"{len(decided)} {DONE[verb]}"
            await record_action(
                context, f"{verb} job", [job for job, _ in decided], before=f"failed: {actors}", after=after
            )


async def _decide(context: ConsoleContext, verb: Verb, queue: str, job: str) -> bool:
    failed = context.ledger.failed_jobs
    return await (failed.requeue(queue, job) if verb == "requeue" else failed.delete(queue, job))
