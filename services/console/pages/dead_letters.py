"""The page of dead letters: each with its reason, its contact, and what a replay would do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

from aiohttp import web

from common.domain.delivery import Channel
from common.domain.ids import DeliveryId, EnrollmentId, is_enrollment_id
from common.domain.replay import Way
from common.ledger.dead_letters import DeadLetter
from common.ledger.ledger import Ledger
from common.ledger.reads.dead_letters import ListedLetter
from services.console.acting import record_action
from services.console.bulk_decisions import notice_of_numbers
from services.console.context import CONTEXT
from services.console.dead_letters.decisions import Verb, decide_many
from services.console.dead_letters.groups import discard_letter, groups_of, replay_letter, way_of
from services.console.notice import Notice
from services.console.paging import first_of
from services.console.replies import page, see_other

PAGE_SIZE = 50


class Outcome(StrEnum):
    """The result of an action, which the next page shows."""

    REPLAYED = "replayed"
    ASKED = "asked"
    DISCARDED = "discarded"
    GONE = "gone"
    NONE_TICKED = "none-ticked"
    NONE_LEFT = "none-left"


_NOTICES: dict[str, Notice] = {
    Outcome.REPLAYED: Notice("Replayed: it is planned again, due at once."),
    Outcome.ASKED: Notice(
        "A worker checks the provider's list for it, then sends it or says why not. This takes a moment."
    ),
    Outcome.DISCARDED: Notice(
        "Discarded: no further attempt is made to send it. Its reason stays in the contact's timeline."
    ),
    Outcome.GONE: Notice("Nothing was done: the dead letter has changed since you saw it.", is_done=False),
    Outcome.NONE_TICKED: Notice("Nothing was done: tick some dead letters first.", is_done=False),
    Outcome.NONE_LEFT: Notice("Nothing was done: none of these is still a dead letter.", is_done=False),
}
_REPLAY_EFFECTS = {
    Way.RENDERED: "{provider} certainly never accepted it: it is rendered again and sent at once.",
    Way.SAME: "The same mail is sent to Resend again, unchanged. If Resend has already accepted it, Resend recognizes"
    " it, and nothing is sent twice.",
    None: "{provider} may have accepted it, and would not recognize it{again}. A worker checks {provider}'s list: if it"
    " is there, nothing is sent; if it certainly is not there, it is sent; if the list does not tell, it stays here.",
}
"""Resend recognizes a mail for a day, Twilio never recognizes an SMS."""


@dataclass(frozen=True, slots=True)
class Row:
    """A dead letter on a page. `contact`: id of the linked page. `replay_effect`: what a replay would do, in words."""

    letter: DeadLetter
    contact: EnrollmentId
    replay_effect: str


def rows_of(letters: Iterable[DeadLetter], *, now_ms: int) -> list[Row]:
    return [Row(letter, letter.contact_id, replay_effect(letter, now_ms=now_ms)) for letter in letters]


def replay_effect(letter: DeadLetter | ListedLetter, *, now_ms: int) -> str:
    """Return in words what a replay would do."""
    is_sms = letter.delivery.channel is Channel.SMS
    provider, again = ("Twilio", "") if is_sms else ("Resend", " any more")
    return _REPLAY_EFFECTS[way_of(letter, now_ms=now_ms)].format(provider=provider, again=again)


def notice_of(query: Mapping[str, str]) -> Notice | None:
    """Return the result of the action on one dead letter that led to a page; None without one."""
    return _NOTICES.get(query.get("done", ""))


async def show(request: web.Request) -> web.Response:
    """Show all by reason, and single ones, newest first, a page at a time; with `?group=`, only those of one reason."""
    context, first = request.app[CONTEXT], first_of(request)
    now_ms, group = context.clock.now_ms(), request.query.get("group")
    letters = await context.dead_letters.refresh()
    groups, total = groups_of(letters, now_ms=now_ms), context.dead_letters.total
    chosen_group = next((each for each in groups if each.id == group), None)
    if group is None:
        shown, number = await context.ledger.dead_letters.newest(first=first, number=PAGE_SIZE), total
    else:
        ids = [letter.id for letter in letters if chosen_group and letter.reason == chosen_group.reason]
        shown = tuple((await context.ledger.dead_letters.of(ids[first : first + PAGE_SIZE])).values())
        number = len(ids)
    query = {"group": group} if group is not None else {}

    def at(index: int) -> str:
        return f"/dead-letters?{urlencode(query | {'from': index})}"

    return page(
        request,
        "dead_letters.html",
        rows=rows_of(shown, now_ms=now_ms),
        groups=groups,
        group=group,
        chosen_group=chosen_group,
        total=total,
        unread=context.dead_letters.unread,
        bulk=context.bulk_decisions.shown(),
        outcomes=_DONE,
        newer=at(max(0, first - PAGE_SIZE)) if first else None,
        older=at(first + PAGE_SIZE) if first + PAGE_SIZE < number else None,
        notice=notice_of(request.query) or notice_of_numbers(request.query, _DONE),
        here="/dead-letters",
    )


async def replay(request: web.Request) -> web.Response:
    return await _act(request, replay_letter, "replay")


async def discard(request: web.Request) -> web.Response:
    return await _act(request, discard_letter, "discard")


async def replay_many(request: web.Request) -> web.Response:
    return await _act_on_many(request, "replay")


async def discard_many(request: web.Request) -> web.Response:
    return await _act_on_many(request, "discard")


async def _act(
    request: web.Request, action: Callable[[Ledger, DeadLetter, int], Awaitable[str]], what: str
) -> web.Response:
    """Apply an action to the dead letter of the form. If it has changed since the user saw it, nothing is done."""
    context, form = request.app[CONTEXT], await request.post()
    delivery, dead_since = str(form.get("delivery", "")), str(form.get("dead_since_ms", ""))
    if not dead_since.isdecimal() or not delivery:
        raise web.HTTPBadRequest
    letter = await context.ledger.dead_letters.get(DeliveryId(delivery))
    outcome: str = Outcome.GONE
    if letter is not None and letter.dead_since_ms == int(dead_since):
        outcome = await action(context.ledger, letter, context.clock.now_ms())
        if outcome != Outcome.GONE:
            await record_action(context, what, [letter.id], before=f"dead letter: {letter.reason}", after=outcome)
    context.status_cache.invalidate()
    return see_other(f"{_back(str(form.get('back', '')))}?done={outcome}")


async def _act_on_many(request: web.Request, verb: Verb) -> web.Response:
    """Decide on the ticked dead letters (`chosen`), on those of one `reason`, or on `all`."""
    context, form = request.app[CONTEXT], await request.post()
    chosen = dict(_chosen(str(value)) for value in form.getall("chosen", []))
    reason, everything = form.get("reason"), form.get("all") == "yes"
    if chosen:
        decision = await decide_many(context, verb, chosen=chosen)
    elif isinstance(reason, str):
        decision = await decide_many(context, verb, reason=reason)
    elif everything:
        decision = await decide_many(context, verb)
    else:
        return see_other(f"/dead-letters?done={Outcome.NONE_TICKED}")
    if decision.ended_ms is None:
        return see_other("/dead-letters")
    if not decision.decided:
        return see_other(f"/dead-letters?done={Outcome.NONE_LEFT}")
    return see_other(f"/dead-letters?{urlencode(dict(decision.done) | {'number': decision.decided})}")


def _chosen(value: str) -> tuple[str, int]:
    """Return (delivery id, `dead_since_ms` as the user saw it) of a ticked box."""
    dead_since_ms, _, delivery = value.partition(" ")
    if not (dead_since_ms.isascii() and dead_since_ms.isdecimal() and len(dead_since_ms) < 16 and delivery):
        raise web.HTTPBadRequest
    return delivery, int(dead_since_ms)


_DONE = {
    "replayed": "planned again, due at once",
    "asked": "being checked against the provider's list by a worker",
    "discarded": "discarded",
    "gone": "left out, because of a change meanwhile",
}


def _back(path: str) -> str:
    """Return the page that sent the form if it is one that has this form, else the overview."""
    is_person = path.startswith("/people/") and is_enrollment_id(path.removeprefix("/people/"))
    return path if path == "/dead-letters" or is_person else "/"
