"""The mails of a part of the schedule, a page at a time. Pages and the API use the same function."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from common.domain.enrollment import Enrollment
from common.ledger.owners import Recipient, read_recipient
from common.ledger.reads.person_mails import mail_name
from common.ledger.reads.schedule import DAY_MS, FORESEEN_MS, REMINDERS
from common.ledger.reads.scheduled_mails import reminders_between, steps_between
from services.console.context import ConsoleContext
from services.console.mails.person_mail import title_of
from services.console.paging import instant_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """From `from_ms` on and before `until_ms`. `campaign`, `segment`: "" any; REMINDERS for what is about calls."""

    campaign: str
    segment: str
    from_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledMail:
    """`contact`: whose page has the mail, as `mail`. `who`: their first name, which others may have, else `address`."""

    at_ms: int
    contact: str
    who: str
    address: str
    mail: str
    title: str
    campaign: str
    segment: str


def wanted_of(request: web.Request, *, now_ms: int) -> Wanted:
    """What cannot be read asks for the next 24 hours of all; nothing is looked for that the schedule does not show."""
    query, end_ms = request.query, now_ms + FORESEEN_MS
    from_ms = min(max(instant_of(query.get("due_from", "")) or now_ms, now_ms), end_ms)
    return Wanted(
        campaign=query.get("campaign", ""),
        segment=query.get("segment", ""),
        from_ms=from_ms,
        until_ms=min(instant_of(query.get("due_until", "")) or from_ms + DAY_MS, end_ms),
    )


async def find_scheduled(
    context: ConsoleContext, wanted: Wanted, *, first: int, number: int
) -> tuple[list[ScheduledMail], int]:
    """(Those from index `first`, soonest first; how many there are in all.) Without people who are paused by name."""
    paused = (await context.ledger.pauses.active()).people
    people = [
        one
        for one in context.people.all()
        if one.id not in paused and wanted.campaign in ("", one.campaign) and wanted.segment in ("", one.segment)
    ]
    cadences = {key: terms.cadence for key, terms in context.ledger.campaigns.items()}
    times = await steps_between(people, cadences, wanted.from_ms, wanted.until_ms)
    if not wanted.campaign and wanted.segment in ("", REMINDERS):
        times = sorted([*times, *await reminders_between(context.ledger, wanted.from_ms, wanted.until_ms)])
    shown = []
    for at_ms, delivery_id in times[first : first + number]:
        if (one := await read_recipient(context.ledger.store, delivery_id)) is not None:
            shown.append(_scheduled(context, at_ms, one))
    return shown, len(times)


def _scheduled(context: ConsoleContext, at_ms: int, one: Recipient) -> ScheduledMail:
    owner = one.owner
    first_name = owner.assessment.first_name if isinstance(owner, Enrollment) else owner.first_name
    return ScheduledMail(
        at_ms=at_ms,
        contact=one.contact_id,
        who=first_name or one.address,
        address=one.address,
        mail=mail_name(one.delivery),
        title=title_of(context.played(one.campaign), one.delivery),
        campaign=one.campaign,
        segment=owner.segment if isinstance(owner, Enrollment) else "",
    )
