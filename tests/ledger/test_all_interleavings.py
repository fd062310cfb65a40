"""
Explores every order of the moves of two workers, scheduler, rescue, sweeper and clock, within a budget.

Each row is explored completely. In every state of the store that is reached, all workers die at once, and one new
worker must bring every delivery to its final status exactly once. `python -m tests.interleavings` explores larger
budgets, for which the tests have no time.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interleavings.explorer import explore
from tests.interleavings.plans import FOLLOW_UP, NOW_MS, PLANS, REMINDER, SMS, STEP, Plan
from tests.interleavings.protocol import Protocol
from tests.interleavings.recovery import Recovery
from tests.interleavings.states import Budget
from tests.mutants.mutant import LEDGER, Mutant
from tests.mutants.planting import planted

pytestmark = pytest.mark.timeout(180)

LONG = pytest.mark.acceptance


@pytest.fixture(params=PLANS, ids=lambda plan: plan.name)
def plan(request: pytest.FixtureRequest) -> Plan:
    return request.param


@pytest.fixture
def protocol(store_url: str, plan: Plan) -> Iterator[Protocol]:
    made = Protocol(store_url, plan)
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
def test_each_delivery_ends_once_in_every_order_of_moves(
    protocol: Protocol, plan: Plan, budget: Budget, workers: int, at_least: int
) -> None:
    found = explore(protocol, protocol.begin(budget, workers=workers), Recovery(protocol).check)

    # An SMS that may have been sent is never tried again, so it has fewer interleavings.
    assert found.interleavings >= (at_least // 2 if plan is SMS else at_least), found


ENDS = {
    "her call is moved, a worker dies": ([REMINDER, SMS, FOLLOW_UP], Budget(reschedules=1, deaths=1)),
    "her call is cancelled, a worker dies": ([REMINDER, SMS, FOLLOW_UP], Budget(cancels=1, deaths=1)),
    "her call is moved, then cancelled": ([REMINDER, SMS], Budget(reschedules=1, cancels=1)),
    "her phone answers STOP, a worker dies, the provider fails": ([SMS], Budget(stops=1, deaths=1, troubles=1)),
}
"""Events that cancel a delivery while it is processed: the plans to explore and the budget."""


@pytest.mark.parametrize(
    ("plan", "budget"),
    [pytest.param(plan, budget, id=f"{plan.name}: {name}") for name, (plans, budget) in ENDS.items() for plan in plans],
)
def test_only_cancelled_deliveries_are_not_sent_in_every_order_of_moves(protocol: Protocol, budget: Budget) -> None:
    found = explore(protocol, protocol.begin(budget), Recovery(protocol).check)

    assert found.interleavings >= 30, found


FAULTS = [
    (
        SMS,
        Budget(stops=1),
        Mutant(LEDGER, "deliveries", "return suppression.reason(given.address_hash), false", "return nil, false"),
        "let .* through",
    ),
    (
        SMS,
        Budget(deaths=1),
        Mutant(
            LEDGER,
            "deliveries",
            "'outcome_unknown', 1, 'in_progress', 0) end\n  local fence",
            "'in_progress', 0) end\n  local fence",
        ),
        "sent twice",
    ),
    (
        REMINDER,
        Budget(reschedules=1),
        Mutant(LEDGER, "lib/owners", "  if requires and fields.state ~= requires.state then return fields.state end\n"),
        "let .* through",
    ),
    (
        FOLLOW_UP,
        Budget(cancels=1),
        Mutant(LEDGER, "deliveries", "  if reason then return {'exited', reason} end\n"),
        "let .* through",
    ),
    (
        SMS,
        Budget(),
        Mutant(LEDGER, "lib/channel", "name and 'send_' .. name or 'send'", "'send'"),
        "does not come to rest",
    ),
    (
        STEP,
        Budget(copies=1, passes=1),
        Mutant(LEDGER, "deliveries", "- open.claimed_ms) < limits.lease_ms", f"- {NOW_MS}) < limits.lease_ms"),
        "both have",
    ),
]


@pytest.mark.parametrize(("plan", "budget", "fault", "broken"), FAULTS)
def test_a_planted_fault_is_found(protocol: Protocol, budget: Budget, fault: Mutant, broken: str) -> None:
    with planted(fault), pytest.raises(AssertionError, match=broken):
        explore(protocol, protocol.begin(budget), Recovery(protocol).check)
