"""The schedule: which mails come next, and what a pause or a resume will do, shown before the click."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import redis.asyncio

from common.campaigns.loader import Campaign
from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id
from common.domain.person_search import ListedPerson
from common.domain.planned_mails import PlannedMails
from common.ledger import keys
from common.ledger.action_log import ActionFilter
from common.ledger.holds import Hold
from common.ledger.pauses import Pause
from common.ledger.reads.people import PeopleList
from common.ledger.reads.schedule import DAY_MS, HOUR_MS, reminder_times, schedule_of
from common.ledger.reads.scheduled_mails import reminders_between
from services.console import resume_plans
from services.console.mails.scheduled import ScheduleFilter, find_scheduled
from services.simulation.engine import Simulation
from tests.console.conftest import Console, beat

ADA = enrollment_id("christmas_2025", "ada@example.org")
NOON_MS = 1_764_072_000_000
CRITICAL, OPTIMIZE = ("c", "CRITICAL"), ("c", "OPTIMIZE")


def at(hours: float, key: tuple[str, str] = CRITICAL) -> tuple[int, str, str]:
    return round(NOON_MS + hours * HOUR_MS), *key


def test_mails_are_counted_by_hour_and_day_campaign_and_segment() -> None:
    found = schedule_of([at(0.5), at(0.7, OPTIMIZE), at(1.2), at(30), at(24 * 20)], now_ms=NOON_MS)

    assert [span.number for span in found.hours[:3]] == [2, 1, 0]
    assert found.hours[0].mails == {CRITICAL: 1, OPTIMIZE: 1}
    assert [span.number for span in found.days[:2]] == [3, 1]
    assert sum(span.number for span in found.days) == 4


def test_overdue_mails_are_counted_separately() -> None:
    found = schedule_of([at(-0.1), at(0)], now_ms=NOON_MS)

    assert (found.overdue, found.hours[0].number) == (1, 1)


def test_schedule_covers_24_hours_and_14_days() -> None:
    now_ms = NOON_MS + 59 * 60_000

    found = schedule_of([], now_ms=now_ms)

    assert (found.hours[0].from_ms, found.hours[-1].until_ms) == (NOON_MS, now_ms + DAY_MS)
    assert (found.days[0].from_ms, len(found.days)) == (NOON_MS - NOON_MS % DAY_MS, 14)
    assert len(schedule_of([], now_ms=NOON_MS).hours) == 24, "at a full hour each is whole"


def test_mail_due_within_24_hours_is_in_one_of_the_hours() -> None:
    """After a signup a few minutes ago, the second mail is due in the last hour that begins within 24 hours."""
    found = schedule_of([at(24.4), at(24.6)], now_ms=NOON_MS + HOUR_MS // 2)

    assert [span.number for span in found.hours if span.number] == [1]
    assert found.hours[-1].number == 1


def test_a_mail_about_midnight_is_counted_once() -> None:
    """At this pace, the steps after the next one also come within a day."""
    cadence = Cadence((0, HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS), HOUR_MS)
    midnight_ms = NOON_MS - NOON_MS % DAY_MS + DAY_MS
    signed_up_ms = midnight_ms - 5 * HOUR_MS // 2
    planned = PlannedMails([listed(signed_up_ms=signed_up_ms, next_due_ms=signed_up_ms + HOUR_MS)])

    found = schedule_of([], now_ms=NOON_MS, planned=lambda marks: planned.before(marks, {"c": cadence}))

    times = [span.from_ms - midnight_ms for span in found.hours for _ in range(span.number)]
    assert times == [-2 * HOUR_MS, -HOUR_MS, 0]
    assert [span.number for span in found.days[:3]] == [2, 1, 0]


def listed(*, signed_up_ms: int, next_due_ms: int) -> ListedPerson:
    """Return a person whose next mail is the second."""
    return ListedPerson(
        id=ADA,
        campaign="c",
        email="ada@example.org",
        first_name="Ada",
        business_name="",
        segment="CRITICAL",
        status="active",
        exit_reason=None,
        language=None,
        signed_up_ms=signed_up_ms,
        next_step=2,
        next_due_ms=next_due_ms,
        address_hash="",
        calls_contact=ADA,
        is_booked=False,
        sorted_name="ada",
    )


@pytest.fixture
async def signed_up(console: Console, simulation: Simulation, ada: Assessment) -> Simulation:
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
    await console.context.people.refresh()
    return simulation


async def test_the_page_shows_every_mail_to_come_in_chart_and_table(console: Console, signed_up: Simulation) -> None:
    page = (await console.get("/schedule")).text

    assert page.count("<svg") == 2, "the second mail is due in less than 24 hours"
    assert "christmas_2025 CRITICAL" in page
    assert len(re.findall(r'class="number"><a href="[^"]+">1</a></td></tr>', page)) >= 6, "six steps on six days"


def links(page: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="(/schedule/mails[^"]+)"', page)]


async def test_every_bar_and_number_leads_to_its_people_and_their_mails(
    console: Console, signed_up: Simulation, campaign: Campaign
) -> None:
    page = (await console.get("/schedule")).text
    rows = [(await console.get(link)).text for link in links(page)]

    assert len(rows) == 3 * page.count("<rect"), "a bar and a number each, and the number of all"
    assert all("<h1>1 mail</h1>" in row and ">Ada</a>" in row and "ada@example.org" in row for row in rows)
    mails = {found for row in rows for found in re.findall(rf'href="(/people/{ADA}/mails/[^"]+)"', row)}
    assert mails == {f"/people/{ADA}/mails/step-{number}" for number in range(2, 8)}
    assert campaign.steps[1].name in "".join(rows)
    assert {(await console.get(mail)).status for mail in mails} == {200}


async def test_schedule_includes_reminders_of_calls(console: Console, simulation: Simulation) -> None:
    start_ms = simulation.clock.now_ms() + 4 * DAY_MS
    await simulation.book("boris@example.org", start_ms, uid="uid-boris", first_name="Boris")
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)

    page = (await console.get("/schedule")).text
    rows = "".join([(await console.get(link)).text for link in links(page)])

    assert ">Boris</a>" in rows
    assert ">Reminder 72h</a>" in rows


async def test_schedule_reads_only_reminders_from_the_open_deliveries(
    console: Console, store: redis.asyncio.Redis
) -> None:
    steps = {f"enr_{number:032}/step-2": 1_000 + number for number in range(5_000)}
    await store.zadd(keys.OPEN, {**steps, "bkg_a/24h": 2_000, "bkg_b/1h": 999})

    async def bytes_sent() -> int:
        return int((await store.info("stats"))["total_net_output_bytes"])

    before = await bytes_sent()
    everything = await reminder_times(console.context.ledger, until_ms=9_000)
    some = await reminders_between(console.context.ledger, 1_000, 2_001)

    assert [at_ms for at_ms, _, _ in everything] == [999, 2_000]
    assert some == [(2_000, "bkg_a/24h")]
    assert await bytes_sent() - before < 20_000, "the steps alone are 200 kB"


async def test_resume_plan_is_read_once_for_all_viewers(
    console: Console, signed_up: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, campaigns = resume_plans.plan_for_all, []

    async def count(*given: Any, campaign: str | None, **more: Any) -> Any:
        campaigns.append(campaign)
        return await read(*given, campaign=campaign, **more)

    monkeypatch.setattr(resume_plans, "plan_for_all", count)
    for scope in ("everybody", "christmas_2025"):
        await console.post("/schedule/pause", scope=scope)

    await asyncio.gather(*(console.get("/schedule") for _ in range(5)))
    assert campaigns == [None, "christmas_2025"]

    console.clock.advance(resume_plans.KEPT_MS)
    await console.get("/schedule")
    assert campaigns == [None, "christmas_2025"] * 2

    await console.post("/schedule/resume", scope="everybody")
    await console.post("/schedule/pause", scope="everybody", reason="again")
    await console.get("/schedule")
    assert campaigns[4:] == [None]


async def test_the_schedule_shows_one_campaign_or_segment(console: Console, signed_up: Simulation) -> None:
    one = (await console.get("/schedule?campaign=christmas_2025&segment=CRITICAL")).text
    none = (await console.get("/schedule?segment=OPTIMIZE")).text

    assert "christmas_2025 CRITICAL" in one
    assert "<rect" not in none


async def test_scheduled_mails_are_shown_a_page_at_a_time(console: Console, simulation: Simulation) -> None:
    for number in range(52):
        await simulation.sign_up(Assessment(email=f"p{number}@example.org", first_name="P", assessment_score=38))
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
    await console.context.people.refresh()

    first = (await console.get("/schedule/mails")).text
    [after] = [html.unescape(link) for link in re.findall(r'href="(/schedule/mails[^"]+)">After', first)]

    assert "<h1>52 mails</h1>" in first
    assert first.count("<tr>") == 51
    assert (await console.get(after)).text.count("<tr>") == 3


@pytest.mark.parametrize(("segment", "parts", "mails"), [("reminders", 0, 2), ("CRITICAL", 6, 6)])
async def test_only_the_requested_kind_of_scheduled_mails_is_searched(
    console: Console, signed_up: Simulation, monkeypatch: pytest.MonkeyPatch, segment: str, parts: int, mails: int
) -> None:
    start_ms = signed_up.clock.now_ms() + 2 * DAY_MS
    await signed_up.book("boris@example.org", start_ms, uid="uid-boris", first_name="Boris")
    await signed_up.run(until_ms=signed_up.clock.now_ms() + 1_000)
    looked_at: list[str] = []
    between = PeopleList.between

    def noted(people: PeopleList, sort: Literal["oldest", "next"], *span: int) -> Iterator[ListedPerson]:
        looked_at.append(sort)
        return between(people, sort, *span)

    monkeypatch.setattr(PeopleList, "between", noted)
    now_ms = console.clock.now_ms()
    wanted = ScheduleFilter(campaign="", segment=segment, from_ms=now_ms, until_ms=now_ms + 14 * DAY_MS)
    found, total = await find_scheduled(console.context, wanted, first=0, number=50)

    assert (len(looked_at), len(found), total) == (parts, mails, mails)


@pytest.mark.parametrize("given", ["due_until=999999999999999", "due_from=999999999999999"])
async def test_scheduled_mails_are_not_searched_beyond_the_schedule(
    console: Console, simulation: Simulation, given: str
) -> None:
    far = simulation.clock.now_ms() + 40 * DAY_MS
    await simulation.book("boris@example.org", far, uid="uid-boris", first_name="Boris")
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)

    assert "No mail is planned in this time" in (await console.get(f"/schedule/mails?{given}")).text


async def test_paused_person_is_left_out_of_the_schedule(console: Console, signed_up: Simulation) -> None:
    await console.context.ledger.pauses.start(ADA, Pause(since_ms=0, by="mia", reason=""))

    assert "No mail is planned in this time" in (await console.get("/schedule")).text


@pytest.mark.parametrize("scope", ["everybody", "christmas_2025"])
async def test_page_shows_what_a_resume_sends_before_the_click(
    console: Console, signed_up: Simulation, scope: str
) -> None:
    await beat(console)
    answer = await console.post("/schedule/pause", scope=scope, reason="the sender moves")
    assert "Paused: this mail waits until somebody resumes it." in (await console.get(answer.location)).text
    console.clock.advance(25 * HOUR_MS)

    paused = (await console.get("/schedule")).text
    resumed = await console.post("/schedule/resume", scope=scope)

    assert "by local: the sender moves" in paused
    assert "Resuming sends 1 mail at once" in paused
    assert "Resumed" in (await console.get(resumed.location)).text
    actions = await console.context.ledger.action_log.newest(ActionFilter())
    assert [(one.what, one.on[0].removeprefix("campaign:")) for one in actions] == [("resume", scope), ("pause", scope)]
    assert actions[1].after == "paused: the sender moves"


async def hold_all(console: Console) -> None:
    hold = Hold(since_ms=console.clock.now_ms(), why="the clocks disagree", cure="Run `advent clock confirm`.")
    await console.context.ledger.holds.start("clock", hold)


@pytest.mark.parametrize("stop", ["a hold", "no worker"])
async def test_schedule_says_why_nothing_is_sent_and_what_to_do(
    console: Console, signed_up: Simulation, stop: str
) -> None:
    if stop == "a hold":
        await beat(console)
        await hold_all(console)

    page = (await console.get("/schedule")).text

    assert "under way</span>" not in page
    assert page.count("waits</span> while nothing is sent to anybody") == 2, "everybody, and the campaign"
    if stop == "a hold":
        assert "Nothing is sent, for 0 s: the clocks disagree. Run <code>advent clock confirm</code>." in page
    else:
        assert "No worker is alive" in page
        assert "<code>advent worker</code>" in page


async def test_schedule_of_a_working_system_is_under_way(console: Console, signed_up: Simulation) -> None:
    await beat(console)

    page = (await console.get("/schedule")).text

    assert page.count("under way</span>") == 2
    assert "notice alarm" not in page


@pytest.mark.parametrize(
    ("stop", "waits"),
    [("", ""), ("a hold", "nothing is sent to anybody"), ("a pause of everybody", "everybody is paused")],
)
async def test_resume_of_a_campaign_says_whether_its_mail_still_waits(
    console: Console, signed_up: Simulation, stop: str, waits: str
) -> None:
    await beat(console)
    await console.post("/schedule/pause", scope="christmas_2025")
    console.clock.advance(25 * HOUR_MS)
    if stop == "a hold":
        await hold_all(console)
    elif stop:
        await console.post("/schedule/pause", scope="everybody")

    paused = (await console.get("/schedule")).text
    resumed = await console.post("/schedule/resume", scope="christmas_2025")
    after = (await console.get(resumed.location)).text

    if waits:
        assert f"This mail then waits only while {waits}." in paused
        assert f"Even after a resume, this mail waits while {waits}. After that, 1 mail is sent at once" in paused
        assert f"Resumed. This mail still waits while {waits}." in after
    else:
        assert "Resuming sends 1 mail at once" in paused
        assert "Overdue mail is sent as the plan above says" in paused
        assert "Resumed: overdue mail is sent as the plan said." in after


async def test_campaign_under_a_pause_of_all_mail_is_not_shown_as_under_way(
    console: Console, signed_up: Simulation
) -> None:
    await console.post("/schedule/pause", scope="everybody")

    page = (await console.get("/schedule")).text

    assert "under way</span>" not in page
    assert "waits</span> while everybody is paused" in page
    assert "Mail that is paused below is sent only after somebody resumes it." in page


async def test_total_of_the_schedule_follows_the_segment_filter(console: Console, simulation: Simulation) -> None:
    for name, score in (("Ada", 38), ("Boris", 90)):
        await simulation.sign_up(Assessment(email=f"{name}@example.org", first_name=name, assessment_score=score))
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
    await console.context.people.refresh()
    segments = {each.segment for each in console.context.people.all()}

    numbers = {
        segment: int(re.findall(r"<h1>(\d+) mails?</h1>", (await console.get(links(page)[-1])).text)[0])
        for segment in ("", *segments)
        if (page := (await console.get(f"/schedule?segment={segment}")).text)
    }

    assert numbers == {"": 2, **dict.fromkeys(segments, 2 // len(segments))}


async def test_second_pause_or_resume_says_that_nothing_changed(console: Console, signed_up: Simulation) -> None:
    await console.post("/schedule/pause", scope="everybody")
    again = await console.post("/schedule/pause", scope="everybody")
    await console.post("/schedule/resume", scope="everybody")
    over = await console.post("/schedule/resume", scope="everybody")

    assert "was already paused" in (await console.get(again.location)).text
    assert "was not paused" in (await console.get(over.location)).text


@pytest.mark.parametrize(("path", "scope", "status"), [("pause", "another", 422), ("stop", "everybody", 404)])
async def test_unknown_scope_or_schedule_action_is_refused(
    console: Console, path: str, scope: str, status: int
) -> None:
    assert (await console.post(f"/schedule/{path}", scope=scope)).status == status
