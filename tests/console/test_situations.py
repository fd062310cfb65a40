"""
Seventeen situations, each made on purpose.

The console, `advent health`, `advent status`, the healthcheck ping and the metrics agree about each.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from actors.upkeep.healthcheck_ping import reason_for_silence
from actors.worker_http import refresh_gauges
from common.campaigns.campaign import Campaign
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.pauses import Pause, campaign_scope
from common.ledger.reads.store_stats import read_store_stats
from common.ledger.versions import LogEntry
from common.settings.settings import SETTING_NAMES
from common.store.embedded import EmbeddedStore
from services.cli.main import main
from tests.console.conftest import SECRET_KEY, Console, OpenConsole
from tests.versions import edits

pytestmark = pytest.mark.usefixtures("loads_campaign_once")

MINUTE_MS = 60_000
ADA = enrollment_id("christmas_2025", "ada@example.org")


@dataclass
class Gateway:
    """A stand-in that answers `/ready` like a gateway with `spool_events` events in its spool."""

    port: int = 0
    spool_events: int = 0

    async def ready(self, _request: web.Request) -> web.Response:
        spool = {"status": "writable", "events": self.spool_events}
        return web.json_response({"status": "ready", "dependencies": {"store": {"status": "up"}, "spool": spool}})


@dataclass
class System:
    """A store with one worker, a gateway and a console, on one virtual clock."""

    store: EmbeddedStore
    gateway: Gateway
    console: Console
    campaign: Campaign

    @property
    def now_ms(self) -> int:
        return self.console.clock.now_ms()

    @property
    def ledger(self) -> Any:
        return self.console.context.ledger

    async def beat(self, *, silent_ms: int = -MINUTE_MS) -> None:
        """Record a heartbeat, by default a minute ahead, and how far the store's clock is ahead of the virtual one."""
        seconds, micros = await self.ledger.client.time()
        store_ms = seconds * 1000 + micros // 1000
        await self.ledger.client.zadd(keys.HEARTBEATS, {"w1": store_ms - silent_ms})
        await self.ledger.client.hset(keys.CLOCK, mapping={"judged_ms": store_ms, "ahead_ms": store_ms - self.now_ms})

    async def sign_up(self, *addresses: str) -> None:
        for address in addresses:
            person = Assessment(email=address, first_name="P", assessment_score=1)
            accepted = await self.ledger.signups.accept(person, webhook_id=f"signup:{address}", received_ms=self.now_ms)
            enrollment = await self.ledger.enrollments.get(accepted.enrollment_id)
            await self.ledger.signups.enroll(enrollment, now_ms=self.now_ms, announce=False)
        for name in (".DQ", ".DQ.msgs"):  # They are enrolled already, so no classify job waits.
            await self.ledger.client.delete(keys.ready("classify") + name)
        await self.ledger.client.delete(keys.CHANGED)

    async def open_circuit(self, provider: str, reason: str) -> None:
        since_ms = self.now_ms - 20 * MINUTE_MS
        circuit: Any = {"until_ms": self.now_ms, "since_ms": since_ms, "reason": reason}
        await self.ledger.client.hset(keys.circuit(provider), mapping=circuit)


