"""After a pause or an outage no contact is lost or gets several mails at once, as `advent resume --plan` predicts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from common.domain.catch_up import late_mails
from common.domain.ids import enrollment_id
from common.errors import Ambiguous, Misconfigured, Transient
from common.ledger import keys
from common.ledger.pauses import Pause
from common.ledger.reads import backlog
from services.simulation.engine import Simulation
from tests.ledger_reads import dead_letters_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ADA = enrollment_id("christmas_2025", "ada@example.org")


def pause_by_zoe(simulation: Simulation) -> Pause:
    return Pause(since_ms=simulation.clock.now_ms(), by="zoë", reason="")


def hours_of(simulation: Simulation, address: str, anchor_ms: int) -> list[float]:
    return [round((ms - anchor_ms) / HOUR_MS, 3) for ms, mail in simulation.mailer.accepted_mails if mail.to == address]


async def planned(simulation: Simulation) -> list[tuple[str, str, int]]:
    """
    Return (address, mail, time in ms) of all late mails, as `advent resume --plan` shows them at an unlimited rate.
    """
    now_ms = simulation.clock.now_ms()
    found = await backlog.overdue(simulation.ledger, now_ms=now_ms)
    late = list(late_mails(found.backlogs, now_ms=now_ms, per_second=1e9))
    emails = await backlog.addresses(simulation.ledger, [mail.who for mail in late])
    return [(emails[mail.who], mail.name, mail.at_ms) for mail in late]


async def test_pause_of_five_days_loses_no_mail_and_keeps_the_gap_as_planned(simulation, ada, boris, clock):
    anchor = clock.now_ms()
    await simulation.sign_up(ada)
    await simulation.run(until_ms=anchor + 30 * HOUR_MS)
    await simulation.ledger.pauses.start(None, pause_by_zoe(simulation))
    await simulation.sign_up(boris)
    await simulation.run(until_ms=anchor + 150 * HOUR_MS)
    assert hours_of(simulation, ada.email, anchor) == [0, 24]
    assert hours_of(simulation, boris.email, anchor) == []

    plan = await planned(simulation)
    await simulation.ledger.pauses.finish(None, now_ms=clock.now_ms())
    await simulation.run()

    # Ada's third mail was due at 72, her fourth at 120; the fifth, due at 168, follows twelve hours after the fourth.
    assert hours_of(simulation, ada.email, anchor) == [0, 24, 150, 162, 174, 216, 264]
    # Boris signed up at 30: four mails are overdue or due now; with the gaps between them the fifth is on time.
    assert hours_of(simulation, boris.email, anchor) == [150, 162, 174, 186, 198, 246, 294]
    sent = sorted((mail.to, f"{mail.tags['step']}", ms) for ms, mail in simulation.mailer.accepted_mails)
    assert set(plan) <= set(sent)
    assert [(who, name) for who, name, _ in sorted(plan, key=lambda mail: (mail[0], mail[2]))] == [
        *((ada.email, f"step-{n}") for n in (3, 4, 5)),
        *((boris.email, f"step-{n}") for n in (1, 2, 3, 4)),
    ]
    assert all(len(mails) == 1 for mails in simulation.mailer.accepted_by_key.values())


async def test_no_job_runs_needlessly_while_all_mail_is_paused(simulation, ada, clock):
    await simulation.ledger.pauses.start(None, pause_by_zoe(simulation))
    for number in range(50):
        await simulation.sign_up(replace(ada, email=f"person{number}@example.org"))
    await simulation.run(until_ms=clock.now_ms() + HOUR_MS)

    assert await simulation.run(until_ms=clock.now_ms() + 5 * DAY_MS) == 0
    assert await simulation.ledger.client.zcard(keys.delayed("send")) == 50


async def test_pausing_one_contact_does_not_affect_the_others(simulation, ada, boris, clock):
    anchor = clock.now_ms()
    await simulation.sign_up(ada)
    await simulation.sign_up(boris)
    await simulation.run(until_ms=anchor + 30 * HOUR_MS)
    await simulation.ledger.pauses.start(ADA, pause_by_zoe(simulation))
    await simulation.run(until_ms=anchor + 130 * HOUR_MS)
    await simulation.ledger.pauses.finish(ADA, now_ms=clock.now_ms())
    await simulation.run()

    assert hours_of(simulation, ada.email, anchor) == [0, 24, 130, 142, 168, 216, 264]
    assert hours_of(simulation, boris.email, anchor) == [0, 24, 72, 120, 168, 216, 264]


async def test_contact_who_unsubscribes_during_a_pause_gets_no_mail_after_it(simulation, ada, clock):
    anchor = clock.now_ms()
    await simulation.sign_up(ada)
    await simulation.run(until_ms=anchor + HOUR_MS)
    await simulation.ledger.pauses.start(None, pause_by_zoe(simulation))
    await simulation.run(until_ms=anchor + 30 * HOUR_MS)
    await simulation.ledger.enrollments.unsubscribe(
        ADA, address_hash=simulation.ledger.store.address_hash(ada.email), now_ms=clock.now_ms()
    )

    assert await planned(simulation) == []
    await simulation.ledger.pauses.finish(None, now_ms=clock.now_ms())
    await simulation.run()
    assert hours_of(simulation, ada.email, anchor) == [0]


async def test_pause_continues_after_a_provider_failure_within_it(simulation, ada, boris, clock):
    anchor = clock.now_ms()
    simulation.mailer.failure = lambda _mail: (
        Misconfigured("invalid_api_key", status=403) if clock.now_ms() < anchor + HOUR_MS else None
    )
    await simulation.sign_up(ada)
    await simulation.run(until_ms=anchor + 10_000)
    await simulation.ledger.pauses.start(None, pause_by_zoe(simulation))
    await simulation.run(until_ms=anchor + 5 * HOUR_MS)
    assert simulation.mailer.accepted_mails == []

    await simulation.ledger.pauses.finish(None, now_ms=clock.now_ms())
    await simulation.run(until_ms=anchor + 6 * HOUR_MS)
    assert hours_of(simulation, ada.email, anchor) == [5]


@pytest.mark.parametrize(("people", "hours"), [(1, 3), (12, 8)])
async def test_unreachable_provider_causes_no_dead_letters_and_few_requests(simulation, ada, clock, people, hours):
    anchor = clock.now_ms()
    asked = 0

    def trouble(_mail):
        nonlocal asked
        asked += clock.now_ms() < anchor + hours * HOUR_MS
        return Transient("connect") if clock.now_ms() < anchor + hours * HOUR_MS else None

    simulation.mailer.failure = trouble
    addresses = [f"person{number}@example.org" for number in range(people)]
    for address in addresses:
        await simulation.sign_up(replace(ada, email=address))
    await simulation.run()

    assert asked < hours * 120 + 30
    assert await dead_letters_of(simulation.ledger) == []
    for address in addresses:
        sent = hours_of(simulation, address, anchor)
        assert len(sent) == 7
        assert hours <= sent[0] < hours + 0.02
        assert all(later - earlier >= 12 for earlier, later in pairwise(sent))


async def test_a_few_mails_that_always_fail_do_not_delay_the_others(simulation, ada, clock):
    anchor = clock.now_ms()
    bad = {f"bad{number}@example.org" for number in range(4)}
    simulation.mailer.failure = lambda mail: Transient("internal_server_error", status=500) if mail.to in bad else None
    for address in sorted(bad):
        await simulation.sign_up(replace(ada, email=address))
    await simulation.run(until_ms=anchor + 60_000)
    good = [f"good{number}@example.org" for number in range(5)]
    for address in good:
        await simulation.sign_up(replace(ada, email=address))
    await simulation.run(until_ms=anchor + 3 * 60_000)

    assert [len(simulation.mailer.inbox_of(address)) for address in good] == [1] * 5
    more = replace(ada, email="later@example.org")
    await simulation.sign_up(more)
    await simulation.run(until_ms=anchor + 4 * 60_000)
    assert len(simulation.mailer.inbox_of(more.email)) == 1


async def test_outage_longer_than_idempotency_keys_are_remembered_loses_no_mail(simulation, ada, boris, chen, clock):
    """A proxy's 502 does not say what became of a mail; after 23 hours the provider's list does."""
    anchor = clock.now_ms()
    simulation.world = replace(simulation.world, mailer=Unreachable(simulation.mailer, until_ms=anchor + 24 * HOUR_MS))
    for person in (ada, boris, chen):
        await simulation.sign_up(person)
    await simulation.run(until_ms=anchor + HOUR_MS)
    clock.move_to(anchor + round(23.5 * HOUR_MS))  # The outage continues.
    await simulation.run(until_ms=anchor + 25 * HOUR_MS)

    assert await simulation.ledger.client.zcard(keys.DEAD) == 0
    assert [len(simulation.mailer.inbox_of(person.email)) for person in (ada, boris, chen)] == [1, 1, 1]
    assert simulation.world.mailer.asked < 2 * 130


async def test_attempts_during_an_outage_do_not_count_as_failures(simulation, ada, boris, chen, clock):
    anchor = clock.now_ms()
    mailer = Unreachable(simulation.mailer, until_ms=anchor + 10 * 60_000)
    simulation.world = replace(simulation.world, mailer=mailer)
    for person in (ada, boris, chen):
        await simulation.sign_up(person)
    await simulation.run(until_ms=anchor + 5 * 60_000)
    kept = await simulation.ledger.store.read_hash(keys.delivery(f"{ADA}/step-1"))
    assert int(kept["attempts"]) > 1
    assert int(kept.get("failures", "0")) <= 1, "an attempt while all mail waits must not count as a failure"

    await simulation.run(until_ms=anchor + HOUR_MS)

    assert await simulation.ledger.client.zcard(keys.DEAD) == 0
    assert len(simulation.mailer.accepted_mails) == 3


class Unreachable:
    """A proxy that answers 502 instead of the provider until a given time, and forwards nothing. `asked`: requests."""

    def __init__(self, mailer, *, until_ms: int) -> None:
        self._mailer, self._until_ms = mailer, until_ms
        self.asked = 0

    def _answer(self, failure) -> None:
        if self._mailer.clock.now_ms() < self._until_ms:
            self.asked += 1
            raise failure

    async def send(self, mail, *, idempotency_key):
        self._answer(Ambiguous("bad_gateway", status=502))
        return await self._mailer.send(mail, idempotency_key=idempotency_key)

    async def list_accepted(self, to, since_ms, **options):
        self._answer(Transient("bad_gateway", status=502))
        return await self._mailer.list_accepted(to, since_ms, **options)

    async def list_all_accepted(self, since_ms, **options):
        self._answer(Transient("bad_gateway", status=502))
        return await self._mailer.list_all_accepted(since_ms, **options)
