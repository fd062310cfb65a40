"""A team member marks how an unmarked call went; the page says beforehand what follows from each mark."""

from __future__ import annotations

import pytest

from common.domain.contact import Assessment
from common.domain.ids import booking_id, enrollment_id
from common.domain.series import BookingState
from common.ledger import keys
from common.ledger.action_log import ActionFilter
from common.ledger.ledger import Ledger
from common.settings.console_users import new_user
from services.simulation.engine import MEETING_MS, Simulation
from tests.console.conftest import Answer, Console, OpenConsole
from tests.ledger.planned import write_unmarked_call

HOUR_MS, DAY_MS = 3_600_000, 24 * 3_600_000
ADA = enrollment_id("christmas_2025", "ada@example.org")
CALL = booking_id("A")


@pytest.fixture
async def missed(simulation: Simulation, ada: Assessment) -> Simulation:
    """Ada had a call; a day after its end, nobody has reported how it went."""
    await simulation.sign_up(ada)
    start_ms = simulation.clock.now_ms() + DAY_MS
    await simulation.book(ada.email, start_ms, uid="A", first_name="Ada", title="<b>Call</b>")
    await simulation.run(until_ms=start_ms + MEETING_MS + DAY_MS + 1_000)
    return simulation


async def mark(console: Console, what: str, **fields: str) -> Answer:
    return await console.post("/unmarked-calls/mark", mark=what, call=CALL, **fields)


async def soon(simulation: Simulation, ms: int = 1_000) -> None:
    await simulation.run(until_ms=simulation.clock.now_ms() + ms)


def follow_ups(simulation: Simulation) -> list[str]:
    return [mail.tags["follow_up"] for _, mail in simulation.mailer.accepted_mails if "follow_up" in mail.tags]


async def marks_in_log(console: Console) -> list[tuple[str, tuple[str, ...], str, str]]:
    found = await console.context.ledger.action_log.newest(ActionFilter())
    return [(one.what, one.on, one.before, one.after) for one in found]


async def test_overview_links_to_unmarked_calls_with_the_effect_of_each_mark(
    console: Console, missed: Simulation
) -> None:
    overview, page = (await console.get("/")).text, (await console.get("/unmarked-calls")).text

    assert '<a href="/unmarked-calls">Unmarked calls</a>' in overview
    assert "1 unmarked call" in page
    assert f'<a href="/people/{ADA}">ada@example.org</a> Ada' in page
    assert "&lt;b&gt;Call&lt;/b&gt;" in page
    assert "No follow-up is sent: it is too late for a thank-you." in page
    assert "Planned: follow-up missed at" in page
    assert "UTC (in 2 h), unless this person has left, booked again" in page


async def test_unmarked_call_of_an_unknown_contact_is_listed_without_a_link(
    console: Console, missed: Simulation
) -> None:
    await missed.ledger.client.hdel(keys.guest(CALL), "email", "contact")

    page = (await console.get("/unmarked-calls")).text

    assert '<p class="contact">address unknown Ada</p>' in page
    assert 'href="/people/"' not in page


async def test_a_no_show_gets_the_follow_up_that_the_page_announced(console: Console, missed: Simulation) -> None:
    answer = await mark(console, "no-show")
    await soon(missed, 3 * HOUR_MS)

    assert (answer.status, answer.location) == (303, "/unmarked-calls?marked=no-show")
    assert "Marked as a no-show" in (await console.get(answer.location)).text
    assert follow_ups(missed) == ["missed"]
    assert await marks_in_log(console) == [("bookings mark", (ADA,), "unmarked", "no-show")]
    assert "None." in (await console.get("/unmarked-calls")).text
    assert "/unmarked-calls" not in (await console.get("/")).text


async def test_call_marked_as_completed_gets_no_follow_up(console: Console, missed: Simulation) -> None:
    answer = await mark(console, "completed")
    await soon(missed, 3 * HOUR_MS)

    assert answer.location == "/unmarked-calls?marked=completed"
    assert follow_ups(missed) == []
    [call] = [call async for call in missed.ledger.bookings.calls(ADA)]
    assert call.booking.state is BookingState.COMPLETED


@pytest.mark.parametrize("second", ["no-show", "completed"])
async def test_first_mark_of_a_call_counts_and_the_second_changes_nothing(
    console: Console, missed: Simulation, second: str
) -> None:
    """This also holds before a worker has processed the first click, and when two users choose different marks."""
    first = await mark(console, "no-show")
    again = await mark(console, second)
    await soon(missed, 3 * HOUR_MS)
    late = await mark(console, second)

    assert [one.location.partition("=")[2] for one in (first, again, late)] == ["no-show", "before", "unknown"]
    for one in (again, late):
        assert "Nothing was done" in (await console.get(one.location)).text
    assert len(await marks_in_log(console)) == 1
    assert follow_ups(missed) == ["missed"]


async def test_call_is_marked_on_the_page_of_its_person(console: Console, missed: Simulation) -> None:
    page = (await console.get(f"/people/{ADA}")).text
    answer = await mark(console, "completed", back=ADA)
    await soon(missed)
    after = (await console.get(answer.location)).text

    assert "How did it go?" in page
    assert 'action="/unmarked-calls/mark"' in page
    assert answer.location == f"/people/{ADA}?marked=completed"
    assert "Marked: the call took place." in after
    assert "How did it go?" not in after


async def test_no_follow_up_is_announced_for_a_suppressed_contact(console: Console, missed: Simulation) -> None:
    await console.post(f"/people/{ADA}/suppress")

    assert "No follow-up is sent: the address is suppressed." in (await console.get("/unmarked-calls")).text


async def test_unmarked_calls_are_shown_a_page_at_a_time_oldest_first(console: Console, simulation: Simulation) -> None:
    ledger: Ledger = simulation.ledger
    for number in range(30):
        await write_unmarked_call(ledger, f"guest{number:02}", now_ms=simulation.clock.now_ms() + number * 60_000)

    first, second = (await console.get("/unmarked-calls")).text, (await console.get("/unmarked-calls?from=25")).text

    assert "30 unmarked calls" in first
    assert [f"guest{n:02}@" in first for n in (0, 24, 25)] == [True, True, False]
    assert [f"guest{n:02}@" in second for n in (24, 25, 29)] == [False, True, True]


@pytest.mark.parametrize("fields", [{"mark": "absent", "call": CALL}, {"mark": "no-show"}, {"call": CALL}])
async def test_incomplete_mark_form_is_400(console: Console, missed: Simulation, fields: dict[str, str]) -> None:
    assert (await console.post("/unmarked-calls/mark", **fields)).status == 400
    assert await marks_in_log(console) == []


async def test_read_only_user_sees_unmarked_calls_and_no_form(
    open_console: OpenConsole, store_url: str, missed: Simulation
) -> None:
    ron, token = new_user("ron", "read")
    console = await open_console(store_url, console_users=ron.line)
    await console.log_in(token)
    page, person = (await console.get("/unmarked-calls")).text, (await console.get(f"/people/{ADA}")).text

    assert "ada@example.org" in page
    assert "/unmarked-calls/mark" not in page + person
    assert (await mark(console, "no-show")).status == 403
    assert len(await missed.ledger.unmarked_calls.read_all()) == 1
