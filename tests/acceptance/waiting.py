"""Wait for events, never for a fixed time, and tell late results from wrong ones."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

from tests.acceptance.place import Place

Answer = TypeVar("Answer")


class Late(AssertionError):
    """The expected event happened too late, because of the code or of an overloaded machine."""


def eventually(ask: Callable[[], Answer], what: str, *, within_s: float = 60) -> Answer:
    """Call `ask` every 20 ms and return its first true result. Fails after `within_s`, which only faults exceed."""
    deadline = time.monotonic() + within_s
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"within {within_s:.0f} s it did not come to this: {what}"
        time.sleep(0.02)
    return answer


def punctual(test: Callable[[Place], None]) -> Callable[[Callable[[], Place]], None]:
    """
    Run a test with limits of fractions of a second again, in a new place, if its only fault was lateness.

    The limits are not relaxed for a loaded machine; it gets a second chance instead. A wrong result fails at once.
    `make acceptance` runs these tests alone, so that no other test delays them.
    """

    @functools.wraps(test)
    def reported(places: Callable[[], Place]) -> None:
        try:
            test(places())
        except Late:
            test(places())

    del reported.__wrapped__  # type: ignore[attr-defined]  # pytest would read the parameters of the wrapped test
    return pytest.mark.punctual(reported)


def on_time(late_s: float, allowed_s: float, what: str) -> None:
    """Raise Late if the lateness exceeds what is allowed. Being early is a wrong result, not a late one."""
    assert late_s > -0.001, f"{what} came {-late_s:.3f} s early"
    if late_s > allowed_s:
        raise Late(f"{what} came {late_s:.3f} s late; promised is {allowed_s} s")
