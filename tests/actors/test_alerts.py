"""Every worker's gauges show an open circuit and a pause, whichever worker caused them."""

from prometheus_client import REGISTRY

from actors.worker_http import refresh_gauges
from common.ledger.constants import MAIL, MIRROR
from common.ledger.pauses import Pause, campaign_scope

CHRISTMAS = campaign_scope("christmas_2025")


def gauge(name, **labels):
    return REGISTRY.get_sample_value(name, labels)


async def test_every_worker_shows_open_circuits_and_a_pause(simulation, clock):
    now = clock.now_ms()
    await simulation.ledger.circuits.report_failure(MAIL, id="a", reason="connect", provider_wide=True, now_ms=now)
    await simulation.ledger.pauses.start(None, Pause(since_ms=now, by="zoë", reason=""))
    await refresh_gauges(simulation.ledger)
    assert gauge("advent_circuit_open", provider=MAIL) == 1
    assert gauge("advent_circuit_open", provider=MIRROR) == 0
    assert gauge("advent_paused") == 1

    await simulation.ledger.client.delete("{advent}:circuit:resend")
    await simulation.ledger.pauses.finish(None, now_ms=now)
    await refresh_gauges(simulation.ledger)
    assert gauge("advent_circuit_open", provider=MAIL) == 0
    assert gauge("advent_paused") == 0


async def test_a_paused_campaign_is_shown_by_every_worker(simulation, clock):
    pause = Pause(since_ms=clock.now_ms(), by="zoë", reason="")
    await simulation.ledger.pauses.start(CHRISTMAS, pause)
    await refresh_gauges(simulation.ledger)
    assert gauge("advent_campaign_paused", campaign="christmas_2025") == 1
    assert gauge("advent_paused") == 0

    await simulation.ledger.pauses.finish(CHRISTMAS, now_ms=clock.now_ms())
    await refresh_gauges(simulation.ledger)
    assert gauge("advent_campaign_paused", campaign="christmas_2025") == 0
