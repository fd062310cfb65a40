"""Dead letters at the console: shown with their reason, replayed or discarded by a click, with the result shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
import redis.exceptions
from structlog.testing import CapturingLogger

from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus, delivery_of
from common.domain.ids import DeliveryId, enrollment_id, step_delivery_id
from common.errors import Permanent
from common.ledger import dead_letters as ledger_dead_letters
from common.ledger import keys
from common.ledger.action_log import ActionFilter
from common.ledger.dead_letters import DeadLetters
from common.ledger.deliveries import ClaimGranted
from common.ledger.reads import dead_letters
from common.ledger.reads.dead_letters import DeadLetterList, ListedLetter
from services.console.dead_letters import decisions as dead_letter_decisions
from services.console.pages import dead_letters as dead_letter_pages
from services.simulation.engine import Simulation
from tests.console.conftest import Answer, Console
from tests.ledger_reads import timeline_of

ADA = enrollment_id("christmas_2025", "ada@example.org")
FIRST = f"{ADA}/step-1"
FORGOTTEN_MS = 25 * 3_600_000

DeadLetterMaker = Callable[..., Awaitable[Any]]


@pytest.fixture
def make_dead_letter(simulation: Simulation, ada: Assessment, console: Console) -> DeadLetterMaker:
    """Return a function that makes Ada's first mail a dead letter, optionally one whose outcome is unknown."""

    async def make(reason: str = "validation_error", *, unknown_for_ms: int | None = None) -> Any:
        refused = [Permanent(reason, "<b>Invalid</b>", status=422)]
        simulation.mailer.failure = lambda _mail: refused.pop() if refused else None
        await simulation.sign_up(ada)
        await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
        if unknown_for_ms is not None:
            unknown: Any = {"outcome_unknown": 1, "first_attempt_ms": simulation.clock.now_ms() - unknown_for_ms}
            await simulation.ledger.client.hset(keys.delivery(FIRST), mapping=unknown)
        letter = await simulation.ledger.dead_letters.get(FIRST)  # type: ignore[arg-type]
        assert letter is not None
        return letter

    return make


async def actions_of(console: Console) -> list[tuple[str, tuple[str, ...], str]]:
    """Return the entries of the action log, newest first, as (what, on, after)."""
    return [(one.what, one.on, one.after) for one in await console.context.ledger.action_log.newest(ActionFilter())]


async def click(console: Console, what: str, letter: Any, **fields: str) -> Answer:
    named = {"delivery": letter.id, "dead_since_ms": str(letter.dead_since_ms), **fields}
    return await console.post(f"/dead-letters/{what}", **named)


async def status_of_first(simulation: Simulation) -> DeliveryStatus:
    enrollment = await simulation.ledger.enrollments.get(ADA)
    assert enrollment is not None
    return enrollment.step_status(1)[0]


async def run_two_seconds(simulation: Simulation) -> None:
    await simulation.run(until_ms=simulation.clock.now_ms() + 2_000)


async def test_a_dead_letter_is_shown_with_reason_attempts_and_contact(
    console: Console, make_dead_letter: DeadLetterMaker
) -> None:
    await make_dead_letter()

    for path in ("/", "/dead-letters"):
        page = (await console.get(path)).text
        assert "validation_error (422): &lt;b&gt;Invalid&lt;/b&gt;" in page
        assert f'<a href="/people/{ADA}">ada@example.org</a>' in page
        assert ("1 attempt" in page, "step 1" in page) == (True, True)
        assert "Resend certainly never accepted it" in page


@pytest.mark.parametrize(
    ("unknown_for_ms", "would"),
    [
        (None, "rendered again"),
        (60_000, "The same mail is sent to Resend again"),
        (FORGOTTEN_MS, "A worker checks Resend&#39;s list"),
    ],
)
async def test_the_effect_of_a_replay_is_shown_before_the_click(
    console: Console, make_dead_letter: DeadLetterMaker, unknown_for_ms: int | None, would: str
) -> None:
    await make_dead_letter(unknown_for_ms=unknown_for_ms)

    page = (await console.get("/")).text

    assert would in page
    assert ("may have been accepted</span>" in page) is (unknown_for_ms is not None)


