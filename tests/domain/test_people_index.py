"""A list of contacts gives the same answers, whichever changes led to it."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from common.domain.cadence import Cadence
from common.domain.people_index import PeopleIndex, UnindexedCriteria
from common.domain.person_search import SORTS, ListedPerson, PeopleFilter, folded, searched_text
from common.domain.planned_mails import PlannedMails
from common.ledger.reads.scheduled_mails import steps_between

DAY_MS = 86_400_000
CADENCE = Cadence((0, DAY_MS, 3 * DAY_MS, 5 * DAY_MS), 1)
FILTERS = (
    PeopleFilter(),
    PeopleFilter(words="p1"),
    PeopleFilter(words="shop 1", status="active"),
    PeopleFilter(segment="URGENT", is_booked=False),
    PeopleFilter(step=2, language="fr"),
    PeopleFilter(from_ms=20, until_ms=60),
    PeopleFilter(due_from_ms=DAY_MS, due_until_ms=DAY_MS + 30),
    PeopleFilter(is_paused=True),
    PeopleFilter(has_dead_letter=True),
    PeopleFilter(is_suppressed=True),
)
UNINDEXED = UnindexedCriteria(paused={"enr_1", "enr_5"}, dead={"enr_2", "enr_c1"}, suppressed={"h3", "h4"})


def person(number: int, random_: random.Random) -> ListedPerson:
    name, step = f"P{number}", random_.choice((2, 3, None))
    return ListedPerson(
        id=f"enr_{number}",
        campaign="c",
        email=f"p{number}@example.org",
        first_name=name,
        business_name=f"Shop {number}",
        segment=random_.choice(("CRITICAL", "URGENT")),
        status="active" if step else "completed",
        exit_reason=None,
        language=random_.choice((None, "fr")),
        signed_up_ms=number,
        next_step=step,
        next_due_ms=None if step is None else DAY_MS + number,
        address_hash=f"h{number % 5}",
        calls_contact=random_.choice((f"enr_{number}", "enr_c1")),
        is_booked=random_.random() < 0.5,
        sorted_name=f"{folded(name)} p{number}@example.org",
    )


def put(index: PeopleIndex, one: ListedPerson) -> None:
    index.put(one, searched_text(one.first_name, one.business_name, one.email, one.id))


def answers(index: PeopleIndex) -> list[list[str]]:
    return [[one.id for one in index.find(each, UNINDEXED, sort)] for each in FILTERS for sort in SORTS]


@pytest.mark.parametrize("seed", range(8))
def test_index_that_followed_every_change_equals_a_new_one(seed: int) -> None:
    random_, followed, known = random.Random(seed), PeopleIndex(), {}
    for number in range(300):
        one = person(random_.randrange(80), random_)
        if random_.random() < 0.2:
            followed.remove(one.id)
            known.pop(one.id, None)
        else:
            put(followed, one)
            known[one.id] = one
        if number in (100, 200):
            answers(followed), followed.planned  # From now on the index keeps its sort orders up to date.
    anew = PeopleIndex()
    for one in known.values():
        put(anew, one)

    marks, cadences = [0, DAY_MS, DAY_MS + 40, 9 * DAY_MS], {"c": CADENCE}
    assert followed.counts == anew.counts
    assert answers(followed) == answers(anew)
    assert followed.planned.before(marks, cadences) == PlannedMails(known.values()).before(marks, cadences)
    assert {name: followed.values(name) for name in ("segment", "language")} == {
        name: anew.values(name) for name in ("segment", "language")
    }


def test_filter_finds_exactly_the_contacts_that_match() -> None:
    random_, index = random.Random(1), PeopleIndex()
    everybody = [person(number, random_) for number in range(80)]
    for one in everybody:
        put(index, one)

    def found(wanted: PeopleFilter) -> set[str]:
        return {one.id for one in index.find(wanted, UNINDEXED, "newest")}

    assert found(FILTERS[3]) == {one.id for one in everybody if one.segment == "URGENT" and not one.is_booked}
    assert found(FILTERS[5]) == {one.id for one in everybody if 20 <= one.signed_up_ms < 60}
    assert found(FILTERS[8]) == {one.id for one in everybody if one.calls_contact == "enr_c1" or one.id == "enr_2"}
    assert found(FILTERS[9]) == {one.id for one in everybody if one.address_hash in ("h3", "h4")}


def test_planned_mails_of_a_contact_are_the_next_step_and_the_later_ones() -> None:
    one = replace(person(1, random.Random(1)), next_step=3, next_due_ms=4 * DAY_MS, signed_up_ms=0, status="active")

    before = PlannedMails([one]).before([4 * DAY_MS, 4 * DAY_MS + 1, 5 * DAY_MS + 1], {"c": CADENCE})

    assert list(before["c", one.segment].values()) == [0, 1, 2]


def test_search_result_does_not_change_while_contacts_change() -> None:
    random_, index = random.Random(1), PeopleIndex()
    for number in range(60):
        put(index, person(number, random_))

    found = index.find(PeopleFilter(), UnindexedCriteria(), "newest")
    index.remove("enr_59")
    put(index, person(77, random_))

    assert [one.id for one in found[:3]] == ["enr_58", "enr_57"]
    assert len(found) == 60


@pytest.mark.parametrize("seed", range(4))
def test_each_mail_that_the_schedule_counts_is_listed_once_and_in_order(seed: int) -> None:
    random_, index, cadences = random.Random(seed), PeopleIndex(), {"c": CADENCE}
    for number in range(80):
        put(index, person(number, random_))
    people: Any = index
    from_ms, until_ms = random_.randrange(DAY_MS + 80), 3 * DAY_MS + random_.randrange(80)

    listed = [*steps_between(people, cadences, from_ms, until_ms, is_of=lambda *_: True, left_out=())]

    before = index.planned.before([from_ms, until_ms], cadences).values()
    assert len(listed) == len({*listed}) == sum(counts[until_ms] - counts[from_ms] for counts in before) > 0
    assert listed == sorted(listed)
