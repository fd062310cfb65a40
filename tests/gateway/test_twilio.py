"""Twilio's reports about an SMS, and the answers of phones, are recorded once, in any order."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any
from urllib.parse import urlencode

import pytest
import redis.exceptions
from prometheus_client import REGISTRY

from common.domain.booking import BookingEvent
from common.domain.delivery import DeliveryStatus, Trigger
from common.domain.ids import DeliveryId, booking_id, enrollment_id, follow_up_delivery_id
from common.ledger import keys
from common.ledger.texts import Texts
from common.store.embedded import EmbeddedStore
from services.gateway.webhooks.calcom_event import event_of
from services.gateway.webhooks.calcom_payload import ReceivedWebhook
from services.gateway.webhooks.twilio_payload import status_of, word_of
from services.sandbox.twilio.callbacks import signature
from tests.gateway.conftest import Answer, Gateway, OpenGateway
from tests.gateway.senders import SECRETS, post_calcom
from tests.ledger_reads import is_ended, record_of, timeline_of

TOKEN, NUMBER, SID = "twilio-token-of-the-tests", "+14165550123", "SM" + "0a" * 16
ADA = "ada@example.org"
WHO = enrollment_id("christmas_2025", ADA)
START_MS = 1_772_800_000_000
CALL = f"call:{booking_id('A')}"
DELIVERY = DeliveryId(f"{booking_id('A')}/{START_MS}/24h.sms")


@pytest.fixture
async def gateway(open_gateway: OpenGateway, store_url: str) -> Gateway:
    return await open_gateway(store_url, twilio_auth_token=TOKEN, **SECRETS)


async def post(gateway: Gateway, form: dict[str, str], *, token: str = TOKEN, query: str = "") -> Answer:
    path = f"/webhook/twilio{query}"
    url = f"{gateway.context.settings.public_address}{path}"
    return await gateway.request("POST", path, data=form, headers={"X-Twilio-Signature": signature(token, url, form)})


def about(delivery: str = DELIVERY, contact: str = WHO) -> str:
    return "?" + urlencode({"delivery": delivery, "contact": contact}, safe="/")


async def report(gateway: Gateway, status: str, code: int = 0) -> Answer:
    form = {"MessageSid": SID, "MessageStatus": status, "To": NUMBER, "AccountSid": "AC1"}
    return await post(gateway, form | ({"ErrorCode": str(code)} if code else {}), query=about())


async def accepted(gateway: Gateway) -> None:
    """Record that Ada's reminder by SMS was accepted."""
    ledger, now_ms = gateway.context.intake.ledger, gateway.clock.now_ms()
    fields = {"campaign": "christmas_2025", "contact": WHO, "email": ADA, "uid": "A", "state": "booked"}
    fields |= {"received_ms": str(now_ms), "start_ms": str(START_MS), "address_hash": ledger.store.address_hash(ADA)}
    fields |= {f"/{START_MS}/24h.sms": f"planned {now_ms}"}
    await gateway.store.hset(keys.guest(booking_id("A")), mapping=fields)
    called = {"email": ADA, CALL: f"{START_MS} {START_MS} booked"}
    await gateway.store.hset(keys.contact(WHO), mapping=called)
    await gateway.store.zadd(keys.HEARTBEATS, {"w1": 9e15})
    claim: Any = await ledger.deliveries.claim(DELIVERY, worker="w1", now_ms=now_ms)
    await ledger.deliveries.freeze(claim, "{}", now_ms=now_ms, number=NUMBER)
    assert await ledger.deliveries.settle(claim, "accepted", SID, now_ms=now_ms)


async def status(gateway: Gateway) -> DeliveryStatus:
    record = await record_of(gateway.context.intake.ledger, DELIVERY)
    assert record is not None
    return record.status


async def test_twilio_request_with_no_or_a_wrong_signature_is_refused(gateway: Gateway) -> None:
    form = {"MessageSid": SID, "From": NUMBER, "Body": "STOP"}
    assert (await post(gateway, form, token="another")).status == 401
    assert (await gateway.request("POST", "/webhook/twilio", data=form)).status == 401
    assert (await gateway.request("POST", "/webhook/twilio", data=b"\xff\x00")).status == 401
    assert not await gateway.store.exists(keys.SUPPRESSED)


async def test_callbacks_and_unsigned_requests_are_counted_like_those_of_any_webhook(gateway: Gateway) -> None:
    before = counted("accepted"), counted("unsigned")
    await accepted(gateway)
    await report(gateway, "delivered")
    await post(gateway, {"MessageSid": SID, "MessageStatus": "delivered"}, token="wrong")

    assert (counted("accepted"), counted("unsigned")) == (before[0] + 1, before[1] + 1)


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("advent_webhooks_total", {"kind": "twilio", "outcome": outcome}) or 0


