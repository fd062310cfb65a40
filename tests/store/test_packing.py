from __future__ import annotations

import pytest
from redis.asyncio.connection import Connection
from redis.exceptions import DataError

from common.store.clients import HiredisPacking


class Packing(HiredisPacking, Connection):
    """As the clients make them."""


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


def test_what_redis_py_refuses_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="NoneType"):
        Packing().pack_command("SET", "name", None)
