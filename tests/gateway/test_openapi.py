"""The OpenAPI description and the gateway agree."""

from __future__ import annotations

import asyncio
import json

import pytest
from jsonschema_rs import Draft202012Validator

from common.campaigns.loader import Campaign
from services.gateway.app import ENDPOINTS
from services.gateway.openapi import OPERATIONS, describe
from services.gateway.openapi_models import ProblemDetails
from services.gateway.validation.signup_shape import DEFAULT_SHAPE, shape_of
from tests.gateway.conftest import Gateway, OpenGateway
from tests.gateway.fuzzing import GIVEN, ORIGINALS, Fuzz
from tests.gateway.senders import fixture, post_calcom, post_resend


@pytest.fixture
async def gateway(open_gateway: OpenGateway, store_url: str) -> Gateway:
    return await open_gateway(store_url, **GIVEN)


async def test_the_description_is_served(gateway: Gateway) -> None:
    answer = await gateway.request("GET", "/openapi.json")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == describe(gateway.context.shapes)
    assert answer.json["openapi"] == "3.1.0"


def test_every_route_is_described_and_nothing_else() -> None:
    routes = {(route.method.lower(), route.path) for route in ENDPOINTS}

    assert routes == {(operation.method, operation.path) for operation in OPERATIONS}


def test_every_schema_is_valid(campaign: Campaign) -> None:
    described = describe({campaign.key: shape_of(campaign.key, campaign.compiled.fields)})
    for name in described["components"]["schemas"]:
        Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": described["components"]})


def test_the_payloads_of_the_senders_match_the_description() -> None:
    described = describe({"usual": DEFAULT_SHAPE})
    schema = {"$ref": "#/components/schemas/CalcomEvent", "components": described["components"]}
    for name in ("booking_created", "booking_rescheduled", "booking_cancelled", "no_show_updated", "ping"):
        assert Draft202012Validator(schema).is_valid(fixture(name)), name


async def test_a_problem_matches_the_description(gateway: Gateway) -> None:
    for answer in (
        await gateway.sign_up({}),
        await post_calcom(gateway, {}),
        await post_resend(gateway, b"["),
        await gateway.request("GET", "/nowhere"),
    ):
        ProblemDetails.model_validate_json(answer.body, strict=True)


def fuzz(gateway: Gateway, number: int) -> Fuzz:
    return Fuzz(gateway.url, lambda: gateway.clock.now_ms() // 1000, seed=number)


async def test_generated_requests_are_answered_as_described(gateway: Gateway) -> None:
    with fuzz(gateway, 1) as cases:
        await asyncio.to_thread(cases.described, examples=6)

    assert cases.requests > 35
    assert any(status in (200, 202) for _, status in cases.sent)


async def test_unsigned_requests_are_refused_and_store_nothing(gateway: Gateway) -> None:
    def send_unsigned(unsigned: Fuzz) -> None:
        for _ in range(20):
            for kind, originals in ORIGINALS.items():
                body = json.dumps(originals[0]).encode()
                for headers in unsigned.wrong(kind, body, unsigned.signed(kind, body)):
                    unsigned.webhook(kind, "unsigned", body, headers)

    with fuzz(gateway, 2) as unsigned:
        await asyncio.to_thread(send_unsigned, unsigned)

    assert {(how, status // 100) for how, status in unsigned.sent} == {("unsigned", 4)}
    assert unsigned.requests == 20 * 14
    assert await gateway.key_count() == 0


async def test_no_mutated_payload_gets_a_5xx(gateway: Gateway) -> None:
    def play(mutants: Fuzz) -> None:
        for _ in range(25):
            for kind in ORIGINALS:
                mutants.mutated(kind)
            mutants.other_paths()

    with fuzz(gateway, 3) as mutants:
        await asyncio.to_thread(play, mutants)

    assert mutants.requests > 500
    assert {202, 400, 401, 422} <= {status for _, status in mutants.sent}
