"""A signup is recorded once, and a repetition gets the same answer."""

from __future__ import annotations

import asyncio
import json

from common.clock import VirtualClock, iso
from common.domain.ids import enrollment_id
from services.gateway.webhooks.signup import parse
from tests.gateway.conftest import Gateway, OpenGateway, person


async def test_a_signup_is_accepted_and_answered_in_full(gateway: Gateway, clock: VirtualClock) -> None:
    answer = await gateway.sign_up(person("ada", email="  Ada@Example.org ", red_systems=2))

    assert answer.status == 202
    assert {
        "status": "accepted",
        "message": "Signup accepted; the first e-mail is on its way.",
        "enrollment_id": enrollment_id("christmas_2025", "ada@example.org"),
        "email": "ada@example.org",
        "segment": "CRITICAL",
        "campaign": "Christmas 2025",
        "timestamp": iso(clock.now_ms()),
    } == answer.json


async def test_a_second_signup_of_one_contact_is_a_duplicate(gateway: Gateway, clock: VirtualClock) -> None:
    first = await gateway.sign_up(person("emeka", red_systems=1))
    clock.advance(60_000)
    second = await gateway.sign_up(person("emeka"))

    assert (first.status, second.status) == (202, 200)
    assert second.json["status"] == "duplicate"
    assert first.json["enrollment_id"] == second.json["enrollment_id"]
    assert second.json["segment"] == "OPTIMIZE", "the newest assessment decides"


async def test_a_repeated_webhook_id_gets_the_same_bytes_again(gateway: Gateway, clock: VirtualClock) -> None:
    first = await gateway.sign_up(person("ada"), id="msg_a")
    other = await gateway.sign_up(person("ada", red_systems=3), id="msg_b")
    clock.advance(250_000)

    assert first.body == (await gateway.sign_up(person("ada"), id="msg_a")).body
    again = await gateway.sign_up(person("ada", red_systems=3), id="msg_b")
    assert (200, other.body) == (again.status, again.body)


async def test_sixty_concurrent_requests_with_one_webhook_id_get_one_answer(gateway: Gateway) -> None:
    answers = await asyncio.gather(*(gateway.sign_up(person("ada"), id="msg_1") for _ in range(60)))

    assert {202} == {answer.status for answer in answers}
    assert len({answer.body for answer in answers}) == 1


async def test_sixty_concurrent_signups_of_one_contact_are_accepted_once(gateway: Gateway) -> None:
    answers = await asyncio.gather(*(gateway.sign_up(person("ada")) for _ in range(60)))

    assert sorted(answer.status for answer in answers) == [200] * 59 + [202]
    assert len({answer.json["enrollment_id"] for answer in answers}) == 1


async def test_null_fields_are_treated_as_absent_and_unknown_fields_are_stored(gateway: Gateway) -> None:
    who = person("ada", business_name=None, red_systems=None, gps_score=None, utm={"source": "instagram"})

    assert (await gateway.sign_up(who)).status == 202
    assert parse(json.dumps(who).encode()).assessment.extra == {"utm": {"source": "instagram"}}


def test_texts_are_normalized_and_numbers_unchanged() -> None:
    assessment = parse(
        json.dumps(
            person(
                first_name="  Ada \r\n Bcc:  y ",
                business_name=" ",
                assessment_score=72.5,
                red_systems=2.0,
                locale="en_CA",
                timezone=" Asia/Kolkata ",
                revenue_leak_total=14500,
            )
        ).encode()
    ).assessment

    assert (
        assessment.first_name,
        assessment.business_name,
        assessment.assessment_score,
        assessment.red_systems,
    ) == ("Ada Bcc: y", None, 72.5, 2)
    assert (assessment.locale, assessment.timezone, assessment.revenue_leak_total) == ("en-CA", "Asia/Kolkata", 14500)
    assert isinstance(assessment.revenue_leak_total, int)


async def test_a_website_without_a_secret_is_accepted_only_where_allowed(
    open_gateway: OpenGateway, store_url: str
) -> None:
    strict = await open_gateway(store_url, webhook_secret=None)
    lenient = await open_gateway(store_url, webhook_secret=None, allow_unsigned_webhooks=True)
    body = json.dumps(person("ada")).encode()
    headers = {"content-type": "application/json"}

    assert (await strict.request("POST", "/webhook/christmas-signup", data=body, headers=headers)).status == 401
    assert (await lenient.request("POST", "/webhook/christmas-signup", data=body, headers=headers)).status == 202
    assert (await lenient.request("POST", "/webhook/christmas-signup", data=body, headers=headers)).status == 200
