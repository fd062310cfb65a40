"""`advent migrate`, `--restore` and `advent up` as processes: their output, and the store after a kill -9."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.ledger import keys
from common.store.clients import connect
from common.store.embedded import EmbeddedStore
from tests.acceptance.place import Place
from tests.migration.next_version import CURRENT, FIELD, HALF_WAY
from tests.tidy.repository import ROOT

pytestmark = pytest.mark.acceptance

PEOPLE = ("enr_a", "enr_b", "enr_c", "enr_d")
MIGRATED, OLDER = [b"1"] * len(PEOPLE), [None] * len(PEOPLE)

Environ = dict[str, str]


@pytest.fixture(params=["embedded", "external"])
def environ(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Environ]:
    """Settings with a DATA_DIR, and a store in the current format: embedded, or at REDIS_URL."""
    store = EmbeddedStore(tmp_path / "data" / "store")
    store.start()
    _fill(store.url)
    given = {"DATA_DIR": str(tmp_path / "data"), "SECRET_KEY": "a key for tests"}
    if request.param == "embedded":
        store.stop()
        yield given
    else:
        yield {**given, "REDIS_URL": store.url}
        store.stop()


def _fill(url: str) -> None:
    with connect(url) as client:
        client.set(keys.FORMAT, CURRENT)
        client.zadd(keys.UNDER_WAY, dict.fromkeys(PEOPLE, 0))
        for person in PEOPLE:
            client.hset(keys.enrollment(person), mapping={"st": "active", "status": "active"})


def _state(environ: Environ) -> tuple[str, list[bytes | None]]:
    """Return the format of the store and the new field of each contact."""
    store = None if "REDIS_URL" in environ else EmbeddedStore(Path(environ["DATA_DIR"]) / "store")
    if store is not None:
        store.start()
    try:
        with connect(environ.get("REDIS_URL") or (store.url if store else "")) as client:
            number = client.get(keys.FORMAT) or b""
            return number.decode(), [client.hget(keys.enrollment(person), FIELD) for person in PEOPLE]
    finally:
        if store is not None:
            store.stop()


def _start(environ: Environ, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.migration.next_version", *arguments]
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=environ["DATA_DIR"], env={**kept, **environ}, stdout=pipe, stderr=pipe, text=True
    )


def _run(environ: Environ, *arguments: str) -> tuple[int, str, str]:
    process = _start(environ, *arguments)
    said, complained = process.communicate(timeout=60)
    return process.returncode, said, complained


def _copies(environ: Environ) -> list[Path]:
    return sorted((Path(environ["DATA_DIR"]) / "backups").iterdir())


def test_store_is_migrated_once_and_restored_by_the_printed_command(environ: Environ) -> None:
    status, said, _ = _run(environ, "migrate")

    assert status == 0
    assert f"the store was migrated from format {CURRENT} to {CURRENT + 1}" in said
    assert _state(environ) == (str(CURRENT + 1), MIGRATED)
    assert _run(environ, "migrate")[:2] == (0, f"nothing to do: the store is in format {CURRENT + 1}\n")
    [copy] = _copies(environ)

    printed = re.search(r"`advent (migrate --restore [^`]+)`", said)
    assert printed is not None
    status, said, _ = _run(environ, *printed[1].split(" "))

    assert (status, str(copy) in said, "start the version that wrote it" in said) == (0, True, True)
    assert _state(environ) == (str(CURRENT), OLDER)


def test_migration_killed_with_kill_9_continues_and_keeps_its_first_copy(environ: Environ) -> None:
    process = _start({**environ, "HALT_AFTER": "2"}, "migrate")
    assert process.stderr is not None
    assert any(HALF_WAY in line for line in process.stderr)
    process.kill()
    process.communicate(timeout=60)
    copies = _copies(environ)

    status, said, complained = _run(environ, "migrate")

    assert (status, "the copy that an interrupted run made stays" in said) == (0, True), said + complained
    assert _state(environ) == (str(CURRENT + 1), MIGRATED)
    assert _copies(environ) == copies
    assert len(copies) == 1


def test_up_migrates_an_older_embedded_store_automatically_and_says_so_in_one_line() -> None:
    place = Place(SECRET_KEY="a key for tests", TESTING_MODE="true")
    store = EmbeddedStore(place.data_dir / "store")
    store.start()
    _fill(store.url)
    store.stop()
    up = _start({**place.settings, "DATA_DIR": str(place.data_dir)}, "up")
    try:
        assert up.stdout is not None
        lines = []
        for line in up.stdout:
            lines.append(line)
            if "Ctrl-C stops everything" in line:
                break
        assert len([line for line in lines if "migrat" in line]) == 1, lines
        assert f"the store was migrated from format {CURRENT} to {CURRENT + 1}" in "".join(lines)
        with connect(store.url) as client:
            assert client.get(keys.FORMAT) == str(CURRENT + 1).encode()
        up.terminate()
        up.communicate(timeout=60)
        assert up.returncode == 0
    finally:
        up.kill()
        up.communicate()
        place.close()