@pytest.fixture
async def system(
    own_store: EmbeddedStore,
    open_console: OpenConsole,
    campaign: Campaign,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[System]:
    gateway, app = Gateway(), web.Application()
    app.add_routes([web.get("/ready", gateway.ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gateway.port = runner.addresses[0][1]
    console = await open_console(own_store.url, is_versioned=True, gateway_port=gateway.port)
    for name in SETTING_NAMES:
        monkeypatch.delenv(name, raising=False)
    given = {"REDIS_URL": own_store.url, "SECRET_KEY": SECRET_KEY, "GATEWAY_PORT": str(gateway.port)}
    for name, value in (given | {"DATA_DIR": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    system = System(own_store, gateway, console, campaign)
    await system.beat()
    yield system
    await runner.cleanup()


async def no_worker(system: System) -> None:
    await system.sign_up("ada@example.org")
    await system.ledger.client.delete(keys.HEARTBEATS)


async def stalled_worker(system: System) -> None:
    await system.sign_up("ada@example.org")
    await system.beat(silent_ms=10_000)


async def store_away(system: System) -> None:
    await system.console.get("/")
    system.store.stop()


async def store_weak(system: System) -> None:
    await system.ledger.client.config_set("maxmemory-policy", "allkeys-lru")


async def provider_down(system: System) -> None:
    await system.open_circuit("resend", "http_503")


async def key_refused(system: System) -> None:
    await system.open_circuit("resend", "invalid_api_key (403)")


async def quota_spent(system: System) -> None:
    await system.open_circuit("resend", "daily_quota_exceeded (429)")


async def paused(system: System) -> None:
    await system.ledger.pauses.start(None, Pause(since_ms=system.now_ms, by="mia", reason=""))


async def campaign_paused(system: System) -> None:
    pause = Pause(since_ms=system.now_ms, by="mia", reason="")
    await system.ledger.pauses.start(campaign_scope(system.campaign.key), pause)


async def one_person_paused(system: System) -> None:
    await system.sign_up("ada@example.org")
    await system.ledger.pauses.start(ADA, Pause(since_ms=system.now_ms, by="mia", reason=""))


async def due_behind_the_rate(system: System) -> None:
    await system.sign_up(*(f"p{number}@example.org" for number in range(108)))
    system.console.clock.advance(6 * MINUTE_MS)
    await system.beat()


async def dead_letter(system: System) -> None:
    await system.sign_up("ada@example.org")
    step, deliveries = step_delivery_id(ADA, 1), system.ledger.deliveries
    claim = await deliveries.claim(step, worker="w1", now_ms=system.now_ms)
    await deliveries.settle(claim, "dead", "422 no such domain", now_ms=system.now_ms)
    await system.ledger.client.delete(keys.CHANGED)


async def spool_not_empty(system: System) -> None:
    system.gateway.spool_events = 2


async def notion_behind(system: System) -> None:
    await system.ledger.client.zadd(keys.CHANGED, {ADA: system.now_ms - 180 * MINUTE_MS})


async def calcom_refused(system: System) -> None:
    await system.open_circuit("calcom", "http_401")


async def files_not_applied(system: System) -> None:
    """Another console puts a version in force whose texts differ from this console's files."""
    versions, key = system.console.context.versions, system.campaign.key
    in_force = (await system.ledger.versions.in_force())[key].version
    entry = LogEntry(version="another", source=in_force, action="apply", by="mia", at_ms=system.now_ms)
    compiled = edits.text(system.campaign.compiled).to_json()
    applied = await system.ledger.versions.apply(key, entry, compiled=compiled, replans=False)
    assert applied.is_done
    await versions.refresh()  # type: ignore[union-attr]


async def nobody_yet(system: System) -> None:
    pass


@dataclass(frozen=True)
class Situation:
    """`aspect`: the finding that reports it, "" for none; `is_silent`: whether the healthcheck ping stops."""

    make: Callable[[System], Awaitable[None]]
    aspect: str
    level: str
    sentence: str
    cure: str = ""
    is_silent: bool = False


SITUATIONS = (
    Situation(no_worker, "workers", "broken", "no worker is alive", "`advent worker`"),
    Situation(stalled_worker, "workers", "broken", "no worker is alive, the last heartbeat was", "Look at its log"),
    Situation(store_away, "store", "broken", "the data store ", "Start the store, or correct REDIS_URL."),
    Situation(store_weak, "store", "broken", "the data store is misconfigured (noeviction)", "`advent check`"),
    Situation(
        provider_down, "resend", "broken", "mail has waited 20 min for Resend (http_503)", "retries", is_silent=True
    ),
    Situation(key_refused, "resend", "broken", "for Resend (invalid_api_key (403))", "Check the key: ", is_silent=True),
    Situation(
        quota_spent, "resend", "broken", "for Resend (daily_quota_exceeded (429))", "Raise the plan", is_silent=True
    ),
    Situation(paused, "pause", "needs_person", "everybody is paused", "`advent resume --plan`"),
    Situation(
        campaign_paused,
        "pause",
        "needs_person",
        "the campaign christmas_2025 is paused",
        "`advent resume --campaign christmas_2025 --plan`",
    ),
    Situation(one_person_paused, "", "ok", "at work, nothing late, no dead letters, 1 person individually paused"),
    Situation(
        due_behind_the_rate,
        "due",
        "broken",
        "108 mails are late, the first by 6 min",
        "RESEND_REQUESTS_PER_SECOND",
        is_silent=True,
    ),
    Situation(dead_letter, "dead", "needs_person", "1 dead letter waits for a decision", "Replay or discard"),
    Situation(spool_not_empty, "spool", "broken", "2 events on the gateway's disk", "are being replayed"),
    Situation(notion_behind, "mirror", "broken", "Notion is 3 h behind", "`advent check`"),
    Situation(
        calcom_refused, "calcom", "needs_person", "bookings has waited 20 min for Cal.com (http_401)", "Check the key: "
    ),
    Situation(
        files_not_applied,
        "files",
        "needs_person",
        "the files of christmas_2025 differ from the version in force",
        "`advent campaign apply`",
    ),
    Situation(nobody_yet, "", "ok", "All is well: 1 worker ready, and nobody has signed up yet"),
)
EXIT_STATUS = {"ok": 0, "broken": 1, "needs_person": 3}


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.make.__name__)
async def test_console_commands_ping_and_metrics_agree_about_a_situation(
    system: System, situation: Situation, capsys: pytest.CaptureFixture[str]
) -> None:
    await situation.make(system)

    health_status, health = await run("health", capsys)
    status_status, status = await run("status", capsys)
    shown = json.loads((await system.console.get("/api/overview")).text)
    page = (await system.console.get("/")).text

    found = [(each["name"], each["level"]) for each in health["aspects"] if each["level"] != "ok"]
    expected = [(situation.aspect, situation.level)] if situation.aspect else []
    assert found == expected
    assert (health_status, health["level"]) == (EXIT_STATUS[situation.level], situation.level)
    assert situation.sentence in health["sentence"]
    assert all(situation.cure in each["said"] for each in health["aspects"] if each["level"] != "ok")
    assert [(each["name"], each["level"]) for each in shown["findings"]] == expected
    assert situation.sentence in shown["sentence"]
    assert all(situation.cure in each["cure"] for each in shown["findings"])
    assert situation.sentence.partition(" (")[0] in html.unescape(page)
    if situation.make is store_away:
        await refresh_gauges(system.ledger)
        assert (status_status, REGISTRY.get_sample_value("advent_store_up")) == (1, 0)
        return
    assert (status_status, status["level"]) == (0, health["level"])
    assert without_age(status["sentence"]) == without_age(shown["sentence"]) == without_age(health["sentence"])
    await assert_ping_and_metrics_agree(system, situation)


async def assert_ping_and_metrics_agree(system: System, situation: Situation) -> None:
    await refresh_gauges(system.ledger, files_differ=system.console.context.versions.differing)  # type: ignore[union-attr]
    levels = {
        (sample.labels["aspect"], sample.labels["level"])
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "advent_health" and sample.value
    }
    of_worker = situation.aspect not in ("", "spool")
    assert levels == ({(situation.aspect, situation.level)} if of_worker else set())
    assert (reason_for_silence(await read_store_stats(system.ledger)) is not None) is situation.is_silent


def without_age(sentence: str) -> str:
    """Remove the age of the last heartbeat, because the sentences are not read in the same second."""
    return re.sub(r"of \d+ s ago", "of a while ago", sentence)


async def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    """Run a command in a thread, because it has an event loop of its own. Return (exit status, its JSON output)."""
    status = await asyncio.to_thread(main, [command, "--json"])
    text = capsys.readouterr().out
    return status, json.loads(text) if text else None