async def test_signature_matches_the_example_of_twilio() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
        "Caller": "+14158675309",
    }
    made = signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form)
    assert made == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


async def test_twilio_requests_are_refused_without_an_auth_token(open_gateway: OpenGateway, store_url: str) -> None:
    gateway = await open_gateway(store_url, **SECRETS)
    assert (await post(gateway, {"MessageSid": SID, "From": NUMBER, "Body": "STOP"}, token="")).status == 401


@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "queued"])))
async def test_repeated_sms_statuses_in_any_order_never_go_backwards(gateway: Gateway, order: tuple[str, ...]) -> None:
    await accepted(gateway)
    for name in (*order, *order):
        assert (await report(gateway, name)).status == 200
    assert await status(gateway) is DeliveryStatus.DELIVERED
    reported = await gateway.context.intake.ledger.feedback.of(booking_id("A"))
    assert [(one.kind.value, one.times) for one in reported] == [("delivered", 1)]


@pytest.mark.parametrize("trigger", list(Trigger))
def test_sms_status_is_recorded_for_its_follow_up(trigger: Trigger) -> None:
    delivery = follow_up_delivery_id(booking_id("A"), on=trigger, name="missed.sms")
    texts = {"MessageSid": SID, "MessageStatus": "delivered", "To": NUMBER}
    found = status_of(texts, {"delivery": delivery, "contact": WHO}, received_ms=1)
    assert found is not None
    assert (found.delivery_id, found.is_of_sms) == (delivery, True)


async def test_undelivered_sms_does_not_end_mail(gateway: Gateway) -> None:
    await accepted(gateway)
    await report(gateway, "undelivered", 30003)
    assert await status(gateway) is DeliveryStatus.BOUNCED
    assert not await gateway.store.exists(keys.SUPPRESSED)


@pytest.mark.parametrize("code", [30006, 21610])
async def test_number_that_cannot_receive_sms_gets_no_more_and_mail_continues(gateway: Gateway, code: int) -> None:
    await accepted(gateway)
    await report(gateway, "failed", code)
    ledger = gateway.context.intake.ledger
    assert await is_ended(ledger, NUMBER)
    assert await ledger.suppressions.of(ADA) is None


async def test_status_of_an_unknown_sms_is_ignored(gateway: Gateway) -> None:
    form = {"MessageSid": SID, "MessageStatus": "delivered", "To": NUMBER}
    for query in ("", about("enr_aaaaaaaaaaaaaaaa/step-1"), about("nonsense"), about(contact="nobody")):
        assert (await post(gateway, form, query=query)).status == 200
    assert [key async for key in gateway.store.scan_iter("*feedback*")] == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("STOP", "stop"),
        ("stop.", "stop"),
        (" Arrêt ", "stop"),
        ("ARRET", "stop"),
        ("Unsubscribe", "stop"),
        ("Start", "start"),
        ("AIDE", "help"),
        ("help!", "help"),
        ("Please don't stop", "answer"),
        ("On my way", "answer"),
        ("👍", "answer"),
    ],
)
def test_single_keyword_is_a_command_and_a_sentence_is_an_answer(text: str, word: str) -> None:
    assert word_of(text) == word


async def test_stop_and_start_end_and_resume_sms_to_a_number(gateway: Gateway) -> None:
    ledger = gateway.context.intake.ledger
    answer = await post(gateway, {"MessageSid": SID, "From": NUMBER, "Body": "Arrêt"})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert await is_ended(ledger, NUMBER)
    await post(gateway, {"MessageSid": "SM" + "0b" * 16, "From": NUMBER, "Body": "START"})
    assert not await is_ended(ledger, NUMBER)
    await post(gateway, {"MessageSid": SID, "From": NUMBER, "Body": "Arrêt"})  # a repetition changes nothing
    assert not await is_ended(ledger, NUMBER)


@pytest.mark.parametrize(("asked", "begins"), [("AIDE", "BusinessX : rappels"), ("help!", "BusinessX: reminders")])
async def test_help_is_one_message_the_same_when_repeated_and_none_after_twilios_own(
    gateway: Gateway, asked: str, begins: str
) -> None:
    form = {"MessageSid": SID, "From": NUMBER, "Body": asked}
    answers = [(await post(gateway, form)).body for _ in range(2)]  # Twilio repeats a request that got no answer.
    assert answers[0].count(b"<Message>") == answers[0].count(f"<Message>{begins}".encode()) == 1
    assert answers[0] == answers[1]
    assert b"<Message>" not in (await post(gateway, form | {"OptOutType": "HELP"})).body


