"""No request of a client gets a 5xx."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.signatures import StandardSignatures
from services.gateway.validation.signup_shape import Signup
from services.gateway.validation.strict_json import read_object
from services.gateway.webhooks.signup import parse
from services.web.problem import Problem
from tests.gateway.conftest import Gateway, person, secret

FIELDS = sorted(Signup.model_fields)
TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
SIGNUPS = st.dictionaries(st.sampled_from(FIELDS) | TEXTS, VALUES, max_size=8)
BOUNDED = settings(max_examples=200)


def parsed(body: bytes) -> int:
    try:
        assessment = parse(body).assessment
    except Problem as problem:
        return problem.status
    json.dumps(assessment.extra, ensure_ascii=False).encode()
    assessment.email.encode("ascii")
    return 202


@BOUNDED
@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    assert parsed(body) in (400, 422)


@BOUNDED
@given(SIGNUPS)
def test_any_object_is_parsed_or_refused(fields: dict[str, Any]) -> None:
    assert parsed(json.dumps(person("ada") | fields).encode()) in (202, 400, 422)


@BOUNDED
@given(st.text(alphabet='{}[]",:0123456789.eE+-nultrfas\\ "', max_size=60))
def test_accepted_json_is_parsed_as_python_parses_it(text: str) -> None:
    try:
        value = read_object(text.encode())
    except Problem:
        return
    assert value == json.loads(text)


@BOUNDED
@given(TEXTS, TEXTS, TEXTS)
def test_any_headers_are_verified_or_refused(id: str, at: str, signature: str) -> None:
    from multidict import CIMultiDict, CIMultiDictProxy

    headers = CIMultiDict({"webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature})
    try:
        StandardSignatures.of([secret()], allow_unsigned=False).verify(CIMultiDictProxy(headers), b"{}", now_ms=0)
    except Problem as problem:
        refused = problem.status
    else:
        refused = 0
    assert refused == 401


async def test_no_signed_object_gets_a_5xx(gateway: Gateway) -> None:
    bodies: list[bytes] = []
    collect = settings(max_examples=100)(
        given(SIGNUPS)(lambda fields: bodies.append(json.dumps(person("ada") | fields).encode()))
    )
    await asyncio.to_thread(collect)

    statuses = {(await gateway.post(body)).status for body in bodies}

    assert statuses <= {200, 202, 400, 422}
