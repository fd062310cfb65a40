"""
Invalid and unusual requests to every path of the gateway.

They are generated from the gateway's OpenAPI description (schemathesis, on hypothesis), and from recorded payloads with
parts replaced. Each body is sent correctly signed, and with every kind of wrong signature, header and framing.
"""

from __future__ import annotations

import copy
import http.client
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.cli.signing import PATHS, headers_for
from tests.gateway.conftest import SECRET_KEY, person, secret
from tests.gateway.senders import SECRETS, fixture, resend_events

from common.domain.ids import enrollment_id  # isort: skip
from common.domain.suppression import Unsubscribe  # isort: skip
from common.settings.settings import Settings  # isort: skip

KINDS = {path: kind for kind, path in PATHS.items()}
GIVEN: dict[str, Any] = {
    "webhook_secret": secret(),
    "secret_key": SECRET_KEY,
    "trusted_proxies": "127.0.0.1",
    **SECRETS,
}
RIGHT_SECRETS = Settings(**GIVEN)
WRONG_SECRETS = Settings(webhook_secret=secret("x"), calcom_webhook_secret="x", resend_webhook_secret=secret("x"))
ADA = enrollment_id("christmas_2025", "ada@example.org")
LINK = Unsubscribe(ADA, "0" * 32).token(SECRET_KEY)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
    | st.datetimes().map(str)
    | st.sampled_from(
        ["ada@example.org", "https://a.example/", "2026-12-03T18:00:00Z", "uidAAA", "step-1", "\x00", ADA]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@dataclass
class Fuzz:
    """
    A client that sends generated, mutated and wrongly signed requests.

    `now_s`: the gateway's clock. `sent` counts responses by kind of request and status.
    """

    url: str
    now_s: Callable[[], int]
    seed: int = 0
    values_max: int = 60
    sent: Counter[tuple[str, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.values = examples_of(VALUES, self.values_max, at=self.seed)
        self.http = requests.Session()
        self._wire: http.client.HTTPConnection | None = None

    def __enter__(self) -> Fuzz:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        if self._wire is not None:
            self._wire.close()

    @property
    def requests(self) -> int:
        return sum(self.sent.values())

    def described(self, *, examples: int, round: int = 0) -> None:
        """Send generated requests, valid and invalid; each response must match the description."""
        schema = schemathesis.openapi.from_dict(self.http.get(f"{self.url}/openapi.json").json())
        for result in schema.get_all_operations():
            operation = result.ok()
            # A request without a body cannot be invalid.
            modes = list(GenerationMode) if operation.body else [GenerationMode.POSITIVE]
            for mode in modes:
                few = examples if operation.body else 1
                for case in examples_of(operation.as_strategy(generation_mode=mode), few, at=self.seed + round):
                    self._case(case)

    def mutated(self, kind: str) -> None:
        """Send one recorded payload with parts replaced, signed in all ways."""
        payload = self._mutated(self.random.choice(list(ORIGINALS[kind])))
        self.all_ways(kind, json.dumps(payload).encode())

    def all_ways(self, kind: str, body: bytes) -> None:
        """Send a body correctly signed, and with every kind of wrong signature."""
        signed = self.signed(kind, body)
        self.webhook(kind, "signed", body, signed)
        broken = self._broken(body)
        self.webhook(kind, "signed", broken, self.signed(kind, broken))
        for headers in self.wrong(kind, body, signed):
            self.webhook(kind, "unsigned", body, headers)
        self.webhook(kind, "unsigned", broken + b" ", signed)

    def webhook(self, kind: str, how: str, body: bytes, headers: dict[str, str]) -> None:
        # The source varies, so that the signature is refused before the limit gives a 429.
        source = self.random.choice([self._address(), self._address(), self._header(), "198.51.100.7"])
        status = self.send("POST", PATHS[kind], body, {**headers, "X-Forwarded-For": source})
        self.sent[how, status] += 1
        if how == "unsigned":
            assert 400 <= status < 500, f"unsigned, and answered with {status}: {kind} {body!r} {headers}"

    def wrong(self, kind: str, body: bytes, signed: dict[str, str]) -> Iterator[dict[str, str]]:
        """Yield headers with which this body must be refused."""
        now_s = self.now_s()
        yield {name: value for name, value in signed.items() if "signature" not in name.lower()}
        yield headers_for(kind, body, WRONG_SECRETS, now_s=now_s)
        other = self.random.choice([one for one in PATHS if one != kind])
        yield headers_for(other, body, RIGHT_SECRETS, now_s=now_s)
        name = self.random.choice([name for name in signed if name != "Content-Type"])
        yield signed | {name: self._header()}
        if kind != "calcom":
            wrong_s = self.random.choice((-360, 360, -(10**9), 10**12))
            yield headers_for(kind, body, RIGHT_SECRETS, now_s=now_s + wrong_s)

    def other_paths(self) -> None:
        """Send a request to a page, a forged link or an unknown path."""
        draw = self.random
        token = draw.choice(
            [LINK, LINK[:-1], LINK.replace(".", "/"), self._header(), "%00", "../../etc/passwd", "a" * 5000]
        )
        path = draw.choice(
            [f"/unsubscribe/{quote(token, safe='%/')}", *PATHS.values(), "/health", "/ready", "/metrics", "/x"]
        )
        method = draw.choice(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
        body = self._broken(b"List-Unsubscribe=One-Click") if method in ("POST", "PUT") else b""
        self.sent["other paths", self.send(method, path, body, {"X-Odd": self._header()})] += 1

    def send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> int:
        """Return the response's status, or 0 if the gateway closed the connection. Raises AssertionError for a 5xx."""
        if self._wire is None:
            parts = urlsplit(self.url)
            self._wire = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        raw = {name: value.encode("utf-8", "surrogateescape") for name, value in headers.items()}
        try:
            self._wire.request(method, path, body=body, headers=raw)
            response = self._wire.getresponse()
            response.read()
        except (ConnectionError, http.client.HTTPException):
            # The gateway closes a connection when the boundary between two requests is lost.
            self._wire.close()
            self._wire = None
            return 0
        assert response.status < 500, f"{response.status}: {method} {path} {body!r} {headers}"
        return response.status

    def _case(self, case: Any) -> None:
        body = case.body if isinstance(case.body, bytes) else json.dumps(_plain(case.body)).encode()
        path = case.formatted_path if hasattr(case, "formatted_path") else case.path
        kind = KINDS.get(path)
        headers = self.signed(kind, body) if kind else {}
        given = {"data": body} if case.method.upper() == "POST" else {}
        response = self.http.request(
            case.method, self.url + quote(path, safe="/%"), headers=headers, timeout=60, **given
        )
        self.sent["described", response.status_code] += 1
        if response.status_code not in (400, 404) or kind:
            case.validate_response(response, checks=CHECKS)
        assert response.status_code < 500, f"{response.status_code}: {case.method} {path} {body!r}"

    def signed(self, kind: str, body: bytes) -> dict[str, str]:
        return headers_for(kind, body, RIGHT_SECRETS, now_s=self.now_s())

    def _mutated(self, original: Any) -> Any:
        payload = copy.deepcopy(original)
        for _ in range(self.random.choice((1, 1, 2, 3, 8))):
            path = self.random.choice(list(_places(payload)))
            parent, key = path
            chance = self.random.random()
            if chance < 0.2:
                del parent[key]
            elif chance < 0.8:
                parent[key] = copy.deepcopy(self.random.choice(self.values))
            else:
                parent[key] = [parent[key]] if chance < 0.9 else {"value": parent[key]}
            if not payload:
                return payload
        return payload

    def _broken(self, body: bytes) -> bytes:
        draw = self.random
        at = draw.randrange(len(body) + 1)
        return draw.choice(
            [
                lambda: body[:at],
                lambda: body[:at] + draw.randbytes(draw.randrange(1, 9)) + body[at:],
                lambda: body + body,
                lambda: b"[" * draw.choice((40, 5000)) + body,
                lambda: body[:at] + bytes([draw.randrange(256)]) + body[at + 1 :],
                lambda: body.replace(b":", b': 1e999, "a":', 1),
                lambda: b"",
                lambda: b'{"a":' * 50 + body + b"}" * 50,
            ]
        )()

    def _address(self) -> str:
        return ".".join(str(self.random.randrange(1, 224)) for _ in range(4))

    def _header(self) -> str:
        draw = self.random
        text = "".join(
            chr(draw.choice((draw.randrange(33, 127), draw.randrange(128, 256)))) for _ in range(draw.randrange(40))
        )
        return draw.choice(
            [text, "", "v1,", "v1," * 100, "no-secret-provided", "9" * 30, "nan", "-inf", "v1," + text, "0x10"]
        )


def examples_of(strategy: Any, number: int, *, at: int) -> list[Any]:
    """Return examples of a strategy: the same for the same seed."""
    found: list[Any] = []

    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    bounded = settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    seed(at)(bounded(collect))()
    return found


def _plain(body: Any) -> Any:
    return body if isinstance(body, (dict, list, str, int, float)) else None


def _places(payload: Any) -> Iterator[tuple[Any, Any]]:
    pairs = payload.items() if isinstance(payload, dict) else enumerate(payload) if isinstance(payload, list) else ()
    for key, value in list(pairs):
        yield payload, key
        yield from _places(value)


def _feedback() -> Iterator[dict[str, Any]]:
    tags = {"campaign": "christmas_2025", "enrollment": ADA, "step": "step-1"}
    for event in resend_events():
        yield {**event, "data": {**event["data"], "tags": tags}}


_CALCOM = (
    "booking_created",
    "booking_rescheduled",
    "booking_cancelled",
    "meeting_ended_flat",
    "no_show_updated",
    "ping",
)
ORIGINALS: dict[str, list[Any]] = {
    "signup": [person("ada", red_systems=1, timezone="America/Toronto", locale="en-CA", utm={"source": "x"})],
    "calcom": [fixture(name) for name in _CALCOM],
    "resend": list(_feedback()),
}
