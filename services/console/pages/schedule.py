"""The schedule: mails of the next hours and days; pausing and resuming all contacts or a campaign, with the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from common.health_checks import stops_of
from common.ledger.pauses import EVERYBODY, Pause, campaign_scope
from common.ledger.reads.catch_up_plan import Plan
from common.ledger.reads.schedule import FORESEEN_MS, Schedule, Span, reminder_times, schedule_of
from services.console.acting import record_action
from services.console.auth.access import PRINCIPAL
from services.console.context import CONTEXT, ConsoleContext
from services.console.decisions import REASON_LENGTH_MAX
from services.console.mails.scheduled import count_planned
from services.console.notice import Notice
from services.console.pages.people import reading_of
from services.console.replies import page, see_other
from services.web.problem import Problem

CHART_HEIGHT, BAR_WIDTH, BAR_GAP = 160, 20, 8
SERIES_MAX = 6
"""Number of fills in the style sheet. Further series all have the last one."""

_NOTICES = {
    "paused": Notice("Paused: this mail waits until somebody resumes it. Nothing is lost."),
    "was paused": Notice("It was already paused; nothing changed.", is_done=False),
    "resumed": Notice("Resumed: overdue mail is sent as the plan said."),
    "was not paused": Notice("It was not paused; nothing changed.", is_done=False),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a chart. `series`: index of its fill. `span`, `key`: the mails that it stands for."""

    x: int
    y: float
    height: float
    series: int
    span: Span
    key: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """
    What can be paused: all contacts, or a campaign.

    `plan`: what resuming would send; None unless it is paused. `waits`: why its mail is not sent, apart from its own
    pause, such as `while everybody is paused`; or "".
    """

    name: str
    label: str
    pause: Pause | None
    plan: Plan | None
    waits: str


async def read_schedule(context: ConsoleContext) -> Schedule:
    """Return the schedule without the steps of individually paused people."""
    now_ms, planned = context.clock.now_ms(), await count_planned(context)
    reminders = await reminder_times(context.ledger, until_ms=now_ms + FORESEEN_MS)
    return schedule_of(reminders, now_ms=now_ms, planned=planned)


async def show(request: web.Request) -> web.Response:
    """Show the schedule; `?campaign=` and `?segment=` restrict it."""
    context = request.app[CONTEXT]
    given = {name: request.query.get(name, "") for name in ("campaign", "segment")}
    schedule, snapshot = (await read_schedule(context)).only(**given), (await context.status_cache.newest()).snapshot
    stops = stops_of(snapshot.stats) if snapshot else ()
    scopes = await _scopes(context, is_stopped=bool(stops))
    return page(
        request,
        "schedule.html",
        schedule=schedule,
        charts=[
            ("The next 24 hours", "hours", schedule.hours, *chart_of(schedule, schedule.hours)),
            ("The next 14 days", "days", schedule.days, *chart_of(schedule, schedule.days)),
        ],
        scopes=scopes,
        stops=stops,
        mails_url=mails_url,
        given=given,
        choices={name: context.people.values(name) for name in given},
        notice=_notice_of(request.query.get("done", ""), scopes),
        reading=reading_of(context),
        here="/schedule",
    )


async def act(request: web.Request) -> web.Response:
    form, context = await request.post(), request.app[CONTEXT]
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    done = await decide(context, request.match_info["action"], fields)
    return see_other(f"/schedule?{urlencode({'done': done})}")


async def decide(context: ConsoleContext, action: str, fields: dict[str, str]) -> str:
    """
    Pause or resume the field `scope`: `everybody`, or a campaign's key. Return the result, a key of _NOTICES.

    Raises Problem 422 for an unknown scope, and 404 for another action.
    """
    scope, now_ms = fields.get("scope", ""), context.clock.now_ms()
    if scope != "everybody" and scope not in context.ledger.campaigns:
        raise Problem(422, "`scope` must be `everybody`, or a campaign that runs here.", title="No such campaign")
    pause_scope = None if scope == "everybody" else campaign_scope(scope)
    if action == "pause":
        reason = fields.get("reason", "").strip()[:REASON_LENGTH_MAX]
        _, began = await context.ledger.pauses.start(
            pause_scope, Pause(since_ms=now_ms, by=PRINCIPAL.get().name, reason=reason)
        )
        if began:
            await record_action(context, "pause", [pause_scope or scope], after="paused", why=reason)
        return "paused" if began else "was paused"
    if action != "resume":
        raise web.HTTPNotFound
    ended = await context.ledger.pauses.finish(pause_scope, now_ms=now_ms)
    if ended is None:
        return "was not paused"
    await record_action(context, "resume", [pause_scope or scope], before=f"paused by {ended.by}")
    return "resumed"


def _notice_of(done: str, scopes: Sequence[Scope]) -> Notice | None:
    """Return the result of a pause or a resume. `scopes`: as the page shows them now, everybody and then campaigns."""
    waits = scopes[-1].waits
    return Notice(f"Resumed. This mail still waits {waits}.") if done == "resumed" and waits else _NOTICES.get(done)


async def _scopes(context: ConsoleContext, *, is_stopped: bool) -> list[Scope]:
    """Return everybody, then each campaign. `is_stopped`: nothing is sent to anybody, whatever is paused."""
    pauses, waits = await context.ledger.pauses.active(), "while nothing is sent to anybody" if is_stopped else ""
    found = [await _scope(context, EVERYBODY, "Everybody", pauses.everybody, waits)]
    waits = "while everybody is paused" if pauses.everybody else waits
    for key in context.ledger.campaigns:
        found.append(await _scope(context, key, _name_of(context, key), pauses.campaigns.get(key), waits))
    return found


async def _scope(context: ConsoleContext, name: str, label: str, pause: Pause | None, waits: str) -> Scope:
    plan = await context.resume_plans.of(name, pause) if pause is not None else None
    return Scope(name="everybody" if name == EVERYBODY else name, label=label, pause=pause, plan=plan, waits=waits)


def _name_of(context: ConsoleContext, key: str) -> str:
    running = context.running_campaign(key)
    return running.name if running else key


def chart_of(schedule: Schedule, spans: Sequence[Span]) -> tuple[list[tuple[str, str]], list[Bar], int, int]:
    """Return (the series in order, the bars, the chart's width, the highest number of mails in a span)."""
    series = schedule.series(spans)
    highest = max((span.number for span in spans), default=0)
    bars: list[Bar] = []
    for place, span in enumerate(spans):
        top = float(CHART_HEIGHT)
        for number, key in enumerate(series):
            height = round(CHART_HEIGHT * span.mails.get(key, 0) / highest, 2) if highest else 0
            top -= height
            if height:
                x, fill = place * (BAR_WIDTH + BAR_GAP), min(number, SERIES_MAX - 1)
                bars.append(Bar(x, round(top, 2), height, fill, span, key))
    return series, bars, len(spans) * (BAR_WIDTH + BAR_GAP), highest


def mails_url(span: Span, key: tuple[str, str]) -> str:
    """Return the URL of the page that lists these mails."""
    campaign, segment = key
    query = {"campaign": campaign, "segment": segment, "due_from": span.from_ms, "due_until": span.until_ms}
    return f"/schedule/mails?{urlencode(query)}"
