"""`advent health` prints one line for each aspect, and an upgrade can rely on its exit status."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from common.ledger import keys
from common.store.clients import connect
from services.cli.main import main

pytestmark = pytest.mark.usefixtures("loads_campaign_once")

MINUTE_MS = 60_000


@pytest.fixture
def health(
    store_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> Callable[..., tuple[int, str]]:
    """Return a function that runs `advent health` on a store with one live worker and no gateway: (status, output)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REDIS_URL", store_url)
    monkeypatch.setenv("GATEWAY_PORT", "1")
    with connect(store_url) as client:
        client.zadd(keys.HEARTBEATS, {"w": _now_ms() + MINUTE_MS})

    def health(*arguments: str) -> tuple[int, str]:
        status = main(["health", *arguments])
        return status, capsys.readouterr().out

    return health


def test_all_is_well(health: Callable[..., tuple[int, str]]) -> None:
    status, said = health("--no-gateway")

    assert status == 0
    assert "! " not in said
    assert "store    answers, durable" in said


def test_quiet_says_nothing_when_all_is_well(health: Callable[..., tuple[int, str]]) -> None:
    assert health("--no-gateway", "--quiet") == (0, "")


def test_health_line_about_failed_jobs_points_to_the_log(
    health: Callable[..., tuple[int, str]], store_url: str
) -> None:
    with connect(store_url) as client:
        client.zadd(keys.ready("announce") + ".XQ", {"enr_x": 1})
        status, said = health("--no-gateway", "--quiet")
        assert status == 3
        assert said.startswith("? failed   1 hot lead could not be announced. The log has the channel's answer")
        client.zadd(keys.ready("classify") + ".XQ", {"enr_x": 1})
        assert "1 job failed with an internal error (1 in classify), and 1 hot lead" in health("--no-gateway")[1]


def test_dead_letter_needs_a_person_and_leaves_the_system_healthy(
    health: Callable[..., tuple[int, str]], store_url: str
) -> None:
    with connect(store_url) as client:
        client.zadd(keys.DEAD, {"enr_x/step-1": 1})

    status, said = health("--no-gateway", "--json")

    found = json.loads(said)
    (dead,) = [each for each in found["aspects"] if each["level"] != "ok"]
    assert (status, found["healthy"]) == (3, True)
    assert (dead["name"], dead["ok"], dead["level"]) == ("dead", True, "needs_person")


def test_health_fails_if_the_gateway_does_not_answer(health: Callable[..., tuple[int, str]]) -> None:
    status, said = health("--quiet")

    assert status == 1
    assert said.startswith("! gateway  http://127.0.0.1:1 does not answer")


@pytest.mark.parametrize(
    ("key", "field", "minutes", "aspect"),
    [
        (keys.delayed("send"), "ada/step-1", 6, "due"),
        (keys.CHANGED, "ada", 31, "mirror"),
    ],
)
def test_health_fails_if_mail_or_notion_updates_wait_for_too_long(
    health: Callable[..., tuple[int, str]], store_url: str, key: str, field: str, minutes: int, aspect: str
) -> None:
    with connect(store_url) as client:
        client.zadd(key, {field: _now_ms() - minutes * MINUTE_MS})

    status, said = health("--no-gateway", "--json")

    assert status == 1
    assert [aspect] == [each["name"] for each in json.loads(said)["aspects"] if not each["ok"]]
    assert health("--no-gateway", "--late-minutes", "60", "--behind-minutes", "60")[0] == 0


def test_health_fails_while_the_circuit_of_resend_is_open(
    health: Callable[..., tuple[int, str]], store_url: str
) -> None:
    with connect(store_url) as client:
        client.hset(keys.circuit("resend"), mapping={"until_ms": _now_ms(), "since_ms": _now_ms() - 3 * MINUTE_MS})

    status, said = health("--no-gateway", "--quiet")

    assert status == 1
    assert said.startswith("! resend   mail has waited 3 min for Resend")


def test_health_fails_without_a_live_worker(health: Callable[..., tuple[int, str]], store_url: str) -> None:
    with connect(store_url) as client:
        client.delete(keys.HEARTBEATS)

    assert health("--no-gateway", "--quiet")[0] == 1


def test_health_fails_if_the_store_does_not_answer(
    health: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")

    status, said = health("--no-gateway", "--quiet")

    assert status == 1
    assert said.startswith("! store    the data store does not answer (ConnectionError)")


def _now_ms() -> int:
    return int(time.time() * 1000)