async def test_sms_answer_is_shown_on_the_timeline(gateway: Gateway) -> None:
    await accepted(gateway)
    await post(gateway, {"MessageSid": SID, "From": NUMBER, "Body": "Running\n late"})
    entries = await timeline_of(gateway.context.intake.ledger, WHO)
    assert [(one.what, one.detail) for one in entries if one.what.startswith("sms")] == [("sms answer", "Running late")]


async def test_stop_during_a_store_outage_is_spooled_and_applied_later(
    open_gateway: OpenGateway, own_store: EmbeddedStore
) -> None:
    gateway = await open_gateway(own_store.url, twilio_auth_token=TOKEN, **SECRETS)
    own_store.stop()
    assert (await post(gateway, {"MessageSid": SID, "From": NUMBER, "Body": "STOP"})).status == 200
    own_store.start()
    await gateway.wait_until_replayed()
    assert await is_ended(gateway.context.intake.ledger, NUMBER)


@pytest.mark.usefixtures("json_logs")
async def test_an_sms_that_cannot_be_recorded_is_set_aside_and_no_number_is_logged(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refuse(*_: object, **__: object) -> bool:
        raise redis.exceptions.ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")

    monkeypatch.setattr(Texts, "receive", refuse)

    assert (await post(gateway, {"MessageSid": SID, "From": NUMBER, "Body": "STOP"})).status == 200
    await gateway.wait_until_replayed()

    said = capsys.readouterr().err
    lines: list[dict[str, Any]] = [json.loads(line) for line in said.splitlines()]
    (line,) = [line for line in lines if line["event"] == "spool_event_set_aside"]
    hashed = gateway.context.intake.ledger.store.number_hash(NUMBER)
    assert (line["kind"], line["enrollment_id"]) == ("sms", hashed)
    assert NUMBER not in said


async def test_only_the_reminder_number_of_cal_com_counts_as_consent_to_sms(gateway: Gateway) -> None:
    for uid, given in (
        ("with", {"responses": {"smsReminderNumber": {"label": "n", "value": "+1 416 555 0123"}}}),
        ("top", {"smsReminderNumber": "+1 416 555 0123"}),
        ("both", {"smsReminderNumber": "+1 647 555 0100", "responses": {"smsReminderNumber": "+1 416 555 0123"}}),
        ("seats", {"smsReminderNumber": "+1 416 555 0123", "seatsPerTimeSlot": 5}),
        ("without", {"responses": {"attendeePhoneNumber": {"label": "n", "value": "+1 416 555 0123"}}}),
    ):
        payload = {
            "uid": uid,
            "startTime": "2026-12-03T18:00:00Z",
            "attendees": [{"email": ADA, "phoneNumber": "+14165550123"}],
            **given,
        }
        event = {"triggerEvent": "BOOKING_CREATED", "createdAt": "2026-11-01T00:00:00Z", "payload": payload}
        assert (await post_calcom(gateway, event)).status == 202
    ledger = gateway.context.intake.ledger
    found = {
        uid: [event.sms_number for event in (await ledger.bookings.gather(booking_id(uid))).events]
        for uid in ("with", "top", "both", "seats", "without")
    }
    number = ["+1 416 555 0123"]
    assert found == {"with": number, "top": number, "both": number, "seats": [None], "without": [None]}


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        *((answer, "+14165550123") for answer in ("+14165550123", ["+14165550123"])),
        *((yes, "+1 647 555 0100") for yes in (True, [True], "true", "Yes", ["Yes"], "oui", "on", "1")),
        *((no, None) for no in (False, [False], "No", "non", "off", "0", "", [], None, ["Yes", "No"], "perhaps")),
    ],
)
def test_yes_to_the_configured_question_counts_as_consent_to_sms(answer: object, number: str | None) -> None:
    payload = {
        "uid": "A",
        "startTime": "2026-12-03T18:00:00Z",
        "attendees": [{"email": ADA, "phoneNumber": "+1 647 555 0100"}],
        "responses": {"text-me": {"label": "May we text you?", "value": answer}},
    }
    webhook = ReceivedWebhook.of({"triggerEvent": "BOOKING_CREATED", "payload": payload})
    event = event_of(webhook, received_ms=1, types=(), sms_question="text-me")
    assert isinstance(event, BookingEvent)
    assert event.sms_number == number
    without = event_of(webhook, received_ms=1, types=())
    assert isinstance(without, BookingEvent)
    assert without.sms_number is None
