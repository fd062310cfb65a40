from __future__ import annotations

import pytest
from redis.asyncio.connection import Connection
from redis.exceptions import DataError

from common.store.clients import HiredisPacking, connect, connect_async


class Packing(HiredisPacking, Connection):
    """A connection as the clients make it."""


@pytest.mark.parametrize(
    "command",
    [
        ("SET", "name", "Zoë", b"\x00\xff", 7, -1, 1.5, 9e15, ""),
        ("CONFIG GET", "appendonly"),
        ("EVALSHA", "0" * 40, 1, "{advent}:enrollment:enr_1", "long" * 5_000),
        ("SET", "name", memoryview(b"bytes")),
    ],
)
def test_commands_are_packed_in_c_into_the_bytes_that_redis_py_makes(command: tuple[object, ...]) -> None:
    assert b"".join(Connection().pack_command(*command)) == b"".join(Packing().pack_command(*command))


def test_packing_refuses_the_same_types_as_redis_py_by_name() -> None:
    with pytest.raises(DataError, match="NoneType"):
        Packing().pack_command("SET", "name", None)


def test_a_connection_does_not_read_the_version_of_redis_py_from_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("redis.utils.get_lib_version")

    for client in (connect("redis://127.0.0.1:1"), connect_async("redis://127.0.0.1:1")):
        client.connection_pool.make_connection()
