"""Dead letters: seen with their reason, replayed or discarded by a click, and the click is told of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import Mock

import pytest

from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus
from common.domain.ids import enrollment_id
from common.errors import Permanent
from common.ledger import keys
from services.console import actions
from services.sandbox.simulation import Simulation
from tests.console.conftest import Answer, Console
from tests.ledger_reads import timeline_of

ADA = enrollment_id("christmas_2025", "ada@example.org")
FIRST = f"{ADA}/step-1"
FORGOTTEN_MS = 25 * 3_600_000

Buried = Callable[..., Awaitable[Any]]


@pytest.fixture
def buried(story: Simulation, ada: Assessment, console: Console) -> Buried:
    """Ada's first mail is a dead letter, perhaps one of unknown outcome."""

    async def buried(reason: str = "validation_error", *, doubt_of_ms: int | None = None) -> Any:
        refused = [Permanent(reason, "<b>Invalid</b>", status=422)]
        story.post_office.trouble = lambda _mail: refused.pop() if refused else None
        await story.signs_up(ada)
        await story.run(until_ms=story.clock.now_ms() + 1_000)
        if doubt_of_ms is not None:
            doubt = {"outcome_unknown": 1, "first_attempt_ms": story.clock.now_ms() - doubt_of_ms}
            await story.ledger.client.hset(keys.delivery(FIRST), mapping=doubt)
        letter = await story.ledger.dead_letters.get(FIRST)  # type: ignore[arg-type]
        assert letter is not None
        return letter

    return buried


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the actions say in the log: (event, names)."""
    lines: list[Any] = []
    log = Mock(info=lambda event, **names: lines.append((event, names)))
    monkeypatch.setattr(actions, "log", log)
    return lines


async def click(console: Console, what: str, letter: Any, **fields: str) -> Answer:
    named = {"delivery": letter.id, "dead_since_ms": str(letter.dead_since_ms), **fields}
    return await console.sends(f"/dead-letters/{what}", **named)


async def fate(story: Simulation) -> DeliveryStatus:
    enrollment = await story.ledger.enrollments.get(ADA)
    assert enrollment is not None
    return enrollment.fate_of(1)[0]


async def soon(story: Simulation) -> None:
    await story.run(until_ms=story.clock.now_ms() + 2_000)


async def test_a_dead_letter_is_shown_with_reason_attempts_and_whose_it_is(console: Console, buried: Buried) -> None:
    await buried()

    for path in ("/", "/dead-letters"):
        page = (await console.sees(path)).text
        assert "validation_error (422): &lt;b&gt;Invalid&lt;/b&gt;" in page
        assert f'<a href="/people/{ADA}">ada@example.org</a>' in page
        assert ("1 attempt" in page, "step 1" in page) == (True, True)
        assert "Resend certainly never had it" in page


@pytest.mark.parametrize(
    ("doubt_of_ms", "would"), [(None, "rendered anew"), (60_000, "same key"), (FORGOTTEN_MS, "A worker looks for it")]
)
async def test_what_a_replay_would_do_is_said_before_the_click(
    console: Console, buried: Buried, doubt_of_ms: int | None, would: str
) -> None:
    await buried(doubt_of_ms=doubt_of_ms)

    page = (await console.sees("/")).text

    assert would in page
    assert ("may have been accepted</span>" in page) is (doubt_of_ms is not None)


async def test_a_replayed_letter_goes_out_once_and_the_log_says_so(
    console: Console, buried: Buried, story: Simulation, logged: list[Any]
) -> None:
    letter = await buried()
    answer = await click(console, "replay", letter)
    again = await click(console, "replay", letter)
    await soon(story)

    assert (answer.status, answer.goes_to, again.goes_to) == (303, "/?done=replayed", "/?done=gone")
    assert "planned again" in (await console.sees(answer.goes_to)).text
    assert len(story.post_office.inbox_of("ada@example.org")) == 1
    assert await fate(story) is DeliveryStatus.ACCEPTED
    assert logged == [("dead_letter_replayed", {"delivery_id": FIRST, "way": "rendered"})]
    assert "replayed" in [entry.what for entry in await timeline_of(story.ledger, ADA)]


async def test_one_that_must_be_looked_for_is_given_to_a_worker(
    console: Console, buried: Buried, story: Simulation
) -> None:
    letter = await buried(doubt_of_ms=FORGOTTEN_MS)

    answer = await click(console, "replay", letter)
    waiting = (await console.sees(answer.goes_to)).text
    await soon(story)

    assert answer.goes_to == "/?done=asked"
    assert "A worker is to look for it" in waiting
    assert await fate(story) is DeliveryStatus.ACCEPTED


async def test_why_a_worker_left_it_is_shown(console: Console, buried: Buried, story: Simulation) -> None:
    letter = await buried(doubt_of_ms=FORGOTTEN_MS)
    story.post_office.list_trouble = Permanent("not_found", status=404)

    await click(console, "replay", letter)
    await soon(story)

    assert "Not replayed: it cannot be looked for: Resend would not list" in (await console.sees("/")).text


async def test_a_discarded_letter_is_gone_for_good_and_its_reason_stays(
    console: Console, buried: Buried, story: Simulation, logged: list[Any]
) -> None:
    letter = await buried()
    answer = await click(console, "discard", letter, back="/dead-letters")
    await soon(story)

    assert answer.goes_to == "/dead-letters?done=discarded"
    assert "Nothing here." in (await console.sees(answer.goes_to)).text
    assert await fate(story) is DeliveryStatus.DEAD
    assert story.post_office.inbox_of("ada@example.org") == []
    assert logged == [("dead_letter_discarded", {"delivery_id": FIRST})]
    assert "discarded" in [entry.what for entry in await timeline_of(story.ledger, ADA)]


@pytest.mark.parametrize("what", ["replay", "discard"])
async def test_a_letter_that_is_another_one_by_now_is_left_alone(
    console: Console, buried: Buried, story: Simulation, what: str
) -> None:
    letter = await buried()

    answer = await click(console, what, letter, dead_since_ms=str(letter.dead_since_ms - 1))

    assert answer.goes_to == "/?done=gone"
    assert await story.ledger.dead_letters.get(FIRST) == letter  # type: ignore[arg-type]


@pytest.mark.parametrize("fields", [{"dead_since_ms": "x"}, {"dead_since_ms": ""}, {"delivery": ""}])
async def test_nonsense_is_400(console: Console, buried: Buried, fields: dict[str, str]) -> None:
    assert (await click(console, "replay", await buried(), **fields)).status == 400


@pytest.mark.parametrize("delivery", ["nobody", "enr_x/step-99", "bkg_x", "enr_x/step-x", "<script>", "a" * 5_000])
async def test_a_delivery_that_nobody_knows_is_gone(console: Console, delivery: str) -> None:
    answer = await console.sends("/dead-letters/replay", delivery=delivery, dead_since_ms="1")

    assert answer.goes_to == "/?done=gone"


async def test_only_our_own_words_are_shown_after_a_click(console: Console) -> None:
    assert "evil" not in (await console.sees("/?done=<b>evil</b>")).text


async def test_many_are_shown_a_page_at_a_time(console: Console, buried: Buried, story: Simulation) -> None:
    letter = await buried()
    for step in range(2, 8):
        await story.ledger.client.zadd(keys.DEAD, {f"{ADA}/step-{step}": letter.dead_since_ms + step})
    await story.ledger.client.zadd(
        keys.DEAD, {f"enr_nobody{n}/step-1": letter.dead_since_ms + 100 + n for n in range(50)}
    )

    first, second = await console.sees("/dead-letters"), await console.sees("/dead-letters?from=50")

    assert "57 dead letters" in first.text.replace("\n", " ")
    assert 'href="/dead-letters?from=50"' in first.text
    assert second.text.count('<p class="whose">') == 7
    for nonsense in ("x", "-1", "9" * 30, "²"):
        assert (await console.sees(f"/dead-letters?from={nonsense}")).status == 200
