"""The description says what the gateway does, and the gateway does nothing else."""

from __future__ import annotations

import asyncio
import json

import pytest
from jsonschema_rs import Draft202012Validator

from services.gateway.app import ENDPOINTS
from services.gateway.openapi import OPERATIONS, describe
from services.gateway.openapi_models import ProblemDetails
from tests.gateway.conftest import Opener, Site
from tests.gateway.fuzzing import GIVEN, ORIGINALS, Fuzz
from tests.gateway.senders import calcom_posts, fixture, resend_posts


@pytest.fixture
async def site(opens: Opener, store_url: str) -> Site:
    return await opens(store_url, **GIVEN)


async def test_it_is_served(site: Site) -> None:
    answer = await site.asks("GET", "/openapi.json")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == describe()
    assert answer.json["openapi"] == "3.1.0"


def test_every_route_is_described_and_nothing_else() -> None:
    routes = {(route.method.lower(), route.path) for route in ENDPOINTS}

    assert routes == {(operation.method, operation.path) for operation in OPERATIONS}


def test_every_schema_is_one() -> None:
    described = describe()
    for name in described["components"]["schemas"]:
        Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": described["components"]})


def test_what_the_senders_send_is_what_is_described() -> None:
    described = describe()
    schema = {"$ref": "#/components/schemas/CalcomEvent", "components": described["components"]}
    for name in ("booking_created", "booking_rescheduled", "booking_cancelled", "no_show_updated", "ping"):
        assert Draft202012Validator(schema).is_valid(fixture(name)), name


async def test_a_problem_has_the_shape_that_is_described(site: Site) -> None:
    for answer in (
        await site.signs_up({}),
        await calcom_posts(site, {}),
        await resend_posts(site, b"["),
        await site.asks("GET", "/nowhere"),
    ):
        ProblemDetails.model_validate_json(answer.body, strict=True)


def fuzz(site: Site, number: int) -> Fuzz:
    return Fuzz(site.url, lambda: site.clock.now_ms() // 1000, seed=number)


@pytest.mark.timeout(120)  # Most of it is hypothesis at work, which takes what the machine can spare.
async def test_cases_of_the_description_are_answered_as_it_says(site: Site) -> None:
    with fuzz(site, 1) as cases:
        await asyncio.to_thread(cases.described, examples=6)

    assert cases.requests > 35
    assert any(status in (200, 202) for _, status in cases.sent)


async def test_nothing_unsigned_is_accepted_or_leaves_a_trace(site: Site) -> None:
    def knock(unsigned: Fuzz) -> None:
        for _ in range(20):
            for kind, originals in ORIGINALS.items():
                body = json.dumps(originals[0]).encode()
                for headers in unsigned.wrong(kind, body, unsigned.signed(kind, body)):
                    unsigned.webhook(kind, "unsigned", body, headers)

    with fuzz(site, 2) as unsigned:
        await asyncio.to_thread(knock, unsigned)

    assert {(how, status // 100) for how, status in unsigned.sent} == {("unsigned", 4)}
    assert unsigned.requests == 20 * 14
    assert await site.keys() == 0


async def test_real_payloads_with_pieces_replaced_are_answered_with_no_5xx(site: Site) -> None:
    def play(mutants: Fuzz) -> None:
        for _ in range(25):
            for kind in ORIGINALS:
                mutants.mutated(kind)
            mutants.elsewhere()

    with fuzz(site, 3) as mutants:
        await asyncio.to_thread(play, mutants)

    assert mutants.requests > 500
    assert {202, 400, 401, 422} <= {status for _, status in mutants.sent}
