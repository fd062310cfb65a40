"""
Take a snapshot of the store: `snapshot.py SOCKET` returns when dump.rdb in the store's folder is complete.

The snapshot contains the whole store at one moment. A forked child writes it while the store continues to serve
requests. If it cannot be written, mostly because the disk is full, the script prints one line and exits with 1.
"""

import sys
import time
from pathlib import Path
from typing import Any

import redis

WAIT_SECONDS = 1800


def main(socket: Path) -> str | None:
    with redis.Redis(unix_socket_path=str(socket), socket_timeout=30) as store:
        before = _saves(store)
        # SCHEDULE waits for a running rewrite of the append-only file.
        store.execute_command("BGSAVE", "SCHEDULE")
        deadline = time.monotonic() + WAIT_SECONDS
        while _saves(store) == before:
            if _persistence(store)["rdb_last_bgsave_status"] != "ok":
                return "the store could not write a snapshot; its journal says why"
            if time.monotonic() > deadline:
                return f"no snapshot within {WAIT_SECONDS} s"
            time.sleep(0.1)
    return None


def _saves(store: "redis.Redis") -> int:
    return int(_persistence(store)["rdb_saves"])


def _persistence(store: "redis.Redis") -> dict[str, Any]:
    found: dict[str, Any] = store.info("persistence")
    return found


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except redis.RedisError as error:
        sys.exit(f"the store does not answer: {error}")
