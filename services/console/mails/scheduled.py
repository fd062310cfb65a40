"""Scheduled mails of a time span, a page at a time. Pages and the API use the same function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from aiohttp import web

from common.domain.cadence import Cadence
from common.domain.enrollment import Enrollment
from common.domain.planned_mails import Before, PlannedMails, subtract
from common.ledger.owners import Recipient, read_recipients
from common.ledger.reads.person_mails import mail_name
from common.ledger.reads.schedule import DAY_MS, FORESEEN_MS, REMINDERS
from common.ledger.reads.scheduled_mails import reminders_between, steps_between
from services.console.context import ConsoleContext
from services.console.mails.person_mail import title_of
from services.console.paging import timestamp_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFilter:
    """
    Which scheduled mails: due from `from_ms` on and before `until_ms`.

    `campaign`, `segment`: "" for any; the segment REMINDERS stands for messages about calls.
    """

    campaign: str
    segment: str
    from_ms: int
    until_ms: int

    def matches(self, campaign: str, segment: str) -> bool:
        return self.campaign in ("", campaign) and self.segment in ("", segment)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledMail:
    """
    A scheduled mail.

    `contact`: the id of the person's page, which has the mail under the name `mail`. `who`: the first name (not unique)
    if there is one, else `address`.
    """

    at_ms: int
    contact: str
    who: str
    address: str
    mail: str
    title: str
    campaign: str
    segment: str


def read_schedule_filter(request: web.Request, *, now_ms: int) -> ScheduleFilter:
    """
    Read the wanted mails from a URL. The default is all mails of the next 24 hours.

    Times are limited to the days that the schedule shows.
    """
    query, end_ms = request.query, now_ms + FORESEEN_MS
    from_ms = min(max(timestamp_of(query.get("due_from", "")) or now_ms, now_ms), end_ms)
    return ScheduleFilter(
        campaign=query.get("campaign", ""),
        segment=query.get("segment", ""),
        from_ms=from_ms,
        until_ms=min(timestamp_of(query.get("due_until", "")) or from_ms + DAY_MS, end_ms),
    )


async def find_scheduled(
    context: ConsoleContext, wanted: ScheduleFilter, *, first: int, number: int
) -> tuple[list[ScheduledMail], int]:
    """
    Return (mails from index `first`, soonest first; how many there are in all).

    Steps of people who are individually paused are left out.
    """
    paused = (await context.ledger.pauses.active()).contacts
    span = wanted.from_ms, wanted.until_ms
    reminders = await reminders_between(context.ledger, *span) if wanted.matches("", REMINDERS) else []
    steps = steps_between(context.people, cadences_of(context), *span, is_of=wanted.matches, left_out=paused)
    before = (await count_planned(context))(span)
    numbers = [counts[span[1]] - counts[span[0]] for key, counts in before.items() if wanted.matches(*key)]
    total = len(reminders) + max(0, sum(numbers))
    # Stop at the last match: beyond it, the search could pass over all people of other segments.
    page = islice(merge(steps, reminders), min(first, total), min(first + number, total))
    times = {id: at_ms for at_ms, id in page}
    recipients = await read_recipients(context.ledger.store, [*times])
    return [_scheduled(context, times[one.delivery.id], one) for one in recipients], total


async def count_planned(context: ConsoleContext) -> Callable[[Sequence[int]], Before]:
    """Return a function that counts the steps due before given times, without steps of individually paused people."""
    people, cadences = context.people, cadences_of(context)
    await people.refresh_if_read()
    ids = (await context.ledger.pauses.active()).contacts
    paused = PlannedMails(one for id in ids if (one := people.get(id)) is not None)
    return lambda marks: subtract(people.planned.before(marks, cadences), paused.before(marks, cadences))


def cadences_of(context: ConsoleContext) -> dict[str, Cadence]:
    return {key: terms.cadence for key, terms in context.ledger.campaigns.items()}


def _scheduled(context: ConsoleContext, at_ms: int, one: Recipient) -> ScheduledMail:
    owner = one.owner
    first_name = owner.assessment.first_name if isinstance(owner, Enrollment) else owner.first_name
    return ScheduledMail(
        at_ms=at_ms,
        contact=one.contact_id,
        who=first_name or one.address,
        address=one.address,
        mail=mail_name(one.delivery),
        title=title_of(context.running_campaign(one.campaign), one.delivery),
        campaign=one.campaign,
        segment=owner.segment if isinstance(owner, Enrollment) else "",
    )
