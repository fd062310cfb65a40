"""A campaign's page: the version in force, where its people are, how its mail arrives, and what needs a decision."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import pytest

from common.campaigns.campaign import Campaign
from common.clock import utc_datetime
from common.domain.contact import Assessment
from common.domain.enrollment import ExitReason
from common.domain.ids import Step, enrollment_id
from common.domain.people_index import PeopleCounts, PeopleIndex
from common.domain.person_search import ListedPerson
from common.ledger.action_log import ActionFilter
from common.ledger.pauses import Pause, campaign_scope
from services.console.campaigns.board import Cell, board_of
from services.console.campaigns.cadence_chart import points_of
from services.console.campaigns.details import PlannedMail
from services.console.campaigns.sending_rates import rates_of
from services.simulation.engine import Simulation
from tests.console.conftest import Console

PAGE = "/campaigns/christmas_2025"
HOUR_MS = 3_600_000
ADA = enrollment_id("christmas_2025", "ada@example.org")


def listed(
    name: str,
    *,
    segment: str = "CRITICAL",
    status: str = "active",
    step: Step | None = 3,
    booked: bool = False,
) -> ListedPerson:
    return ListedPerson(
        id=name,
        campaign="christmas_2025",
        email=f"{name}@example.org",
        first_name=name,
        business_name="",
        segment=segment,
        status=status,
        exit_reason=None,
        language=None,
        signed_up_ms=0,
        next_step=step,
        next_due_ms=1,
        address_hash="",
        calls_contact=name,
        is_booked=booked,
        sorted_name=name,
    )


def counts_of(people: Sequence[ListedPerson]) -> PeopleCounts:
    index = PeopleIndex()
    for one in people:
        index.put(one, "")
    return index.counts


def test_board_counts_each_person_once_by_step_and_segment_with_bookings(campaign: Campaign) -> None:
    people = [
        listed("ada", booked=True),
        listed("ben"),
        listed("cleo", segment="URGENT"),
        listed("dora", status="completed", step=None, booked=True),
        listed("emil", status="held", step=None),
        listed("finn", step="gone"),
        listed("gus", status="active", step=None),
    ]

    board = board_of(counts_of(people), campaign)

    rows = {row.label if row.step is None else row.step: row for row in board.rows}
    assert rows[3].cells == {"CRITICAL": Cell(2, 1), "URGENT": Cell(1, 0)}
    assert rows[3].query == {"status": "active", "step": "3"}
    assert rows["gone"].label == "no longer in the campaign"
    assert [row.total.people for row in board.rows if row.total.people] == [1, 1, 3, 1, 1]
    assert (board.total, board.totals["CRITICAL"]) == (Cell(7, 2), Cell(6, 2))


def test_people_of_another_campaign_are_not_on_the_board(campaign: Campaign) -> None:
    other = ListedPerson(**{name: getattr(listed("ada"), name) for name in ListedPerson.__slots__} | {"campaign": "x"})

    assert board_of(counts_of([other]), campaign).total == Cell()


@pytest.mark.parametrize(
    ("deliveries", "good"),
    [
        ({"delivered": 980, "bounced": 20}, [True, True, True]),
        ({"delivered": 979, "bounced": 21}, [False, False, True]),
        ({"delivered": 998, "complained": 2}, [True, True, False]),
        ({"delivered": 999, "complained": 1, "accepted": 5000}, [True, True, True]),
    ],
)
def test_rates_are_judged_by_reported_mails_only(deliveries: dict[str, int], good: list[bool]) -> None:
    assert [rate.is_good for rate in rates_of(deliveries).rates] == good


def test_without_reports_no_rate_is_known() -> None:
    rates = rates_of({"accepted": 7, "skipped": 2})

    assert (rates.reported, rates.waiting, [rate.share for rate in rates.rates]) == (0, 7, [None] * 3)


def test_labels_of_close_steps_do_not_overlap_in_the_cadence_chart() -> None:
    steps = [PlannedMail(id=str(day), name="", offset_ms=day * 24 * HOUR_MS, when="") for day in (0, 1, 30)]

    points = points_of(steps)

    assert [point.label for point in points] == ["at once", "24 h", "30 d"]
    assert points[0].label_y != points[1].label_y
    assert points[0].x < points[1].x < points[2].x


@pytest.fixture
async def enrolled(console: Console, simulation: Simulation, ada: Assessment) -> Simulation:
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
    await console.context.people.refresh()
    return simulation


async def test_the_list_leads_to_each_campaign(console: Console, enrolled: Simulation) -> None:
    page = (await console.get("/campaigns")).text

    assert f'<a href="{PAGE}">Christmas 2025</a>' in page
    assert "<dt>People</dt><dd>1</dd>" in page


async def test_the_page_shows_cadence_languages_and_where_people_are(console: Console, enrolled: Simulation) -> None:
    page = (await console.get(PAGE)).text

    assert page.count('class="stop"') == 7
    assert "en-CA, fr-CA" in page
    assert "from files; a worker's first start puts a version in force" in page
    assert len(re.findall(r'<th scope="row">(\d) ', page)) == 7


async def test_number_on_the_board_links_to_its_people(console: Console, enrolled: Simulation) -> None:
    page = (await console.get(PAGE)).text
    link = re.search(r'<th scope="row">2 .*?href="(/people[^"]+)">1</a>', page, re.DOTALL)
    assert link is not None

    people = (await console.get(html.unescape(link[1]))).text

    assert ">Ada</a>" in people
    assert "1 person" in people


async def test_board_has_no_link_to_people_with_a_mail_being_processed(
    console: Console, enrolled: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_hand = counts_of([listed("ada", step=None, booked=True)])
    monkeypatch.setattr(type(console.context.people), "counts", in_hand)

    page = (await console.get(PAGE)).text

    [row] = re.findall(r"<tr><th [^>]*>under way, the next mail is being sent</th>.*?</tr>", page, re.DOTALL)
    assert "1 booked" in row
    assert "href" not in row


async def test_rates_without_provider_reports_are_shown_as_unknown(console: Console, enrolled: Simulation) -> None:
    page = (await console.get(PAGE)).text

    assert "Unknown: Resend has not reported on any mail yet" in page


async def test_a_pause_of_the_campaign_is_on_its_page(console: Console, enrolled: Simulation) -> None:
    pause = Pause(since_ms=console.clock.now_ms(), by="mia", reason="a wrong link")
    await console.context.ledger.pauses.start(campaign_scope("christmas_2025"), pause)

    page = (await console.get(PAGE)).text

    assert "by mia: a wrong link" in page


async def test_people_who_left_have_their_own_row_on_the_board(console: Console, enrolled: Simulation) -> None:
    now_ms = console.clock.now_ms()
    await console.context.ledger.suppressions.suppress(
        "ada@example.org", ExitReason.SUPPRESSED, detail="by mia", now_ms=now_ms, is_unlisted=True
    )
    await console.context.people.refresh()

    page = (await console.get(PAGE)).text

    assert re.search(r'left early</th><td class="number"><a href="[^"]*status=exited[^"]*">1</a>', page)


async def test_a_campaign_that_is_not_played_is_refused(console: Console) -> None:
    assert (await console.get("/campaigns/easter")).status == 404


async def test_a_booking_that_could_not_be_read_is_shown_with_its_reason_and_discarded(console: Console) -> None:
    ledger = console.context.ledger
    await ledger.unread_bookings.keep('{"a": "<b>"}', reason="no attendee", received_ms=console.clock.now_ms())
    [event] = await ledger.unread_bookings.read_all()

    assert "1 event from Cal.com" in (await console.get(PAGE)).text
    shown = (await console.get("/unread-bookings")).text
    done = await console.post("/unread-bookings/discard", event=event.id)
    again = await console.post("/unread-bookings/discard", event=event.id)

    assert "no attendee" in shown
    assert "&lt;b&gt;" in shown
    assert "1 booking event discarded" in (await console.get(done.location)).text
    assert "that event had already been discarded" in (await console.get(again.location)).text
    assert await ledger.unread_bookings.read_all() == []
    [action] = await ledger.action_log.newest(ActionFilter())
    assert (action.by, action.what, action.on) == ("local", "bookings discard", (event.id,))


async def test_signups_and_bookings_of_this_month_are_counted_and_linked_to_lists(
    console: Console, simulation: Simulation
) -> None:
    begins_ms = round(utc_datetime(simulation.clock.now_ms()).replace(day=1, hour=0).timestamp()) * 1_000
    for at_ms in (begins_ms - 1, begins_ms):
        early = Assessment(email=f"p{at_ms}@example.org", first_name="Early", assessment_score=38)
        await simulation.ledger.signups.accept(early, webhook_id=f"signup:{at_ms}", received_ms=at_ms)
    for name in ("ada", "boris"):
        await simulation.sign_up(Assessment(email=f"{name}@example.org", first_name=name, assessment_score=38))
    now_ms = simulation.clock.now_ms()
    await simulation.book("ada@example.org", now_ms + 96 * HOUR_MS, uid="uid-ada", first_name="ada")
    await simulation.run(until_ms=now_ms + 1_000)
    await console.context.people.refresh()
    segments = {one.segment for one in console.context.people.all()}

    line = re.search(r"Signed up since \d{4}-\d\d-01: .*?</p>", (await console.get(PAGE)).text)
    links = re.findall(r'href="([^"]+)">([^<]+)</a>', line[0]) if line else []
    behind = [re.findall(r"<h1>(\d+|No) pe", (await console.get(html.unescape(link))).text)[0] for link, _ in links]

    assert segments
    assert [number for _, number in links][-2:] == ["3", "1"], "all, booked"
    assert behind == [number for _, number in links]
