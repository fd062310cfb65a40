"""
A campaign as one value: everything that its files say, checked, and nothing of where they are.

It goes to JSON and back without a loss, so a store can keep it, and a process without the files can play it. Texts are
kept as they were written; `campaign.py` renders from them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from common.campaigns.errors import CampaignError
from common.campaigns.strings import Strings
from common.campaigns.systems import Advice
from common.domain.cadence import Pace
from common.domain.delivery import Trigger

FORMAT = 1
"""Raised when an older Advent could not play what is written."""

FieldType = Literal["text", "integer", "number", "money", "boolean", "choice", "scores"]
FieldValue = str | bool | int | float


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time in both modes, in milliseconds, at speed 1."""

    production_ms: int
    testing_ms: int

    def at(self, pace: Pace) -> int:
        """Milliseconds at this pace."""
        return pace.divided(self.testing_ms if pace.testing else self.production_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """
    One thing that a signup may tell.

    `variable`: its name in bodies. `scores`: an object of names and numbers. `minimum`, `maximum`: inclusive.
    `shown_maximum`: a larger number is kept, and no mail shows it.
    `default` stands in for a value that was not given. `example`: for samples and for the description of the endpoint.
    """

    name: str
    type: FieldType
    variable: str
    required: bool = False
    minimum: int | float | None = None
    maximum: int | float | None = None
    shown_maximum: int | float | None = None
    choices: tuple[str, ...] = ()
    default: FieldValue | None = None
    example: FieldValue | Mapping[str, int | float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemVariable:
    """A variable of bodies: the first of `fields` that names a system which no earlier variable has."""

    variable: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoreboard:
    """
    `counts`: each colour and the field with its number, the most urgent first. `together_max`: of all of them.

    `scores`: the field with the score of each system by name, from which those of the first colour are named.
    """

    counts: tuple[tuple[str, str], ...]
    together_max: int | None = None
    scores: str | None = None

    @property
    def names_variable(self) -> str:
        """`red_names`: the systems of the most urgent colour."""
        return f"{self.counts[0][0]}_names"


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """A week of every year, which bodies know by `variable`: the one with this day in it."""

    variable: str
    month: int
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRule:
    """`when`: a rule over the fields (`rules.py`); empty for the last segment, which is the rest."""

    name: str
    when: str = ""
    example: Mapping[str, FieldValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    One of the nurture mails, `after` the anchor. `id` is part of its delivery id and never changes.

    `bodies`: each segment and its file. `needs`: the step without which this one is not sent. `column`: in Notion.
    """

    id: str
    name: str
    after: Span
    bodies: Mapping[str, str]
    column: str
    needs: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """
    A mail `before` a meeting, and an SMS where `sms` is its body; `name` is part of its delivery id. `attach`: with the
    call as a file for calendars.
    """

    name: str
    before: Span
    body: str
    sms: str | None = None
    attach: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """
    A mail `after` a call was missed, held or cancelled, and an SMS where `sms` is its body; `on` and `name` are part of
    its delivery id.
    """

    name: str
    on: Trigger
    after: Span
    body: str
    sms: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingPolicy:
    """What a booking does to the nurture mails, and the notice under which it gets no reminders."""

    nurture: Literal["continue", "pause", "stop"]
    cancellation_resumes: bool
    minimum_notice: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingWindow:
    """
    When nurture mails may go out, on the reader's own clock.

    `opens_minute`, `closes_minute`: of the day; `weekdays`: Monday is 0; `holidays`: `CA-ON`, or none are kept.
    """

    opens_minute: int
    closes_minute: int
    weekdays: tuple[int, ...]
    holidays: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsPolicy:
    """
    When SMS may go out, on the reader's own clock: minutes of the day.

    `question`: of Cal.com's booking form, by its name; whoever answers it agrees to SMS. `segment_price`: US dollars.
    """

    opens_minute: int
    closes_minute: int
    question: str | None = None
    segment_price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who writes, where it is not whom the settings name."""

    address: str | None = None
    reply_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """
    How every mail looks.

    `logo`: an address of https, shown above instead of `name`, with `logo_text` where images are not shown; width in
    pixels. `photo`: of who writes, next to the signature. `colour`: of headings, links and buttons; `colour_dark`: the
    same in dark mode; `tint`: behind a box.
    """

    name: str
    logo: str | None = None
    logo_text: str | None = None
    logo_width: int = 160
    photo: str | None = None
    colour: str = "#14532d"
    colour_dark: str = "#9ed8b1"
    tint: str = "#eef4ee"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutSource:
    """The frame around every body: `mail.mjml` and `mail.txt`."""

    mjml: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Everything that is written in one language. `bodies`: `emails/1-results.md` and its source."""

    strings: Strings
    systems: Mapping[str, Advice]
    bodies: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledCampaign:
    """
    `key`: the name of its folder; `name`: in Notion. `opens`, `closes`: days in its time zone, both inclusive.

    `priority`: of two campaigns whose mails are due, the lower one goes first. `excludes`: contacts in one of these are
    not enrolled. `languages`: the default one first. `field_columns`: by field of its own, the column that shows it.
    """

    key: str
    name: str
    timezone: str
    currency: str
    brand: Brand
    sender: Sender
    opens: str | None
    closes: str | None
    priority: int
    excludes: tuple[str, ...]
    minimum_gap: Span
    sending_window: SendingWindow | None
    fields: tuple[Field, ...]
    systems: tuple[SystemVariable, ...]
    scoreboard: Scoreboard | None
    weeks: tuple[Week, ...]
    segments: tuple[SegmentRule, ...]
    steps: tuple[Step, ...]
    reminders: tuple[Reminder, ...]
    booking: BookingPolicy
    status_column: str
    layout: LayoutSource
    languages: Mapping[str, Texts]
    follow_ups: tuple[FollowUp, ...] = ()
    field_columns: Mapping[str, str] = field(default_factory=dict)
    sms: SmsPolicy | None = None
    """None: no SMS."""

    @property
    def default_language(self) -> str:
        return next(iter(self.languages))

    def to_json(self) -> str:
        """The same campaign gives the same text. What came later is left out while empty: versions keep their names."""
        campaign = _ADAPTER.dump_python(self, mode="json")
        for name in _LATER:
            for declared in (campaign, *campaign["reminders"], *campaign["follow_ups"]):
                if name in declared and not declared[name]:
                    del declared[name]
        data = {"format": FORMAT, "campaign": campaign}
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """SHA-256 of its JSON, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def version(self) -> str:
        """Its name among the versions of the campaign: the first 12 digits of the digest."""
        return self.digest[:12]


_LATER = ("field_columns", "sms", "attach")
_ADAPTER = TypeAdapter(CompiledCampaign)


def from_json(text: str) -> CompiledCampaign:
    """What `to_json` wrote. Raises CampaignError for one of a later format, or one that is damaged."""
    try:
        data = json.loads(text)
        found, campaign = data["format"], data["campaign"]
    except (ValueError, TypeError, LookupError):
        raise CampaignError("the campaign's version cannot be read: it is damaged; apply the campaign again") from None
    if found != FORMAT:
        raise CampaignError(
            f"the campaign's version has format {found}, and this Advent reads format {FORMAT}; "
            f"run the Advent that applied it, or a later one"
        )
    try:
        return _ADAPTER.validate_python(campaign)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise CampaignError(f"the campaign's version is damaged at {place}; apply the campaign again") from None
