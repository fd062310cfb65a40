"""The differences between two versions of one campaign, regardless of the contacts under way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cached_property
from typing import Literal

from common.campaigns.body import split_subject
from common.campaigns.compiled import CompiledCampaign, FollowUp, Reminder
from common.domain.delivery import Channel
from common.domain.ids import Step, step_name, step_of

ChangeKind = Literal["text", "subject", "moved", "added", "removed", "segment", "language"]

_TIMING = ("minimum_gap", "sending_window")
_STRUCTURE = ("key", "steps", "segments", "reminders", "follow_ups", "languages")
_SETTINGS = ("name", "opens", "closes", "priority", "excludes", "booking", "status_column", "field_columns", "sms")
"""Fields that change no mail."""


class Differences:
    """The differences between two compiled versions. A `Step` is the step as the ledger stores it: 3 for `step-3`."""

    def __init__(self, old: CompiledCampaign, new: CompiledCampaign) -> None:
        self._old, self._new = old, new
        self._shared_tags = {*old.languages} & {*new.languages}
        self._steps = tuple({step_of(step.id) for step in one.steps} for one in (old, new))

    @property
    def added(self) -> set[Step]:
        return self._steps[1] - self._steps[0]

    def campaign_changes(self) -> Iterator[tuple[ChangeKind, str | None]]:
        """Yield every change, even if it concerns nobody, except those of reminders and follow-ups."""
        old, new = ({step.id: step for step in one.steps} for one in (self._old, self._new))
        yield from _removed_and_added(old, new)
        yield from (("moved", step) for step in old.keys() & new.keys() if old[step].after != new[step].after)
        yield from ((kind, step_name(step)) for (step, _, _), kinds in self.texts.items() for kind in kinds)
        if self._old.segments != self._new.segments:
            yield "segment", None
        if [*self._old.languages] != [*self._new.languages]:
            yield "language", None
        if self.wordings:
            yield "text", None
        if self.timing:
            yield "moved", None

    def call_message_changes(self) -> Iterator[tuple[ChangeKind, str]]:
        old, new = (_mails_of_calls(campaign) for campaign in (self._old, self._new))
        yield from _removed_and_added(old, new)
        for name in old.keys() & new.keys():
            if _timing_of(old[name]) != _timing_of(new[name]):
                yield "moved", name
            if getattr(old[name], "attach", False) != getattr(new[name], "attach", False):
                yield "text", name
            for tag in self._shared_tags:
                yield from ((kind, name) for kind in self._differences(old[name].body, new[name].body, tag))
        yield from self._of_sms()

    def _of_sms(self) -> Iterator[tuple[ChangeKind, str]]:
        """Yield the changes of SMS, with the names of their deliveries: `24h.sms`."""
        old, new = (_sms_of_calls(campaign) for campaign in (self._old, self._new))
        yield from _removed_and_added(old, new)
        for name in old.keys() & new.keys():
            texts = ((self._old.languages[tag], self._new.languages[tag]) for tag in self._shared_tags)
            if any(was.bodies[old[name]] != now.bodies[new[name]] for was, now in texts):
                yield "text", name

    @cached_property
    def texts(self) -> Mapping[tuple[Step, str, str], tuple[ChangeKind, ...]]:
        """The changes of bodies by step, segment and language, for contacts who keep all three."""
        found: dict[tuple[Step, str, str], tuple[ChangeKind, ...]] = {}
        for step in self._steps[0] & self._steps[1]:
            old, new = (_bodies(one, step) for one in (self._old, self._new))
            for segment in old.keys() & new.keys():
                for tag in self._shared_tags:
                    if kinds := tuple(self._differences(old[segment], new[segment], tag)):
                        found[step, segment, tag] = kinds
        return found

    def _differences(self, old: str, new: str, tag: str) -> Iterator[ChangeKind]:
        former = split_subject(self._old.languages[tag].bodies[old])
        latter = split_subject(self._new.languages[tag].bodies[new])
        if former[0] != latter[0]:
            yield "subject"
        if former[1] != latter[1]:
            yield "text"

    @cached_property
    def wordings(self) -> frozenset[str]:
        """The languages in which every mail changes: in its frame, the names of systems or fields, and so on."""
        old, new = self._old, self._new
        shared = [one.name for one in fields(CompiledCampaign) if one.name not in (*_TIMING, *_STRUCTURE, *_SETTINGS)]
        is_every = any(getattr(old, name) != getattr(new, name) for name in shared)
        return frozenset(
            tag for tag in self._shared_tags if is_every or _without_bodies(old, tag) != _without_bodies(new, tag)
        )

    @cached_property
    def timing(self) -> bool:
        """Whether the minimum gap or the sending window changes."""
        return any(getattr(self._old, name) != getattr(self._new, name) for name in _TIMING)

    def settings(self) -> Iterator[str]:
        """Yield a name for each change other than those of the mails."""
        old, new = self._old, self._new
        yield from (name for name in _SETTINGS if getattr(old, name) != getattr(new, name))
        if any(_words_of_calls(old, tag) != _words_of_calls(new, tag) for tag in self._shared_tags):
            yield "strings of calendars and follow-ups"
        shared = {step.id: (step.name, step.column, step.needs) for step in old.steps}
        yield from (
            f"{step.id} (name, column or needs)"
            for step in new.steps
            if shared.get(step.id, (step.name, step.column, step.needs)) != (step.name, step.column, step.needs)
        )

    @cached_property
    def copied(self) -> Mapping[tuple[Step, Step], frozenset[tuple[str, str]]]:
        """Return, for each new step and old step with another id, the segments and languages of equal bodies."""
        found: dict[tuple[Step, Step], frozenset[tuple[str, str]]] = {}
        for step in self.added:
            new = _bodies(self._new, step)
            for former in self._steps[0]:
                old = _bodies(self._old, former)
                same = frozenset(
                    (segment, tag)
                    for segment in old.keys() & new.keys()
                    for tag in self._shared_tags
                    if not [*self._differences(old[segment], new[segment], tag)]
                )
                if same:
                    found[step, former] = same
        return found


def _removed_and_added(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[tuple[ChangeKind, str]]:
    yield from (("removed", name) for name in old.keys() - new.keys())
    yield from (("added", name) for name in new.keys() - old.keys())


def _mails_of_calls(campaign: CompiledCampaign) -> Mapping[str, Reminder | FollowUp]:
    reminders: Mapping[str, Reminder | FollowUp] = {one.name: one for one in campaign.reminders}
    return {**reminders, **{one.name: one for one in campaign.follow_ups}}


def _sms_of_calls(campaign: CompiledCampaign) -> Mapping[str, str]:
    """Return the file of each SMS, by the name of its delivery."""
    return {f"{name}{Channel.SMS.suffix}": one.sms for name, one in _mails_of_calls(campaign).items() if one.sms}


def _timing_of(one: Reminder | FollowUp) -> object:
    return one.before if isinstance(one, Reminder) else (one.on, one.after)


def _bodies(compiled: CompiledCampaign, step: Step) -> Mapping[str, str]:
    """Return the file of each segment's body."""
    return next(one.bodies for one in compiled.steps if one.id == step_name(step))


def _words_of_calls(compiled: CompiledCampaign, tag: str) -> object:
    strings = compiled.languages[tag].strings
    return strings.calendar, strings.footer.follow_ups


def _without_bodies(compiled: CompiledCampaign, tag: str) -> tuple[object, object]:
    """Return the texts that every mail contains: not those of calendars, nor the footer of follow-ups."""
    texts = compiled.languages[tag]
    words = {one.name: getattr(texts.strings, one.name) for one in fields(texts.strings) if one.name != "calendar"}
    footer = texts.strings.footer
    return words | {"footer": (footer.emails, footer.reminders)}, texts.systems
