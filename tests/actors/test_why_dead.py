"""The log line of a dead letter gives one word as the reason and quotes nothing that a provider wrote of a contact."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import CapturingLogger

from actors.sending.send import send
from common.domain.ids import enrollment_id, step_delivery_id
from common.errors import Ambiguous, Failure, Permanent
from common.ledger.deliveries import ClaimGranted
from services.simulation.engine import Simulation

ADA = enrollment_id("christmas_2025", "ada@example.org")
STEP_1 = step_delivery_id(ADA, 1)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    heard = CapturingLogger()
    monkeypatch.setattr("actors.sending.send.log", heard)
    return heard


def dead(log: CapturingLogger) -> list[Any]:
    return [line.kwargs["reason"] for line in log.calls if line.args == ("delivery_dead",)]


@pytest.mark.parametrize(
    "failure", [Permanent("validation_error", "ada@example.org is invalid", status=422), Ambiguous("read_timeout")]
)
async def test_dead_letter_log_line_names_the_failure_code(simulation: Simulation, ada, log, failure: Failure):
    simulation.mailer.failure = lambda _mail: failure
    await simulation.sign_up(ada)
    await simulation.run(until_ms=simulation.clock.now_ms() + 600_000)

    assert dead(log) == [failure.code]
    assert not any("example.org" in str(line) for line in log.calls)


async def test_mail_that_killed_three_workers_is_logged_as_dead(simulation: Simulation, ada, log):
    now_ms = simulation.clock.now_ms()
    await simulation.sign_up(ada)
    enrollment = await simulation.ledger.enrollments.get(ADA)
    await simulation.ledger.signups.enroll(enrollment, now_ms=now_ms, announce=False)
    for worker in ("a", "b", "c"):
        assert isinstance(await simulation.ledger.deliveries.claim(STEP_1, worker=worker, now_ms=now_ms), ClaimGranted)
    await send(simulation.world, STEP_1)

    assert dead(log) == ["killed_its_worker"]
