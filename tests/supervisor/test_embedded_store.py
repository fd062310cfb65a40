import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from common.processes import is_alive
from common.store.clients import connect, connect_async, redacted_url, wait_for_store
from common.store.durability import store_warnings
from common.store.embedded import EmbeddedStore, server_binary
from common.store.errors import StoreError
from tests.acceptance.place import free_ports


@pytest.fixture
def directory(tmp_path_factory):
    # Longer than the path of a Unix socket may be: every test here also proves that this is no limit.
    return tmp_path_factory.mktemp("a-folder-whose-path-is-too-long-for-a-unix-socket-" * 2) / "with spaces" / "store"


@pytest.fixture
def store(directory):
    store = EmbeddedStore(directory)
    store.start()
    yield store
    store.stop()


def test_acknowledged_writes_survive_kill_9_of_the_embedded_store(store):
    with connect(store.url) as client:
        client.set("ada", "enrolled")

    store.process.kill()
    store.process.wait()
    store.start()

    with connect(store.url) as client:
        assert client.get("ada") == b"enrolled"


def test_half_written_last_command_does_not_stop_the_embedded_store(store, directory):
    with connect(store.url) as client:
        client.set("ada", "enrolled")
    store.stop()
    file = max((directory / "appendonlydir").glob("*.incr.aof"))
    file.write_bytes(file.read_bytes() + b"*3\r\n$3\r\nSET\r\n$5\r\nbor")

    store.start()

    with connect(store.url) as client:
        assert client.get("ada") == b"enrolled"


def test_damaged_store_file_is_reported_with_the_reason_of_the_store(store, directory):
    with connect(store.url) as client:
        client.set("ada", "enrolled")
    store.stop()
    file = max((directory / "appendonlydir").glob("*.incr.aof"))
    file.write_bytes(b"nonsense\r\n" + file.read_bytes())

    with pytest.raises(StoreError, match=r"(?s)Bad file format.*store\.log"):
        store.start()


def test_a_second_store_in_the_same_folder_is_refused_in_one_line(store, directory):
    with pytest.raises(StoreError, match=f"in use .held by process {os.getpid()}.; .*DATA_DIR") as refusal:
        EmbeddedStore(directory).start()

    assert "\n" not in str(refusal.value)


def test_store_of_a_killed_parent_has_ended_after_the_next_start(directory):
    script = f"""
        from pathlib import Path
        from common.store.embedded import EmbeddedStore
        from common.store.clients import connect
        store = EmbeddedStore(Path({str(directory)!r}))
        store.start()
        with connect(store.url) as client:
            client.set("ada", "enrolled")
        print(store.process.pid, flush=True)
        input()
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        orphan = int(parent.stdout.readline())
        parent.kill()
    store = EmbeddedStore(directory)
    store.start()
    try:
        with connect(store.url) as client:
            assert client.get("ada") == b"enrolled"
        assert not is_alive(orphan)
    finally:
        store.stop()


def test_a_stopped_store_leaves_no_socket_and_no_lock_behind(store, directory):
    store.stop()

    assert not store.socket.exists()
    with EmbeddedStoreOf(directory):
        pass


class EmbeddedStoreOf:
    def __init__(self, directory):
        self.store = EmbeddedStore(directory)

    def __enter__(self):
        self.store.start()
        return self.store

    def __exit__(self, *_):
        self.store.stop()


def test_embedded_store_is_accessible_to_its_owner_only(store, directory):
    assert directory.stat().st_mode & 0o077 == 0
    assert store.socket.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_used_names_the_setting(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="DATA_DIR: "):
        EmbeddedStore(tmp_path / "file" / "store").start()


def test_the_embedded_store_is_durable_and_evicts_nothing(store):
    with connect(store.url) as client:
        assert store_warnings(client) == []

        client.config_set("appendfsync", "everysec")
        client.config_set("maxmemory-policy", "allkeys-lru")
        warnings = store_warnings(client)

    assert len(warnings) == 2
    assert "set appendfsync always" in warnings[0]
    assert "set maxmemory-policy noeviction" in warnings[1]


def test_store_durability_is_read_from_info_when_config_is_forbidden(store):
    with connect(store.url) as client:
        client.config_set("appendonly", "no")
        client.execute_command("ACL", "SETUSER", "managed", "on", "nopass", "~*", "+@all", "-config")
        client.execute_command("AUTH", "managed", "x")

        warnings = store_warnings(client)

    assert warnings == [
        "store: appendonly is off, so a restart forgets people; set appendonly yes and appendfsync always"
    ]


def test_a_store_that_is_away_is_waited_for_and_reported(store):
    store.process.send_signal(signal.SIGKILL)
    store.process.wait()
    output = []

    def say(line):
        output.append(line)
        store.start()

    wait_for_store(store.url, say)

    assert len(output) == 1
    assert output[0].startswith("waiting for the data store at unix://")


def test_wrong_store_password_is_reported_without_waiting(store):
    with connect(store.url) as client:
        client.execute_command("ACL", "SETUSER", "default", "on", ">right", "resetpass", ">right")

    with pytest.raises(StoreError, match="REDIS_URL: the store refuses us"):
        wait_for_store(store.url, lambda line: None)


def test_redacted_url_contains_no_user_and_no_password():
    assert redacted_url("rediss://user:pa55@host:6379/0?x=y") == "rediss://host:6379/0"
    assert redacted_url("sentinel://user:pa55@a:1,b:2/main") == "sentinel://a:1,b:2/main"


@contextlib.contextmanager
def primary_with_sentinel(folder, data_port, sentinel_port):
    """Run one primary called `main` on a TCP port, and one sentinel that watches it."""
    config = folder / "sentinel.conf"
    config.write_text(
        f"port {sentinel_port}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor main 127.0.0.1 {data_port} 1\n"
    )
    commands = [
        [server_binary(), "--port", str(data_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        [server_binary(), str(config), "--sentinel"],
    ]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.wait()


async def test_the_primary_is_found_through_sentinels(tmp_path_factory):
    data_port, sentinel_port = free_ports(2)
    with primary_with_sentinel(tmp_path_factory.mktemp("sentinel"), data_port, sentinel_port):
        url = f"sentinel://127.0.0.1:{sentinel_port},127.0.0.1:1/main"
        wait_for_store(url, lambda line: None)
        with connect(url) as client:
            client.set("ada", "enrolled")
        async with asyncio.timeout(60):
            other = connect_async(url)
            assert await other.get("ada") == b"enrolled"
            await other.aclose()
