"""The imitated Resend through the real SDK: what it refuses, and the error messages."""

from __future__ import annotations

from typing import Any

import pytest
import resend
from resend.exceptions import MissingRequiredFieldsError, ValidationError

from services.sandbox.ids import SENDING_KEY
from tests.sandbox.mails import refusal, send, to_ada
from tests.sandbox.running import RunningSandbox

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("changes", "code", "name", "says"),
    [
        ({"from": None}, 422, "missing_required_field", "Missing `from` field."),
        ({"to": None}, 422, "missing_required_field", "Missing `to` field."),
        ({"to": []}, 422, "missing_required_field", "Missing `to` field."),
        ({"subject": None}, 422, "missing_required_field", "Missing `subject` field."),
        ({"html": None, "text": None}, 422, "validation_error", "Missing `html` or `text` field."),
        ({"from": "Advent"}, 422, "invalid_from_address", "Invalid `from` field."),
        ({"to": "ada"}, 422, "validation_error", "Invalid `to` field."),
        ({"to": "ada@salon"}, 422, "validation_error", "Invalid `to` field."),
        ({"to": "a b@salon.example"}, 422, "validation_error", "Invalid `to` field."),
        ({"to": ["ok@salon.example", "Ada <ada@>"]}, 422, "validation_error", "Invalid `to` field."),
        ({"to": [f"a{n}@salon.example" for n in range(51)]}, 422, "validation_error", "at most 50"),
        ({"cc": ["x"]}, 422, "validation_error", "Invalid `cc` field."),
        ({"reply_to": "x"}, 422, "validation_error", "Invalid `reply_to` field."),
        ({"subject": 7}, 422, "validation_error", "`subject` field must be a `string`"),
        ({"headers": ["x"]}, 422, "validation_error", "`headers` field must be an `object`"),
        ({"headers": {"X-A": "a\r\nBcc: b@x.org"}}, 422, "validation_error", "line breaks"),
        ({"tags": [{"name": "to", "value": "ada@salon.example"}]}, 422, "validation_error", "Tags should only contain"),
        ({"tags": [{"name": "x" * 257, "value": "v"}]}, 422, "validation_error", "Tags should only contain"),
        ({"attachments": [{"filename": "x"}]}, 422, "invalid_attachment", "Attachment must have"),
        ({"scheduled_at": "some day"}, 422, "validation_error", "Invalid `scheduled_at` field."),
        ({"scheduled_at": "in 31 days"}, 422, "validation_error", "within 30 days"),
    ],
)
async def test_malformed_mail_is_refused_with_the_message_of_resend(
    run: RunningSandbox, changes: dict[str, Any], code: int, name: str, says: str
) -> None:
    error = await refusal(to_ada(**changes))

    assert (error.code, error.error_type) == (code, name)
    if not isinstance(error, MissingRequiredFieldsError):
        assert says in error.message
    assert await run.json("/inbox.json") == []


async def test_the_sdk_sees_its_own_error_classes(run: RunningSandbox) -> None:
    assert isinstance(await refusal(to_ada(to=None)), MissingRequiredFieldsError)
    assert isinstance(await refusal(to_ada(to="ada")), ValidationError)


async def test_mail_to_fifty_recipients_is_accepted(run: RunningSandbox) -> None:
    assert await send(to_ada(to=[f"a{n}@salon.example" for n in range(50)]))


async def test_a_body_that_is_no_json_is_refused(run: RunningSandbox) -> None:
    headers = {"authorization": "Bearer re_sandbox"}
    for body in (b"", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000):
        async with run.http.post(f"{run.resend_url}/emails", data=body, headers=headers) as answer:
            assert (answer.status, (await answer.json())["name"]) == (400, "validation_error")


async def test_unverified_domain_is_refused_when_verified_domains_are_set(run: RunningSandbox) -> None:
    run.sandbox.board.change({"resend_verified_domains": ["mail.example"]})
    error = await refusal(to_ada())

    assert (error.code, error.error_type) == (403, "validation_error")
    assert "The advent.example domain is not verified." in error.message


async def test_example_addresses_are_refused_only_with_the_dial(run: RunningSandbox) -> None:
    assert await send(to_ada(to="guest@example.com"))
    run.sandbox.board.change({"resend_refuses_example_addresses": True})
    error = await refusal(to_ada(to="guest@example.com"))

    assert (error.code, error.error_type) == (422, "validation_error")
    assert "testing email address" in error.message


@pytest.mark.parametrize(
    ("authorization", "path", "code", "name"),
    [
        ("", "/emails", 401, "missing_api_key"),
        ("Bearer ", "/emails", 401, "missing_api_key"),
        ("Basic re_sandbox", "/emails", 401, "missing_api_key"),
        ("Bearer re_other", "/emails", 403, "invalid_api_key"),
        (f"Bearer {SENDING_KEY}", "/emails", 401, "restricted_api_key"),
        ("Bearer re_sandbox", "/nowhere", 404, "not_found"),
    ],
)
async def test_requests_without_access_are_refused_by_name(
    run: RunningSandbox, authorization: str, path: str, code: int, name: str
) -> None:
    status, body, _ = await run.resend("GET", path, authorization=authorization)

    assert (status, body["statusCode"], body["name"]) == (code, code, name)
    assert body["message"]


async def test_a_sending_key_may_send(run: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "api_key", SENDING_KEY)

    assert await send(to_ada())


async def test_a_wrong_method_is_405(run: RunningSandbox) -> None:
    status, body, _ = await run.resend("DELETE", "/emails")

    assert (status, body["name"]) == (405, "method_not_allowed")
