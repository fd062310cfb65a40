"""
The plan of a version change: what another version would change, and for how many people.

It is a pure function of both versions and of the contacts under way. Nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.campaigns.campaign import Campaign
from common.domain.cadence import Cadence, Pace
from common.domain.delivery import DeliveryStatus
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import Step, step_name, step_order
from common.formatting import count
from common.ledger.constants import ADDED_LATE, REMOVED
from common.versions.differences import ChangeKind, Differences


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactUnderWay:
    """A contact under way. `frozen`: open steps that have been attempted, and are sent as they were rendered."""

    enrollment: Enrollment
    frozen: frozenset[Step] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`step`: an id, the name of a reminder or follow-up, or None for several. `people`: how many are affected."""

    kind: ChangeKind
    step: str | None
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What `target` in place of `source` would change.

    `source`, `target`: versions. `people`: contacts under way. `due_at_once`: contacts for whom a moved or added step
    is due already. `repeated`: one line for each step whose text contacts have received under another id. `settings`:
    what changes besides the mails. `counts`: by step of the target, then segment, how many people are still to get it.
    """

    campaign: str
    source: str
    target: str
    people: int
    changes: tuple[Change, ...]
    due_at_once: int = 0
    repeated: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """One contact before and after the change: segments, languages, and the due time of each step still to come, ms."""

    segments: tuple[str, str]
    languages: tuple[str, str]
    before: Mapping[Step, int]
    after: Mapping[Step, int]


def due_times_ahead(
    person: ContactUnderWay, cadence: Cadence, *, now_ms: int, added: Collection[Step] = (), send_late: bool = False
) -> dict[Step, int]:
    """Return the due time of each step still to come, ms: the same steps as `replan` in `lua/versions.lua` leaves."""
    enrollment = person.enrollment
    found: dict[Step, int] = {}
    has_reopened = False
    for step in cadence.steps:
        due_ms, record = cadence.due_ms(anchor_ms=enrollment.anchor_ms, step=step), enrollment.records.get(step)
        if record is None:
            is_open = send_late or step not in added or due_ms > now_ms
        else:
            is_skipped = record.status is DeliveryStatus.SKIPPED
            is_open = is_skipped and (
                (record.detail == REMOVED and due_ms > now_ms) or (record.detail == ADDED_LATE and send_late)
            )
            has_reopened = has_reopened or is_open
        if is_open and step not in person.frozen:
            found[step] = due_ms
    for step in [*found]:  # An earlier step first: one that is not sent takes those that need it with it.
        if not _has_needed(person, cadence, step, found):
            del found[step]
    is_under_way = enrollment.status in (Status.ACCEPTED, Status.ACTIVE)
    return found if is_under_way or (has_reopened and enrollment.status is Status.COMPLETED) else {}


def _has_needed(person: ContactUnderWay, cadence: Cadence, step: Step, found: Collection[Step]) -> bool:
    """Return whether the step that this one needs was sent, or may still be sent."""
    needed = cadence.needs.get(step)
    if needed is None or needed in found or needed in person.frozen:
        return True
    record = person.enrollment.records.get(needed)
    return record is not None and record.status.is_sent


class Comparison:
    """A comparison of two versions of one campaign at one pace: `add` each person, then call `plan`."""

    def __init__(self, source: Campaign, target: Campaign, pace: Pace, *, now_ms: int, send_late: bool = False) -> None:
        self._old, self._new, self._now_ms, self._send_late = source, target, now_ms, send_late
        self._cadences = source.cadence(pace), target.cadence(pace)
        self._differences = Differences(source.compiled, target.compiled)
        self._people: Counter[tuple[ChangeKind, str | None]] = Counter()
        self._repeated: Counter[tuple[Step, Step]] = Counter()
        self._counts: dict[str, Counter[str]] = {step_name(step): Counter() for step in target.step_ids}
        self._under_way = self._due_at_once = 0

    def outlook(self, person: ContactUnderWay) -> Outlook:
        enrollment = person.enrollment
        language = enrollment.language or self._old.compiled.default_language
        old, new = self._cadences
        return Outlook(
            segments=(enrollment.segment, self._new.segment_of(enrollment.assessment)),
            languages=(
                language if language in self._old.languages else self._old.languages[0],
                language if language in self._new.languages else self._new.languages[0],
            ),
            before=due_times_ahead(person, old, now_ms=self._now_ms),
            after=due_times_ahead(
                person, new, now_ms=self._now_ms, added=self._differences.added, send_late=self._send_late
            ),
        )

    def add(self, person: ContactUnderWay) -> None:
        outlook = self.outlook(person)
        if not outlook.before and not outlook.after:
            return
        self._under_way += 1
        changes = {*self.changes_of(outlook)}
        self._people.update(changes)
        for step in outlook.after:
            self._counts[step_name(step)][outlook.segments[1]] += 1
        self._due_at_once += any(
            due_ms <= self._now_ms and outlook.before.get(step, self._now_ms + 1) > self._now_ms
            for step, due_ms in outlook.after.items()
        )
        self._count_repeated(person, outlook)

    def changes_of(self, outlook: Outlook) -> Iterator[tuple[ChangeKind, str | None]]:
        """Yield the changes for one person; a change may be yielded more than once."""
        before, after = outlook.before, outlook.after
        is_same_reader = len({*outlook.segments}) == len({*outlook.languages}) == 1
        for step in before.keys() | after.keys():
            name = step_name(step)
            if step not in after:
                yield "removed", name
            elif step not in before:
                yield "added", name
            else:
                if before[step] != after[step]:
                    yield "moved", name
                if is_same_reader:
                    for kind in self._differences.texts.get((step, outlook.segments[0], outlook.languages[0]), ()):
                        yield kind, name
        if after:
            yield from self._of_all(outlook)

    def _of_all(self, outlook: Outlook) -> Iterator[tuple[ChangeKind, str | None]]:
        if outlook.segments[0] != outlook.segments[1]:
            yield "segment", None
        if outlook.languages[0] != outlook.languages[1]:
            yield "language", None
        elif outlook.languages[1] in self._differences.wordings:
            yield "text", None
        if self._differences.timing:
            yield "moved", None

    def plan(self, *, reminded: Mapping[str, int]) -> Plan:
        """Return the plan. `reminded`: how many people wait for a reminder or follow-up, by its name."""
        changes = {change: people for change, people in self._people.items() if people}
        for change in self._differences.campaign_changes():
            changes.setdefault(change, 0)
        for kind, name in self._differences.call_message_changes():
            changes[kind, name] = reminded.get(name, 0)
        return Plan(
            campaign=self._new.key,
            source=self._old.version,
            target=self._new.version,
            people=self._under_way,
            changes=tuple(
                Change(kind=kind, step=step, people=number)
                for (kind, step), number in sorted(changes.items(), key=lambda item: self._place(*item[0]))
            ),
            due_at_once=self._due_at_once,
            repeated=tuple(
                f"{step_name(step)} has the text of {step_name(former)}, which"
                f" {count(number, 'person under way has', 'people under way have')} had;"
                f" keep the id {step_name(former)}, or write another text"
                for (step, former), number in sorted(self._repeated.items(), key=lambda item: step_order(item[0][0]))
            ),
            settings=tuple(self._differences.settings()),
            counts={step: dict(counts) for step, counts in self._counts.items() if counts},
        )

    def _place(self, kind: ChangeKind, step: str | None) -> tuple[int, str, str]:
        order = [step_name(one) for one in (*self._new.step_ids, *self._old.step_ids)]
        place = -1 if step is None else order.index(step) if step in order else len(order)
        return place, step or "", kind

    def _count_repeated(self, person: ContactUnderWay, outlook: Outlook) -> None:
        for (step, former), same in self._differences.copied.items():
            record = person.enrollment.records.get(former)
            was_sent = former in person.frozen or (record is not None and record.sent_ms is not None)
            if was_sent and step in outlook.after and (outlook.segments[1], outlook.languages[1]) in same:
                self._repeated[step, former] += 1


def compare(
    source: Campaign,
    target: Campaign,
    people: Iterable[ContactUnderWay],
    *,
    pace: Pace,
    now_ms: int,
    reminded: Mapping[str, int] | None = None,
    send_late: bool = False,
) -> Plan:
    """Return what `target` in place of `source` would change for these people. Raises CampaignError as `cadence`."""
    comparison = Comparison(source, target, pace, now_ms=now_ms, send_late=send_late)
    for person in people:
        comparison.add(person)
    return comparison.plan(reminded=reminded or {})


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as `advent campaign plan --json` prints it."""
    return {
        "campaign": plan.campaign,
        "from": plan.source,
        "to": plan.target,
        "changes": [{"kind": one.kind, "step": one.step, "people": one.people} for one in plan.changes],
        "people": plan.people,
        "due_at_once": plan.due_at_once,
        "repeated": list(plan.repeated),
        "settings": list(plan.settings),
        "counts": plan.counts,
    }
