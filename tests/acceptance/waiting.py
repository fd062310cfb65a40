"""Wait for an event, never for a time; and tell what came late from what came wrong."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import TypeVar

from tests.acceptance.place import Place

Answer = TypeVar("Answer")


class Late(AssertionError):
    """What had to happen did happen, and not in time: the fault of the code, or of a machine with too much to do."""


def eventually(ask: Callable[[], Answer], what: str, *, within_s: float = 60) -> Answer:
    """The first answer of `ask` that is true, asked every 20 ms; fails after a time that only a fault can need."""
    deadline = time.monotonic() + within_s
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"within {within_s:.0f} s it did not come to this: {what}"
        time.sleep(0.02)
    return answer


def punctual(story: Callable[[Place], None]) -> Callable[[Callable[[], Place]], None]:
    """
    A story with promises in fractions of a second: run once more, somewhere new, when all of it was right but late.

    Promises are not loosened for a loaded machine; it is given a second chance. What is wrong is wrong at once.
    """

    @functools.wraps(story)
    def reported(places: Callable[[], Place]) -> None:
        try:
            story(places())
        except Late:
            story(places())

    del reported.__wrapped__  # type: ignore[attr-defined]  # pytest would read the story's own parameters
    return reported


def on_time(late_s: float, allowed_s: float, what: str) -> None:
    """Raises Late unless the lateness is within what is promised; early is wrong, not late."""
    assert late_s > -0.001, f"{what} came {-late_s:.3f} s early"
    if late_s > allowed_s:
        raise Late(f"{what} came {late_s:.3f} s late; promised is {allowed_s} s")
