import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from common.ledger import keys
from common.store.clients import connect
from common.store.embedded import EmbeddedStore
from common.store.identity import secret_key_matches
from tests.broker.looking import eventually

ROOT = Path(__file__).parents[2]

OLD, NEW = "o" * 32, "n" * 32


@pytest.fixture
def begun(store_url):
    """A store that was first used with the old key."""
    with connect(store_url) as client:
        assert secret_key_matches(client, OLD)
    return store_url


@pytest.mark.parametrize(
    "command", [("gateway",), ("worker",), ("console",), ("up",), ("audit",), ("rebuild",), ("dead", "replay", "--all")]
)
def test_no_command_starts_with_another_secret_key_and_the_line_names_the_fix(advent, begun, command, own_ports):
    status, output, errors = advent(*command, REDIS_URL=begun, SECRET_KEY=NEW, **own_ports)

    assert (status, output) == (1, "")
    (line,) = errors.splitlines()
    assert line.startswith("advent: SECRET_KEY: ")
    assert "set the old one" in line
    assert "advent check --accept-new-secret-key" in line
    assert NEW not in line


def test_check_reports_another_secret_key_and_changes_nothing(advent, begun):
    status, output, _ = advent("check", "--json", REDIS_URL=begun, SECRET_KEY=NEW, SANDBOX_PORT=1)

    assert status == 1
    assert [line.partition(":")[0] for line in json.loads(output)["problems"]] == ["SECRET_KEY"]
    with connect(begun) as client:
        assert secret_key_matches(client, OLD)


def test_check_writes_no_secret_key_into_a_new_store(advent, store_url):
    status, _, _ = advent("check", REDIS_URL=store_url, SECRET_KEY=NEW, SANDBOX_PORT=1)

    with connect(store_url) as client:
        assert (status, client.get(keys.SECRET_KEY)) == (0, None)


def test_new_secret_key_is_accepted_on_request_and_its_cost_is_reported(advent, begun):
    with connect(begun) as client:
        client.hset(keys.SUPPRESSED, "a mark of nobody enrolled", "bounced 1")

    status, output, _ = advent("check", "--accept-new-secret-key", REDIS_URL=begun, SECRET_KEY=NEW, SANDBOX_PORT=1)

    assert status == 0
    assert "a new one. 0 suppressions were carried over; 1 more belongs to no stored contact and is lost" in output
    assert "links in mails already sent end in 404" in output
    assert "the store has this key already" in advent("check", "--accept-new-secret-key")[1]
    assert advent("audit", SECRET_KEY=OLD)[0] == 1


def test_new_secret_key_is_refused_while_workers_run(advent, begun):
    with connect(begun) as client:
        client.zadd(keys.HEARTBEATS, {"w": time.time_ns() // 1_000_000 + 30_000})

    status, _, errors = advent("check", "--accept-new-secret-key", REDIS_URL=begun, SECRET_KEY=NEW)

    assert status == 1
    assert "processes still use this store with the old one: worker; stop every Advent process first" in errors


@pytest.mark.parametrize("working", [("gateway",), ("console", "worker"), ("command",)])
def test_new_secret_key_is_refused_while_another_process_uses_the_store(advent, begun, working):
    with ExitStack() as stack:
        for process in working:
            assert stack.enter_context(connect(begun, process=process)).ping()
        status, _, errors = advent("check", "--accept-new-secret-key", REDIS_URL=begun, SECRET_KEY=NEW)

    assert status == 1
    assert errors == (
        f"advent: SECRET_KEY: processes still use this store with the old one: {', '.join(working)};"
        " stop every Advent process first\n"
    )
    with connect(begun) as client:
        assert secret_key_matches(client, OLD)


def test_unnamed_connections_and_other_databases_do_not_block_a_new_key(advent, begun):
    other = f"{begun}{'&' if '?' in begun else '?'}db=7"
    with connect(begun) as onlooker, connect(other, process="gateway") as neighbour:
        assert onlooker.ping()
        assert neighbour.ping()
        status, output, _ = advent("check", "--accept-new-secret-key", REDIS_URL=begun, SECRET_KEY=NEW, SANDBOX_PORT=1)

    assert status == 0
    assert "the store has a new one" in output


@pytest.mark.acceptance
@pytest.mark.parametrize("process", ["gateway", "console"])
def test_each_process_names_its_store_connections(begun, own_ports, tmp_path, process):
    environ = {**os.environ, "REDIS_URL": begun, "SECRET_KEY": OLD, **{k: str(v) for k, v in own_ports.items()}}
    child = subprocess.Popen(
        [sys.executable, "-m", "services.cli", process], env=environ, cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        with connect(begun) as client:
            eventually(lambda: f"advent-{process}" in {one["name"] for one in client.client_list()})
    finally:
        child.terminate()
        assert child.wait(30) == 0


def test_embedded_store_is_started_and_stopped_to_accept_a_new_key(advent, tmp_path):
    folder = tmp_path / "data" / "store"
    store = EmbeddedStore(folder)
    store.start()
    with connect(store.url) as client:
        secret_key_matches(client, OLD)
    store.stop()

    status, output, errors = advent("check", "--accept-new-secret-key", SECRET_KEY=NEW, DATA_DIR=tmp_path / "data")

    assert (status, errors) == (0, "")
    assert "the store has a new one" in output
    assert not (folder / "store.sock").exists()


def test_new_secret_key_without_a_store_is_refused(advent, tmp_path):
    status, _, errors = advent("check", "--accept-new-secret-key", SECRET_KEY=NEW, DATA_DIR=tmp_path / "data")

    assert status == 1
    assert errors.startswith("advent: REDIS_URL: unset")
    assert not (tmp_path / "data" / "store").exists()
