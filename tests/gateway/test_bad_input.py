"""Invalid requests get the right 4xx, name the field, and store nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from common.domain.note import NoteKind
from services.gateway.webhooks.signup import parse
from tests.gateway.conftest import SIGNUP, Gateway, person

COUNTS = ("red_systems", "orange_systems", "yellow_systems", "green_systems")
TEXTS = ("business_name", "weakest_system_1", "weakest_system_2", "strongest_system")
UNUSABLE = [
    *(
        (field, value)
        for field in ("gps_score", "money_score")
        for value in ("72 %", True, -1, 101, 100.5, [], 10**400)
    ),
    *((field, value) for field in COUNTS for value in ("one", False, -1, 1.5, [1])),
    *((field, value) for field in TEXTS for value in (7, True, ["GPS"], "x" * 501)),
    *(("phone", value) for value in (True, ["555"], {"home": 5}, "5" * 501)),
    *(("revenue_leak_total", value) for value in (-0.01, "1,500", 10**13)),
    *(("timezone", value) for value in ("Mars/Olympus", "../UTC", 7, "\x00", "localtime")),
    *(("locale", value) for value in ("english please", "e", 7, "*")),
    *(("consent_at", value) for value in ("yesterday", 7, "2026-02-30T10:00:00Z")),
    *(("visitor", value) for value in ("v" * 65, "v\n1", 7)),
]
WRONG = [
    *(("assessment_score", value) for value in ("72 %", "", True, -1, 101, 100.5, [], {}, 10**400)),
    *(("first_name", value) for value in ("", " \n ", 7, "\udfff")),
    # Invisible characters, which a form accepts.
    *(("first_name", value) for value in ("\u200b", "\u00ad \u202e", "\u200d", "\ue000", "\ufffe")),
    *(
        ("email", value)
        for value in (
            "ada",
            "@example.org",
            "ada@",
            "ada@example",
            "ada@@example.org",
            "ada@b@example.org",
            "ada b@example.org",
            "ada@exam ple.org",
            "ada\n@example.org",
            "\u200b@example.org",
            "ada@example.org\nBcc: x@example.org",
            ".ada@example.org",
            "a..b@example.org",
            "ada@-example.org",
            "ada@example..org",
            "ada@127.0.0.1",
            "adä@example.org",
            "\u212ada@example.org",  # the Kelvin sign, whose lower case is an ASCII k
            "a" * 65 + "@example.org",
            "a@" + "b." * 100 + "org",
            "Ada <ada@example.org>",
            7,
            ["ada@example.org"],
            "",
        )
    ),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
async def test_an_invalid_field_is_named(gateway: Gateway, field: str, value: Any) -> None:
    answer = await gateway.sign_up(person("ada") | {field: value})

    assert (422, [field]) == (answer.status, answer.fields)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert await gateway.key_count() == 0


@pytest.mark.parametrize(("field", "value"), UNUSABLE)
def test_an_optional_field_that_cannot_be_used_is_left_out(field: str, value: Any) -> None:
    form = parse(json.dumps(person("ada") | {field: value}).encode())

    plain = parse(json.dumps(person("ada")).encode())
    assert plain.assessment == form.assessment
    assert [(NoteKind.DROPPED, field)] == [(note.kind, note.field) for note in form.notes]
    assert [note.kept for note in form.notes] == [None]


@pytest.mark.parametrize("field", ["email", "first_name", "assessment_score"])
@pytest.mark.parametrize("nothing", ["absent", "null"])
async def test_a_missing_field_is_named(gateway: Gateway, field: str, nothing: str) -> None:
    who = person("ada") | {field: None}
    if nothing == "absent":
        del who[field]

    answer = await gateway.sign_up(who)

    assert (422, [{"field": field, "message": "is required"}]) == (answer.status, answer.json["errors"])


async def test_all_invalid_fields_are_named_at_once(gateway: Gateway) -> None:
    who = {"email": "ada", "assessment_score": "a lot", "red_systems": 5, "green_systems": 4, "timezone": "Nowhere"}

    answer = await gateway.sign_up(who)

    assert answer.fields == ["email", "first_name", "assessment_score"]
    assert await gateway.key_count() == 0


@pytest.mark.parametrize(
    "unknown",
    [{"note": "x" * 4096}, {"deep": json.loads("[" * 40 + "]" * 40)}, {"half": "\ud800"}, {"\udfff": 1}],
    ids=["large", "deep", "half a surrogate", "half a name"],
)
def test_unknown_fields_are_limited_and_never_refuse_a_signup(unknown: dict[str, Any]) -> None:
    form = parse(json.dumps(person("ada") | {"utm": "x"} | unknown | {"more": "y"}).encode())

    kept = form.assessment.extra
    assert kept["utm"] == "x"
    assert len(json.dumps(kept, ensure_ascii=False).encode()) <= 4096
    assert [name for name in kept if len(str(kept[name])) > 100] == []


BODIES = {
    "empty": (b"", 400),
    "words": (b"hello", 400),
    "torn": (b'{"email": "ada@example.org"', 400),
    "two": (b"{} {}", 400),
    "a key twice": (b'{"email": "a@example.org", "email": "b@example.org"}', 400),
    "a key twice, deep": (b'{"utm": {"a": 1, "a": 2}}', 400),
    "NaN": (b'{"assessment_score": NaN}', 400),
    "Infinity": (b'{"assessment_score": -Infinity}', 400),
    "beyond a double": (b'{"assessment_score": 1e999}', 400),
    "endless digits": (b'{"assessment_score": ' + b"9" * 5000 + b"}", 400),
    "nested without end": (b'{"a":' + b"[" * 30_000 + b"]" * 30_000 + b"}", 400),
    "a byte order mark": ("\ufeff{}".encode(), 422),
    "two byte order marks": ("\ufeff\ufeff{}".encode(), 400),
    "an array": (b"[]", 422),
    "a text": (b'"ada@example.org"', 422),
    "null": (b"null", 422),
    "an empty object": (b"{}", 422),
}


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES.keys())
async def test_a_body_that_is_not_a_signup_is_refused(gateway: Gateway, body: bytes, status: int) -> None:
    answer = await gateway.post(body)

    assert status == answer.status
    assert await gateway.key_count() == 0


async def test_a_body_that_is_not_utf8_is_refused(gateway: Gateway) -> None:
    import base64
    import hmac

    body, seconds = b'{"first_name": "\xff"}', gateway.clock.now_ms() // 1000
    key = base64.b64decode(gateway.secret.removeprefix("whsec_"))
    mac = hmac.digest(key, b"msg_1.%d.%b" % (seconds, body), "sha256")
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(seconds),
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
        "content-type": "application/json",
    }

    answer = await gateway.request("POST", SIGNUP, data=body, headers=headers)

    assert (answer.status, answer.json["detail"]) == (400, "the body is not UTF-8")


@pytest.mark.parametrize("size", [64 * 1024 + 1, 1_000_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_long_is_not_read(gateway: Gateway, size: int, chunked: bool) -> None:
    async def pieces() -> Any:
        for _ in range(0, size, 1000):
            yield b" " * 1000
        yield b" " * 1000

    answer = await gateway.request(
        "POST", SIGNUP, data=pieces() if chunked else b" " * size, headers={"content-type": "application/json"}
    )

    assert answer.status == 413


async def test_a_body_of_exactly_the_limit_is_accepted(gateway: Gateway) -> None:
    body = json.dumps(person("ada")).encode()

    assert (await gateway.post(body + b" " * (64 * 1024 - len(body)))).status == 202


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("text/plain", 415),
        ("", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=latin-1", 415),
        ("application/jsonp", 415),
        ("application/json; charset=utf-8", 202),
        ("Application/JSON;charset=UTF-8", 202),
        ("application/cloudevents+json", 202),
    ],
)
async def test_only_json_is_accepted(gateway: Gateway, kind: str, status: int) -> None:
    assert status == (await gateway.post(json.dumps(person("ada")).encode(), content_type=kind)).status


async def test_a_compressed_body_is_refused(gateway: Gateway) -> None:
    answer = await gateway.post(b"\x1f\x8bnonsense".decode("latin-1").encode(), content_encoding="gzip")

    assert answer.status == 415


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_a_webhook_accepts_only_post(gateway: Gateway, method: str) -> None:
    answer = await gateway.request(method, SIGNUP)

    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/", "/webhook", "/webhook/christmas-signup/", "/../etc/passwd", "/%00", "/%ff", "//"]
)
async def test_an_unknown_path_gets_404(gateway: Gateway, path: str) -> None:
    answer = await gateway.request("POST", path)

    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")


GARBAGE = {
    "not HTTP": (b"hello\r\n\r\n", b"400"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", b"400"),
    "a header without a colon": (b"POST / HTTP/1.1\r\nHost: a\r\nwhat\r\n\r\n", b"400"),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", b"400"),
    "a negative length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", b"400"),
    "length and chunks": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"400",
    ),
    "a header without end": (b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"y" * 20_000 + b"\r\n\r\n", b"400"),
    "broken chunks": (
        f"POST {SIGNUP} HTTP/1.1\r\nHost: a\r\n".encode()
        + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"400",
    ),
    "an unknown expectation": (
        f"POST {SIGNUP} HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\nContent-Length: 0\r\n\r\n".encode(),
        b"417",
    ),
}


@pytest.mark.parametrize(("wire", "status"), GARBAGE.values(), ids=GARBAGE.keys())
async def test_malformed_http_gets_4xx_and_no_error_in_the_log(
    gateway: Gateway, wire: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    writer.write(wire)
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()

    assert line.split(b" ")[1] == status
    assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []
    assert (await gateway.request("GET", "/health")).status == 200


async def test_a_client_that_disconnects_is_not_logged_as_an_error(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2]))
    head = f"POST {SIGNUP} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    writer.write(head.encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()

    assert (await gateway.request("GET", "/health")).status == 200
    assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []
