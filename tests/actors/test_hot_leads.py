"""A refused announcement is retried when its channel says so, and is not logged as an internal error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
import redis.asyncio
from dramatiq.errors import Retry
from structlog.testing import CapturingLogger

from actors.announce import announce
from actors.worker import JobMetrics
from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.contract.scripted import Answer, says, scripted

Reported = Callable[[str], Simulation]


@pytest.fixture
def reported(store: redis.asyncio.Redis, campaign: Campaign, clock: VirtualClock) -> Reported:
    """A function that returns a simulation which announces hot leads at the given URL."""
    given = {"secret_key": "k" * 32, "sandboxed": frozenset({"resend", "notion"})}
    return lambda url: Simulation(store, campaign, Settings(**given, hot_lead_webhook_url=url), clock=clock)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    heard = CapturingLogger()
    for module in ("announce", "worker"):
        monkeypatch.setattr(f"actors.{module}.log", heard)
    return heard


async def signs_up(simulation: Simulation, who: Assessment) -> str:
    accepted = await simulation.ledger.signups.accept(who, webhook_id="signup:1", received_ms=simulation.clock.now_ms())
    return accepted.enrollment_id


@pytest.mark.parametrize(
    ("score", "red_systems", "result"),
    [
        (38, 2, "scored 38 with 2 red systems"),
        (0, 1, "scored 0 with 1 red system"),
        (38, 0, "scored 38"),
        (None, 2, "has 2 red systems"),
        (None, 0, "signed up"),  # The campaign declares neither field.
    ],
)
async def test_hot_lead_is_announced_with_the_results_that_are_known(
    reported: Reported, ada: Assessment, score: int | None, red_systems: int, result: str
) -> None:
    who = replace(ada, assessment_score=score, red_systems=red_systems)
    async with scripted(says(204, "")) as channel:
        simulation = reported(channel.url)
        await announce(simulation.world, await signs_up(simulation, who))

    [asked] = channel.asked
    assert asked.json["content"] == f"CRITICAL: Ada <ada@example.org> {result}."


@pytest.mark.parametrize(
    ("answer", "code", "delay_ms"),
    [
        (says(429, {"retry_after": 64.5}), "http_429", 64_500),
        (says(429, {"retry_after": 0.5}), "http_429", None),  # Four attempts must not be used up within two seconds.
        (says(503, ""), "http_503", None),
        (says(404, {"code": 10015}), "unknown_webhook", None),
    ],
)
async def test_refused_announcement_is_retried(
    reported: Reported, ada: Assessment, log: CapturingLogger, answer: Answer, code: str, delay_ms: int | None
) -> None:
    async with scripted(answer) as channel:
        simulation = reported(channel.url)
        who = await signs_up(simulation, ada)
        with pytest.raises(Retry) as raised:
            await announce(simulation.world, who)

    [line] = log.calls
    assert delay_ms == raised.value.delay
    assert ("warning", ("hot_lead_not_announced",), code) == (line.method_name, line.args, line.kwargs["code"])


@pytest.mark.parametrize(("exception", "events"), [(Retry("http_503"), []), (KeyError("x"), [("job_failed",)])])
def test_only_an_internal_error_is_logged_as_a_failed_job(
    log: CapturingLogger, exception: Exception, events: list[tuple[str]]
) -> None:
    job = SimpleNamespace(actor_name="announce", message_id="enr_x")
    JobMetrics().after_process_message(None, job, exception=exception)  # type: ignore[arg-type]

    assert events == [line.args for line in log.calls]
