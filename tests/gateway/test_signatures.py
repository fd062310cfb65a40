"""Standard Webhooks signatures: with any key of a rotation; everything else gets a 401."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from standardwebhooks import Webhook

from services.gateway.signatures import StandardSignatures
from services.web.problem import Problem
from tests.gateway.conftest import SIGNUP, Gateway, OpenGateway, person, secret

NOW_S = 1_795_521_600
BODY = b'{"type":"assessment.completed","data":{"email":"a@b.c"}}'
KNOWN_KEY = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
KNOWN = "v1,Zy6+ffZTPkCz567oa9aIl9Psy3MXWnM1Ut1dSPc1kL4="


def verify(signature: str, *, secrets: tuple[str, ...] = (KNOWN_KEY,), at: str = str(NOW_S), id: str = "msg_1") -> str:
    """Return `verified`, or the detail of the problem."""
    headers = CIMultiDict({"Webhook-Id": id, "WEBHOOK-TIMESTAMP": at, "webhook-signature": signature})
    try:
        StandardSignatures.of(secrets, allow_unsigned=False).verify(
            CIMultiDictProxy(headers), BODY, now_ms=NOW_S * 1000
        )
    except Problem as problem:
        return problem.detail if problem.status == 401 else f"answered with {problem.status}"
    return "verified"


def test_a_signature_known_from_two_libraries_is_valid() -> None:
    assert verify(KNOWN) == "verified"


def test_signatures_of_the_package_are_valid_under_each_key() -> None:
    old, new = secret("o"), secret("n")
    signed = Webhook(old).sign("msg_1", datetime.fromtimestamp(NOW_S, UTC), BODY.decode())

    assert verify(signed, secrets=(new, old)) == "verified"
    assert verify(signed, secrets=(new,)) != "verified"
    assert verify(f"v1a,x {KNOWN} v1,{'A' * 43}=") == "verified"


@pytest.mark.parametrize(
    "signature",
    [
        *(
            "",
            "v1",
            "v1,",
            ",",
            "nonsense",
            "v1,a,b",
            "v1,not base64!",
            "v1,\udcff\udcfe",
            "v1,é",
            " " * 100,
            "v1," * 500,
        ),
        *("v1a," + KNOWN[3:], KNOWN[3:], KNOWN[:-4] + "AAA=", KNOWN.replace("v1", "v2"), KNOWN + "x"),
    ],
)
def test_a_malformed_signature_is_refused(signature: str) -> None:
    assert verify(signature) == "webhook-signature is missing or does not match the body"


@pytest.mark.parametrize("at", ["", "soon", "nan", "inf", "-1", "1e400", str(NOW_S - 301), str(NOW_S + 301), "٣"])
def test_a_stale_or_malformed_timestamp_is_refused(at: str) -> None:
    assert verify(KNOWN, at=at).startswith("webhook-timestamp is missing")


@pytest.mark.parametrize("apart_s", [-300, 300])
def test_clocks_may_be_five_minutes_apart(apart_s: int) -> None:
    signed = Webhook(KNOWN_KEY).sign("msg_1", datetime.fromtimestamp(NOW_S + apart_s, UTC), BODY.decode())

    assert verify(signed, at=str(NOW_S + apart_s)) == "verified"


@pytest.mark.parametrize("id", ["", "x" * 257, "msg_é", "msg_\udcff"])
def test_an_id_that_cannot_be_stored_is_refused(id: str) -> None:
    assert verify(KNOWN, id=id).startswith("webhook-id is missing")


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
async def test_each_header_is_required(gateway: Gateway, missing: str) -> None:
    body = json.dumps(person("ada")).encode()
    headers = gateway.headers(body)
    del headers[missing]

    answer = await gateway.request("POST", SIGNUP, data=body, headers=headers)

    assert (answer.status, await gateway.key_count()) == (401, 0)


async def test_a_changed_body_is_refused_before_it_is_read(gateway: Gateway) -> None:
    headers = gateway.headers(json.dumps(person("ada")).encode())

    for body in (json.dumps(person("eve")).encode(), b"not JSON", b"\xff"):
        assert (await gateway.request("POST", SIGNUP, data=body, headers=headers)).status == 401
    assert await gateway.key_count() == 0


async def test_both_secrets_are_valid_during_a_rotation(open_gateway: OpenGateway, store_url: str) -> None:
    gateway = await open_gateway(store_url, webhook_secret=f"{secret('n')}, {secret('o')}")
    body = json.dumps(person("ada")).encode()

    for letter, status in (("n", 202), ("o", 200), ("x", 401)):
        headers = gateway.headers(body, by=secret(letter))
        assert (await gateway.request("POST", SIGNUP, data=body, headers=headers)).status == status


def test_the_signature_covers_the_raw_bytes() -> None:
    body = b"\xff\xfe\x00"
    key = base64.b64decode(KNOWN_KEY.removeprefix("whsec_"))
    mac = base64.b64encode(hmac.digest(key, b"m.%d.%b" % (NOW_S, body), "sha256")).decode()
    headers = CIMultiDictProxy(
        CIMultiDict({"webhook-id": "m", "webhook-timestamp": str(NOW_S), "webhook-signature": f"v1,{mac}"})
    )

    assert StandardSignatures.of([KNOWN_KEY], allow_unsigned=False).verify(headers, body, now_ms=NOW_S * 1000) == "m"
