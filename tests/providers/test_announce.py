"""A hot lead reaches a Discord-compatible channel, or a failure of the right kind is raised."""

from __future__ import annotations

import pytest

from common.errors import Ambiguous, Failure, Misconfigured, Permanent, Throttled, Transient
from common.providers.announce import announce, without_mentions
from tests.contract.scripted import Answer, hangs, hangs_up, nobody_listens, says, scripted


async def failure_of(answer: Answer) -> Failure:
    async with scripted(answer) as channel:
        with pytest.raises(Failure) as raised:
            await announce(channel.url, "hot", timeout_s=0.2)
    return raised.value


async def test_announcement_is_one_post_with_one_field() -> None:
    async with scripted(says(204, "")) as channel:
        await announce(channel.url + "/api/webhooks/1/x", "CRITICAL: Ada, Salon Ada")

    [asked] = channel.asked
    assert (asked.method, asked.path) == ("POST", "/api/webhooks/1/x")
    assert asked.json == {"content": "CRITICAL: Ada, Salon Ada"}


async def test_long_announcement_is_cut_to_the_limit_of_the_channel() -> None:
    async with scripted(says(200, {})) as channel:
        await announce(channel.url, "x" * 3_000)

    assert len(channel.asked[0].json["content"]) == 2_000


@pytest.mark.parametrize("name", ["@everyone", "@here", "<@&123>", "<#4>"])
def test_mention_in_a_name_is_disabled_in_an_announcement(name: str) -> None:
    assert name not in without_mentions(f"Hot lead: {name}")


def test_announcement_without_mentions_is_unchanged() -> None:
    text = "Hot lead: Zoë <zoe@salon.example> scored 12 < 20"

    assert text == without_mentions(text)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(400, {"content": ["too long"]}), Permanent),
        (says(401, {}), Misconfigured),
        (says(404, {"code": 10015}), Misconfigured),
        (says(302, "", {"Location": "/"}), Misconfigured),
        (says(500, ""), Ambiguous),
        (hangs(), Ambiguous),
        (hangs_up(), Ambiguous),
    ],
)
async def test_each_refused_announcement_is_one_kind_of_failure(answer: Answer, kind: type) -> None:
    assert kind is type(await failure_of(answer))


@pytest.mark.parametrize(
    ("body", "headers", "wait_ms"),
    [
        ({"retry_after": 0.65}, {"Retry-After": "1"}, 650),
        ({"retry_after": 0}, {}, 100),
        ({"retry_after": True}, {"Retry-After": "2"}, 2_000),
        ({}, {"Retry-After": "2"}, 2_000),
        ("<html>", {}, 1_000),
        ([], {}, 1_000),
    ],
)
async def test_throttled_announcement_waits_as_long_as_the_channel_demands(
    body: object, headers: dict[str, str], wait_ms: int
) -> None:
    failure = await failure_of(says(429, body, headers))

    assert isinstance(failure, Throttled)
    assert wait_ms == failure.retry_after_ms


async def test_announcement_to_an_unreachable_channel_is_transient() -> None:
    async with nobody_listens() as url:
        with pytest.raises(Transient) as raised:
            await announce(url, "hot")

    assert (Transient, "connect") == (type(raised.value), raised.value.code)
