"""
A campaign as one value: the checked content of all its files, without their paths.

It can be written to JSON and read back without a loss. The store can therefore hold it, and a process without the files
can play it. Texts stay as they were written; `campaign.py` renders them.
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
"""The version of the JSON format. It grows when an older Advent could not play the new JSON."""

FieldType = Literal["text", "integer", "number", "money", "boolean", "choice", "scores"]
FieldValue = str | bool | int | float


@dataclass(frozen=True, slots=True)
class Span:
    """A duration in both modes, production and testing, in milliseconds at speed 1."""

    production_ms: int
    testing_ms: int

    def at(self, pace: Pace) -> int:
        """Return the duration at this pace, in milliseconds."""
        return pace.divided(self.testing_ms if pace.testing else self.production_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """
    A field that a signup may contain.

    `type`: `scores` is an object of names and numbers. `variable`: its name in bodies. `minimum`, `maximum`: inclusive.
    `shown_maximum`: a larger number is stored, but no mail shows it. `default`: replaces a value that was not given.
    `example`: for samples and for the description of the endpoint.
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
    """A variable of bodies. Its value is the system named by the first of `fields` that no earlier variable took."""

    variable: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoreboard:
    """
    The scoreboard: how many systems have each colour.

    `counts`: pairs of a colour and the field with its number, the most urgent colour first. `together_max`: the highest
    sum of all counts. `scores`: the field with the score of each system; the lowest scores tell which systems have the
    first colour.
    """

    counts: tuple[tuple[str, str], ...]
    together_max: int | None = None
    scores: str | None = None

    @property
    def names_variable(self) -> str:
        """The variable with the names of the systems of the most urgent colour, such as `red_names`."""
        return f"{self.counts[0][0]}_names"


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """The week of each year that contains this day. Bodies refer to it as `variable`."""

    variable: str
    month: int
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRule:
    """
    A segment. `when`: a rule over the fields (`rules.py`), empty for the last segment, which takes the rest. `example`:
    the values of a contact in this segment.
    """

    name: str
    when: str = ""
    example: Mapping[str, FieldValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    A nurture mail.

    `id`: part of its delivery id; it never changes. `after`: its due time after the anchor. `bodies`: maps each segment
    to its file. `column`: its column in Notion. `needs`: the step without which this one is not sent.
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
    A mail before a call, and perhaps an SMS.

    `name`: part of its delivery id. `before`: its due time before the start. `sms`: the body of the SMS, None for no
    SMS. `attach`: whether a calendar file is attached to the mail.
    """

    name: str
    before: Span
    body: str
    sms: str | None = None
    attach: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """
    A mail after a call that was missed, held or cancelled, and perhaps an SMS.

    `on`, `name`: parts of its delivery id. `after`: its due time after the trigger. `sms`: the body of the SMS, None
    for no SMS.
    """

    name: str
    on: Trigger
    after: Span
    body: str
    sms: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingPolicy:
    """
    The effect of a booking on nurture mails. `minimum_notice`: a call booked less than this before its start gets no
    reminders.
    """

    nurture: Literal["continue", "pause", "stop"]
    cancellation_resumes: bool
    minimum_notice: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingWindow:
    """
    The hours in which mail may be sent, on the reader's clock.

    `opens_minute`, `closes_minute`: minutes of the day. `weekdays`: Monday is 0. `holidays`: the region, such as
    `CA-ON`, on whose holidays no mail is sent; None: holidays are ignored.
    """

    opens_minute: int
    closes_minute: int
    weekdays: tuple[int, ...]
    holidays: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsPolicy:
    """
    The rules for SMS.

    `opens_minute`, `closes_minute`: when SMS may be sent, in minutes of the day on the reader's clock. `question`: the
    name of a question in Cal.com's booking form; a guest who answers it with a number or yes agrees to SMS.
    `segment_price`: US dollars.
    """

    opens_minute: int
    closes_minute: int
    question: str | None = None
    segment_price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The campaign's own sender. None: as in the settings."""

    address: str | None = None
    reply_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """
    The look of every mail.

    `logo`: an https address of an image that is shown at the top instead of `name`. `logo_text`: replaces it where
    images are not shown. `logo_width`: pixels. `photo`: a picture of the sender, next to the signature. `colour`: the
    colour of headings, links and buttons; `colour_dark`: the same in dark mode. `tint`: the background of a box.
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
    """All texts in one language. `bodies`: maps a file such as `emails/1-results.md` to its source."""

    strings: Strings
    systems: Mapping[str, Advice]
    bodies: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledCampaign:
    """
    A compiled campaign.

    `key`: the name of its folder. `name`: its name in Notion. `opens`, `closes`: the first and last day on which
    contacts may enrol, in its time zone. `priority`: when mails of two campaigns are due, the campaign with the lower
    number sends first. `excludes`: keys of campaigns whose contacts cannot enrol in this one. `languages`: the default
    one first. `field_columns`: maps the campaign's own fields to their columns in Notion.
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
    """None: the campaign sends no SMS."""

    @property
    def default_language(self) -> str:
        return next(iter(self.languages))

    def to_json(self) -> str:
        """
        Return the campaign as JSON; equal campaigns give equal text. A field that a later Advent added is left out
        while empty, so that existing versions keep their names.
        """
        campaign = _ADAPTER.dump_python(self, mode="json")
        for name in _LATER:
            for declared in (campaign, *campaign["reminders"], *campaign["follow_ups"]):
                if name in declared and not declared[name]:
                    del declared[name]
        data = {"format": FORMAT, "campaign": campaign}
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """The SHA-256 of the JSON, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def version(self) -> str:
        """The name of this version: the first 12 digits of the digest."""
        return self.digest[:12]


_LATER = ("field_columns", "sms", "attach")
_ADAPTER = TypeAdapter(CompiledCampaign)


def from_json(text: str) -> CompiledCampaign:
    """Read what `to_json` wrote. Raises CampaignError if it is damaged or has a later format."""
    try:
        data = json.loads(text)
        found, campaign = data["format"], data["campaign"]
    except (ValueError, TypeError, LookupError):
        raise CampaignError("the stored campaign version is damaged; apply the campaign again") from None
    if found != FORMAT:
        raise CampaignError(
            f"the stored campaign version has format {found}, but this Advent reads format {FORMAT}; "
            f"run the Advent that applied it, or a later one"
        )
    try:
        return _ADAPTER.validate_python(campaign)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise CampaignError(f"the stored campaign version is damaged at {place}; apply the campaign again") from None
