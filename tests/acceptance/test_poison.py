"""A mail that kills each worker that processes it is quarantined after three deaths; other mails are not affected."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.place import UNLIMITED, Place
from tests.acceptance.poisoned import KILLED
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

INSTALLATION = Path(__file__).parents[2]
BYSTANDERS = 15


def test_mail_that_kills_three_workers_is_quarantined_and_all_other_mail_is_sent(
    place: Place,
) -> None:
    place.settings |= UNLIMITED
    place.own_store().start()
    place.serve("sandbox")
    place.sandbox.lift_rate_limits()
    place.serve("gateway")
    # All deliveries wait before the first worker starts, so that the poisonous one runs next to others.
    names = ["Mallory", *(f"P{number}" for number in range(BYSTANDERS))]
    place.website.post_all([(person(name), f"msg_{name}") for name in names], at_once=8, patience_s=5)

    # After the third death the queue quarantines the job. The sweep that finds the mail missing runs up to 75 s later.
    with replaced_when_it_dies(place, person("Mallory")["email"]) as deaths:
        eventually(
            lambda: deaths.tend() and completed(place) == len(names),
            "everybody's sequence at its end",
            within_s=150,
        )

    assert deaths.count == 3
    [letter] = place.ask("dead", "list")
    assert (letter["email"], letter["step"]) == (person("Mallory")["email"], 1)
    assert letter["reason"].startswith("killed its worker 3 times")
    by_key = place.sandbox.mails_by_key()
    assert len(by_key) == 7 * len(names) - 1
    assert set(by_key.values()) == {1}


def completed(place: Place) -> int:
    return sum(row["Sequence Completed"] for row in place.sandbox.rows("Email Sequence"))


class Deaths:
    """Runs one poisoned worker at a time and counts how many have died."""

    def __init__(self, place: Place, whom: str) -> None:
        self.count = 0
        self._place, self._whom = place, whom
        self._worker = self._hire()

    def tend(self) -> bool:
        if self._worker.poll() is not None:
            assert self._worker.returncode == KILLED
            self.count += 1
            self._worker = self._hire()
        return True

    def end(self) -> None:
        self._worker.kill()
        self._worker.wait()

    def _hire(self) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        with (self._place.folder / f"poisoned-{self.count}.err").open("wb") as err:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.acceptance.poisoned", self._whom, "1"],
                cwd=self._place.folder,
                env={**kept, **self._place.settings, "PYTHONPATH": str(INSTALLATION)},
                stdin=subprocess.DEVNULL,
                stdout=err,
                stderr=err,
                start_new_session=True,
            )


@contextmanager
def replaced_when_it_dies(place: Place, whom: str) -> Iterator[Deaths]:
    deaths = Deaths(place, whom)
    try:
        yield deaths
    finally:
        deaths.end()
