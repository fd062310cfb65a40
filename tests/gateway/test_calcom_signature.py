"""Cal.com's signature: over the raw body, with any key of a rotation; everything else gets a 401."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from services.gateway.signatures import CalcomSignatures
from services.web.problem import Problem
from tests.gateway.conftest import Gateway, OpenGateway
from tests.gateway.senders import CALCOM, SECRETS, calcom_signature, fixture, post_calcom

BODY = b'{"type":"assessment.completed","data":{"email":"a@b.c"}}'
KNOWN = "125abb58ece72eb9ae79f6d3652db96c2a9d04f60d97184e76231c1fe345c2f0"


def verified(signature: str, *, keys: tuple[str, ...] = ("calsecret",), unsigned: bool = False) -> bool:
    headers = CIMultiDictProxy(CIMultiDict({"x-cal-signature-256": signature}))
    try:
        CalcomSignatures.of(keys, allow_unsigned=unsigned).verify(headers, BODY, now_ms=0)
    except Problem as problem:
        return problem.status != 401
    return True


def test_a_signature_known_from_cal_com_is_valid() -> None:
    assert verified(KNOWN)
    assert calcom_signature(BODY) == KNOWN


def test_either_key_is_valid_during_a_rotation() -> None:
    assert verified(calcom_signature(BODY, "old"), keys=("new", "old"))
    assert not verified(calcom_signature(BODY, "old"), keys=("new",))


@pytest.mark.parametrize(
    "signature",
    [
        *("", "no-secret-provided", KNOWN[:-1], KNOWN + "0", KNOWN.upper(), f"sha256={KNOWN}", f" {KNOWN}", "é" * 64),
        *("\udcff\udcfe", "0" * 64, "x" * 8000, f"{KNOWN},{KNOWN}"),
    ],
)
def test_any_other_signature_is_refused(signature: str) -> None:
    assert not verified(signature)


@pytest.mark.parametrize("keys", [(), ("",)])
@pytest.mark.parametrize("signature", ["", "no-secret-provided", calcom_signature(BODY, "")])
def test_without_a_secret_every_request_is_refused(keys: tuple[str, ...], signature: str) -> None:
    assert not verified(signature, keys=keys)


def test_unsigned_requests_are_accepted_only_where_allowed_and_without_a_secret() -> None:
    assert verified("no-secret-provided", keys=(), unsigned=True)
    assert not verified("no-secret-provided", unsigned=True)


async def test_a_changed_booking_event_is_refused(open_gateway: OpenGateway, store_url: str) -> None:
    gateway: Gateway = await open_gateway(store_url, **SECRETS)
    signed = {"X-Cal-Signature-256": calcom_signature(b'{"a": 1}')}

    assert (await gateway.request("POST", CALCOM, data=b'{"a":1}', headers=signed)).status == 401
    assert (await gateway.request("POST", CALCOM, data=b'{"a": 1}', headers=signed)).status == 422
    assert (await gateway.request("POST", CALCOM, data=b"{}")).status == 401
    assert (await post_calcom(gateway, fixture("booking_created"), **{"X-Cal-Signature-256": "\u00e9"})).status == 401
