"""Sample contacts and meetings of a campaign, for the check at load, the tests and the preview."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from common.campaigns.campaign import Campaign
from common.campaigns.compiled import CompiledCampaign, Field
from common.campaigns.facts import Identity, Meeting, call_entry
from common.campaigns.messages import Rendered
from common.campaigns.rules import Person
from common.domain.mail import Attachment

IDENTITY = Identity(
    sender_name="Sarah at BusinessX",
    sender="Sarah at BusinessX <sarah@businessx.example>",
    reply_to="sarah@businessx.example",
    postal_address="BusinessX Canada, 100 Queen Street West, Toronto ON M5H 2N2",
    booking_url="https://cal.com/businessx/diagnostic",
)
UNSUBSCRIBE_URL = "https://advent.example/unsubscribe/sample"
CALENDAR_URL = "https://advent.example/calendar/sample.ics"
KINDS = ("full", "sparse", "half", "awkward")
"""
The kinds of sample contacts. `full`: every value. `sparse`: only required values, and no text that may be shown.
`half`: every other optional value. `awkward`: values that look like Markdown or headers.
"""

DAYS = {"full": date(2025, 11, 1), "sparse": None, "half": date(2025, 12, 2), "awkward": date(2025, 12, 26)}
"""The date on which each kind gets a mail: early, unknown, late, and after the week to which mails count down."""

_HOSTILE = (
    "Ben *&* [x] `bb` #1",
    '"Cut & Run"\r\nBcc: 1. <3 | _all_ {all}',
    "# 1. the *front* desk_and_phones",
    "engine (service)",
    "Auto-Pilot",
)
_START = datetime(2025, 12, 4, 14, 0, tzinfo=UTC)
MEETINGS = {
    "full": Meeting(
        first_name="Ada",
        start=_START,
        timezone="America/Toronto",
        title="Diagnostic call",
        join_url="https://meet.example.com/ada",
        organizer="Sarah",
        end=_START + timedelta(minutes=30),
        calendar_url=CALENDAR_URL,
        reschedule_url="https://cal.com/reschedule/sample",
        cancel_url="https://cal.com/booking/sample?cancel=true",
    ),
    "sparse": Meeting(first_name=None, start=_START, timezone=None, calendar_url=CALENDAR_URL),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """
    A mail for a sample contact.

    `name`: such as `1-results.critical.full`. `segment`: None for a reminder or follow-up. `delivery`: the id of the
    step, or the name of the reminder or follow-up.
    """

    name: str
    segment: str | None
    mail: Rendered
    delivery: str


def person(campaign: CompiledCampaign, segment: str, kind: str) -> Person:
    """Return a sample contact of one of `KINDS`, with the values of the segment's example."""
    example = next(rule.example for rule in campaign.segments if rule.name == segment)
    values: dict[str, object] = {}
    optional = 0
    for number, field in enumerate(campaign.fields):
        optional += not field.required
        if field.required or kind in ("full", "awkward") or (kind == "half" and optional % 2):
            values[field.name] = _value(field, number, kind)
    kept = example if kind != "sparse" else {name: value for name, value in example.items() if name in values}
    return values | dict(kept)


def mails(
    campaign: Campaign,
    identity: Identity,
    *,
    kind: str,
    language: str | None = None,
    people: Mapping[str, Person] | None = None,
    unsubscribe_url: str = UNSUBSCRIBE_URL,
    segments: Sequence[str] = (),
    delivery: str | None = None,
) -> Iterator[Sample]:
    """
    Yield the mails for one kind of sample: each step for each segment, and each reminder and follow-up.

    `people`: the contact to use for each segment, instead of one made from the fields' examples. `segments`: only these
    segments; empty for all. `delivery`: only this mail, by the step's id or the name.
    """
    for number, step in enumerate(campaign.steps, 1):
        if delivery not in (None, step.id):
            continue
        for segment in segments or campaign.segments:
            one = people[segment] if people else person(campaign.compiled, segment, kind)
            mail = campaign.messages.render(
                step.id,
                one,
                segment=segment,
                identity=identity,
                unsubscribe_url=unsubscribe_url,
                language=language,
                today=DAYS[kind],
            )
            name = f"{number}-{step.name.replace(' ', '-')}.{segment.lower()}.{kind}"
            yield Sample(name, segment, mail, step.id)
    if kind in MEETINGS:
        reminders = [("reminder", reminder.name) for reminder in campaign.reminders]
        follow_ups = [("follow-up", follow_up.name) for follow_up in campaign.follow_ups]
        attaching = {reminder.name for reminder in campaign.reminders if reminder.attach}
        for what, name in reminders + follow_ups:
            if delivery not in (None, name):
                continue
            mail = campaign.messages.render_call_mail(name, MEETINGS[kind], identity, unsubscribe_url, language)
            files = (_entry(campaign, identity, kind, language),) if name in attaching else ()
            yield Sample(f"{what}-{name}.{kind}", None, replace(mail, attachments=files), name)


def _entry(campaign: Campaign, identity: Identity, kind: str, language: str | None) -> Attachment:
    """Return the sample call as a calendar file."""
    translation = campaign.messages.translation(language)
    entry = call_entry(
        MEETINGS[kind],
        translation.identity(identity),
        translation.language,
        uid="sample@advent.example",
        sequence=0,
        is_tentative=False,
    )
    return entry.attachment(now=_START)


def texts(campaign: Campaign, identity: Identity, *, kind: str, language: str) -> Iterator[tuple[str, str, str]]:
    """Yield every SMS for one kind of sample: its name, its file, and its text."""
    if kind in MEETINGS:
        files = {one.name: one.sms for one in campaign.sms_reminders}
        files |= {one.name: one.sms for one in campaign.sms_follow_ups}
        for name, file in files.items():
            yield name, str(file), campaign.messages.render_sms(name, MEETINGS[kind], identity, language)


def _value(field: Field, number: int, kind: str) -> object:
    if field.type == "text":
        if kind == "awkward":
            return _HOSTILE[number % len(_HOSTILE)]
        reported = field.example if field.example is not None else field.name.replace("_", " ")
        return "" if kind == "sparse" else reported
    if kind == "awkward" and field.type in ("integer", "number", "money"):
        return field.maximum if field.maximum is not None else 1234567.5
    if kind == "half" and field.type in ("integer", "number", "money"):
        return field.minimum if field.minimum is not None else 0
    if field.example is not None:
        return field.example
    return _ORDINARY.get(field.type) if field.type != "choice" else field.choices[0]


_ORDINARY: Mapping[str, object] = {"integer": 3, "number": 50, "money": 4200, "boolean": True, "scores": {"one": 1}}
