"""Counts the mails that are planned for a period, from sorted lists instead of a pass over all contacts."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from common.domain.cadence import Cadence
from common.domain.ids import Step
from common.domain.person_search import ListedPerson

Before = dict[tuple[str, str], Counter[int]]
"""(campaign, segment) → mark (a time, ms) → number of mails that are due before it."""


class PlannedMails:
    """
    The planned mails of all active enrollments. The next step counts at its scheduled time, later steps at the due
    times of the cadence. Later changes by a minimum gap, a sending window or a skipped step are not predicted.
    """

    def __init__(self, people: Iterable[ListedPerson] = ()) -> None:
        self._next: dict[tuple[str, str], list[int]] = {}
        self._anchors: dict[tuple[str, str, Step], list[int]] = {}
        for person in people:
            self._change(_append, person)
        self._next = {group: sorted(times) for group, times in self._next.items()}
        self._anchors = {group: sorted(times) for group, times in self._anchors.items()}

    def add(self, person: ListedPerson) -> None:
        self._change(_insert, person)

    def remove(self, person: ListedPerson) -> None:
        """Remove a person. `person` must equal the one that was added."""
        self._change(_delete, person)

    def _change(self, change: Callable[[list[int], int], None], person: ListedPerson) -> None:
        if person.status != "active" or person.next_step is None or person.next_due_ms is None:
            return
        group = person.campaign, person.segment
        change(self._next.setdefault(group, []), person.next_due_ms)
        change(self._anchors.setdefault((*group, person.next_step), []), person.signed_up_ms)

    def before(self, marks: Sequence[int], cadences: Mapping[str, Cadence]) -> Before:
        """Count the mails due before each mark, for the campaigns in `cadences` only."""
        found: Before = {}
        for (campaign, segment), due in self._next.items():
            if campaign in cadences:
                found[campaign, segment] = Counter({mark: bisect_left(due, mark) for mark in marks})
        for (campaign, segment, step), anchors in self._anchors.items():
            if campaign not in cadences:
                continue
            cadence, counts = cadences[campaign], found[campaign, segment]
            for offset_ms in (cadence.offset_ms(later) for later in _later_steps(cadence, step)):
                for mark in marks:
                    counts[mark] += bisect_left(anchors, mark - offset_ms)
        return found


def subtract(total: Before, some: Before) -> Before:
    """Subtract the counts in `some` from those in `total`."""
    none: Counter[int] = Counter()
    return {
        key: Counter({mark: number - some.get(key, none)[mark] for mark, number in counts.items()})
        for key, counts in total.items()
    }


def _later_steps(cadence: Cadence, step: Step) -> Sequence[Step]:
    """Return the steps after `step`; none when the campaign no longer has that step."""
    return cadence.after(step) if step in cadence.steps else ()


def _append(times: list[int], ms: int) -> None:
    times.append(ms)


def _insert(times: list[int], ms: int) -> None:
    insort(times, ms)


def _delete(times: list[int], ms: int) -> None:
    del times[bisect_left(times, ms)]