def test_replay_of_a_text_checks_the_list_of_twilio() -> None:
    letter = ListedLetter(
        delivery=delivery_of(DeliveryId("bkg_aaaaaaaaaaaaaaaa/1764856800000/24h.sms")),
        dead_since_ms=60_000,
        reason="no answer",
        outcome_unknown=True,
        first_attempt_ms=0,
    )

    effect = dead_letter_pages.replay_effect(letter, now_ms=60_000)

    assert effect.startswith("Twilio may have accepted it, and would not recognize it. A worker checks Twilio's list")


async def test_replayed_dead_letter_is_sent_once_and_logged(
    console: Console, make_dead_letter: DeadLetterMaker, simulation: Simulation
) -> None:
    letter = await make_dead_letter()
    answer = await click(console, "replay", letter)
    again = await click(console, "replay", letter)
    await run_two_seconds(simulation)

    assert (answer.status, answer.location, again.location) == (303, "/?done=replayed", "/?done=gone")
    assert "planned again" in (await console.get(answer.location)).text
    assert len(simulation.mailer.inbox_of("ada@example.org")) == 1
    assert await status_of_first(simulation) is DeliveryStatus.ACCEPTED
    assert await actions_of(console) == [("replay", (FIRST,), "replayed")]
    assert "replayed" in [entry.what for entry in await timeline_of(simulation.ledger, ADA)]


async def test_worker_looks_up_a_replayed_mail_that_may_have_been_accepted(
    console: Console, make_dead_letter: DeadLetterMaker, simulation: Simulation
) -> None:
    letter = await make_dead_letter(unknown_for_ms=FORGOTTEN_MS)

    answer = await click(console, "replay", letter)
    waiting = (await console.get(answer.location)).text
    await run_two_seconds(simulation)

    assert answer.location == "/?done=asked"
    assert "A worker will check the provider's list for it" in waiting
    assert await status_of_first(simulation) is DeliveryStatus.ACCEPTED


async def test_a_refused_replay_shows_its_reason(
    console: Console, make_dead_letter: DeadLetterMaker, simulation: Simulation
) -> None:
    letter = await make_dead_letter(unknown_for_ms=FORGOTTEN_MS)
    simulation.mailer.list_failure = Permanent("not_found", status=404)

    await click(console, "replay", letter)
    await run_two_seconds(simulation)

    assert "Not replayed: it cannot be searched for: Resend would not list" in (await console.get("/")).text


async def test_discarded_dead_letter_is_never_sent_and_is_logged(
    console: Console, make_dead_letter: DeadLetterMaker, simulation: Simulation
) -> None:
    letter = await make_dead_letter()
    answer = await click(console, "discard", letter, back="/dead-letters")
    await run_two_seconds(simulation)

    assert answer.location == "/dead-letters?done=discarded"
    assert "<b>None.</b>" in (await console.get(answer.location)).text
    assert await status_of_first(simulation) is DeliveryStatus.DEAD
    assert simulation.mailer.inbox_of("ada@example.org") == []
    assert await actions_of(console) == [("discard", (FIRST,), "discarded")]
    assert "discarded" in [entry.what for entry in await timeline_of(simulation.ledger, ADA)]


@pytest.mark.parametrize("what", ["replay", "discard"])
async def test_dead_letter_that_changed_since_the_page_is_left_unchanged(
    console: Console, make_dead_letter: DeadLetterMaker, simulation: Simulation, what: str
) -> None:
    letter = await make_dead_letter()

    answer = await click(console, what, letter, dead_since_ms=str(letter.dead_since_ms - 1))

    assert answer.location == "/?done=gone"
    assert await simulation.ledger.dead_letters.get(FIRST) == letter  # type: ignore[arg-type]


@pytest.mark.parametrize("fields", [{"dead_since_ms": "x"}, {"dead_since_ms": ""}, {"delivery": ""}])
async def test_an_invalid_form_is_400(
    console: Console, make_dead_letter: DeadLetterMaker, fields: dict[str, str]
) -> None:
    assert (await click(console, "replay", await make_dead_letter(), **fields)).status == 400


