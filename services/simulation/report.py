"""The result of a simulation: how many deliveries ended how, and which promises were broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from common.domain.enrollment import Enrollment
from services.simulation.call_history import histories
from services.simulation.edits import VersionInForce, in_force_of
from services.simulation.engine import Simulation
from services.simulation.finished_run import FinishedRun
from services.simulation.invariants import violations


@dataclass(frozen=True, slots=True)
class Report:
    """
    `sent`: steps that the provider accepted. `skipped`, `dead`: steps with this final status. `violations`: a line for
    each broken promise. `calls`: reported bookings. `call_mails`, `texts`: accepted reminders and follow-ups, by mail
    and by SMS.
    """

    people: int
    sent: int
    skipped: int
    dead: int
    violations: list[str]
    calls: int = 0
    call_mails: int = 0
    texts: int = 0


def combine(reports: Iterable[Report]) -> Report:
    """Combine the reports of several simulations that shared nothing into one."""
    parts = list(reports)
    return Report(
        people=sum(part.people for part in parts),
        sent=sum(part.sent for part in parts),
        skipped=sum(part.skipped for part in parts),
        dead=sum(part.dead for part in parts),
        violations=[line for part in parts for line in part.violations],
        calls=sum(part.calls for part in parts),
        call_mails=sum(part.call_mails for part in parts),
        texts=sum(part.texts for part in parts),
    )


async def report_on(
    simulation: Simulation, *, people: int, history: Mapping[str, Sequence[VersionInForce]] | None = None
) -> Report:
    """
    Read the ledger of a simulation that has ended, in which `people` signed up.

    `history`: by campaign, the versions that were in force; None: none was ever replaced.
    """
    run = await finished(simulation, history=history)
    enrollments = run.enrollments
    statuses = [enrollment.step_status(step)[0] for enrollment in enrollments for step in run.steps_of(enrollment)]
    known = len({enrollment.assessment.email for enrollment in enrollments})
    missing = [f"nobody_is_lost: {people - known} who signed up are not in the ledger"] if known != people else []
    return Report(
        people=people,
        sent=sum(status.is_sent for status in statuses),
        skipped=sum(status == "skipped" for status in statuses),
        dead=sum(status == "dead" for status in statuses),
        violations=missing + violations(run),
        calls=len(run.histories),
        call_mails=sum("booking" in mail.tags for _, mail in simulation.mailer.accepted_mails),
        texts=len(simulation.texter.accepted_texts),
    )


async def finished(
    simulation: Simulation, *, history: Mapping[str, Sequence[VersionInForce]] | None = None
) -> FinishedRun:
    """Return what a finished simulation left behind. `history`: as in `report_on`."""
    enrollments = await _enrollments(simulation)
    pace, campaigns = simulation.world.settings.pace, simulation.world.campaigns
    known = histories(simulation.reported)
    callers = await simulation.ledger.mailboxes.find_all({one.address for one in known.values()})
    calls = simulation.ledger.bookings
    return FinishedRun(
        enrollments=enrollments,
        mailer=simulation.mailer,
        mirror=simulation.mirror,
        history=history or {key: [in_force_of(campaign, pace)] for key, campaign in campaigns.items()},
        texter=simulation.texter,
        calls=[call for contact in dict.fromkeys(callers.values()) async for call in calls.calls(contact)],
        histories=known,
        stops=simulation.stops,
        signups=simulation.signed_up,
        pace=pace,
        default_campaign=campaigns.default.key,
    )


async def _enrollments(simulation: Simulation) -> list[Enrollment]:
    enrollments = simulation.ledger.enrollments
    return [
        enrollment
        async for enrollment_id in enrollments.ids()
        if (enrollment := await enrollments.get(enrollment_id)) is not None
    ]
