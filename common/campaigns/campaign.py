"""A campaign: its steps and reminders, when they are due, and what they say to one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from common.campaigns.body import Body, Values
from common.campaigns.compiled import BookingPolicy, CompiledCampaign, FollowUp, Reminder, Span, from_json
from common.campaigns.compiled import Step as CompiledStep
from common.campaigns.errors import CampaignError
from common.campaigns.facts import Identity, Meeting, parse_sender, reminder_values
from common.campaigns.fields import COLUMN_KINDS
from common.campaigns.layout import Row, read_layout, scoreboard
from common.campaigns.rendering import Mail, Renderer
from common.campaigns.rules import Person, Rule, read_rule, reported
from common.campaigns.translation import Translation
from common.campaigns.variables import counts, email_values
from common.campaigns.windows import window_of
from common.domain.cadence import Cadence, Pace
from common.domain.campaign_terms import CampaignTerms
from common.domain.ids import Step, step_name, step_of
from common.domain.projection import CampaignColumns, FieldColumn
from common.domain.text import size_of
from common.domain.windows import Window, zone_named
from common.normalization.locale import named, negotiated

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Rendered:
    """One mail's content. The same arguments and the same campaign version give the same bytes."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """
    A compiled campaign, ready to be played.

    `version`: changes with whatever it sends, or when. `is_in_force`: the store says that this version is played, and
    the ledger refuses what another one plans; False: it was read from files.
    """

    compiled: CompiledCampaign
    version: str
    translations: Mapping[str, Translation]
    renderer: Renderer
    is_in_force: bool = False

    @property
    def key(self) -> str:
        """The name of its folder."""
        return self.compiled.key

    @property
    def name(self) -> str:
        return self.compiled.name

    @property
    def steps(self) -> tuple[CompiledStep, ...]:
        return self.compiled.steps

    @property
    def reminders(self) -> tuple[Reminder, ...]:
        return self.compiled.reminders

    @property
    def follow_ups(self) -> tuple[FollowUp, ...]:
        return self.compiled.follow_ups

    @property
    def booking(self) -> BookingPolicy:
        return self.compiled.booking

    @property
    def minimum_gap(self) -> Span:
        return self.compiled.minimum_gap

    @property
    def languages(self) -> tuple[str, ...]:
        """The default one first."""
        return tuple(self.translations)

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """In the order in which their rules are asked; the last one is the rest."""
        return tuple(segment.name for segment in self.compiled.segments)

    @cached_property
    def _rules(self) -> Sequence[tuple[str, Rule]]:
        fields = {field.name: field for field in self.compiled.fields}
        return [(rule.name, read_rule(rule.when, fields)) for rule in self.compiled.segments[:-1]]

    @cached_property
    def step_ids(self) -> tuple[Step, ...]:
        """In the order in which they are due."""
        return tuple(step_of(step.id) for step in self.steps)

    def cadence(self, pace: Pace) -> Cadence:
        """When the steps are due at this pace. Raises CampaignError when it is too fast to keep their order."""
        offsets = tuple(step.after.at(pace) for step in self.steps)
        needs = {step_of(step.id): step_of(step.needs) for step in self.steps if step.needs is not None}
        try:
            return Cadence(offsets, self.minimum_gap.at(pace), self.step_ids, needs)
        except ValueError:
            raise CampaignError(f"CAMPAIGN_SPEED={pace.speed:g}: steps fall on one instant; set it lower") from None

    def window(self, pace: Pace) -> Window | None:
        """When its mails may go out; None: at any hour, as always in TESTING_MODE."""
        return None if pace.testing else self._window

    @cached_property
    def _window(self) -> Window | None:
        declared = self.compiled.sending_window
        return window_of(declared) if declared else None

    def sms_window(self, pace: Pace) -> Window | None:
        """When its SMS may go out; None: at any hour, as always in TESTING_MODE."""
        policy = self.compiled.sms
        if policy is None or pace.testing:
            return None
        return Window(opens_minute=policy.opens_minute, closes_minute=policy.closes_minute)

    @property
    def sms_reminders(self) -> tuple[Reminder, ...]:
        """Those that go by SMS too."""
        return tuple(reminder for reminder in self.reminders if reminder.sms)

    @property
    def window_in_words(self) -> str:
        """`Mon Tue Wed Thu Fri 08:00-19:00, not on holidays of CA-ON`."""
        declared = self.compiled.sending_window
        if declared is None:
            return "at any hour"
        days = " ".join(_WEEKDAYS[day] for day in declared.weekdays)
        opens, closes = (f"{m // 60:02}:{m % 60:02}" for m in (declared.opens_minute, declared.closes_minute))
        holidays = f", not on holidays of {declared.holidays}" if declared.holidays else ""
        return f"{days} {opens}-{closes}{holidays}"

    def identity(self, identity: Identity) -> Identity:
        """Who writes: whom the settings name, but for what the campaign's `[sender]` says."""
        declared = self.compiled.sender
        if declared.address is None:
            return replace(identity, reply_to=declared.reply_to or identity.reply_to)
        name, address = parse_sender(declared.address)
        return replace(
            identity,
            sender=declared.address,
            sender_name=name or address,
            reply_to=declared.reply_to or identity.reply_to,
        )

    def zone_of(self, *names: str | None) -> ZoneInfo:
        """The first of these that is a time zone; without one, the campaign's."""
        zones = filter(None, map(zone_named, names))
        return next(zones, None) or ZoneInfo(self.compiled.timezone)

    def segment_of(self, person: Person) -> str:
        """The first segment whose rule holds; the last one is the rest."""
        values = {field.name: reported(person, field.name) for field in self.compiled.fields}
        return next((name for name, rule in self._rules if rule.holds(values)), self.segments[-1])

    def language_of(self, locale: object) -> str:
        """The language in which somebody is written to, from the tag that a signup or a booking named."""
        return negotiated(locale, self.languages)

    def language_named(self, locale: object) -> str | None:
        """The language that the tag names; None: none of the campaign's."""
        return named(locale, self.languages)

    def terms(self, pace: Pace) -> CampaignTerms:
        """What the ledger has to know of it. Raises as `cadence`."""
        return CampaignTerms(
            key=self.key,
            cadence=self.cadence(pace),
            segment_of=self.segment_of,
            language_named=self.language_named,
            priority=self.compiled.priority,
            excludes=self.compiled.excludes,
            is_open=self.is_open,
            window=self.window(pace),
            zone_of=self.zone_of,
            version=self.version if self.is_in_force else None,
        )

    @property
    def in_notion(self) -> CampaignColumns:
        return CampaignColumns(
            name=self.name,
            status=self.compiled.status_column,
            steps={step_of(step.id): step.column for step in self.steps},
            fields={
                field.name: FieldColumn(self.compiled.field_columns[field.name], COLUMN_KINDS[field.type])
                for field in self.compiled.fields
                if field.name in self.compiled.field_columns
            },
            has_assessment=any(field.name == "assessment_score" for field in self.compiled.fields),
        )

    def is_open(self, at_ms: int) -> bool:
        """Whether people may enrol: on the days from `opens` to `closes`, in the campaign's time zone."""
        day = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(self.compiled.timezone)).date().isoformat()
        return (self.compiled.opens or day) <= day <= (self.compiled.closes or day)

    def translation(self, language: str | None) -> Translation:
        """Of a language that the campaign no longer has, the default one: a whole mail in another one."""
        return self.translations.get(language or "") or self.translations[self.compiled.default_language]

    def render(
        self,
        step: Step,
        person: Person,
        *,
        segment: str,
        identity: Identity,
        unsubscribe_url: str,
        language: str | None = None,
        today: date | None = None,
    ) -> Rendered:
        """
        The mail of a step in one of the languages.

        `today`: the day of the mail, where its reader is; without it, no dates are counted from it.
        Raises IndexError for a step there is not, CampaignError when a field would be blank.
        """
        translation = self.translation(language)
        number, one = self._step(step)
        values = self._values(person, segment, translation, identity, today)
        board = self.compiled.scoreboard
        rows = scoreboard(counts(board, person), translation.strings.scoreboard) if board else []
        body = translation.body(one.bodies[segment])
        about = {"reason": translation.strings.footer.emails, "series": translation.series(number)}
        return self._rendered(translation, body, values, rows, about, identity, unsubscribe_url)

    def subject(
        self,
        step: Step,
        person: Person,
        *,
        segment: str,
        identity: Identity,
        language: str | None = None,
        today: date | None = None,
    ) -> str:
        """The subject of a step, without the rest of the mail. Raises as `render`."""
        translation = self.translation(language)
        _, one = self._step(step)
        return translation.body(one.bodies[segment]).subject_for(
            self._values(person, segment, translation, identity, today)
        )

    def render_reminder(
        self, name: str, meeting: Meeting, identity: Identity, unsubscribe_url: str, language: str | None = None
    ) -> Rendered:
        """
        The reminder or the follow-up called `name`.

        Raises KeyError for an unknown one, CampaignError when a field would be blank.
        """
        translation = self.translation(language)
        body = self._call_body(name, translation)
        values = reminder_values(meeting, translation.identity(identity), translation.language)
        strings = translation.strings
        is_reminder = name in {reminder.name for reminder in self.reminders}
        reason = strings.footer.reminders if is_reminder else strings.footer.follow_ups
        about = {"reason": reason, "series": strings.frame.reminder_series}
        return self._rendered(translation, body, values, [], about, identity, unsubscribe_url)

    def reminder_subject(self, name: str, meeting: Meeting, identity: Identity, language: str | None = None) -> str:
        """The subject of the one called `name`, without the rest of the mail. Raises as `render_reminder`."""
        translation = self.translation(language)
        values = reminder_values(meeting, translation.identity(identity), translation.language)
        return self._call_body(name, translation).subject_for(values)

    def render_sms(self, name: str, meeting: Meeting, identity: Identity, language: str | None = None) -> str:
        """The SMS of the reminder called `name`. Raises KeyError without one, CampaignError as `render_reminder`."""
        translation = self.translation(language)
        values = reminder_values(meeting, translation.identity(identity), translation.language)
        bodies = {reminder.name: reminder.sms for reminder in self.reminders if reminder.sms}
        return translation.sms(bodies[name]).text_for(values)

    def price_of(self, sms: str) -> str:
        """`1 segment in GSM-7, US$0.0083`; without what carriers add."""
        policy, size = self.compiled.sms, size_of(sms)
        segments = f"{size.segments} segment{'s' if size.segments > 1 else ''} in {size.encoding}"
        return f"{segments}, US${size.segments * policy.segment_price:.4f}" if policy else segments

    def _step(self, step: Step) -> tuple[int, CompiledStep]:
        """Its place, from 1, and the step."""
        for place, one in enumerate(self.steps, 1):
            if one.id == step_name(step):
                return place, one
        raise IndexError(f"step {step} of {len(self.steps)}")

    def _call_body(self, name: str, translation: Translation) -> Body:
        follow_ups = {one.name: one.body for one in self.follow_ups}
        return translation.body(({one.name: one.body for one in self.reminders} | follow_ups)[name])

    def _values(
        self, person: Person, segment: str, translation: Translation, identity: Identity, today: date | None
    ) -> dict[str, object]:
        return email_values(
            self.compiled,
            person,
            segment=segment,
            book=translation.systems,
            language=translation.language,
            identity=translation.identity(identity),
            today=today,
        )

    def _rendered(
        self,
        translation: Translation,
        body: Body,
        values: Values,
        rows: Sequence[Row],
        about: Mapping[str, str],
        identity: Identity,
        unsubscribe_url: str,
    ) -> Rendered:
        subject, preheader = body.subject_for(values), body.preheader_for(values)
        frame = translation.frame(subject, preheader, translation.identity(identity), unsubscribe_url)
        frame.update(about)
        strings = translation.strings
        parts = self.renderer.parts(
            Mail(body, values, rows, frame, row=strings.scoreboard.row, link=strings.frame.link_text)
        )
        return Rendered(subject, parts.html, parts.text)


@lru_cache(maxsize=16)
def stored_campaign(text: str, version: str) -> Campaign:
    """
    A version as the store keeps it. Cached, because an audit asks for every version that was ever in force.

    Raises CampaignError for one of a later format, or one that is damaged.
    """
    return campaign_of(from_json(text), in_force=version)


def campaign_of(compiled: CompiledCampaign, *, in_force: str | None = None) -> Campaign:
    """
    A campaign that renders from a compiled one. `in_force`: the name of its version, if the store has it.

    Raises CampaignError for a layout that is no template.
    """
    return Campaign(
        compiled=compiled,
        version=in_force or compiled.version,
        is_in_force=in_force is not None,
        translations={tag: Translation(compiled, tag, texts) for tag, texts in compiled.languages.items()},
        renderer=Renderer(read_layout(f"{compiled.key}/layout", compiled.layout)),
    )
