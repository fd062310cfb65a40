"""A source that fails verification too often has to wait; verified requests never do."""

from __future__ import annotations

import json
from ipaddress import ip_network

import pytest

from common.clock import VirtualClock
from services.gateway.http.body import FAILURES_PER_MINUTE
from services.web.client_address import source_of
from services.web.rate_limit import SOURCES_MAX, FailureLimiter
from tests.gateway.conftest import SIGNUP, Answer, Gateway, OpenGateway, person

PROXIES = (ip_network("10.0.0.0/8"), ip_network("127.0.0.0/8"))


async def send_unsigned(gateway: Gateway, *, via: str = "") -> Answer:
    headers = {"content-type": "application/json"} | ({"x-forwarded-for": via} if via else {})
    return await gateway.request("POST", SIGNUP, data=b"{}", headers=headers)


async def test_121st_failed_verification_of_a_minute_must_wait(gateway: Gateway, clock: VirtualClock) -> None:
    for _ in range(FAILURES_PER_MINUTE):
        assert (await send_unsigned(gateway)).status == 401
        clock.advance(100)

    limited = await send_unsigned(gateway)

    assert (limited.status, limited.headers["Retry-After"]) == (429, "48")
    assert (await gateway.sign_up(person("ada"))).status == 202
    clock.advance(48_000)
    assert (await send_unsigned(gateway)).status == 401


async def test_sources_behind_a_trusted_proxy_are_limited_separately(open_gateway: OpenGateway, store_url: str) -> None:
    gateway = await open_gateway(store_url, trusted_proxies="127.0.0.1, 10.0.0.0/8")
    for _ in range(FAILURES_PER_MINUTE):
        await send_unsigned(gateway, via="198.51.100.7, 10.1.2.3")

    assert (await send_unsigned(gateway, via="198.51.100.7")).status == 429
    assert (await send_unsigned(gateway, via="198.51.100.7, 203.0.113.9")).status == 401


async def test_forwarding_headers_of_untrusted_peers_are_ignored(gateway: Gateway) -> None:
    for number in range(FAILURES_PER_MINUTE):
        await send_unsigned(gateway, via=f"198.51.100.{number}")

    assert (await send_unsigned(gateway, via="203.0.113.9")).status == 429


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.9, 10.0.0.2", "10.0.0.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("", "203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_source_is_the_last_hop_that_is_not_a_trusted_proxy(peer: str, forwarded: str, source: str) -> None:
    assert source_of(peer, forwarded, PROXIES) == source


def test_memory_for_failures_is_bounded() -> None:
    failures = FailureLimiter(FAILURES_PER_MINUTE)
    for number in range(SOURCES_MAX + 10):
        failures.record_failure(f"peer {number}", now_ms=0)

    assert len(failures) == SOURCES_MAX


async def test_a_valid_signup_is_accepted_after_many_failures_of_its_source(gateway: Gateway) -> None:
    for _ in range(FAILURES_PER_MINUTE + 5):
        await send_unsigned(gateway)

    assert (await gateway.post(json.dumps(person("ada")).encode())).status == 202
