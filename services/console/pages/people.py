"""
The list of people, with search, filters, sorting and pages.

The filters are in the URL of the page, so that it can be saved. A text that may be an e-mail address is sent only by
forms, because browsers and proxies store URLs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from common.domain.enrollment import Status
from common.domain.ids import EnrollmentId, Step, is_enrollment_id, normal_address, step_name, step_of
from common.domain.person_search import SORTS, ListedPerson, PeopleFilter, Sort
from common.domain.suppression import Suppression
from common.ledger.reads.contact_timeline import find_contacts, read_contact_timeline
from services.console.context import CONTEXT, ConsoleContext
from services.console.decisions import notice_of
from services.console.paging import first_of, index_of, timestamp_of
from services.console.replies import page, see_other

PAGE_SIZE = 50
TEXT_LENGTH_MAX = 320


@dataclass(frozen=True, slots=True)
class Query:
    """The filters and the order that a URL or a form requests. `given`: its fields as they were sent."""

    wanted: PeopleFilter
    sort: Sort
    given: Mapping[str, str]

    @property
    def may_be_in_url(self) -> bool:
        """Whether no field may contain an e-mail address."""
        return not any("@" in text for text in self.given.values())

    def url(self, path: str, **more: Any) -> str:
        query = {name: text for name, text in self.given.items() if text} | more
        return f"{path}?{urlencode(query)}" if query else path


async def search(request: web.Request) -> web.Response:
    """
    Handle a form: the filters of the list, or the search field `who` that every page has.

    `who` leads directly to the person if it is an enrollment id or a complete address.
    """
    context, form = request.app[CONTEXT], await form_of(request)
    if "who" not in form:
        query = query_of(form)
        if query.may_be_in_url:
            return see_other(query.url("/people"))
        return await _show(request, query, first=index_of(form))
    text = form["who"].strip()[:TEXT_LENGTH_MAX]
    if not text:
        return see_other("/people")
    if (found := await _exactly(context, text)) is not None:
        return see_other(f"/people/{found}")
    if "@" not in text and not is_enrollment_id(text):
        return see_other(f"/people?{urlencode({'q': text})}")
    return await _show(request, query_of({"q": text}), first=0, is_search=True)


async def show(request: web.Request) -> web.Response:
    return await _show(request, query_of(request.query), first=first_of(request))


async def form_of(request: web.Request) -> Mapping[str, str]:
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def query_of(given: Mapping[str, str]) -> Query:
    """Read the filters. An invalid value counts as no filter, so that saved URLs keep working."""
    sort: Sort = next((one for one in SORTS if one == given.get("sort")), "newest")
    step, until = given.get("step", ""), _day(given.get("until", ""))
    texts = {name: given.get(name, "")[:TEXT_LENGTH_MAX] for name in ("campaign", "segment", "status", "language")}
    wanted = PeopleFilter(
        words=given.get("q", "")[:TEXT_LENGTH_MAX],
        step=_step(step),
        is_booked={"yes": True, "no": False}.get(given.get("booked", "")),
        has_dead_letter=given.get("dead") == "yes",
        is_paused=given.get("paused") == "yes",
        is_suppressed=given.get("suppressed") == "yes",
        from_ms=_day(given.get("since", "")),
        until_ms=until + 86_400_000 if until is not None else None,
        due_from_ms=timestamp_of(given.get("due_from", "")),
        due_until_ms=timestamp_of(given.get("due_until", "")),
        **texts,
    )
    names = (
        "q",
        *texts,
        "step",
        "booked",
        "dead",
        "paused",
        "suppressed",
        "since",
        "until",
        "due_from",
        "due_until",
        "sort",
    )
    return Query(wanted, sort, {name: given.get(name, "")[:TEXT_LENGTH_MAX] for name in names})


async def find_page(context: ConsoleContext, query: Query, first: int, number: int) -> tuple[list[ListedPerson], int]:
    """
    Return (people from index `first`, how many match in all).

    People that the store no longer has are removed from the list first.
    """
    while True:
        found = await find_people(context, query)
        shown = list(found[first : first + number])
        if not await context.people.remove_gone(shown):
            return shown, len(found)


async def find_people(context: ConsoleContext, query: Query) -> Sequence[ListedPerson]:
    """
    Return all people who match.

    A search for an id or a complete address finds its person even before the full list has been read.
    """
    if not context.people.is_complete:
        await context.people.read_these(await _named(context, query.wanted.words.strip()))
    return await context.people.find(query.wanted, sort=query.sort)


async def _show(request: web.Request, query: Query, *, first: int, is_search: bool = False) -> web.Response:
    context = request.app[CONTEXT]
    people, total = await find_page(context, query, first, PAGE_SIZE)
    return page(
        request,
        "people.html",
        status=404 if is_search and not total else 200,
        people=people,
        total=total,
        reading=reading_of(context),
        given=query.given,
        choices=_choices(context),
        notice=notice_of(request.query),
        query=query,
        newer=max(0, first - PAGE_SIZE) if first else None,
        older=first + PAGE_SIZE if first + PAGE_SIZE < total else None,
        suppressed=await _suppressed(context, query.given["q"]) if is_search else None,
        here="/people",
    )


async def _suppressed(context: ConsoleContext, text: str) -> Suppression | None:
    """Return the suppression of an address. It is found by the address's hash, even if its owner was forgotten."""
    return await context.ledger.suppressions.of(normal_address(text)) if "@" in text else None


def reading_of(context: ConsoleContext) -> str:
    """Return how much of the list has been read, in words; "" when it is complete."""
    people = context.people
    return "" if people.is_complete else f"{people.number:,} of {max(people.total_at_start, people.number):,}"


def _choices(context: ConsoleContext) -> dict[str, Sequence[str]]:
    people = context.people
    return {
        "campaign": people.values("campaign"),
        "segment": people.values("segment"),
        "status": [status.value for status in Status],
        "language": people.values("language"),
        "sort": SORTS,
    }


async def _exactly(context: ConsoleContext, text: str) -> EnrollmentId | None:
    """Return the person who has this id or address, or None."""
    if is_enrollment_id(text):
        one = await read_contact_timeline(context.ledger, EnrollmentId(text), now_ms=context.clock.now_ms())
        return one.enrollment_id if one is not None else None
    return next(iter(await _named(context, text)), None)


async def _named(context: ConsoleContext, text: str) -> list[EnrollmentId]:
    """Return the enrollments, in all campaigns, that a text names: an id as it is, or those of an address."""
    if is_enrollment_id(text):
        return [EnrollmentId(text)]
    found = await find_contacts(context.ledger, normal_address(text)) if "@" in text else []
    return [one.enrollment_id for one in found]


def _day(text: str) -> int | None:
    """Return the beginning of a day (UTC) in ms, or None if the text is not a date."""
    try:
        return round(datetime.combine(date.fromisoformat(text), time(), UTC).timestamp() * 1_000)
    except (ValueError, OverflowError):
        return None


def _step(text: str) -> Step | None:
    try:
        return step_of(step_name(int(text)) if text.isascii() and text.isdecimal() and len(text) < 4 else text)
    except ValueError:
        return None
