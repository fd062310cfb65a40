"""A person's mails and SMS at the console: as they were sent, as they would be sent, skipped, and sent now."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from common.campaigns.loader import Campaign
from common.clock import utc_datetime
from common.domain.booking import BookingKind
from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus
from common.domain.ids import DeliveryId, booking_id, enrollment_id
from common.errors import Misconfigured, Permanent
from common.ledger.console_jobs import RESULT_LIFE_MS
from common.providers.budget import Unlimited
from common.settings.settings import Settings
from common.shown_mails import without_unsubscribe
from services.simulation.engine import Simulation
from services.simulation.providers import InMemoryMailer
from tests.console.conftest import SECRET_KEY, Console
from tests.ledger_reads import record_of
from tests.texting import texting_campaign

ADA = enrollment_id("christmas_2025", "ada@example.org")
BORIS = enrollment_id("christmas_2025", "boris@example.org")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SUBJECT = "what to prepare (not much)"
"""How the subject of the first reminder ends."""
FIRST = f"/people/{ADA}/mails/step-1"


@pytest.fixture
async def signed_up(simulation: Simulation, ada: Assessment) -> Simulation:
    await simulation.sign_up(ada)
    await soon(simulation)
    return simulation


async def soon(simulation: Simulation) -> None:
    await simulation.run(until_ms=simulation.clock.now_ms() + 1_000)


async def text_of(console: Console, path: str) -> str:
    """Return the page in one line, with HTML entities decoded."""
    answer = await console.get(path)
    assert answer.status == 200, answer.text
    return " ".join(html.unescape(answer.text).split())


async def test_copy_of_a_sent_mail_is_fetched_by_a_worker_and_shown(console: Console, signed_up: Simulation) -> None:
    asked = await text_of(console, FIRST)
    await soon(signed_up)
    fetched = await text_of(console, FIRST)
    body = await console.get(f"/people/{ADA}/bodies/resend/step-1")

    [mail] = signed_up.mailer.inbox_of("ada@example.org")
    assert "A worker is fetching it from Resend" in asked
    assert "again from the version in force" in asked
    assert "Resend's copy." in fetched
    assert f"<h1>{mail.subject}</h1>" in fetched
    assert body.text == without_unsubscribe(mail.html)
    assert body.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


async def test_shown_copy_of_a_sent_mail_has_no_unsubscribe_link(console: Console, signed_up: Simulation) -> None:
    await text_of(console, FIRST)
    await soon(signed_up)

    page, body = await text_of(console, FIRST), await text_of(console, f"/people/{ADA}/bodies/resend/step-1")

    assert "/unsubscribe/enr" in signed_up.mailer.inbox_of("ada@example.org")[0].text
    assert "/unsubscribe/enr" not in page + body
    assert "https://unsubscribe.invalid/shown-only" in page
    assert "https://unsubscribe.invalid/shown-only" in body


async def test_copy_of_a_sent_mail_is_requested_once_and_cached(console: Console, signed_up: Simulation) -> None:
    for _ in range(3):
        await text_of(console, FIRST)
    await soon(signed_up)

    [key] = [key async for key in console.context.ledger.client.scan_iter("*console_job:*")]
    assert 0 < await console.context.ledger.client.pttl(key) <= RESULT_LIFE_MS


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (Misconfigured("restricted_api_key", status=401), "RESEND_API_KEY may only send"),
        (Permanent("not_found", status=404), "Resend does not have it any more"),
        (Misconfigured("invalid_api_key", status=403), "the provider answered invalid_api_key"),
    ],
)
async def test_sent_mail_that_cannot_be_fetched_is_rendered_again_and_says_so(
    console: Console, signed_up: Simulation, failure: Exception, why: str
) -> None:
    signed_up.mailer.list_failure = failure  # type: ignore[assignment]
    await text_of(console, FIRST)
    await soon(signed_up)

    page = await text_of(console, FIRST)

    assert f"Resend's copy cannot be shown: {why}" in page
    assert "Rendered again from" in page
    assert "Ada" in await text_of(console, f"/people/{ADA}/bodies/version/step-1")


async def test_a_mail_that_was_sent_is_also_shown_as_it_would_be_sent_now(
    console: Console, signed_up: Simulation
) -> None:
    page = await text_of(console, f"{FIRST}?as=now")

    assert "As it would be sent now." in page
    assert f'src="/people/{ADA}/bodies/now/step-1"' in page


async def test_future_mail_counts_weeks_by_the_time_zone_of_the_booking(
    console: Console, simulation: Simulation, ada: Assessment
) -> None:
    """
    The signup names no time zone, so the zone of the booking counts.

    Sunday evening in Toronto is Monday in Auckland, two weeks before the rush.
    """
    clock, earliest = simulation.clock, "Switch on reminders"
    clock.move_to(round(datetime.fromisoformat("2025-11-25T18:00-05:00").timestamp() * 1000))
    await simulation.book(ada.email, clock.now_ms() + 9 * DAY_MS, uid="uid-ada", timezone="Pacific/Auckland")
    await soon(simulation)
    await simulation.sign_up(replace(ada, timezone=None))
    await soon(simulation)

    shown = await text_of(console, f"/people/{ADA}/bodies/now/step-4")
    await simulation.run(until_ms=clock.now_ms() + 6 * DAY_MS)

    [sent] = [mail.text for mail in simulation.mailer.inbox_of(ada.email) if mail.tags.get("step") == "step-4"]
    assert "Start the waiting list" in shown
    assert (earliest in shown, earliest in sent) == (False, False)


@pytest.fixture
async def booked(signed_up: Simulation) -> DeliveryId:
    """Ada has a call in four days. Return the id of its first reminder."""
    start_ms = signed_up.clock.now_ms() + 4 * DAY_MS
    await signed_up.book("ada@example.org", start_ms, uid="uid-ada", first_name="Ada", timezone="America/Vancouver")
    await soon(signed_up)
    return DeliveryId(f"{booking_id('uid-ada')}/{start_ms}/72h")


async def decide(console: Console, action: str, *, who: str = ADA, **fields: str) -> str:
    token = (await console.get("/")).form_token
    answer = await console.post(f"/people/{who}/{action}", token=token, **fields)
    return (await console.get(answer.location)).text


async def test_reminder_is_shown_with_its_subject_its_reason_and_its_rendered_text(
    console: Console, booked: DeliveryId
) -> None:
    person = await text_of(console, f"/people/{ADA}")
    mail = await text_of(console, f"/people/{ADA}/mails/{booked}")

    assert ">Reminder 72h</a>" in person
    assert "3 d before the call" in person
    assert "(Fri 28 Nov 08:00 PST)" in person, "the call, where they are"
    assert SUBJECT in person
    assert f"{SUBJECT}</h1>" in mail
    assert "Hi Ada" in await text_of(console, f"/people/{ADA}/bodies/now/{booked}")


async def test_a_reminder_is_skipped(console: Console, signed_up: Simulation, booked: DeliveryId) -> None:
    assert "Skipped:" in await decide(console, "skip", mail=booked)
    assert "already has its final status" in await decide(console, "send-now", mail=booked)

    await signed_up.run(until_ms=signed_up.clock.now_ms() + 2 * DAY_MS)
    assert not [one for one in signed_up.mailer.inbox_of("ada@example.org") if SUBJECT in one.subject]


async def test_a_reminder_is_sent_now_and_then_shown_as_it_was_sent(
    console: Console, signed_up: Simulation, booked: DeliveryId
) -> None:
    assert "is due now" in await decide(console, "send-now", mail=booked)
    await soon(signed_up)

    await text_of(console, f"/people/{ADA}/mails/{booked}")
    await soon(signed_up)

    assert "Resend's copy." in await text_of(console, f"/people/{ADA}/mails/{booked}")


async def test_a_reminder_of_a_call_that_was_cancelled_is_not_sent_now(
    console: Console, signed_up: Simulation, booked: DeliveryId
) -> None:
    await signed_up.change_booking(BookingKind.CANCELLED, "uid-ada")

    page = await decide(console, "send-now", mail=booked)
    await soon(signed_up)

    assert "is due now" in page, "the cancellation was not looked at yet: the worker refuses it"
    assert not [one for one in signed_up.mailer.inbox_of("ada@example.org") if SUBJECT in one.subject]
    assert "Nothing was done" in await decide(console, "send-now", mail=booked)


async def test_contact_who_only_booked_has_a_page_with_mails_and_actions(
    console: Console, simulation: Simulation
) -> None:
    start_ms = simulation.clock.now_ms() + 4 * DAY_MS
    await simulation.book("boris@example.org", start_ms, uid="uid-boris", first_name="Boris")
    await soon(simulation)
    name = f"{booking_id('uid-boris')}/{start_ms}/72h"

    assert ">Reminder 72h</a>" in await text_of(console, f"/people/{BORIS}")
    assert "Hi Boris" in await text_of(console, f"/people/{BORIS}/bodies/now/{name}")
    assert "Skipped:" in await decide(console, "skip", who=BORIS, mail=name)
    assert "Paused:" in await decide(console, "pause", who=BORIS)
    assert "Suppressed:" in await decide(console, "suppress", who=BORIS)


@pytest.fixture
async def texted(
    console: Console, store, campaign: Campaign, tmp_path_factory: pytest.TempPathFactory, ada: Assessment
) -> tuple[Simulation, int, str]:
    """Ada has a call in four days, and gets SMS. Return (simulation, start of the call, id of the 24h SMS)."""
    texting = texting_campaign(tmp_path_factory.mktemp("campaigns"))
    settings = Settings(secret_key=SECRET_KEY, sandboxed=frozenset({"resend", "notion", "twilio"}))
    simulation = Simulation(store, texting, settings, clock=console.clock)
    assert console.context.campaigns is not None
    console.context.campaigns.replace(texting)
    await simulation.sign_up(ada)
    start_ms = simulation.clock.now_ms() + 4 * DAY_MS
    await simulation.book(ada.email, start_ms, uid="uid-ada", sms_number="+14165550123")
    await soon(simulation)
    return simulation, start_ms, f"{booking_id('uid-ada')}/{start_ms}/24h.sms"


async def test_an_sms_is_shown_with_its_text(console: Console, texted: tuple[Simulation, int, str]) -> None:
    simulation, start_ms, name = texted
    planned = await text_of(console, f"/people/{ADA}/mails/{name}")
    await simulation.run(until_ms=start_ms)
    sent = await text_of(console, f"/people/{ADA}/mails/{name}")

    [text] = simulation.texter.phone_of("+14165550123")
    assert "As it would be sent now." in planned
    assert " ".join(text.split()) in sent
    assert "Rendered again" in sent
    assert "Twilio's id" in sent
    assert ">Reminder 24h by SMS</a>" in await text_of(console, f"/people/{ADA}")


@pytest.mark.parametrize(
    ("local", "texts"), [("08:30", 0), ("12:00", 1), ("19:58", 0), ("22:00", 0)], ids=lambda value: str(value)
)
async def test_a_reminder_by_sms_is_not_sent_now_in_quiet_hours(
    console: Console, texted: tuple[Simulation, int, str], local: str, texts: int
) -> None:
    simulation, _, name = texted
    tomorrow = utc_datetime(simulation.clock.now_ms() + DAY_MS).astimezone(ZoneInfo("America/Toronto"))
    hour, minute = map(int, local.split(":"))
    await simulation.run(until_ms=round(tomorrow.replace(hour=hour, minute=minute).timestamp() * 1000))

    answer = await decide(console, "send-now", mail=name)
    await simulation.run(until_ms=simulation.clock.now_ms() + 60_000)

    assert ("no SMS is sent in quiet hours" in answer, len(simulation.texter.phone_of("+14165550123"))) == (
        not texts,
        texts,
    )


class Pausing:
    """A callable that awaits `first` before each call of the original."""

    def __init__(self, call: Callable[..., Awaitable[Any]], first: Callable[[], Awaitable[None]]) -> None:
        self._call, self._first = call, first

    async def __call__(self, *given: Any, **named: Any) -> Any:
        await self._first()
        return await self._call(*given, **named)


MOMENTS = ("before it is claimed", "once it is claimed", "while the provider has it", "once it was sent")


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("order", [("skip", "send-now"), ("send-now", "skip")], ids="-".join)
@pytest.mark.parametrize("together", [True, False], ids=["together", "one after the other"])
async def test_skip_and_send_now_by_two_users_have_one_outcome_that_both_see(
    console: Console,
    signed_up: Simulation,
    monkeypatch: pytest.MonkeyPatch,
    order: tuple[str, str],
    moment: str,
    together: bool,
) -> None:
    """The mail is due. One user clicks *skip*, another *send now*; the worker continues after both responses."""
    second, pages = DeliveryId(f"{ADA}/step-2"), {}
    signed_up.clock.move_to(signed_up.clock.now_ms() + DAY_MS)
    token = (await console.get("/")).form_token

    async def click(what: str) -> None:
        answer = await console.post(f"/people/{ADA}/{what}", token=token, mail="step-2", ignore_gap="yes")
        pages[what] = (await console.get(answer.location)).text

    async def both_click() -> None:
        if not pages:
            clicks = [click(what) for what in order]
            await asyncio.gather(*clicks) if together else [await one for one in clicks]

    if moment == "before it is claimed":
        await both_click()
    if moment == "once it is claimed":
        monkeypatch.setattr(signed_up.world.mail_budget, "take", Pausing(Unlimited().take, both_click))
    if moment == "while the provider has it":
        monkeypatch.setattr(InMemoryMailer, "send", Pausing(partial(InMemoryMailer.send, signed_up.mailer), both_click))
    await soon(signed_up)
    if moment == "once it was sent":
        await both_click()
    await soon(signed_up)

    record = await record_of(console.context.ledger, second)
    assert record is not None
    number = len(signed_up.mailer.inbox_of("ada@example.org")) - 1
    if "Skipped: that mail is never sent" in pages["skip"]:
        assert (record.status, number) == (DeliveryStatus.SKIPPED, 0)
    else:
        assert "Nothing was done" in pages["skip"]
        assert (record.status, number) == (DeliveryStatus.ACCEPTED, 1)
    assert "That mail is due now" in pages["send-now"] or "Nothing was done" in pages["send-now"]
    assert (moment in MOMENTS[2:]) == ("Nothing was done" in pages["skip"])
