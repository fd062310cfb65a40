"""Download of the filtered list of people as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiohttp import web

from common.clock import iso
from common.domain.person_search import ListedPerson
from common.formatting import count
from services.console.acting import record_action
from services.console.context import CONTEXT, ConsoleContext
from services.console.pages.people import find_people, form_of, query_of

CSV_PAGE = 1_000
COLUMNS = (
    "enrollment_id",
    "campaign",
    "email",
    "first_name",
    "business_name",
    "segment",
    "status",
    "exit_reason",
    "language",
    "signed_up",
    "next_step",
    "next_due",
    "booked",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def download(request: web.Request) -> web.StreamResponse:
    """Send all people who match the filter as CSV. The action log records who downloaded how many."""
    given = await form_of(request) if request.method == "POST" else request.query
    context, query = request.app[CONTEXT], query_of(given)
    found = await find_people(context, query)
    headers = {"Content-Disposition": 'attachment; filename="people.csv"', "Content-Type": "text/csv; charset=utf-8"}
    await record_action(context, "people download", [], after=count(len(found), "person", "people"))
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(_csv([COLUMNS]))
    async for rows in _rows(context, found):
        await response.write(_csv(rows))
    await response.write_eof()
    return response


async def _rows(context: ConsoleContext, people: Sequence[ListedPerson]) -> AsyncIterator[list[Sequence[Any]]]:
    for first in range(0, len(people), CSV_PAGE):
        several = people[first : first + CSV_PAGE]
        await context.people.remove_gone(several)
        yield [_row(person) for person in several if context.people.get(person.id) is not None]


def _row(person: ListedPerson) -> list[Any]:
    values = {
        "enrollment_id": person.id,
        "signed_up": iso(person.signed_up_ms),
        "next_due": iso(person.next_due_ms) if person.next_due_ms else "",
        "booked": "yes" if person.is_booked else "no",
    }
    return [inert(values.get(name, getattr(person, name, None))) for name in COLUMNS]


def inert(value: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would run as a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
