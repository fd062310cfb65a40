"""
Every order in which two workers, scheduler, takeover, sweeper and clock can meet, as far as a budget goes.

Each row is explored to its end. From every state of the store that is met, everybody dies at once, and one new worker
has to bring every delivery to its end, once. `python -m tests.interleavings` explores further than there is time for.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.domain.delivery import Kind
from tests.interleavings.explorer import explore
from tests.interleavings.protocol import Protocol
from tests.interleavings.recovery import Recovery
from tests.interleavings.states import Budget

pytestmark = pytest.mark.timeout(180)

LONG = pytest.mark.acceptance


@pytest.fixture(params=Kind)
def protocol(store_url: str, request: pytest.FixtureRequest) -> Iterator[Protocol]:
    made = Protocol(store_url, request.param)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("budget", "workers", "at_least"),
    [
        pytest.param(Budget(), 2, 1, id="nothing goes wrong"),
        pytest.param(Budget(deaths=1, troubles=1), 2, 20, id="a worker dies anywhere, the provider fails anywhere"),
        pytest.param(Budget(deaths=2), 2, 30, id="two workers die anywhere"),
        pytest.param(Budget(deaths=3), 1, 10, id="one worker after the other dies", marks=LONG),
        pytest.param(Budget(sleeps=1), 2, 10_000, id="a worker stalls, is taken over, and goes on"),
        pytest.param(Budget(copies=1), 2, 1_000, id="the job is there twice"),
        pytest.param(Budget(leaves=1, deaths=1), 2, 50, id="the person leaves, a worker dies"),
        pytest.param(
            Budget(troubles=2, passes=1, replays=1), 2, 100, id="tries run out, an operator replays", marks=LONG
        ),
        pytest.param(Budget(tidings=1, deaths=1, troubles=1), 2, 50, id="a webhook tells of the mail, a worker dies"),
        pytest.param(
            Budget(tidings=1, deaths=3), 1, 10, id="a webhook tells of a mail that kills its workers", marks=LONG
        ),
        pytest.param(Budget(erasures=1, deaths=1, troubles=1), 2, 50, id="the person is forgotten, a worker dies"),
    ],
)
def test_in_every_order_each_delivery_ends_once(
    protocol: Protocol, budget: Budget, workers: int, at_least: int
) -> None:
    found = explore(protocol, protocol.begin(budget, workers=workers), Recovery(protocol).check)

    assert found.interleavings >= at_least, found
