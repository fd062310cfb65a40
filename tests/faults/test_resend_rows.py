"""Each row of Resend's table: which failure it is; what becomes of the mail, its attempts and other contacts' mail."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import ExitReason, Status
from common.domain.ids import enrollment_id, step_delivery_id
from common.domain.mail import AcceptedMail, Mail
from common.errors import Failure
from common.ledger import keys
from common.ledger.reads.store_stats import OpenCircuit, read_store_stats
from common.providers.resend.mailer import ResendMailer
from services.simulation.engine import Simulation
from tests.contract.scripted import Answer, Scripted, scripted
from tests.faults.answers import CARRIED_OUT, ELSEWHERE, answer_of, elsewhere, timeout_s
from tests.faults.conftest import AlertLog
from tests.faults.matrix import Fault
from tests.faults.resend import RESEND

ADA = enrollment_id("christmas_2025", "ada@salon.example")
FIRST = step_delivery_id(ADA, 1)
MINUTE_MS = 60_000
HOUR_MS = 3_600_000


def rows(*outcomes: str) -> Any:
    return pytest.mark.parametrize("fault", [f for f in RESEND.faults if f.outcome in outcomes], ids=lambda f: f.when)


@dataclass
class Resend:
    """
    A Resend that answers `times` requests with a fault and accepts the later ones, once per key.

    `lists`: its list shows whatever it was asked to send, whatever it answered.
    """

    fault: Answer | None
    carried_out: bool = False
    times: int = 1
    lists: bool = False
    _listed: list[dict[str, Any]] = field(default_factory=list)
    accepted: Counter[str] = field(default_factory=Counter)
    _ids: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return web.json_response({"object": "list", "has_more": False, "data": self._listed})
        key, body = request.headers["Idempotency-Key"], await request.read()
        if self.lists:
            self._listed.append(_listed(json.loads(body)))
        if self.times > 0 and self.fault is not None:
            self.times -= 1
            if self.carried_out:
                self._accept(key, body)
            return await self.fault(request)
        mail_id = self._accept(key, body)
        return web.json_response({"id": mail_id})

    def _accept(self, key: str, body: bytes) -> str:
        known = self._ids.setdefault(key, (f"mail-{len(self._ids)}", body))
        assert known[1] == body, "the same key with other bytes"
        if self.accepted[key] == 0:
            self.accepted[key] += 1
        return known[0]


def _listed(mail: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "mail-there",
        "to": mail["to"],
        "subject": mail["subject"],
        "created_at": "2025-11-24T15:59:59Z",
        "last_event": "delivered",
    }


class Listening:
    """The real mailer and the failures it raised. `through`: another mailer that is used instead while it is set."""

    def __init__(self, mailer: ResendMailer) -> None:
        self._mailer = mailer
        self.through: ResendMailer | None = None
        self.failures: list[Failure] = []

    async def send(self, mail: Mail, *, idempotency_key: str) -> str:
        try:
            return await (self.through or self._mailer).send(mail, idempotency_key=idempotency_key)
        except Failure as failure:
            self.failures.append(failure)
            raise

    async def list_accepted(self, to: str, since_ms: int, **options: Any) -> list[AcceptedMail]:
        return await self._mailer.list_accepted(to, since_ms, **options)

    async def list_all_accepted(self, since_ms: int, **options: Any) -> list[AcceptedMail]:
        return await self._mailer.list_all_accepted(since_ms, **options)


@dataclass
class Reported:
    """A simulation whose mail is sent through the SDK to a provider that follows a row."""

    simulation: Simulation
    mailer: Listening
    resend: Resend
    server: Scripted

    async def until(self, ms: int) -> None:
        await self.simulation.run(until_ms=ms)

    async def delivery(self) -> dict[str, str]:
        fields = await self.simulation.ledger.client.hgetall(keys.delivery(FIRST))
        return {name.decode(): text.decode() for name, text in fields.items()}

    async def circuit(self) -> OpenCircuit | None:
        counted = await read_store_stats(self.simulation.ledger, now_ms=self.simulation.clock.now_ms())
        return counted.circuits.get("resend")

    def asked(self) -> int:
        return sum(asked.method == "POST" for asked in self.server.asked)

    async def final_status(self) -> tuple[DeliveryStatus, str]:
        known = await self.simulation.ledger.enrollments.get(ADA)
        assert known is not None
        return known.step_status(1)

    async def dead(self) -> int:
        return int(await self.simulation.ledger.client.zcard(keys.DEAD))


@asynccontextmanager
async def reported(
    simulation: Simulation, fault: Fault, monkeypatch: pytest.MonkeyPatch, *, times: int = 1
) -> AsyncIterator[Reported]:
    """Let the first `times` requests meet the fault; for `ELSEWHERE`, `mailer.through` has the other address."""
    away = fault.answer in ELSEWHERE
    resend = Resend(None if away else answer_of(fault), fault.answer in CARRIED_OUT, times)
    async with scripted(resend.answer) as server:
        mailer = Listening(ResendMailer("re_123", server.url, timeout_s(fault)))
        simulation.world = replace(simulation.world, mailer=mailer)
        try:
            if away:
                assert isinstance(fault.answer, str)
                async with elsewhere(fault.answer, server.url, monkeypatch) as url:
                    mailer.through = ResendMailer("re_123", url, timeout_s(fault))
                    yield Reported(simulation, mailer, resend, server)
            else:
                yield Reported(simulation, mailer, resend, server)
        finally:
            for each in (mailer._mailer, mailer.through):
                if each is not None:
                    await each.close()


async def begin(it: Reported, fault: Fault, person: Any) -> int:
    """Sign up a contact, whose first mail fails as the row says. Return the time of that attempt in ms."""
    now_ms = it.simulation.clock.now_ms()
    await it.simulation.sign_up(person)
    await it.until(now_ms)

    [failure] = it.mailer.failures
    assert (type(failure).__name__, failure.code) == (fault.kind, fault.code)
    return now_ms


@rows("retry")
async def test_attempt_that_may_succeed_later_is_repeated_with_the_same_key_and_bytes(
    fault: Fault, simulation: Simulation, ada: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reported(simulation, fault, monkeypatch) as it:
        now_ms = await begin(it, fault, ada)
        kept = await it.delivery()
        assert (kept["attempts"], kept["failures"], kept["outcome_unknown"]) == ("1", "1", "1")
        assert int(kept["not_before_ms"]) == now_ms + MINUTE_MS
        assert not await it.circuit()

        await it.until(now_ms + MINUTE_MS)

        first, second = (asked for asked in it.server.asked if asked.method == "POST")
        assert (first.headers["idempotency-key"], first.body) == (second.headers["idempotency-key"], second.body)
        assert (await it.final_status())[0] is DeliveryStatus.ACCEPTED
        assert it.resend.accepted == {first.headers["idempotency-key"]: 1}
        assert alerts.names == []


@rows("retry")
async def test_mail_that_keeps_failing_is_dead_lettered_after_four_attempts(
    fault: Fault, simulation: Simulation, ada: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reported(simulation, fault, monkeypatch, times=4) as it:
        now_ms = await begin(it, fault, ada)
        await it.until(now_ms + HOUR_MS)

        assert it.asked() == 4
        final_status, reason = await it.final_status()
        assert final_status is DeliveryStatus.DEAD
        assert reason.startswith(f"4 tries failed, the last with {fault.code}")
        assert reason.endswith("it may have been accepted nevertheless")
        assert alerts.names == []

        await it.until(now_ms + 25 * HOUR_MS)
        assert it.asked() == 5, "the next step goes on"


@rows("hold")
async def test_mail_deferred_by_the_provider_counts_no_attempt(
    fault: Fault, simulation: Simulation, ada: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reported(simulation, fault, monkeypatch, times=9) as it:
        now_ms = await begin(it, fault, ada)
        assert fault.wait_ms is not None
        kept = await it.delivery()
        assert (kept["attempts"], kept.get("failures", "0"), kept.get("outcome_unknown", "0")) == ("0", "0", "0")
        assert int(kept["not_before_ms"]) == now_ms + fault.wait_ms
        assert not await it.circuit()

        await it.until(now_ms + 9 * fault.wait_ms)

        assert (await it.final_status())[0] is DeliveryStatus.ACCEPTED
        assert it.asked() == 10
        known = await simulation.ledger.enrollments.get(ADA)
        assert known is not None
        assert known.records[1].attempts == 1
        assert alerts.names == []


@rows("hold all")
async def test_failure_common_to_all_mails_holds_them_alerts_once_and_ends_automatically(
    fault: Fault, simulation: Simulation, ada: Any, boris: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reported(simulation, fault, monkeypatch, times=4) as it:
        now_ms = await begin(it, fault, ada)
        kept, circuit = await it.delivery(), await it.circuit()
        assert (kept["attempts"], kept.get("failures", "0"), kept.get("outcome_unknown", "0")) == ("0", "0", "0")
        assert circuit.reason.startswith(fault.code)
        assert circuit.until_ms == now_ms + (fault.wait_ms or 1_000)
        await simulation.sign_up(boris)
        await it.until(now_ms + 900)
        assert len(it.mailer.failures) == 1, "nobody asks while all are held"

        until_ms = now_ms + 4 * (fault.wait_ms or 15_000)
        if it.mailer.through is None:
            await it.until(until_ms + 60_000)
            assert it.asked() == 6, "one probe at a time, then each mail once"
        else:
            await it.until(until_ms)
            assert 4 < len(it.mailer.failures) < 10
            assert alerts.names == ["circuit_opened"]
            await it.mailer.through.close()
            it.mailer.through = None
            await it.until(until_ms + 60_000)

        assert alerts.names == ["circuit_opened", "circuit_closed"]
        assert sum(it.resend.accepted.values()) == 2
        assert await it.dead() == 0
        assert not await it.circuit()


@rows("dead")
async def test_permanent_failure_is_dead_lettered_at_once_and_delays_no_other_mail(
    fault: Fault, simulation: Simulation, ada: Any, boris: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reported(simulation, fault, monkeypatch) as it:
        now_ms = await begin(it, fault, ada)
        await simulation.sign_up(boris)
        await it.until(now_ms + 24 * HOUR_MS)

        final_status, reason = await it.final_status()
        assert final_status is DeliveryStatus.DEAD
        assert reason.startswith(fault.code)
        assert await it.dead() == 1
        assert it.asked() == 4, "hers, his, and the second step of both"
        assert alerts.names == []


@rows("end")
async def test_a_refused_address_costs_one_dead_letter_and_ends_the_sequence(
    fault: Fault, simulation: Simulation, ada: Any, boris: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reported(simulation, fault, monkeypatch) as it:
        await begin(it, fault, ada)
        await simulation.sign_up(boris)
        await it.simulation.run()

        assert (await it.final_status())[0] is DeliveryStatus.DEAD
        known = await simulation.ledger.enrollments.get(ADA)
        assert known is not None
        assert (known.status, known.exit_reason) == (Status.EXITED, ExitReason.REFUSED)
        assert await it.dead() == 1
        assert it.asked() == 1 + 7, "her first mail, and all of his"
        assert alerts.names == []


@rows("look up")
@pytest.mark.parametrize("listed", [True, False])
async def test_mail_accepted_under_the_same_key_is_looked_up_and_never_sent_again(
    fault: Fault, listed: bool, simulation: Simulation, ada: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with reported(simulation, fault, monkeypatch) as it:
        it.resend.lists = listed
        now_ms = await begin(it, fault, ada)
        await it.until(now_ms + HOUR_MS)

        final_status, reason = await it.final_status()
        assert it.asked() == 1
        assert final_status is (DeliveryStatus.ACCEPTED if listed else DeliveryStatus.DEAD)
        assert reason == "mail-there" if listed else "another mail under this key" in reason
        assert alerts.names == []


async def test_three_failing_deliveries_in_a_row_hold_all_mail_and_none_is_dead_lettered(
    simulation: Simulation, ada: Any, boris: Any, alerts: AlertLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = next(f for f in RESEND.faults if f.when.startswith("503 `service"))
    chen = replace(ada, email="chen@salon.example")
    async with reported(simulation, fault, monkeypatch, times=40) as it:
        now_ms = simulation.clock.now_ms()
        for person in (ada, boris, chen):
            await simulation.sign_up(person)
        await it.until(now_ms)
        assert alerts.names == ["circuit_opened"]
        assert (await it.circuit()).since_ms == now_ms

        await it.until(now_ms + HOUR_MS)

        assert alerts.names == ["circuit_opened", "circuit_closed"]
        assert sum(it.resend.accepted.values()) == 3
        assert it.asked() == 43
        assert await it.dead() == 0


def test_every_outcome_of_the_table_is_tried() -> None:
    assert {fault.outcome for fault in RESEND.faults} == {"retry", "hold", "hold all", "dead", "end", "look up"}
    assert len({fault.when for fault in RESEND.faults}) == len(RESEND.faults)
