"""Who fails verification too often waits; who is verified never does."""

from __future__ import annotations

import json
from ipaddress import ip_network

import pytest

from common.clock import VirtualClock
from services.gateway.webhooks.verified_body import FAILURES_PER_MINUTE
from services.web.client_address import source_of
from services.web.rate_limit import SOURCES_MAX, FailureLimiter
from tests.gateway.conftest import SIGNUP, Answer, Opener, Site, person

PROXIES = (ip_network("10.0.0.0/8"), ip_network("127.0.0.0/8"))


async def knock(site: Site, *, via: str = "") -> Answer:
    headers = {"content-type": "application/json"} | ({"x-forwarded-for": via} if via else {})
    return await site.asks("POST", SIGNUP, data=b"{}", headers=headers)


async def test_the_121st_failure_of_a_minute_waits(site: Site, clock: VirtualClock) -> None:
    for _ in range(FAILURES_PER_MINUTE):
        assert (await knock(site)).status == 401
        clock.advance(100)

    limited = await knock(site)

    assert (limited.status, limited.headers["Retry-After"]) == (429, "48")
    assert (await site.signs_up(person("ada"))).status == 202
    clock.advance(48_000)
    assert (await knock(site)).status == 401


async def test_sources_behind_a_trusted_proxy_are_told_apart(opens: Opener, store_url: str) -> None:
    site = await opens(store_url, trusted_proxies="127.0.0.1, 10.0.0.0/8")
    for _ in range(FAILURES_PER_MINUTE):
        await knock(site, via="198.51.100.7, 10.1.2.3")

    assert (await knock(site, via="198.51.100.7")).status == 429
    assert (await knock(site, via="198.51.100.7, 203.0.113.9")).status == 401


async def test_nobody_else_is_believed_about_where_he_comes_from(site: Site) -> None:
    for number in range(FAILURES_PER_MINUTE):
        await knock(site, via=f"198.51.100.{number}")

    assert (await knock(site, via="203.0.113.9")).status == 429


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
def test_a_source_is_the_last_hop_that_is_not_ours(peer: str, forwarded: str, source: str) -> None:
    assert source_of(peer, forwarded, PROXIES) == source


def test_memory_for_failures_is_bounded() -> None:
    failures = FailureLimiter(FAILURES_PER_MINUTE)
    for number in range(SOURCES_MAX + 10):
        failures.record_failure(f"peer {number}", now_ms=0)

    assert len(failures) == SOURCES_MAX


async def test_a_signup_after_many_failures_of_its_own_source_is_taken(site: Site) -> None:
    for _ in range(FAILURES_PER_MINUTE + 5):
        await knock(site)

    assert (await site.posts(json.dumps(person("ada")).encode())).status == 202
