"""The store records changed contacts in a bounded list, so that the people list reads only those again."""

from __future__ import annotations

import pytest
from structlog.testing import CapturingLogger

from common.domain.contact import Assessment
from common.domain.person_search import PeopleFilter
from common.ledger import keys
from common.ledger.reads import people as people_module
from common.ledger.reads.people import PeopleList
from tests.ledger.test_transitions import ADA, enrolled, send


async def changes(ledger):
    found = await ledger.client.zrange(keys.PEOPLE_CHANGES, 0, -1, withscores=True)
    return {member.decode(): int(number) for member, number in found}


async def test_signup_and_each_mail_are_listed_as_changes(ledger, ada, clock):
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    first = (await changes(ledger))[ADA]
    await enrolled(ledger, ada, clock.now_ms())
    await send(ledger, 1, clock.now_ms())

    assert first == 1
    assert (await changes(ledger))[ADA] == int(await ledger.client.get(keys.PEOPLE_CHANGES_LAST)) > first


async def test_changes_of_concurrent_signups_are_numbered_one_by_one(ledger, clock):
    import asyncio

    people = [Assessment(email=f"p{n}@example.org", first_name="P", assessment_score=1) for n in range(30)]
    await asyncio.gather(
        *(
            ledger.signups.accept(one, webhook_id=f"signup:{n}", received_ms=clock.now_ms())
            for n, one in enumerate(people)
        )
    )

    assert sorted((await changes(ledger)).values()) == list(range(1, 31))


async def test_no_change_of_a_forgotten_contact_is_stored(ledger, ada, clock):
    await enrolled(ledger, ada, clock.now_ms())
    await ledger.contacts.forget(await ledger.contacts.find_traces(ada.email), now_ms=clock.now_ms())

    assert await changes(ledger) == {}


@pytest.mark.parametrize("before", [9_999, 99_999])
async def test_only_the_newest_ten_thousand_changes_are_stored(ledger, ada, clock, before):
    old = {f"enr_{n}": before - 10_000 + n for n in (0, 5_000, 10_000)}
    await ledger.client.zadd(keys.PEOPLE_CHANGES, old)
    await ledger.client.set(keys.PEOPLE_CHANGES_LAST, before)

    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())

    assert set(await changes(ledger)) == {"enr_5000", "enr_10000", ADA}


async def test_people_list_that_missed_too_many_changes_reads_all_contacts(ledger, ada, clock):
    people = PeopleList(ledger)
    await people.refresh()
    await enrolled(ledger, ada, clock.now_ms())
    await ledger.client.delete(keys.PEOPLE_CHANGES)
    await ledger.client.set(keys.PEOPLE_CHANGES_LAST, 50_000)

    await people.refresh()

    assert [one.id for one in await people.find(PeopleFilter())] == [ADA]


async def test_changed_contact_without_stored_data_is_not_listed(ledger, ada, clock, monkeypatch):
    people = PeopleList(ledger)
    await enrolled(ledger, ada, clock.now_ms())
    await people.refresh()
    await ledger.client.incr(keys.PEOPLE_CHANGES_LAST)
    await ledger.client.zadd(keys.PEOPLE_CHANGES, {"enr_gone": await ledger.client.get(keys.PEOPLE_CHANGES_LAST)})

    monkeypatch.setattr(people_module, "log", log := CapturingLogger())
    await people.refresh()

    assert [one.id for one in people.all()] == [ADA]
    assert log.calls == []  # The contact is gone, and not one whose fields cannot be read.


@pytest.mark.parametrize("kept_with", [ADA, "enr_of_another_spelling"])
async def test_calls_are_found_with_the_enrollment_or_with_another_contact_id(ledger, ada, clock, kept_with):
    await enrolled(ledger, ada, clock.now_ms())
    if kept_with != ADA:
        await ledger.client.hset(keys.enrollment(ADA), "contact", kept_with)
    await ledger.client.hset(keys.contact(kept_with), "call:bkg_a", f"{clock.now_ms()} {clock.now_ms()} booked")

    people = PeopleList(ledger)
    await people.refresh()

    assert [one.is_booked for one in people.all()] == [True]


@pytest.mark.parametrize("wrong", [{"anchor_ms": "soon"}, {"assessment": "{"}, {"next": "??"}, {"/step-2": "?"}])
async def test_contact_with_unreadable_fields_hides_no_other_contact(ledger, ada, clock, monkeypatch, wrong):
    log, people = CapturingLogger(), PeopleList(ledger)
    monkeypatch.setattr(people_module, "log", log)
    await enrolled(ledger, ada, clock.now_ms())
    await ledger.client.hset(keys.enrollment(ADA), mapping={"next": "step-2", **wrong})
    ben = Assessment(email="ben@example.org", first_name="Ben", assessment_score=1)
    await ledger.signups.accept(ben, webhook_id="signup:ben", received_ms=clock.now_ms())
    await people.refresh()
    cleo = Assessment(email="cleo@example.org", first_name="Cleo", assessment_score=1)
    await ledger.signups.accept(cleo, webhook_id="signup:cleo", received_ms=clock.now_ms())

    await people.refresh()

    assert {one.first_name for one in people.all()} == {"Ben", "Cleo"}
    assert [(line.args, line.kwargs["enrollment_id"]) for line in log.calls] == [(("person_unreadable",), ADA)]