@pytest.mark.parametrize("delivery", ["nobody", "enr_x/step-99", "bkg_x", "enr_x/step-x", "<script>", "a" * 5_000])
async def test_an_unknown_delivery_is_gone(console: Console, delivery: str) -> None:
    answer = await console.post("/dead-letters/replay", delivery=delivery, dead_since_ms="1")

    assert answer.location == "/?done=gone"


async def test_only_known_messages_are_shown_after_an_action(console: Console) -> None:
    assert "evil" not in (await console.get("/?done=<b>evil</b>")).text


async def test_many_are_shown_a_page_at_a_time(
    console: Console, make_dead_letter: DeadLetterMaker, simulation: Simulation
) -> None:
    letter = await make_dead_letter()
    for step in range(2, 8):
        await simulation.ledger.client.zadd(keys.DEAD, {f"{ADA}/step-{step}": letter.dead_since_ms + step})
    await simulation.ledger.client.zadd(
        keys.DEAD, {f"enr_nobody{n}/step-1": letter.dead_since_ms + 100 + n for n in range(50)}
    )

    first, second = await console.get("/dead-letters"), await console.get("/dead-letters?from=50")

    assert "57 dead letters" in first.text.replace("\n", " ")
    assert 'href="/dead-letters?from=50"' in first.text
    assert second.text.count('<p class="contact">') == 7
    for nonsense in ("x", "-1", "9" * 30, "²"):
        assert (await console.get(f"/dead-letters?from={nonsense}")).status == 200


async def make_dead_letters(console: Console, simulation: Simulation, reasons: dict[str, str]) -> None:
    """Make the second mail of each person a dead letter. `reasons`: the reason, by address."""
    ledger = console.context.ledger
    for address, reason in reasons.items():
        await simulation.sign_up(Assessment(email=address, first_name="P", assessment_score=1))
        await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
        step = step_delivery_id(enrollment_id("christmas_2025", address), 2)
        later_ms = simulation.clock.now_ms() + 86_400_000
        claim = await ledger.deliveries.claim(step, worker="w", now_ms=later_ms)
        assert isinstance(claim, ClaimGranted)
        await ledger.deliveries.settle(claim, "dead", reason, now_ms=simulation.clock.now_ms())


PEOPLE = {"a@example.org": "422 no such domain", "b@example.org": "422 no such domain", "c@example.org": "500 broken"}


async def test_dead_letters_are_grouped_by_reason_with_what_a_replay_would_do(
    console: Console, simulation: Simulation
) -> None:
    await make_dead_letters(console, simulation, PEOPLE)

    page = (await console.get("/dead-letters")).text
    [_, link] = re.findall(r'href="(/dead-letters\?group=[0-9a-f]{12})"', page)
    one_reason = (await console.get(link)).text

    assert page.index("422 no such domain") < page.index("500 broken")
    assert "2 rendered again and sent at once" in page
    assert "c@example.org" in one_reason
    assert "a@example.org" not in one_reason


async def test_no_url_of_the_dead_letters_page_contains_a_reason(
    console: Console, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letter_pages, "PAGE_SIZE", 1)
    await make_dead_letters(console, simulation, dict.fromkeys(PEOPLE, "422 a@example.org is no address"))

    page = (await console.get("/dead-letters")).text
    [link] = re.findall(r'href="(/dead-letters\?group=[^"]+)"', page)
    of_reason = (await console.get(link)).text

    assert "422 a@example.org is no address</h2>" in of_reason
    links = re.findall(r'(?:href|action)="([^"]+)"', page + of_reason)
    assert f"{link}&amp;from=1" in links
    assert [one for one in links if "422" in one or "%40" in one or "@" in one] == []
    assert "None of these is a dead letter any more" in (await console.get("/dead-letters?group=000000000000")).text


@pytest.mark.parametrize(
    ("verb", "fields", "left"),
    [
        ("replay", {"reason": "422 no such domain"}, 1),
        ("discard", {"reason": "500 broken"}, 2),
        ("replay", {"all": "yes"}, 0),
        ("replay", {}, 3),
        ("discard", {"reason": "another"}, 3),
    ],
)
async def test_group_of_dead_letters_is_decided_by_one_click_and_once(
    console: Console, simulation: Simulation, verb: str, fields: dict[str, str], left: int
) -> None:
    await make_dead_letters(console, simulation, PEOPLE)

    first = await console.post(f"/dead-letters/{verb}-many", **fields)
    second = await console.post(f"/dead-letters/{verb}-many", **fields)

    ledger = console.context.ledger
    assert (first.status, second.status) == (303, 303)
    assert await ledger.client.zcard(keys.DEAD) == left
    actions = await ledger.action_log.newest(ActionFilter())
    assert [len(action.on) for action in actions] == ([3 - left] if left < 3 else [])


