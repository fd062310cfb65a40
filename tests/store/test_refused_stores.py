"""A store that answers but is unusable is reported at the start, by `check`, by health and by `/ready`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from common.ledger.ledger import Ledger
from common.ledger.reads.store_stats import read_store_stats
from common.store.clients import connect, connect_async, wait_for_store
from common.store.embedded import EmbeddedStore, server_binary
from common.store.errors import StoreError
from common.store.monitor import StoreMonitor
from common.store.refusals import find_refusal, find_refusal_blocking
from tests.acceptance.place import free_ports
from tests.gateway.conftest import OpenGateway
from tests.store import servers
from tests.store.conftest import CADENCE, Configure

Advent = Callable[..., tuple[int, str, str]]
RunServer = Callable[..., str]

CLUSTER = (
    "REDIS_URL: the store is a Redis Cluster, on which nothing would be sent; name in REDIS_URL a store that is not"
)
NO_SCRIPTS = "REDIS_URL: the store runs no Lua scripts; load its Lua module"
FULL = "REDIS_URL: the store is out of memory and takes no write; raise maxmemory"

UNUSABLE = {
    "a cluster without slots": (["cluster-enabled yes"], CLUSTER),
    "a whole cluster of one node": (["cluster-enabled yes", "cluster-allow-reads-when-down yes"], CLUSTER),
    "no scripts": (['rename-command EVAL ""'], NO_SCRIPTS),
}

unusable = pytest.mark.parametrize(("lines", "problem"), UNUSABLE.values(), ids=UNUSABLE)


@pytest.fixture
def run_server() -> Iterator[RunServer]:
    """`run_server("cluster-enabled yes")` starts a server with these configuration lines and returns its address."""

    def run(*lines: str) -> str:
        # A cluster does not accept port 0.
        url = stack.enter_context(servers.running(server_binary(), *lines, port=free_ports(1)[0]))
        if "cluster-allow-reads-when-down yes" in lines:
            with connect(url) as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
                while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
                    pass
        return url

    with ExitStack() as stack:
        yield run


@unusable
@pytest.mark.parametrize("command", ["gateway", "worker", "console", "up"])
def test_no_process_starts_on_an_unusable_store(
    command: str,
    lines: list[str],
    problem: str,
    run_server: RunServer,
    advent: Advent,
    tmp_path: Path,
) -> None:
    names = ("GATEWAY_PORT", "SANDBOX_PORT", "CONSOLE_PORT", "WORKER_METRICS_PORT")
    ports = dict(zip(names, free_ports(4), strict=True))

    status, _, errors = advent(command, REDIS_URL=run_server(*lines), SECRET_KEY="k" * 32, DATA_DIR=tmp_path, **ports)

    (line,) = errors.splitlines()
    assert status == 1
    assert line.startswith(f"advent: {problem}")


@unusable
def test_check_and_health_report_an_unusable_store(
    lines: list[str], problem: str, run_server: RunServer, advent: Advent
) -> None:
    url = run_server(*lines)

    checked, report, _ = advent("check", REDIS_URL=url, SANDBOX_PORT=1)
    health, findings, _ = advent("health", "--no-gateway")

    assert (checked, health) == (1, 1)
    assert problem in report
    assert problem.removeprefix("REDIS_URL: the store ").partition(";")[0] in findings


@unusable
async def test_running_gateway_says_why_it_only_spools(
    lines: list[str], problem: str, run_server: RunServer, open_gateway: OpenGateway
) -> None:
    gateway = await open_gateway(run_server(*lines))

    answer = await gateway.request("GET", "/ready")

    assert answer.status == 200, "the spool accepts events"
    assert answer.json["dependencies"]["store"]["status"] == "down"
    assert answer.json["dependencies"]["store"]["reason"].startswith(problem)


@unusable
async def test_store_monitor_reports_an_unusable_store_under_a_running_process(
    lines: list[str], problem: str, run_server: RunServer
) -> None:
    client = connect_async(run_server(*lines))
    monitor = StoreMonitor(client, "k" * 32)

    assert await monitor.check()

    assert [line for line in monitor.warnings if line.startswith(problem)]
    await client.aclose()


FULL_STORES: list[tuple[dict[str, Any], str]] = [
    ({"maxmemory": "1mb"}, FULL),
    ({"replicaof": "127.0.0.1 1"}, "REDIS_URL: the store is a replica, which takes no write; name its primary"),
    ({"min_replicas_to_write": "1"}, "REDIS_URL: the store has fewer replicas than min-replicas-to-write"),
]


@pytest.mark.parametrize(("settings", "problem"), FULL_STORES)
async def test_store_that_refuses_writes_is_reported_as_down_with_its_reason(
    settings: dict[str, Any], problem: str, weak_store: EmbeddedStore, configure: Configure, open_gateway: OpenGateway
) -> None:
    gateway = await open_gateway(weak_store.url)
    configure(**settings)

    answer = await gateway.request("GET", "/ready")
    stats = await read_store_stats(Ledger(gateway.store, campaign="c", cadence=CADENCE, secret_key="s" * 32))

    assert (answer.status, answer.json["dependencies"]["store"]["status"]) == (200, "down")
    assert answer.json["dependencies"]["store"]["reason"].startswith(problem)
    assert stats.refusal is not None
    assert stats.refusal.line.startswith(problem), "the figures can still be read"


def test_a_worker_waits_for_a_full_store_and_says_so(weak_store: EmbeddedStore, configure: Configure) -> None:
    configure(maxmemory="1mb")
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        configure(maxmemory="0")

    wait_for_store(weak_store.url, say)

    assert "it is out of memory and takes no write; raise maxmemory" in said[0]


async def test_probe_for_unusable_stores_writes_nothing(weak_store: EmbeddedStore) -> None:
    with connect(weak_store.url) as client:
        assert find_refusal_blocking(client) is None
        assert client.dbsize() == 0
    client = connect_async(weak_store.url)
    assert await find_refusal(client) is None
    assert await client.dbsize() == 0
    await client.aclose()


def test_a_worker_does_not_wait_for_a_cluster(run_server: RunServer) -> None:
    with pytest.raises(StoreError, match="Redis Cluster"):
        wait_for_store(run_server("cluster-enabled yes"), print)
