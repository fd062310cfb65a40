"""Marks for the tests, a place for each test, and the output of its processes when the test fails."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.place import FAST, SECRETS, Place

_HERE = Path(__file__).parent
_TIMEOUT_S = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.acceptance)
            item.add_marker(pytest.mark.timeout(_TIMEOUT_S))


@pytest.fixture
def places() -> Iterator[Callable[[], Place]]:
    """Return a factory of places at testing pace. All processes in them end with the test."""
    made: list[Place] = []

    def make() -> Place:
        made.append(Place(**FAST, **SECRETS))
        return made[-1]

    make.made = made  # type: ignore[attr-defined]  # for the report below
    yield make
    for place in made:
        place.close()


@pytest.fixture
def place(places: Callable[[], Place]) -> Place:
    return places()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, pytest.TestReport, Any]:
    report = yield
    if report.when == "call" and report.failed and "places" in getattr(item, "funcargs", {}):
        for place in item.funcargs["places"].made:  # type: ignore[attr-defined]  # as `funcargs` of a Function
            for process in place.processes:
                report.sections.append((process.name, (process.stdout + process.stderr)[-6_000:]))
    return report
