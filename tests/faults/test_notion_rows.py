"""Each row of Notion's table: which failure it is; in the end the Notion row exists once, and mail never waited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from common.domain.delivery import DeliveryStatus
from common.domain.ids import enrollment_id
from common.domain.projection import CampaignColumns
from common.errors import Failure
from common.ledger import keys
from common.ledger.reads.store_stats import OpenCircuit, read_store_stats
from common.providers.budget import Unlimited
from common.providers.notion.duplicates import StoreCreateGuard
from common.providers.notion.mirror import NotionMirror
from services.simulation.engine import Simulation
from tests.contract.notion_fake import CONTACT_ID, SEQUENCE_ID, FakeNotion, fake_notion
from tests.faults.answers import CARRIED_OUT, ELSEWHERE, answer_of, elsewhere, timeout_s
from tests.faults.conftest import AlertLog
from tests.faults.matrix import Fault
from tests.faults.notion import NOTION

ADA = enrollment_id("christmas_2025", "ada@salon.example")
HOUR_MS = 3_600_000
GATHERED_MS = 400
"""Changes are collected for this long before they are written."""


def rows(*outcomes: str) -> Any:
    return pytest.mark.parametrize("fault", [f for f in NOTION.faults if f.outcome in outcomes], ids=lambda f: f.when)


class Listening:
    """The real mirror and the failures it raised. `through`: another mirror that is used instead while it is set."""

    def __init__(self, mirror: NotionMirror) -> None:
        self._mirror = mirror
        self.through: NotionMirror | None = None
        self.failures: list[Failure] = []

    async def show(self, person: Any, **options: Any) -> dict[str, str]:
        try:
            return await (self.through or self._mirror).show(person, **options)
        except Failure as failure:
            self.failures.append(failure)
            raise


class Reported:
    def __init__(self, simulation: Simulation, mirror: Listening, notion: FakeNotion) -> None:
        self.simulation, self.mirror, self.notion = simulation, mirror, notion

    async def until(self, ms: int) -> None:
        await self.simulation.run(until_ms=ms)

    async def circuit(self) -> OpenCircuit | None:
        counted = await read_store_stats(self.simulation.ledger, now_ms=self.simulation.clock.now_ms())
        return counted.circuits.get("notion")

    async def again_ms(self, job: str) -> int | None:
        score = await self.simulation.ledger.client.zscore(keys.delayed("notion_sync"), job)
        return None if score is None else int(score)

    async def everything_is_shown_once(self) -> None:
        [row] = self.notion.rows("ds-sequence")
        assert (row["Email"], row["Email 1 Sent"] is not None) == ("ada@salon.example", True)
        assert len(self.notion.rows("ds-contact")) == 1
        assert await self.simulation.ledger.client.zcard(keys.CHANGED) == 0

    async def the_mail_has_gone(self) -> None:
        known = await self.simulation.ledger.enrollments.get(ADA)
        assert known is not None
        assert known.step_status(1)[0] is DeliveryStatus.ACCEPTED


@asynccontextmanager
async def reported(
    simulation: Simulation, fault: Fault, monkeypatch: pytest.MonkeyPatch, *, on: str = "POST pages", times: int = 1
) -> AsyncIterator[Reported]:
    """Let `times` requests that match `on` meet the fault; for `ELSEWHERE`, `mirror.through` has the other address."""
    async with fake_notion() as notion:

        def mirror_at(url: str) -> NotionMirror:
            guard = StoreCreateGuard(simulation.ledger.client, clock=simulation.clock)
            return NotionMirror(
                "ntn_1",
                base_url=url,
                sequence_db=SEQUENCE_ID,
                contact_db=CONTACT_ID,
                campaigns={"christmas_2025": CampaignColumns(name="Christmas 2025")},
                budget=Unlimited(),
                guard=guard,
                clock=simulation.clock,
                timeout_s=timeout_s(fault),
            )

        mirror = Listening(mirror_at(notion.url))
        simulation.world = replace(simulation.world, mirror=mirror)
        try:
            if fault.answer in ELSEWHERE:
                assert isinstance(fault.answer, str)
                async with elsewhere(fault.answer, notion.url, monkeypatch) as url:
                    mirror.through = mirror_at(url)
                    yield Reported(simulation, mirror, notion)
            else:
                notion.fails(on, answer_of(fault), committed=fault.answer in CARRIED_OUT, times=times)
                yield Reported(simulation, mirror, notion)
        finally:
            for each in (mirror._mirror, mirror.through):
                if each is not None:
                    await each.close()


async def begin(it: Reported, fault: Fault, person: Any, *, kind: str | None = None) -> int:
    """Sign up a contact, whose first Notion write meets the fault. Return the time of that write in ms."""
    now_ms = it.simulation.clock.now_ms()
    await it.simulation.sign_up(person)
    await it.until(now_ms + GATHERED_MS)

    await it.the_mail_has_gone()
    assert [(type(f).__name__, f.code) for f in it.mirror.failures] == [(kind or fault.kind, fault.code)]
    return now_ms + 300


@rows("alone")
async def test_notion_write_that_may_succeed_later_is_retried_for_its_row_only(
    fault: Fault, simulation: Simulation, ada: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reported(simulation, fault, monkeypatch) as it:
        now_ms = await begin(it, fault, ada)
        assert await it.again_ms(ADA) == now_ms + 5_000
        assert not await it.circuit()

        await it.until(now_ms + 60_000)

        await it.everything_is_shown_once()
        assert alerts.names == []


@rows("alone")
async def test_failed_notion_read_is_not_an_unknown_outcome(
    fault: Fault, simulation: Simulation, ada: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reported(simulation, fault, monkeypatch, on="/query") as it:
        now_ms = await begin(it, fault, ada, kind=fault.reading)
        await it.until(now_ms + 10_000)

        assert len(it.mirror.failures) == 1
        await it.everything_is_shown_once()


@rows("later")
async def test_row_that_notion_refuses_is_retried_after_ten_minutes(
    fault: Fault, simulation: Simulation, ada: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = 2 if fault.code == "validation_error" else 1  # Notion's columns are read again once before it is believed.
    async with reported(simulation, fault, monkeypatch, times=times) as it:
        now_ms = await begin(it, fault, ada)
        assert await it.again_ms(ADA) == now_ms + 600_000
        assert not await it.circuit()

        await it.until(now_ms + 601_000)

        await it.everything_is_shown_once()
        assert alerts.names == []


@rows("hold")
async def test_all_rows_wait_as_long_as_notion_asks(
    fault: Fault, simulation: Simulation, ada: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reported(simulation, fault, monkeypatch) as it:
        now_ms = await begin(it, fault, ada)
        assert fault.wait_ms is not None
        assert await it.again_ms("pump") == now_ms + fault.wait_ms
        assert not await it.circuit()

        await it.until(now_ms + fault.wait_ms + GATHERED_MS)

        await it.everything_is_shown_once()
        assert alerts.names == []


@rows("hold all")
async def test_failure_common_to_all_rows_holds_the_mirror_and_alerts_once(
    fault: Fault, simulation: Simulation, ada: Any, boris: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reported(simulation, fault, monkeypatch, times=4) as it:
        now_ms = await begin(it, fault, ada)
        circuit = await it.circuit()
        assert circuit.reason == fault.code
        assert circuit.until_ms == now_ms + 1_000
        await simulation.sign_up(boris)
        await it.until(now_ms + 900)
        assert len(it.mirror.failures) == 1, "nothing is asked while the mirror is held"

        await it.until(now_ms + 60_000)
        if it.mirror.through is not None:
            assert len(it.mirror.failures) < 8
            await it.mirror.through.close()
            it.mirror.through = None
            await it.until(now_ms + 120_000)

        assert alerts.names == ["circuit_opened", "circuit_closed"]
        assert not await it.circuit()
        assert sorted(row["Email"] for row in it.notion.rows("ds-sequence")) == [ada.email, boris.email]
        assert len(it.notion.rows("ds-contact")) == 2


@rows("done")
async def test_a_503_that_names_the_page_it_committed_is_no_failure(
    fault: Fault, simulation: Simulation, ada: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reported(simulation, fault, monkeypatch) as it:
        made = it.notion.row("ds-sequence")
        committed = replace(fault, more={"committed_resource_id": made})
        it.notion.faults.clear()
        it.notion.fails("POST pages", answer_of(committed))
        now_ms = simulation.clock.now_ms()
        await simulation.sign_up(ada)
        await it.until(now_ms + HOUR_MS)

        assert it.mirror.failures == []
        assert len(it.notion.rows("ds-sequence")) == 1
        assert alerts.names == []


def test_every_outcome_of_the_table_is_tried() -> None:
    assert {fault.outcome for fault in NOTION.faults} == {"alone", "later", "hold", "hold all", "done"}
    assert len({fault.when for fault in NOTION.faults}) == len(NOTION.faults)
