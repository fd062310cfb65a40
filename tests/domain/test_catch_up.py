"""The plan to catch up, computed before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from common.domain.catch_up import Backlog, late_mails

NOW = 1_000_000_000
HOUR = 3_600_000


def backlog(who: str, *due_h: float, last_h: float | None = None, gap_h: float = 12) -> Backlog:
    mails = tuple((f"step-{n + 1}", NOW + round(h * HOUR)) for n, h in enumerate(due_h))
    last_ms = None if last_h is None else NOW + round(last_h * HOUR)
    return Backlog(who=who, mails=mails, last_ms=last_ms, gap_ms=round(gap_h * HOUR))


def hours(*backlogs: Backlog, per_second: float = 1e9) -> list[tuple[str, str, float]]:
    late = late_mails(backlogs, now_ms=NOW, per_second=per_second)
    return [(mail.who, mail.name, (mail.at_ms - NOW) / HOUR) for mail in late]


def test_overdue_mails_of_one_person_keep_the_gap_until_they_are_on_time_again():
    assert hours(backlog("ada", -50, -2, 20, 40)) == [
        ("ada", "step-1", 0),
        ("ada", "step-2", 12),
        ("ada", "step-3", 24),
    ]


def test_the_gap_counts_from_the_mail_before_the_pause():
    assert hours(backlog("ada", -1, 100, last_h=-5)) == [("ada", "step-1", 7)]


def test_late_mail_waits_for_its_window_and_a_mail_moved_only_by_its_window_is_on_time():
    def at_the_next_full_day(at_ms: int) -> int:
        return NOW - (NOW - at_ms) // (24 * HOUR) * 24 * HOUR

    late = late_mails(
        [replace(backlog("ada", -50, -2, 90), opening_ms=at_the_next_full_day)], now_ms=NOW + HOUR, per_second=1e9
    )
    assert [(mail.name, (mail.at_ms - NOW) / HOUR) for mail in late] == [("step-1", 24), ("step-2", 48)]


def test_reminders_in_the_catch_up_plan_have_no_gap():
    assert hours(backlog("ada", -1, gap_h=0), backlog("ada", -2, gap_h=0)) == [("ada", "step-1", 0)] * 2


def test_longest_overdue_mail_goes_first_at_the_given_rate():
    late = list(late_mails([backlog("b", -1), backlog("a", -3), backlog("c", -2)], now_ms=NOW, per_second=2))

    assert [(mail.who, mail.at_ms - NOW) for mail in late] == [("a", 0), ("c", 500), ("b", 1_000)]
    assert {mail.may_ms for mail in late} == {NOW}


@given(
    st.lists(st.lists(st.floats(-300, 300), min_size=1, max_size=7), max_size=8),
    st.sampled_from([0.01, 2, 1000]),
)
def test_catch_up_mails_are_never_early_too_fast_or_too_close(people, per_second):
    backlogs = [backlog(str(n), *sorted(due_h)) for n, due_h in enumerate(people)]

    late = list(late_mails(backlogs, now_ms=NOW, per_second=per_second))

    assert all(mail.at_ms >= max(mail.due_ms, mail.may_ms, NOW) for mail in late)
    instants = [mail.at_ms for mail in late]
    assert instants == sorted(instants)
    assert all(later - earlier >= 1_000 / per_second - 1 for earlier, later in pairwise(instants))
    for each in backlogs:
        theirs = [mail.at_ms for mail in late if mail.who == each.who]
        assert all(later - earlier >= each.gap_ms for earlier, later in pairwise(theirs))
        assert sum(due <= NOW for _, due in each.mails) <= len(theirs)
