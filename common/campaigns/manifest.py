"""The content of `campaign.toml`: what a campaign consists of and when its mails are sent. pydantic validates it."""

from __future__ import annotations

import re
import zoneinfo
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic import Field as Checked

from common.campaigns.compiled import Brand, Field, FieldType, FieldValue, Span
from common.domain.delivery import Trigger

_UNITS_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_DAY_IN_MINUTES = 24 * 60
_DURATION = re.compile(r"(\d+) ?(s|min|h|d)")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_OWN_COLUMN = re.compile(r"step-([1-9]\d?)")

Name = Annotated[str, Checked(pattern=r"^[a-z_][a-z0-9_]*$", max_length=60)]


def _id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError(f"{value!r} is not an id; use lowercase letters, digits and hyphens, such as last-letter")
    return value


Id = Annotated[str, AfterValidator(_id)]


def duration_ms(value: object) -> int:
    """Return a duration such as `"24h"`, `"30s"`, `"6min"` or `"2d"` in milliseconds."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('write a duration as "30s", "6min", "24h" or "2d"')
    return int(match[1]) * _UNITS_MS[match[2]]


def span_fields(value: object) -> object:
    """Turn `"2h"` into the table of both modes. In TESTING_MODE a day takes a minute, as it does for steps."""
    if not isinstance(value, str):
        return value
    seconds = max(1, round(duration_ms(value) / 1_000 / _DAY_IN_MINUTES))
    return {"production": value, "testing": f"{seconds}s"}


def _time_zone(value: object) -> object:
    if value not in zoneinfo.available_timezones():
        raise ValueError("not an IANA time zone; write one such as America/Toronto")
    return value


def _day(value: object) -> object:
    try:
        return value.isoformat() if isinstance(value, date) else date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ValueError('not a day; write it as "2025-11-01"') from None


def _month_day(value: object) -> tuple[int, int]:
    try:
        day = date.fromisoformat(f"2001-{value}")
    except ValueError:
        raise ValueError('not a day of the year; write it as "12-15"') from None
    return day.month, day.day


def _minutes(value: object) -> tuple[int, int]:
    match = _HOURS.fullmatch(value) if isinstance(value, str) else None
    opens, closes = ((int(match[1]) * 60 + int(match[2])), (int(match[3]) * 60 + int(match[4]))) if match else (0, 0)
    if not opens < closes <= 24 * 60:
        raise ValueError('write the hours as "08:00-19:00", the first before the second')
    return opens, closes


def _weekday(value: object) -> int:
    if value not in _DAYS:
        raise ValueError(f"write each day as one of {', '.join(_DAYS)}")
    return _DAYS.index(str(value))


Duration = Annotated[int, BeforeValidator(duration_ms)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
Day = Annotated[str, BeforeValidator(_day)]
MonthDay = Annotated[tuple[int, int], BeforeValidator(_month_day)]
Hours = Annotated[tuple[int, int], BeforeValidator(_minutes)]
Weekday = Annotated[int, BeforeValidator(_weekday)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_min_length=1, str_strip_whitespace=True)


class SpanEntry(_Table):
    production: Duration
    testing: Duration

    @property
    def span(self) -> Span:
        return Span(self.production, self.testing)


class FieldEntry(_Table):
    type: FieldType
    variable: Name | None = None
    required: bool = False
    minimum: int | float | None = None
    maximum: int | float | None = None
    shown_maximum: int | float | None = None
    choices: tuple[str, ...] = ()
    default: FieldValue | None = None
    example: FieldValue | dict[str, int | float] | None = None

    def field(self, name: str) -> Field:
        return Field(name=name, **dict(self) | {"variable": self.variable or name})

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.type == "choice") != bool(self.choices):
            raise ValueError("type choice needs choices, and no other type has them; correct type or choices")
        if self.required and self.default is not None:
            raise ValueError("a required field cannot have a default; remove one of the two")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum is above maximum; swap them")
        return self


class ScoreboardEntry(_Table):
    counts: dict[Name, str] = Checked(min_length=1)
    together_max: int | None = None
    scores: str | None = None


class SegmentEntry(_Table):
    name: str = Checked(pattern=r"^[A-Za-z0-9_]+$", max_length=60)
    when: str | None = None
    example: dict[str, FieldValue] = {}


class StepEntry(_Table):
    id: Id
    name: str
    after: SpanEntry
    body: str | dict[str, str]
    """One file in `emails/` for all contacts, or one for each segment."""
    needs: str | None = None
    column: str | None = None

    @property
    def notion_column(self) -> str | None:
        """The column in Notion: the one declared, or `Email 3 Sent` for step-3. None: the step must declare one."""
        match = _OWN_COLUMN.fullmatch(self.id)
        return self.column or (f"Email {match[1]} Sent" if match else None)


SpanOrDuration = Annotated[SpanEntry, BeforeValidator(span_fields)]


class FollowUpEntry(_Table):
    on: Trigger
    name: Id | None = None
    after: SpanOrDuration
    body: str

    @property
    def id(self) -> str:
        """The declared name, or the trigger's name, such as `no-show`."""
        return self.name or self.on.replace("_", "-")


