"""deploy/backup.sh next to a running gateway, with stand-ins for the store and its snapshot."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="deploy/install.sh is for Debian and Ubuntu")

_PYTHON = '#!/bin/sh\ntouch "$ADVENT_PREFIX/var/lib/advent-store/dump.rdb"\n'


@pytest.fixture
def root() -> Iterator[Path]:
    # The path must be short: a Unix socket path may have 107 characters, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="advent-") as name:
        root = Path(name)
        for folder in (
            "etc/advent/secrets",
            "var/lib/advent/spool",
            "var/lib/advent-store",
            "run/advent-store",
            "opt/advent/release/bin",
        ):
            (root / folder).mkdir(parents=True)
        for file in ("advent.env", "install.conf"):
            (root / "etc/advent" / file).touch()
        (root / "opt/advent/current").symlink_to("release")
        python = root / "opt/advent/release/bin/python"
        python.write_text(_PYTHON)
        python.chmod(0o755)
        with socket.socket(socket.AF_UNIX) as store:
            store.bind(str(root / "run/advent-store/store.sock"))
            yield root


def back_up(root: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "ADVENT_PREFIX": str(root), **environ}
    return subprocess.run([ROOT / "deploy/backup.sh"], env=environ, capture_output=True, text=True, check=False)


def test_backup_succeeds_while_a_gateway_removes_drained_spool_files(root: Path) -> None:
    spool, backups = root / "var/lib/advent/spool", root / "var/backups/advent"
    for number in range(3000):
        (spool / f"{number}.drained").write_text("an event")
    (spool / "kept").write_text("an event")

    def drain() -> None:
        while not list(backups.glob(".work-*/advent-*/spool")):
            assert not stopped.is_set()
        for file in spool.glob("*.drained"):
            file.unlink()

    stopped = threading.Event()
    gateway = threading.Thread(target=drain)
    gateway.start()
    done = back_up(root)
    stopped.set()
    gateway.join()

    assert (done.returncode, done.stderr) == (0, "")
    [archive] = backups.glob("advent-*.tar.gz")
    with tarfile.open(archive) as stored:
        assert len([name for name in stored.getnames() if name.endswith("/spool/kept")]) == 1


def test_backup_fails_if_the_spool_cannot_be_copied(root: Path) -> None:
    tar = root / "stubs/tar"
    tar.parent.mkdir()
    tar.write_text('#!/bin/sh\ncase "$*" in *" spool") exit 2 ;; *) exec /bin/tar "$@" ;; esac\n')
    tar.chmod(0o755)

    done = back_up(root, PATH=f"{tar.parent}:{os.environ['PATH']}")

    assert (done.returncode, "the spool could not be copied" in done.stderr) == (1, True)
    assert list((root / "var/backups/advent").glob("advent-*")) == []
