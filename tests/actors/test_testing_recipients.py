"""In TESTING_MODE with real providers, only listed recipients get mail or SMS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.contact import SmsConsent
from common.domain.delivery import DeliveryStatus
from common.settings.settings import Settings
from services.simulation.engine import Simulation
from tests.texting import texting_campaign

HOUR_MS = 3_600_000
NUMBER = "+14165550123"


@pytest.mark.parametrize(
    ("recipients", "mailed", "texted"),
    [("", 0, 0), ("boris@example.org", 10, 0), (f"boris@example.org,{NUMBER}", 10, 1)],
)
async def test_testing_mode_sends_mail_and_sms_to_listed_recipients_only(
    store, clock, boris, tmp_path, recipients, mailed, texted
):
    settings = Settings(
        secret_key="k" * 32,
        testing_mode=True,
        testing_recipients=recipients,
        resend_api_key="re_real",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token="token",
        twilio_from="+14165550100",
    )
    run = Simulation(store, texting_campaign(tmp_path), settings, clock=clock)
    await run.sign_up(replace(boris, sms_consent=SmsConsent(is_given=True, number=NUMBER)))
    await run.book(boris.email, clock.now_ms() + 2 * HOUR_MS, uid="A")
    await run.run()

    assert (len(run.mailer.accepted_mails), len(run.texter.accepted_texts)) == (mailed, texted)
    [row] = run.mirror.rows.values()
    skipped = [one.detail for one in row.records.values() if one.status is DeliveryStatus.SKIPPED]
    assert {*skipped} == (set() if mailed else {"test_mode"})
