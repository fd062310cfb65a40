"""Failed jobs, grouped by actor and error, and requeueing or deleting them. Pages and the API share this."""

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
"""The groups of a page count only this many of the newest jobs. An action on a group applies to all of its jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobGroup:
    """Failed jobs of one actor. `error`: their error, or None for all errors of the actor together."""

    actor: str
    error: str | None
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChoice:
    """A selection of failed jobs. "" and None do not restrict it. `jobs`: (queue, id) of single jobs."""

    queues: Collection[str] = QUEUES
    actor: str = ""
    error: str | None = None
    jobs: Collection[tuple[str, str]] | None = None

    def has(self, job: FailedJob) -> bool:
        if self.jobs is not None and (job.queue, job.id) not in self.jobs:
            return False
        return self.actor in ("", job.actor) and self.error in (None, job.error)


def groups_of(jobs: Sequence[FailedJob]) -> list[JobGroup]:
    """
    Group jobs by actor and error, the largest group first.

    An actor with several errors also has a group for all of them together.
    """
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
    """Requeue or delete one failed job. Return False if it is no longer a failed job; then nothing was done."""
    is_done = await _decide(context, verb, queue, job)
    if is_done:
        await record_action(context, f"{verb} job", [f"{queue}/{job}"], before="failed", after=DONE[verb])
    context.status_cache.invalidate()
    return is_done


async def decide_jobs(
    context: ConsoleContext, verb: Verb, choice: JobChoice, *, waits_for_end: bool = False
) -> BulkDecision:
    """
    Requeue or delete the chosen jobs that are failed at the start; count how many were `requeued`, `deleted` or `gone`.

    Without `waits_for_end`, the request waits at most WAIT_S and a longer decision continues in the background. Raises
    Problem 409 while another one is running.
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
    return await context.job_decisions.run(decision, decide, wait_s=None if waits_for_end else WAIT_S)


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
        # Also record the jobs that were decided before an error, such as a store outage, ended the loop.
        if decided:
            actors = ", ".join(sorted({actor for _, actor in decided}))
            after = f"{len(decided)} {DONE[verb]}"
            await record_action(
                context, f"{verb} job", [job for job, _ in decided], before=f"failed: {actors}", after=after
            )


async def _decide(context: ConsoleContext, verb: Verb, queue: str, job: str) -> bool:
    failed = context.ledger.failed_jobs
    return await (failed.requeue(queue, job) if verb == "requeue" else failed.delete(queue, job))
