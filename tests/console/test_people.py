"""The list of people: search, filters, sort orders, and the download as CSV."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from typing import Any

import pytest
import redis

from common.clock import utc_datetime
from common.domain.contact import Assessment
from common.domain.enrollment import ExitReason
from common.domain.ids import DeliveryId, enrollment_id
from common.ledger import keys
from common.ledger.action_log import ActionFilter
from common.ledger.pauses import Pause
from common.ledger.reads.dead_letters import DeadLetterList
from common.ledger.reads.people import PeopleList
from services.console import app
from services.console.pages.people_csv import inert
from services.simulation.engine import Simulation
from tests.console.conftest import Console, OpenConsole

DAY_MS = 86_400_000
PEOPLE = {
    "eloise@fleurs.example": ("Éloïse", "Fleurs d'Été"),
    "bjorn@nordic.example": ("Bjørn", "Nordic Tools"),
    "ada@example.org": ("Ada", "Analytical Engines"),
}


def id_of(address: str) -> str:
    return enrollment_id("christmas_2025", address)


@pytest.fixture
async def known(console: Console, simulation: Simulation) -> Simulation:
    """Three people who signed up half a day apart, in the order of PEOPLE."""
    for address, (name, business) in PEOPLE.items():
        person = Assessment(email=address, first_name=name, business_name=business, assessment_score=38, red_systems=2)
        await simulation.sign_up(person)
        await simulation.run(until_ms=simulation.clock.now_ms() + DAY_MS // 2)
    await console.context.people.refresh()
    return simulation


async def shown(console: Console, query: str) -> list[str]:
    """Return the first names that the page shows, in its order."""
    page = (await console.get(f"/people{query}")).text
    names = [name for name, _ in PEOPLE.values() if f">{name}</a>" in page]
    return sorted(names, key=lambda name: page.index(f">{name}</a>"))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("elo", ["Éloïse"]),
        ("ÉLOÏSE", ["Éloïse"]),
        ("ete", ["Éloïse"]),
        ("bjorn", ["Bjørn"]),
        ("nordic to", ["Bjørn"]),
        ("engines ada", ["Ada"]),
        ("ordic", []),
        ("ada@ex", ["Ada"]),
        ("example.org", ["Ada"]),
        (id_of("ada@example.org"), ["Ada"]),
        ("zzz", []),
    ],
)
async def test_person_is_found_by_the_beginning_of_a_word(
    console: Console, known: Simulation, words: str, found: list[str]
) -> None:
    assert await shown(console, f"?q={words}") == found


async def test_search_from_any_page_redirects_to_a_list_with_its_own_url(console: Console, known: Simulation) -> None:
    answer = await console.post("/people", who=" nordic ")

    assert (answer.status, answer.location) == (303, "/people?q=nordic")


async def test_search_for_part_of_an_address_finds_a_person_without_a_redirect(
    console: Console, known: Simulation
) -> None:
    answer = await console.post("/people", who="ada@exam")

    assert answer.status == 200
    assert ">Ada</a>" in answer.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Ada", "Bjørn", "Éloïse"]),
        ("?sort=oldest", ["Éloïse", "Bjørn", "Ada"]),
        ("?sort=name", ["Ada", "Bjørn", "Éloïse"]),
        ("?sort=address", ["Ada", "Bjørn", "Éloïse"]),
        ("?sort=next", ["Ada", "Éloïse", "Bjørn"]),
        ("?status=active", ["Ada", "Bjørn", "Éloïse"]),
        ("?status=completed", []),
        ("?step=3", ["Bjørn", "Éloïse"]),
        ("?step=2", ["Ada"]),
        ("?segment=URGENT", []),
        ("?booked=yes", []),
        ("?campaign=christmas_2025", ["Ada", "Bjørn", "Éloïse"]),
        ("?campaign=another", []),
        ("?paused=yes", []),
        ("?dead=yes", []),
        ("?suppressed=yes", []),
        ("?since=what&step=Two!&sort=up", ["Ada", "Bjørn", "Éloïse"]),
    ],
)
async def test_people_are_filtered_and_sorted(
    console: Console, known: Simulation, query: str, found: list[str]
) -> None:
    assert await shown(console, query) == found


async def test_people_are_found_by_the_day_of_their_signup(console: Console, known: Simulation) -> None:
    enrollment = await console.context.ledger.enrollments.get(id_of("eloise@fleurs.example"))
    assert enrollment is not None
    day = utc_datetime(enrollment.anchor_ms).date().isoformat()

    assert await shown(console, f"?since={day}&until={day}") == ["Éloïse"]


async def test_people_are_filtered_by_pause_suppression_and_dead_letter(console: Console, known: Simulation) -> None:
    ledger, now_ms = console.context.ledger, console.clock.now_ms()
    await ledger.pauses.start(id_of("ada@example.org"), Pause(since_ms=now_ms, by="mia", reason=""))
    await ledger.suppressions.suppress("bjorn@nordic.example", ExitReason.SUPPRESSED, detail="", now_ms=now_ms)
    step = DeliveryId(f"{id_of('eloise@fleurs.example')}/step-3")
    claim: Any = await ledger.deliveries.claim(step, worker="w", now_ms=now_ms + 2 * DAY_MS)
    await ledger.deliveries.settle(claim, "dead", "422", now_ms=now_ms)

    assert await shown(console, "?paused=yes") == ["Ada"]
    assert await shown(console, "?suppressed=yes") == ["Bjørn"]
    assert await shown(console, "?status=exited") == ["Bjørn"]
    assert await shown(console, "?dead=yes") == ["Éloïse"]


async def test_new_person_is_listed_at_once_and_a_forgotten_person_is_not(console: Console, known: Simulation) -> None:
    await known.sign_up(Assessment(email="new@example.org", first_name="Ada", assessment_score=1))
    both = (await console.get("/people?q=ada")).text
    ledger = console.context.ledger
    await ledger.contacts.forget(await ledger.contacts.find_traces("ada@example.org"), now_ms=console.clock.now_ms())
    one = (await console.get("/people?q=ada")).text

    assert "2 people" in both
    assert "1 person" in one
    assert "ada@example.org" not in one


async def test_many_are_shown_a_page_at_a_time_and_the_filter_stays(console: Console, simulation: Simulation) -> None:
    for number in range(60):
        await simulation.sign_up(Assessment(email=f"p{number:02}@example.org", first_name="P", assessment_score=1))
    await console.context.people.refresh()

    first = (await console.get("/people?q=p&sort=address")).text
    second = (await console.get("/people?q=p&sort=address&from=50")).text

    assert "60 people" in first
    assert "p49@example.org" in first
    assert "p50@example.org" not in first
    assert "/people?q=p&amp;sort=address&amp;from=50" in first
    assert "p59@example.org" in second


async def test_filters_redirect_to_a_list_with_its_own_url(console: Console, known: Simulation) -> None:
    answer = await console.post("/people", q="nordic", status="active", step="")

    assert (answer.status, answer.location) == (303, "/people?q=nordic&status=active")


URLS = re.compile(r'(?:href|action|formaction)="([^"]*)"')
SAME = re.compile(r'<form id="same".*?</form>', re.DOTALL)


async def test_address_search_is_paged_and_downloaded_without_the_address_in_a_url(
    console: Console, simulation: Simulation
) -> None:
    for number in range(60):
        await simulation.sign_up(Assessment(email=f"p@{number:02}.example", first_name="P", assessment_score=1))
    await simulation.sign_up(Assessment(email="q@example.org", first_name="Q", assessment_score=1))
    await console.context.people.refresh()
    wanted = {"q": "p@", "sort": "address"}

    pages = [
        await console.post("/people", **wanted),
        await console.post("/people", **wanted, **{"from": "50"}),
        await console.post("/people", who="p@"),
        await console.get("/people?q=p@&sort=address"),
    ]
    table = await console.post("/people.csv", **wanted)

    assert [re.findall(r"<h1>(.*)</h1>", page.text)[0] for page in pages] == ["60 people"] * 4
    assert [url for page in pages for url in URLS.findall(page.text) if "p@" in url or "p%40" in url] == []
    assert [re.findall(r'name="from" value="(\d+)"', page.text) for page in pages] == [["50"], ["0"], ["50"], ["50"]]
    assert "p@59.example" in pages[1].text
    assert len(list(csv.DictReader(io.StringIO(table.text)))) == 60
    (form,) = SAME.findall(pages[0].text)
    assert dict(re.findall(r'name="(q|sort)" value="([^"]*)"', form)) == wanted


async def test_people_download_contains_the_same_people_and_no_formula(console: Console, known: Simulation) -> None:
    await known.sign_up(Assessment(email="x@example.org", first_name="=cmd|' /C calc'!A0", assessment_score=1))

    answer = await console.get("/people.csv?sort=address")

    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert [row["email"] for row in rows] == [*sorted(PEOPLE), "x@example.org"]
    assert rows[-1]["first_name"] == "'=cmd|' /C calc'!A0"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_people_download_is_logged_with_its_user_and_the_number_of_people(
    console: Console, known: Simulation, method: str
) -> None:
    if method == "GET":
        await console.get("/people.csv")
    else:
        await console.post("/people.csv", q="")

    [action] = await console.context.ledger.action_log.newest(ActionFilter())
    assert (action.by, action.what, action.on) == ("local", "people download", ())
    assert action.after == f"{len(PEOPLE)} people"


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_cell_that_begins_like_a_formula_is_made_inert(text: str) -> None:
    assert inert(text) == f"'{text}"


async def test_people_list_is_read_again_when_the_store_lost_its_changes(console: Console, known: Simulation) -> None:
    people = console.context.people
    await console.context.ledger.client.delete(keys.PEOPLE_CHANGES, keys.PEOPLE_CHANGES_LAST)
    await known.sign_up(Assessment(email="new@example.org", first_name="Nina", assessment_score=1))
    await people.refresh()

    assert ">Nina</a>" in (await console.get("/people?q=nina")).text


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console has not read its list of people yet."""

    async def refresh(_people: PeopleList) -> None:
        return

    monkeypatch.setattr(PeopleList, "refresh", refresh)


