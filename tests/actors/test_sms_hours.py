"""An SMS reaches its reader before quiet hours and before the call, or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import redis.asyncio

from actors.sending.render import NotSent
from actors.sending.render_sms import LATE, render_sms
from common.campaigns.campaign import Campaign, campaign_of
from common.clock import VirtualClock
from common.domain.ids import booking_id, reminder_delivery_id
from common.ledger.deliveries import ClaimGranted
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.texting import texting_campaign

BORIS, NUMBER = "boris@example.org", "+14165550123"
TORONTO = ZoneInfo("America/Toronto")


@pytest.fixture(scope="module")
def texting(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """A campaign that sends an SMS a day before a call and two hours before it."""
    made = texting_campaign(tmp_path_factory.mktemp("campaigns"))
    text = next(one.sms for one in made.reminders if one.sms)
    reminders = tuple(replace(one, sms=text) if one.name == "2h" else one for one in made.reminders)
    return campaign_of(replace(made.compiled, reminders=reminders))


@pytest.fixture
async def run(store: redis.asyncio.Redis, texting: Campaign, clock: VirtualClock) -> Simulation:
    """A simulation in which Boris has booked a call for 14:00 on March 12."""
    settings = Settings(secret_key="k" * 32, sandboxed=frozenset({"resend", "notion", "twilio"}))
    clock.move_to(at("2026-03-02T10:00"))
    made = Simulation(store, texting, settings, clock=clock)
    await made.book(BORIS, at("2026-03-12T14:00"), uid="A", timezone="America/Toronto", sms_number=NUMBER)
    return made


def at(local: str) -> int:
    return round(datetime.fromisoformat(local).replace(tzinfo=TORONTO).timestamp() * 1000)


async def test_sms_expires_at_the_provider_at_quiet_hours_or_at_the_start_of_the_call(run):
    await run.run()

    valid = [datetime.fromtimestamp(text.valid_until_ms / 1000, TORONTO) for _, text in run.texter.accepted_texts]

    assert [f"{one:%d %H:%M}" for one in valid] == ["11 20:00", "12 14:00"]


@pytest.mark.parametrize("now", ["2026-03-11T19:59:40", "2026-03-11T21:00"])
async def test_sms_delayed_into_quiet_hours_is_not_rendered(run, now):
    await run.run(until_ms=at("2026-03-11T13:59"))
    run.clock.move_to(at(now))
    sms = reminder_delivery_id(booking_id("A"), start_ms=at("2026-03-12T14:00"), name="24h.sms")
    claim = await run.ledger.deliveries.claim(sms, worker="w1", now_ms=at(now))
    assert isinstance(claim, ClaimGranted)

    with pytest.raises(NotSent, match=LATE):
        await render_sms(run.world, claim)


async def test_reminder_sms_uses_the_signups_time_zone_when_the_booking_has_none(run, ada):
    await run.sign_up(replace(ada, timezone="America/Vancouver"))
    await run.book(ada.email, at("2026-03-20T11:00"), uid="B", sms_number="+16045550123")
    await run.run()

    sent = [
        datetime.fromtimestamp(at_ms / 1000, ZoneInfo("America/Vancouver"))
        for at_ms, text in run.texter.accepted_texts
        if text.to == "+16045550123"
    ]
    assert [f"{one:%d %H:%M}" for one in sent] == ["18 19:59", "19 19:59"]