class ReminderEntry(_Table):
    name: Id
    before: SpanEntry
    body: str
    attach: bool = False


class BookingEntry(_Table):
    nurture: Literal["continue", "pause", "stop"] = "continue"
    cancellation_resumes: bool = True
    minimum_notice: SpanEntry


class WindowEntry(_Table):
    hours: Hours = (0, 24 * 60)
    weekdays: tuple[Weekday, ...] = Checked(default=tuple(range(7)), min_length=1)
    holidays: str | None = Checked(default=None, pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")


class SmsEntry(_Table):
    enabled: bool = False
    hours: Hours = (9 * 60, 20 * 60)
    question: str | None = Checked(default=None, max_length=100)
    segment_price: float = Checked(default=0.0083, ge=0, le=10)
    """In US dollars. The default is Twilio's price for a number in the USA or Canada, without the carriers' fees."""


class SenderEntry(_Table):
    address: str | None = None
    reply_to: str | None = None


Colour = Annotated[str, Checked(pattern=r"^#[0-9a-fA-F]{6}$")]
ImageUrl = Annotated[str, Checked(pattern=r"^https://[^\s\"<>]+$")]


_BRAND = Brand(name="")
"""The default look of a brand."""


class BrandEntry(_Table):
    name: str
    logo: ImageUrl | None = None
    logo_text: str | None = None
    logo_width: int = Checked(default=_BRAND.logo_width, ge=20, le=536)
    photo: ImageUrl | None = None
    colour: Colour = _BRAND.colour
    colour_dark: Colour = _BRAND.colour_dark
    tint: Colour = _BRAND.tint

    @model_validator(mode="after")
    def _has_texts(self) -> Self:
        if (self.logo is None) != (self.logo_text is None):
            raise ValueError("logo and logo_text (shown where images are not) need each other; add both")
        return self


class NotionEntry(_Table):
    status_column: str
    fields: dict[Name, str] = {}
    """The campaign's own fields, each with the column that shows it."""


class Manifest(_Table):
    name: str
    languages: tuple[Annotated[str, Checked(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$")], ...] = Checked(
        min_length=1
    )
    default_language: str
    timezone: TimeZone
    currency: str = Checked(default="CAD", pattern=r"^[A-Z]{3}$")
    brand: BrandEntry
    sender: SenderEntry = SenderEntry()
    opens: Day | None = None
    closes: Day | None = None
    priority: int = 0
    excludes: tuple[str, ...] = ()
    minimum_gap: SpanEntry
    sending_window: WindowEntry | None = None
    fields: dict[Name, FieldEntry] = {}
    systems: dict[Name, tuple[str, ...]] = {}
    scoreboard: ScoreboardEntry | None = None
    weeks: dict[Name, MonthDay] = {}
    segments: tuple[SegmentEntry, ...] = Checked(min_length=1)
    steps: tuple[StepEntry, ...] = Checked(min_length=1)
    reminders: tuple[ReminderEntry, ...] = ()
    follow_ups: tuple[FollowUpEntry, ...] = ()
    booking: BookingEntry
    sms: SmsEntry = SmsEntry()
    notion: NotionEntry

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the languages, the default one first."""
        return tuple(dict.fromkeys((self.default_language, *self.languages)))

    def body_of(self, entry: StepEntry, segment: str) -> str | None:
        """Return the file for contacts of a segment, such as `emails/1-results.md`; None if there is none."""
        name = entry.body if isinstance(entry.body, str) else entry.body.get(segment)
        return None if name is None else f"emails/{name}"


def bodies_of(manifest: Manifest) -> dict[str, tuple[Any, ...]]:
    """Return each file of a body, and the place in the manifest that names it first."""
    found: dict[str, tuple[Any, ...]] = {}
    for number, step in enumerate(manifest.steps):
        for segment in manifest.segments:
            if name := manifest.body_of(step, segment.name):
                found.setdefault(name, ("steps", number, "body"))
    for number, reminder in enumerate(manifest.reminders):
        found.setdefault(f"reminders/{reminder.body}", ("reminders", number, "body"))
    for number, follow_up in enumerate(manifest.follow_ups):
        found.setdefault(f"follow_ups/{follow_up.body}", ("follow_ups", number, "body"))
    return found
