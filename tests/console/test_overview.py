"""The overview: whether all is well, the counts, and what it says when the state is unknown."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest

from actors.upkeep.provider_report import report_providers
from common.domain.contact import Assessment
from common.health_checks import Limits
from common.ledger import keys
from common.ledger.holds import Hold
from common.ledger.pauses import Pause, campaign_scope
from common.queue.job import Job
from common.store.clients import connect
from common.store.embedded import EmbeddedStore
from services.console.formatting import code_spans
from services.console.status import status_cache
from services.simulation.engine import Simulation
from services.web import probes
from tests.console.conftest import Console, OpenConsole, beat


async def overview(console: Console) -> Any:
    return json.loads((await console.get("/api/overview")).text)


async def test_overview_says_that_all_is_well_with_the_age_of_the_snapshot(
    console: Console, simulation: Simulation, ada: Assessment
) -> None:
    await beat(console)  # The simulated worker's heartbeat is far in the future, as after a clock was set back.
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)

    console.context.status_cache.invalidate()
    first = await console.request("GET", "/")
    console.clock.advance(900)
    later = await console.request("GET", "/")

    assert "<title>All is well · Advent console</title>" in first.text
    assert "All is well: 1 worker at work, nothing late, no dead letters, " in first.text
    assert ('data-age-ms="0"' in first.text, 'data-age-ms="900"' in later.text) == (True, True)


@pytest.mark.parametrize(
    ("figure", "shows"),
    [("active", ">Ada</a>"), ("people enrolled", ">Ada</a>"), ("completed", "Nobody."), ("overdue", "<h1>Queues")],
)
async def test_figure_of_the_overview_links_to_what_it_counts(
    console: Console, simulation: Simulation, ada: Assessment, figure: str, shows: str
) -> None:
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)
    await console.context.people.refresh()

    link = re.search(rf'href="([^"]+)"><strong>\d+</strong><span>{figure}', (await console.get("/")).text)

    assert link is not None
    assert shows in (await console.get(html.unescape(link[1]))).text


async def test_people_and_deliveries_are_counted(console: Console, simulation: Simulation, ada: Assessment) -> None:
    await beat(console)
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)

    found = await overview(console)

    assert found["people"] == {"enrolled": 1, "accepted": 0, "active": 1, "completed": 0, "exited": 0}
    assert (found["deliveries"]["sent"], found["due_next_hour"], found["due_next_day"]) == (1, 0, 1)
    assert found["queues"]["send"] == {"delayed": 1, "ready": 0, "in_hand": 0, "failed": 0, "late_ms": 0}
    assert [(worker["id"], worker["in_hand"]) for worker in found["workers"]] == [("w1", 0), ("simulated", 0)]


async def test_the_json_holds_no_address(console: Console, simulation: Simulation, ada: Assessment) -> None:
    await simulation.sign_up(ada)
    await simulation.run()

    assert "@" not in (await console.get("/api/overview")).text


@pytest.mark.parametrize(
    ("silent_ms", "sentence"),
    [(None, "no worker is alive"), (10_000, "no worker is alive, the last heartbeat was 10 s ago")],
)
async def test_no_worker_or_a_silent_one_is_reported(console: Console, silent_ms: int | None, sentence: str) -> None:
    if silent_ms is not None:
        await beat(console, silent_ms=silent_ms)

    found = await overview(console)

    assert (found["status"], found["sentence"]) == ("trouble", f"Not all is well: {sentence}")
    assert "advent worker" in found["findings"][0]["cure"]
    assert "tart one with <code>advent worker</code>." in (await console.get("/")).text


async def test_provider_of_the_workers_is_shown_while_a_worker_reports_it(
    console: Console, simulation: Simulation
) -> None:
    async def providers() -> set[str]:
        console.context.status_cache.invalidate()
        return set((await overview(console))["providers"])

    assert await providers() == {"resend", "notion"}
    await report_providers(simulation.world)
    assert await providers() == {"resend", "notion", "twilio"}
    assert "Twilio" in (await console.get("/")).text

    console.clock.advance(5 * 60_000)

    assert await providers() == {"resend", "notion"}, "the last worker that had it is gone"


async def test_an_open_circuit_is_shown_with_its_reason_and_the_cure(console: Console) -> None:
    await beat(console)
    now_ms = console.clock.now_ms()
    circuit: Any = {"until_ms": now_ms + 5_000, "since_ms": now_ms - 60_000, "reason": "invalid_api_key (403)"}
    await console.context.ledger.client.hset(keys.circuit("resend"), mapping=circuit)

    found, page = await overview(console), await console.get("/")

    assert found["sentence"] == "Not all is well: mail has waited 60 s for Resend (invalid_api_key (403))"
    assert "RESEND_API_KEY" in found["findings"][0]["cure"]
    assert found["providers"]["resend"]["circuit"]["reason"] == "invalid_api_key (403)"
    assert "for 60 s; tried again in 5 s" in page.text
    console.clock.advance(6_000)
    assert "for 66 s; being tried again" in (await console.get("/")).text


@pytest.mark.parametrize("is_held", [True, False])
async def test_overview_says_whether_mail_is_under_way_or_waits_for_a_hold(console: Console, is_held: bool) -> None:
    await beat(console)
    if is_held:
        hold = Hold(since_ms=console.clock.now_ms(), why="the clocks disagree", cure="Run `advent clock confirm`.")
        await console.context.ledger.holds.start("clock", hold)

    page = (await console.get("/")).text

    assert ("under way</span>" in page) is not is_held
    assert ("waits</span> nothing is sent, for 0 s: the clocks disagree" in page) is is_held
    assert ("Run <code>advent clock confirm</code>." in page) is is_held


async def test_open_circuit_of_cal_com_is_shown_with_the_cure(console: Console) -> None:
    await beat(console)
    now_ms = console.clock.now_ms()
    circuit: Any = {"until_ms": now_ms + 5_000, "since_ms": now_ms - 60_000, "reason": "http_401"}
    await console.context.ledger.client.hset(keys.circuit("calcom"), mapping=circuit)

    found, page = await overview(console), await console.get("/")

    assert found["sentence"] == "Not all is well: the comparison of bookings has waited 60 s for Cal.com (http_401)"
    assert found["findings"][0]["cure"] == "Check the key: set a valid CALCOM_API_KEY."
    assert found["providers"]["calcom"]["circuit"]["reason"] == "http_401"
    assert ">Cal.com</th>" in page.text


def test_code_in_a_cure_is_escaped() -> None:
    assert code_spans("`<b>` & `--plan`") == "<code>&lt;b&gt;</code> &amp; <code>--plan</code>"
    assert code_spans("select *Meeting Ended*, not 2 * 3 * 4") == "select <em>Meeting Ended</em>, not 2 * 3 * 4"
    assert code_spans("*Read* `a *b* c`, *then*") == "<em>Read</em> <code>a *b* c</code>, <em>then</em>"


async def test_a_pause_is_shown_with_who_and_why_and_how_to_resume(console: Console) -> None:
    await beat(console)
    output = Pause(since_ms=console.clock.now_ms(), by="sarah", reason="<the domain moves>")
    await console.context.ledger.pauses.start(None, output)

    found, page = await overview(console), await console.get("/")

    assert found["sentence"] == "Not all is well: everybody is paused"
    assert "by sarah: &lt;the domain moves&gt;" in page.text
    assert "advent resume --plan" in page.text
    assert page.text.count('<a href="/schedule">What resuming would send</a>') == 1


async def test_a_paused_campaign_is_not_shown_as_under_way(console: Console) -> None:
    await beat(console)
    pause = Pause(since_ms=console.clock.now_ms(), by="sarah", reason="the texts change")
    await console.context.ledger.pauses.start(campaign_scope("christmas_2025"), pause)

    found, page = await overview(console), await console.get("/")

    assert found["paused_campaigns"]["christmas_2025"]["by"] == "sarah"
    assert "by sarah: the texts change" in page.text
    assert "advent resume --campaign christmas_2025 --plan" in page.text
    assert page.text.count('<a href="/schedule">What resuming would send</a>') == 1
    assert "under way" not in page.text


async def test_late_mail_is_reported_after_five_minutes_unless_a_pause_explains_it(
    console: Console, simulation: Simulation
) -> None:
    await beat(console)
    due_ms = console.clock.now_ms()
    job = Job(id="enr_x/step-1", actor="send", args=("enr_x/step-1",), due_ms=due_ms)
    await console.context.ledger.client.zadd(keys.delayed("send"), {job.id: due_ms})
    console.clock.advance(Limits().late_ms)
    found = await overview(console)
    assert (found["status"], "1 due and about to be sent" in found["sentence"]) == ("well", True)

    console.clock.advance(60_001)
    assert (await overview(console))["sentence"] == "Not all is well: 1 mail is late, the first by 6 min"
    await console.context.ledger.pauses.start(None, Pause(since_ms=due_ms, by="sarah", reason=""))
    assert (await overview(console))["sentence"] == "Not all is well: everybody is paused"


async def test_failed_jobs_on_the_overview_link_to_their_queue(console: Console) -> None:
    await beat(console)
    await console.context.ledger.client.zadd(keys.ready("classify") + ".XQ", {"enr_x": 1})

    assert (await overview(console))[
        "sentence"
    ] == "Not all is well: 1 job failed with an internal error (1 in classify)"
    assert 'href="/queues?queue=classify">1</a>' in (await console.get("/")).text


async def test_failed_hot_lead_announcement_is_not_shown_as_an_internal_error(console: Console) -> None:
    await beat(console)
    await console.context.ledger.client.zadd(keys.ready("announce") + ".XQ", {"enr_x": 1})

    assert (await overview(console))["sentence"] == "Not all is well: 1 hot lead could not be announced"
    assert "HOT_LEAD_WEBHOOK_URL" in (await console.get("/")).text


async def test_long_lag_of_notion_is_reported_and_a_short_one_is_not(console: Console) -> None:
    await beat(console)
    await console.context.ledger.client.zadd(keys.CHANGED, {"enr_x": console.clock.now_ms() - 60_000})
    assert (await overview(console))["status"] == "well"

    console.clock.advance(3 * 3_600_000)
    found = await overview(console)

    assert found["sentence"] == "Not all is well: Notion is 3 h behind"
    assert found["mirror"] == {"behind": 1, "lag_ms": 10_860_000}


async def test_a_budget_shows_what_was_used_and_how_long_it_is_held(console: Console) -> None:
    now_ms, client = console.clock.now_ms(), console.context.ledger.client
    await client.rpush(keys.PREFIX + "budget:notion", now_ms - 1, now_ms - 59_000, now_ms - 61_000)
    await client.hset(keys.PREFIX + "budget:notion:after", "hold", now_ms + 30_000)

    budget = (await overview(console))["providers"]["notion"]["budget"]

    assert budget == {"capacity": 180, "window_ms": 60_000, "used": 2, "held_ms": 30_000, "asked": 0}


async def test_with_the_store_away_the_last_snapshot_is_shown_with_its_age(
    open_console: OpenConsole, own_store: EmbeddedStore
) -> None:
    console = await open_console(own_store.url)
    await beat(console)
    assert (await overview(console))["status"] == "well"
    own_store.stop()
    console.clock.advance(90_000)
    await console.get("/")
    console.clock.advance(30_000)

    page, found = await console.get("/"), await overview(console)

    assert page.status == 200
    assert "Unknown: the data store has not answered for 30 s, " in page.text
    assert 'data-age-ms="120000">2 min ago</time>' in page.text
    assert (found["status"], found["store"], found["age_ms"]) == ("unknown", "away", 120_000)
    assert (await console.request("GET", "/ready")).status == 503
    assert (await console.request("GET", "/health")).status == 200
    away = await console.get("/dead-letters")
    assert (away.status, "The data store does not answer" in away.text) == (503, True)


async def test_it_starts_without_the_store_and_notices_when_it_comes(
    open_console: OpenConsole, own_store: EmbeddedStore
) -> None:
    own_store.stop()
    console = await open_console(own_store.url)
    console.clock.advance(2_000)

    before = await console.get("/api/overview")
    own_store.start()
    after = await overview(console)

    assert (before.status, json.loads(before.text)["status"], json.loads(before.text)["seen_at"]) == (
        503,
        "unknown",
        None,
    )
    assert after["store"] == "up"


async def test_many_views_of_the_overview_cost_one_read_of_the_store(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    read = console.context.status_cache._read_store

    async def counted() -> Any:
        reads.append(1)
        return await read()

    monkeypatch.setattr(console.context.status_cache, "_read_store", counted)
    console.context.status_cache.invalidate()
    for _ in range(5):
        await console.request("GET", "/")

    assert len(reads) == 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/static/live.js", "application/javascript"), ("/assets/icon.svg", "image/svg+xml")],
)
async def test_pages_contain_no_inline_code_and_nothing_from_other_sites(
    console: Console, path: str, kind: str
) -> None:
    page = await console.get(path)

    assert page.headers["Content-Type"].replace("text/javascript", "application/javascript").startswith(kind)
    assert " style=" not in page.text
    assert "<style" not in page.text
    assert " onclick" not in page.text
    assert "https://" not in page.text


async def test_a_misconfigured_store_is_reported_with_its_cure(
    own_store: EmbeddedStore, open_console: OpenConsole
) -> None:
    with connect(own_store.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    console = await open_console(own_store.url)
    await beat(console)
    await console.context.store_monitor.check()

    found = await overview(console)

    assert found["sentence"] == "Not all is well: the data store is misconfigured (noeviction)"
    assert "set maxmemory-policy noeviction" in found["findings"][0]["cure"]


async def test_a_store_of_another_format_that_was_away_at_the_start_is_reported(
    own_store: EmbeddedStore, open_console: OpenConsole
) -> None:
    with connect(own_store.url) as client:
        client.set(keys.FORMAT, "9")
    console = await open_console(own_store.url)
    await console.context.store_monitor.check()

    assert "written in format 9" in (await overview(console))["findings"][0]["cure"]


def test_the_gateway_may_wait_for_its_store_before_it_reports_its_spool() -> None:
    assert status_cache.GATEWAY_SECONDS_MAX > probes.ANSWER_SECONDS_MAX