@pytest.mark.parametrize("fields", [{"reason": "422 no such domain"}, {"all": "yes"}])
async def test_second_click_says_that_no_dead_letter_of_the_choice_is_left(
    console: Console, simulation: Simulation, fields: dict[str, str]
) -> None:
    await make_dead_letters(console, simulation, PEOPLE)

    await console.post("/dead-letters/replay-many", **fields)
    second = await console.post("/dead-letters/replay-many", **fields)

    said = '<p class="notice" role="status">Nothing was done: none of these is still a dead letter.</p>'
    assert said in (await console.get(second.location)).text


async def test_a_click_with_nothing_ticked_says_what_to_do(console: Console, simulation: Simulation) -> None:
    await make_dead_letters(console, simulation, PEOPLE)

    answer = await console.post("/dead-letters/discard-many")

    said = '<p class="notice" role="status">Nothing was done: tick some dead letters first.</p>'
    assert said in (await console.get(answer.location)).text


async def test_ticked_dead_letters_are_discarded_only_after_a_second_click(
    console: Console, simulation: Simulation
) -> None:
    await make_dead_letters(console, simulation, PEOPLE)

    text = (await console.get("/dead-letters")).text

    asked = re.findall(r'<details name="ticked">.*?</details>', text, re.DOTALL)
    assert ["No further attempt is made to send these" in each and "Discard them" in each for each in asked] == [True]
    assert text.count('formaction="/dead-letters/discard-many"') == 1
    assert "What to do about a reason" in text


async def ticks_of(console: Console) -> dict[str, str]:
    """Return the value that each dead letter's checkbox sends, by the id of the delivery."""
    values = re.findall(r'name="chosen" value="([^"]+)"', (await console.get("/dead-letters")).text)
    return {value.partition(" ")[2]: value for value in values}


def second_mail_of(address: str) -> DeliveryId:
    return step_delivery_id(enrollment_id("christmas_2025", address), 2)


