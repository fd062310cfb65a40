"""
A recorded store: everything that the processes of one version left behind, as text.

    store.jsonl    every key, see `keyspace.py`
    sandbox.sql    the sandbox's database, see `sandbox_file.py`
    data_dir/      the other files of DATA_DIR: spool and generated secrets
    recording.json when it was made, under which settings
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import redis

from common.store.clients import connect
from common.store.embedded import EmbeddedStore
from tests.recorded_store import keyspace, sandbox_file

FOLDER = Path(__file__).parents[1] / "fixtures" / "stores"
_CHECKOUT = Path(__file__).parents[2]
_DATA_DIR = "data_dir"
_FIRST_ATTEMPT = re.compile(r'("first(?:_attempt_ms)?": ")\d{13}')
"""The field of an open delivery, as 0.1.0 and as later versions call it."""
_SANDBOX = Path("sandbox") / "sandbox.sqlite3"


@dataclass(frozen=True)
class Recording:
    version: str
    recorded_ms: int
    settings: dict[str, str]

    @property
    def folder(self) -> Path:
        return FOLDER / self.version


def write(recording: Recording, data_dir: Path, folder: Path) -> None:
    """Write the recording of `data_dir` to `folder`. All its processes have ended."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / _DATA_DIR).mkdir(parents=True)
    (folder / "recording.json").write_text(json.dumps(asdict(recording), indent=2) + "\n")
    store = EmbeddedStore(data_dir / "store")
    store.start()
    try:
        with connect(store.url) as client:
            lines = (_without_paths(line) for line in keyspace.dump(client))
            (folder / "store.jsonl").write_text("".join(f"{line}\n" for line in lines))
    finally:
        store.stop()
    (folder / "sandbox.sql").write_text(sandbox_file.dump(data_dir / _SANDBOX))
    for file in sorted(data_dir.rglob("*")):
        name = file.relative_to(data_dir)
        if file.is_file() and name.parts[0] not in ("store", "sandbox", "run") and file.stat().st_size:
            (folder / _DATA_DIR / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / _DATA_DIR / name)


def _without_paths(line: str) -> str:
    """Replace the folders of the recording machine, which occur in the tracebacks of dead letters."""
    for path, name in ((sys.prefix, "/venv"), (sys.base_prefix, "/python"), (str(_CHECKOUT), "/advent")):
        line = line.replace(path, name)
    return line


def read(version: str) -> Recording:
    return Recording(**json.loads((FOLDER / version / "recording.json").read_text()))


def load_store(version: str, client: redis.Redis) -> int:
    """Fill an empty store. Return the number of keys."""
    with (FOLDER / version / "store.jsonl").open() as lines:
        return keyspace.load(client, lines)


def load_data_dir(version: str, data_dir: Path, *, attempted_ms: int) -> None:
    """
    Create a DATA_DIR as that version left it: embedded store, sandbox, spool and secrets.

    `attempted_ms` replaces the time of every first request to send, because its age decides whether the idempotency
    key is still known; otherwise what the tests see would depend on the age of the recording.
    """
    folder = FOLDER / version
    shutil.copytree(folder / _DATA_DIR, data_dir, dirs_exist_ok=True)
    sandbox_file.load(data_dir / _SANDBOX, (folder / "sandbox.sql").read_text(), answered_ms=attempted_ms)
    store = EmbeddedStore(data_dir / "store")
    store.start()
    try:
        with connect(store.url) as client, (folder / "store.jsonl").open() as lines:
            keyspace.load(client, (_FIRST_ATTEMPT.sub(rf"\g<1>{attempted_ms}", line) for line in lines))
    finally:
        store.stop()
