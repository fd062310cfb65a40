"""Is all well? What the overview says of real people, and how it says that it does not know."""

from __future__ import annotations

import json
from typing import Any

import pytest

from common.domain.contact import Assessment
from common.ledger import keys
from common.ledger.pauses import Pause
from common.queue.job import Job
from common.store.clients import connect
from common.store.embedded import EmbeddedStore
from services.console import spool
from services.console.verdict import LATE_MS
from services.console.words import marked
from services.sandbox.simulation import Simulation
from services.web import probes
from tests.console.conftest import Console, Opener


async def told(console: Console) -> Any:
    return json.loads((await console.sees("/api/overview")).text)


async def worker_lives(console: Console, *, silent_ms: int = 0) -> None:
    seconds, micros = await console.desk.ledger.client.time()
    await console.desk.ledger.client.zadd(keys.HEARTBEATS, {"w1": seconds * 1000 + micros // 1000 - silent_ms})


async def test_all_is_well_in_one_sentence_with_the_age_of_its_evidence(
    console: Console, story: Simulation, ada: Assessment
) -> None:
    await worker_lives(console)  # Beside the one that plays the story.
    await story.signs_up(ada)
    await story.run(until_ms=story.clock.now_ms() + 1_000)

    console.desk.evidence.outdated()
    first = await console.asks("GET", "/")
    console.clock.advance(900)
    later = await console.asks("GET", "/")

    assert "<title>All is well · Advent console</title>" in first.text
    assert "All is well: 2 workers at work, nothing late, no dead letters, " in first.text
    assert ('data-age-ms="0"' in first.text, 'data-age-ms="900"' in later.text) == (True, True)


async def test_people_and_deliveries_are_counted(console: Console, story: Simulation, ada: Assessment) -> None:
    await worker_lives(console)
    await story.signs_up(ada)
    await story.run(until_ms=story.clock.now_ms() + 1_000)

    found = await told(console)

    assert found["people"] == {"enrolled": 1, "accepted": 0, "active": 1, "completed": 0, "exited": 0}
    assert (found["deliveries"]["sent"], found["due_next_hour"], found["due_next_day"]) == (1, 0, 1)
    assert found["queues"]["send"] == {"delayed": 1, "ready": 0, "in_hand": 0, "failed": 0, "late_ms": 0}
    assert [(worker["id"], worker["in_hand"]) for worker in found["workers"]] == [("w1", 0), ("simulated", 0)]


async def test_programs_are_told_of_no_persons_address(console: Console, story: Simulation, ada: Assessment) -> None:
    await story.signs_up(ada)
    await story.run()

    assert "@" not in (await console.sees("/api/overview")).text


@pytest.mark.parametrize("silent_ms", [None, 10_000])
async def test_no_worker_or_a_silent_one_is_said_first(console: Console, silent_ms: int | None) -> None:
    if silent_ms is not None:
        await worker_lives(console, silent_ms=silent_ms)

    found = await told(console)

    assert (found["status"], found["sentence"]) == ("trouble", "Not all is well: no worker is alive")
    assert "advent worker" in found["findings"][0]["cure"]
    assert "Start one with <code>advent worker</code>." in (await console.sees("/")).text


async def test_a_providers_trouble_is_said_with_its_reason_and_the_cure(console: Console) -> None:
    await worker_lives(console)
    now_ms = console.clock.now_ms()
    trouble = {"until_ms": now_ms + 5_000, "since_ms": now_ms - 60_000, "reason": "invalid_api_key (403)"}
    await console.desk.ledger.client.hset(keys.circuit("resend"), mapping=trouble)

    found, page = await told(console), await console.sees("/")

    assert found["sentence"] == "Not all is well: mail waits for Resend (invalid_api_key (403))"
    assert "RESEND_API_KEY" in found["findings"][0]["cure"]
    assert found["providers"]["resend"]["circuit"]["reason"] == "invalid_api_key (403)"
    assert "for 60 s; asked again in 5 s" in page.text
    console.clock.advance(6_000)
    assert "for 66 s; being asked again" in (await console.sees("/")).text


async def test_trouble_with_cal_com_is_not_called_notions(console: Console) -> None:
    await worker_lives(console)
    now_ms = console.clock.now_ms()
    trouble = {"until_ms": now_ms + 5_000, "since_ms": now_ms - 60_000, "reason": "http_401"}
    await console.desk.ledger.client.hset(keys.circuit("calcom"), mapping=trouble)

    found, page = await told(console), await console.sees("/")

    assert found["sentence"] == "Not all is well: the comparison of bookings waits for Cal.com (http_401)"
    assert found["findings"][0]["cure"] == "Set a valid CALCOM_API_KEY."
    assert found["providers"]["calcom"]["circuit"]["reason"] == "http_401"
    assert ">Cal.com</th>" in page.text


def test_what_is_marked_as_code_is_no_way_into_the_page() -> None:
    assert marked("`<b>` & `--plan`") == "<code>&lt;b&gt;</code> &amp; <code>--plan</code>"


async def test_a_pause_is_said_with_who_and_why_and_how_to_go_on(console: Console) -> None:
    await worker_lives(console)
    said = Pause(since_ms=console.clock.now_ms(), by="sarah", reason="<the domain moves>")
    await console.desk.ledger.pauses.start(None, said)

    found, page = await told(console), await console.sees("/")

    assert found["sentence"] == "Not all is well: the campaign is paused"
    assert "by sarah: &lt;the domain moves&gt;" in page.text
    assert "advent resume --plan" in page.text


async def test_what_is_late_is_said_after_a_minute_unless_something_explains_it(
    console: Console, story: Simulation
) -> None:
    await worker_lives(console)
    due_ms = console.clock.now_ms()
    job = Job(id="enr_x/step-1", actor="send", args=("enr_x/step-1",), due_ms=due_ms)
    await console.desk.ledger.client.zadd(keys.delayed("send"), {job.id: due_ms})
    console.clock.advance(LATE_MS)
    assert (await told(console))["status"] == "well"

    console.clock.advance(60_001)
    assert (await told(console))["sentence"] == "Not all is well: 1 mail is late, the first by 2 min"
    await console.desk.ledger.pauses.start(None, Pause(since_ms=due_ms, by="sarah", reason=""))
    assert (await told(console))["sentence"] == "Not all is well: the campaign is paused"


async def test_jobs_that_failed_lead_to_their_queue(console: Console) -> None:
    await worker_lives(console)
    await console.desk.ledger.client.zadd(keys.ready("classify") + ".XQ", {"enr_x": 1})

    assert (await told(console))["sentence"] == "Not all is well: 1 job failed by our own mistake"
    assert 'href="/dramatiq/queues/classify/failed">1</a>' in (await console.sees("/")).text


async def test_a_hot_lead_that_could_not_be_announced_is_no_mistake_of_ours(console: Console) -> None:
    await worker_lives(console)
    await console.desk.ledger.client.zadd(keys.ready("announce") + ".XQ", {"enr_x": 1})

    assert (await told(console))["sentence"] == "Not all is well: 1 hot lead could not be announced"
    assert "HOT_LEAD_WEBHOOK_URL" in (await console.sees("/")).text


async def test_notion_far_behind_is_said_and_a_little_is_not(console: Console) -> None:
    await worker_lives(console)
    await console.desk.ledger.client.zadd(keys.CHANGED, {"enr_x": console.clock.now_ms() - 60_000})
    assert (await told(console))["status"] == "well"

    console.clock.advance(3 * 3_600_000)
    found = await told(console)

    assert found["sentence"] == "Not all is well: Notion is 3 h behind"
    assert found["mirror"] == {"behind": 1, "lag_ms": 10_860_000}


async def test_a_budget_shows_what_was_used_and_the_patience_asked_for(console: Console) -> None:
    now_ms, client = console.clock.now_ms(), console.desk.ledger.client
    await client.rpush(keys.PREFIX + "budget:notion", now_ms - 1, now_ms - 59_000, now_ms - 61_000)
    await client.hset(keys.PREFIX + "budget:notion:after", "hold", now_ms + 30_000)

    budget = (await told(console))["providers"]["notion"]["budget"]

    assert budget == {"capacity": 180, "window_ms": 60_000, "used": 2, "held_ms": 30_000}


async def test_with_the_store_away_it_shows_what_was_last_seen_and_how_old_that_is(
    opens: Opener, own_store: EmbeddedStore
) -> None:
    console = await opens(own_store.url)
    await worker_lives(console)
    assert (await told(console))["status"] == "well"
    own_store.stop()
    console.clock.advance(90_000)
    await console.sees("/")
    console.clock.advance(30_000)

    page, found = await console.sees("/"), await told(console)

    assert page.status == 200
    assert "Nobody can tell: the data store has not answered for 30 s, " in page.text
    assert 'data-age-ms="120000">2 min ago</time>' in page.text
    assert (found["status"], found["store"], found["age_ms"]) == ("unknown", "away", 120_000)
    assert (await console.asks("GET", "/ready")).status == 503
    assert (await console.asks("GET", "/health")).status == 200
    away = await console.sees("/dead-letters")
    assert (away.status, "The data store does not answer" in away.text) == (503, True)


async def test_it_starts_without_the_store_and_notices_when_it_comes(opens: Opener, own_store: EmbeddedStore) -> None:
    own_store.stop()
    console = await opens(own_store.url)
    console.clock.advance(2_000)

    before = await console.sees("/api/overview")
    own_store.start()
    after = await told(console)

    assert (before.status, json.loads(before.text)["status"], json.loads(before.text)["seen_at"]) == (
        503,
        "unknown",
        None,
    )
    assert after["store"] == "up"


async def test_many_who_look_at_once_cost_one_look(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    look = console.desk.evidence._look

    async def counted() -> Any:
        looks.append(1)
        return await look()

    monkeypatch.setattr(console.desk.evidence, "_look", counted)
    console.desk.evidence.outdated()
    for _ in range(5):
        await console.asks("GET", "/")

    assert len(looks) == 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/static/live.js", "application/javascript"), ("/assets/icon.svg", "image/svg+xml")],
)
async def test_nothing_of_a_page_is_inline_and_all_of_it_is_ours(console: Console, path: str, kind: str) -> None:
    page = await console.sees(path)

    assert page.headers["Content-Type"].replace("text/javascript", "application/javascript").startswith(kind)
    assert " style=" not in page.text
    assert "<style" not in page.text
    assert " onclick" not in page.text
    assert "https://" not in page.text


async def test_a_store_that_is_not_as_it_should_be_is_said_with_its_cure(
    own_store: EmbeddedStore, opens: Opener
) -> None:
    with connect(own_store.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    console = await opens(own_store.url)
    await worker_lives(console)
    await console.desk.lookout.look()

    found = await told(console)

    assert found["sentence"] == "Not all is well: the data store is not as it should be"
    assert "set maxmemory-policy noeviction" in found["findings"][0]["cure"]


async def test_a_store_of_another_format_that_was_away_at_the_start_is_said(
    own_store: EmbeddedStore, opens: Opener
) -> None:
    with connect(own_store.url) as client:
        client.set(keys.FORMAT, "9")
    console = await opens(own_store.url)
    await console.desk.lookout.look()

    assert "written in format 9" in (await told(console))["findings"][1]["cure"]


def test_a_gateway_whose_store_hangs_is_waited_for_until_it_tells_of_its_spool() -> None:
    assert spool.SECONDS_MAX > probes.PING_SECONDS_MAX
