"""While a circuit is open, one delivery at a time probes the provider; the rest of the schedule stays untouched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain.ids import enrollment_id, step_delivery_id
from common.ledger import keys
from common.ledger.circuits import CircuitOpen
from common.queue.broker import DurableRedisBroker
from common.queue.layout import NAMESPACE
from common.store.clients import connect

PEOPLE = 30


@pytest.fixture
async def people(ledger, ada, clock):
    """Enroll thirty contacts. Return their first mails, which are due, in the order of their numbers."""
    now = clock.now_ms()
    deliveries = []
    for number in range(PEOPLE):
        person = replace(ada, email=f"person{number}@example.org")
        await ledger.signups.accept(person, webhook_id=f"signup:{number}", received_ms=now - PEOPLE + number)
        enrollment = await ledger.enrollments.get(enrollment_id("christmas_2025", person.email))
        await ledger.signups.enroll(enrollment, now_ms=now, announce=False)
        deliveries.append(step_delivery_id(enrollment.id, 1))
    return deliveries


@pytest.fixture
def ready(store_url, clock):
    """A function that promotes due jobs and returns the deliveries that became ready."""
    with connect(store_url) as client:
        broker = DurableRedisBroker(client=client, namespace=NAMESPACE)
        broker.clock = clock
        broker.declare_queue("send")

        def ready():
            before = set(client.lrange(keys.ready("send"), 0, -1))
            broker.promote()
            new = set(client.lrange(keys.ready("send"), 0, -1)) - before
            return sorted(name.decode().partition("@")[0] for name in new)

        yield ready


async def test_ids_of_which_one_begins_with_the_other_are_different_failures(ledger, clock):
    opened = [
        await ledger.circuits.report_failure("resend", id=id, reason="503", provider_wide=False, now_ms=clock.now_ms())
        for id in ("enr_a/step-10", "enr_a/step-1", "enr_a/step-1", "enr_b/step-1")
    ]

    assert [found is not None for found in opened] == [False, False, False, True]


async def trouble(ledger, whose, now_ms):
    return await ledger.circuits.report_failure("resend", id=whose, reason="connect", provider_wide=True, now_ms=now_ms)


async def test_open_circuit_releases_one_probe_a_second_and_all_mails_after_an_acceptance(ledger, people, ready, clock):
    opened = await trouble(ledger, "enr_somebody/step-1", clock.now_ms())
    assert opened == CircuitOpen(clock.now_ms() + 1_000, "opened")
    assert ready() == []

    clock.advance(1_000)
    assert ready() == [people[0]]
    assert ready() == []
    clock.advance(1_000)
    assert ready() == [people[1]]

    claim = await ledger.deliveries.claim(people[0], worker="w1", now_ms=clock.now_ms())
    await ledger.deliveries.freeze(claim, "mail", now_ms=clock.now_ms())
    settled = await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=clock.now_ms())

    assert settled.circuit_open_since_ms == opened.until_ms - 1_000
    assert len(ready()) == PEOPLE - 2


async def test_the_end_of_trouble_says_when_it_began_however_often_the_provider_failed(ledger, people, ready, clock):
    began_ms = clock.now_ms()
    for _ in range(3):
        failure = await trouble(ledger, "enr_somebody/step-1", clock.now_ms())
        clock.move_to(failure.until_ms)
    assert ready() == [people[0]]
    claim = await ledger.deliveries.claim(people[0], worker="w1", now_ms=clock.now_ms())
    await ledger.deliveries.freeze(claim, "mail", now_ms=clock.now_ms())

    settled = await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=clock.now_ms())

    assert settled.circuit_open_since_ms == began_ms


async def test_failed_probe_lets_other_deliveries_go_first(ledger, people, ready, clock):
    opened = await trouble(ledger, people[0], clock.now_ms())
    clock.move_to(opened.until_ms)
    assert ready() == [people[1]]
    again = await trouble(ledger, people[1], clock.now_ms())
    assert again == CircuitOpen(clock.now_ms() + 2_000, "")

    clock.move_to(again.until_ms)
    assert ready() == [people[2]]


async def test_after_an_outage_a_delivery_that_failed_in_it_may_be_the_first_probe_again(ledger, people, ready, clock):
    opened = await trouble(ledger, people[0], clock.now_ms())
    clock.move_to(opened.until_ms)
    assert ready() == [people[1]]
    claim = await ledger.deliveries.claim(people[1], worker="w1", now_ms=clock.now_ms())
    await ledger.deliveries.freeze(claim, "mail", now_ms=clock.now_ms())
    await ledger.deliveries.settle(claim, "accepted", "re_1", now_ms=clock.now_ms())

    again = await trouble(ledger, "enr_somebody/step-1", clock.now_ms())
    clock.move_to(again.until_ms)

    assert ready() == [people[0]]


async def test_open_circuit_of_notion_stops_no_mail(ledger, people, ready, clock):
    await ledger.circuits.report_failure(
        "notion", id="a", reason="unauthorized", provider_wide=True, now_ms=clock.now_ms()
    )

    assert len(ready()) == PEOPLE


async def test_open_circuit_reports_a_changed_reason_and_not_a_repeated_one(ledger, clock):
    now = clock.now_ms()
    assert (await trouble(ledger, "a", now)).news == "opened"
    assert (await trouble(ledger, "a", now + 1_000)).news == ""
    changed = await ledger.circuits.report_failure(
        "resend", id="b", reason="invalid_api_key (403)", provider_wide=True, now_ms=now + 3_000
    )
    assert changed.news == "changed"