@pytest.mark.usefixtures("unread")
async def test_search_for_an_id_or_a_complete_address_works_before_the_list_is_read(
    console: Console, simulation: Simulation
) -> None:
    for address in PEOPLE:
        await simulation.sign_up(Assessment(email=address, first_name="P", assessment_score=1))
    id = id_of("bjorn@nordic.example")

    by_word = (await console.get("/people?q=p")).text
    by_address = (await console.post("/people", q=" Ada@example.org ")).text
    by_id = (await console.get(f"/people?q={id}")).text
    of_program = json.loads((await console.get("/api/people?q=eloise@fleurs.example")).text)

    assert "0 people" in by_word
    assert "1 person" in by_address
    assert "ada@example.org" in by_address
    assert f'href="/people/{id}"' in by_id
    assert ([one["email"] for one in of_program["people"]], of_program["is_complete"]) == (
        ["eloise@fleurs.example"],
        False,
    )


@pytest.mark.parametrize(("forgotten", "why"), [(True, "forgotten, and nothing else is stored"), (False, "bounced")])
async def test_suppressed_or_forgotten_address_is_recognized_by_its_hash(
    console: Console, simulation: Simulation, forgotten: bool, why: str
) -> None:
    ledger, now_ms = console.context.ledger, console.clock.now_ms()
    if forgotten:
        await simulation.sign_up(Assessment(email="gone@example.org", first_name="Gone", assessment_score=1))
        await ledger.contacts.forget_address("gone@example.org", now_ms=now_ms)
    else:
        await ledger.suppressions.suppress("gone@example.org", ExitReason.BOUNCED, detail="", now_ms=now_ms)

    page = (await console.post("/people", who=" Gone@example.org")).text

    assert "gets no mail: suppressed since" in page
    assert why in page


@pytest.mark.parametrize("followed", [PeopleList, DeadLetterList])
async def test_bug_in_a_refresh_does_not_stop_the_list_from_being_followed(
    open_console: OpenConsole, store_url: str, monkeypatch: pytest.MonkeyPatch, followed: type
) -> None:
    outcomes: list[Exception] = [ValueError("a bug"), KeyError("another"), redis.ConnectionError("away")]
    is_read = asyncio.Event()

    async def refresh(_list: object) -> None:
        if outcomes:
            raise outcomes.pop()
        is_read.set()

    monkeypatch.setattr(followed, "refresh", refresh)
    monkeypatch.setattr(app, "FOLLOWED_EVERY_S", 0)
    await open_console(store_url)

    await asyncio.wait_for(is_read.wait(), 10)
    assert outcomes == []