@pytest.mark.parametrize("address", PEOPLE)
async def test_ticked_dead_letter_is_discarded_however_many_newer_ones_exist(
    console: Console, simulation: Simulation, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    await make_dead_letters(console, simulation, PEOPLE)
    chosen = second_mail_of(address)
    tick = (await ticks_of(console))[chosen]
    monkeypatch.setattr(dead_letters, "READ_MAX", 1)

    first = await console.post("/dead-letters/discard-many", chosen=tick)
    second = await console.post("/dead-letters/discard-many", chosen=tick)

    assert (first.location, second.location) == (
        "/dead-letters?discarded=1&number=1",
        "/dead-letters?gone=1&number=1",
    )
    assert await actions_of(console) == [("discard", (chosen,), "1 discarded")]


@pytest.mark.parametrize("verb", ["replay", "discard"])
async def test_ticked_delivery_that_died_again_since_is_left_unchanged(
    console: Console, simulation: Simulation, verb: str
) -> None:
    await make_dead_letters(console, simulation, {"a@example.org": "422 no such domain"})
    chosen = second_mail_of("a@example.org")
    tick = (await ticks_of(console))[chosen]
    await simulation.ledger.client.zincrby(keys.DEAD, 1, chosen)

    answer = await console.post(f"/dead-letters/{verb}-many", chosen=tick)

    assert answer.location == "/dead-letters?gone=1&number=1"
    assert await simulation.ledger.client.zcard(keys.DEAD) == 1


@pytest.mark.parametrize("verb", ["replay", "discard"])
@pytest.mark.parametrize("is_ticked", [True, False])
async def test_dead_letter_that_dies_again_during_a_decision_is_left_unchanged(
    console: Console, simulation: Simulation, monkeypatch: pytest.MonkeyPatch, verb: str, is_ticked: bool
) -> None:
    await make_dead_letters(console, simulation, {"a@example.org": "422 no such domain"})
    chosen = second_mail_of("a@example.org")
    tick = (await ticks_of(console))[chosen]
    reads = "of" if is_ticked else "get"
    read = getattr(DeadLetters, reads)

    async def read_before_it_dies_again(self: DeadLetters, ids: Any) -> Any:
        found = await read(self, ids)
        await simulation.ledger.client.zincrby(keys.DEAD, 1, chosen)
        return found

    monkeypatch.setattr(DeadLetters, reads, read_before_it_dies_again)
    if is_ticked:
        answer = await console.post(f"/dead-letters/{verb}-many", chosen=tick)
    else:
        answer = await console.post(f"/dead-letters/{verb}", delivery=chosen, dead_since_ms=tick.partition(" ")[0])

    assert answer.location == ("/dead-letters?gone=1&number=1" if is_ticked else "/?done=gone")
    assert await simulation.ledger.client.zcard(keys.DEAD) == 1
    assert await actions_of(console) == []


@pytest.mark.parametrize("tick", ["enr_x/step-1", "x enr_x/step-1", "1 ", "1", "9" * 40 + " enr_x/step-1", "² x"])
async def test_malformed_tick_of_a_dead_letter_is_400(console: Console, tick: str) -> None:
    assert (await console.post("/dead-letters/discard-many", chosen=tick)).status == 400


async def test_the_action_log_names_every_reason_of_what_was_decided(console: Console, simulation: Simulation) -> None:
    await make_dead_letters(console, simulation, PEOPLE)

    await console.post("/dead-letters/discard-many", all="yes")

    (action,) = await console.context.ledger.action_log.newest(ActionFilter())
    assert action.before == "dead letter: 500 broken; 422 no such domain"


async def test_decisions_made_before_the_store_went_away_are_logged(
    console: Console, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_dead_letters(console, simulation, PEOPLE)
    discard, tried = DeadLetters.discard, []

    async def fail_second(self: DeadLetters, delivery_id: Any, **given: Any) -> bool:
        tried.append(delivery_id)
        if len(tried) == 2:
            raise redis.exceptions.ConnectionError("away")
        return await discard(self, delivery_id, **given)

    monkeypatch.setattr(DeadLetters, "discard", fail_second)
    answer = await console.post("/dead-letters/discard-many", all="yes")

    assert (answer.status, len(tried)) == (503, 2)
    assert await actions_of(console) == [("discard", (second_mail_of("c@example.org"),), "1 discarded")]


async def test_long_group_decision_continues_in_the_background_and_shows_its_progress(
    console: Console, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_dead_letters(console, simulation, PEOPLE)
    discard, may_go_on = DeadLetters.discard, asyncio.Event()

    async def wait_before_second(self: DeadLetters, delivery_id: Any, **given: Any) -> bool:
        if delivery_id == second_mail_of("b@example.org"):
            await may_go_on.wait()
        return await discard(self, delivery_id, **given)

    monkeypatch.setattr(DeadLetters, "discard", wait_before_second)
    monkeypatch.setattr(dead_letter_decisions, "WAIT_S", 0.05)

    answer = await console.post("/dead-letters/discard-many", all="yes")
    meanwhile = (await console.get(answer.location)).text
    another = await console.post("/dead-letters/replay-many", all="yes")
    may_go_on.set()
    while (await console.get("/dead-letters")).text.count("<progress"):
        await asyncio.sleep(0)
    afterwards = (await console.get("/dead-letters")).text

    assert answer.location == "/dead-letters"
    assert "asked to discard 3 dead letters: 1 so far" in meanwhile
    assert '<progress aria-label="Dead letters decided" max="3" value="1">' in meanwhile
    assert '<meta http-equiv="refresh"' in meanwhile
    assert another.status == 409
    assert "Done with 3 dead letters" in afterwards
    assert await simulation.ledger.client.zcard(keys.DEAD) == 0
    assert [(what, len(on)) for what, on, _ in await actions_of(console)] == [("discard", 3)]


async def test_dead_letter_list_follows_decisions_of_others_and_new_dead_letters(
    console: Console, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "ASKED", 1)
    await make_dead_letters(console, simulation, PEOPLE)
    shown = [len(await console.context.dead_letters.refresh())]
    await make_dead_letters(console, simulation, {"d@example.org": "500 broken"})
    shown.append(len(await console.context.dead_letters.refresh()))
    await make_dead_letters(console, simulation, {"e@example.org": "500 broken", "f@example.org": "500 broken"})
    shown.append(len(await console.context.dead_letters.refresh()))
    await discard_one(console, "a@example.org")

    left = await console.context.dead_letters.refresh()

    assert shown == [3, 4, 6]
    assert [one.id for one in left] == [second_mail_of(f"{name}@example.org") for name in "fedcb"]


async def discard_one(console: Console, email: str) -> None:
    letters, id = console.context.ledger.dead_letters, second_mail_of(email)
    died_ms = (await letters.since())[id]
    assert await letters.discard(id, dead_since_ms=died_ms, now_ms=console.clock.now_ms())


async def list_of_three(console: Console, simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> DeadLetterList:
    """Return a list that has read three dead letters and, on a refresh, requests only the newest one."""
    monkeypatch.setattr(dead_letters, "ASKED", 1)
    await make_dead_letters(console, simulation, PEOPLE)
    letters = DeadLetterList(console.context.ledger)
    await letters.refresh()
    return letters


async def die_at(console: Console, died_ms: dict[str, int]) -> None:
    """Record that the second mails of these people became dead letters at these times, perhaps again."""
    await console.context.ledger.client.zadd(
        keys.DEAD, {second_mail_of(f"{name}@example.org"): at_ms for name, at_ms in died_ms.items()}
    )


def died_of(letters: Sequence[ListedLetter]) -> dict[DeliveryId, int]:
    return {one.id: one.dead_since_ms for one in letters}


async def test_list_reads_all_dead_letters_that_died_again_even_beyond_its_request(
    console: Console, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters, again_ms = await list_of_three(console, simulation, monkeypatch), console.clock.now_ms() + 60_000
    await die_at(console, {"a": again_ms, "b": again_ms + 1})

    found = died_of(await letters.refresh())

    assert found == await console.context.ledger.dead_letters.since()
    assert found[second_mail_of("a@example.org")] == again_ms


async def test_list_is_right_when_as_many_dead_letters_are_discarded_as_missed(
    console: Console, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = await list_of_three(console, simulation, monkeypatch)
    await make_dead_letters(console, simulation, {"d@example.org": "500 broken", "e@example.org": "500 broken"})
    await discard_one(console, "a@example.org")

    found = [one.id for one in await letters.refresh()]

    assert found == [second_mail_of(f"{name}@example.org") for name in "edcb"]


async def test_decision_about_all_also_reads_a_dead_letter_dated_by_a_slow_clock(
    console: Console, simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = await list_of_three(console, simulation, monkeypatch)
    again_ms = (await console.context.ledger.dead_letters.since())[second_mail_of("c@example.org")] - 1
    await die_at(console, {"a": again_ms})

    found = died_of(await letters.refresh(is_whole=True))

    assert found[second_mail_of("a@example.org")] == again_ms


@pytest.mark.parametrize("letter", [second_mail_of("a@example.org"), "neither-a-step-nor-a-reminder"])
async def test_unreadable_dead_letter_hides_no_other(
    console: Console, simulation: Simulation, monkeypatch: pytest.MonkeyPatch, letter: str
) -> None:
    log, client = CapturingLogger(), console.context.ledger.client
    monkeypatch.setattr(ledger_dead_letters, "log", log)
    await make_dead_letters(console, simulation, PEOPLE)
    owner = letter.partition("/")[0]
    await client.zadd(keys.DEAD, {letter: console.clock.now_ms()})
    await client.hset(keys.owner(owner), mapping={"email": "a@example.org", "anchor_ms": "soon"})

    found = await DeadLetterList(console.context.ledger).refresh()
    pages = [await console.get(path) for path in ("/", "/dead-letters", "/api/dead-letters")]

    assert {one.id for one in found} == {second_mail_of(address) for address in PEOPLE} - {letter}
    assert [page.status for page in pages] == [200] * 3
    assert all(second_mail_of("c@example.org") in page.text for page in pages)
    assert {(line.args, line.kwargs["delivery_id"]) for line in log.calls} == {(("dead_letter_unreadable",), letter)}
