"""A campaign: its steps and reminders, who gets them, and when they are due. `messages` renders their texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from common.campaigns.compiled import BookingPolicy, CompiledCampaign, FollowUp, Reminder, Span, from_json
from common.campaigns.compiled import Step as CompiledStep
from common.campaigns.errors import CampaignError
from common.campaigns.facts import Identity, parse_sender
from common.campaigns.fields import COLUMN_KINDS
from common.campaigns.layout import read_layout
from common.campaigns.messages import Messages
from common.campaigns.rendering import Renderer
from common.campaigns.rules import Person, Rule, read_rule, reported
from common.campaigns.translation import Translation
from common.campaigns.windows import window_of
from common.domain.cadence import Cadence, Pace
from common.domain.campaign_terms import CampaignTerms
from common.domain.delivery import Channel
from common.domain.follow_ups import FollowUpRules, follow_up_rules
from common.domain.ids import Step, step_of
from common.domain.projection import CampaignColumns, FieldColumn
from common.domain.windows import Window, zone_named
from common.normalization.locale import language_or_default, matching_language


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """
    A compiled campaign, ready to be played.

    `version`: a name that changes with any change of the campaign. `is_in_force`: the store has this version in force,
    and the ledger refuses work planned with another version; False: the campaign was read from files.
    """

    compiled: CompiledCampaign
    version: str
    translations: Mapping[str, Translation]
    renderer: Renderer
    is_in_force: bool = False

    @property
    def key(self) -> str:
        """The name of the campaign's folder."""
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

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The tags of the languages, the default one first."""
        return tuple(self.translations)

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The segments, in the order in which their rules are tried. The last one has no rule and takes the rest."""
        return tuple(segment.name for segment in self.compiled.segments)

    @cached_property
    def _rules(self) -> Sequence[tuple[str, Rule]]:
        fields = {field.name: field for field in self.compiled.fields}
        return [(rule.name, read_rule(rule.when, fields)) for rule in self.compiled.segments[:-1]]

    @cached_property
    def _fields_of_rules(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for _, rule in self._rules for name in rule.fields))

    @cached_property
    def step_ids(self) -> tuple[Step, ...]:
        """The steps, ordered by due time."""
        return tuple(step_of(step.id) for step in self.steps)

    def cadence(self, pace: Pace) -> Cadence:
        """
        Return the due times of the steps at this pace. Raises CampaignError if the pace is so fast that two steps would
        be due at the same time.
        """
        offsets = tuple(step.after.at(pace) for step in self.steps)
        needs = {step_of(step.id): step_of(step.needs) for step in self.steps if step.needs is not None}
        try:
            return Cadence(offsets, self.minimum_gap.at(pace), self.step_ids, needs)
        except ValueError:
            raise CampaignError(f"CAMPAIGN_SPEED={pace.speed:g}: steps would be due at one time; lower it") from None

    def window(self, pace: Pace) -> Window | None:
        """Return the hours in which mail may be sent; None for any hour, which is always so in TESTING_MODE."""
        return None if pace.testing else self._window

    @cached_property
    def _window(self) -> Window | None:
        declared = self.compiled.sending_window
        return window_of(declared) if declared else None

    def sms_window(self, pace: Pace) -> Window | None:
        """Return the hours in which SMS may be sent; None for any hour, which is always so in TESTING_MODE."""
        policy = self.compiled.sms
        if policy is None or pace.testing:
            return None
        return Window(opens_minute=policy.opens_minute, closes_minute=policy.closes_minute)

    @property
    def sms_reminders(self) -> tuple[Reminder, ...]:
        """The reminders that are also sent by SMS."""
        return tuple(reminder for reminder in self.reminders if reminder.sms)

    @property
    def sms_follow_ups(self) -> tuple[FollowUp, ...]:
        """The follow-ups that are also sent by SMS."""
        return tuple(follow_up for follow_up in self.follow_ups if follow_up.sms)

    def follow_up_rules(self, pace: Pace) -> FollowUpRules:
        """Return the rules of what is sent after a call, at this pace."""
        by_mail = [(one.name, one.on, one.after.at(pace)) for one in self.follow_ups]
        by_sms = [(f"{one.name}{Channel.SMS.suffix}", one.on, one.after.at(pace)) for one in self.sms_follow_ups]
        return follow_up_rules([*by_mail, *by_sms], pace)

    def identity(self, identity: Identity) -> Identity:
        """Return the sender of this campaign's mails: `identity` from the settings, changed by `[sender]`."""
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
        """Return the first of these names that is a time zone, or the campaign's zone when none is."""
        zones = filter(None, map(zone_named, names))
        return next(zones, None) or ZoneInfo(self.compiled.timezone)

    def segment_of(self, person: Person) -> str:
        """Return the first segment whose rule holds, or the last segment when none does."""
        values = {name: reported(person, name) for name in self._fields_of_rules}
        for name, rule in self._rules:
            if rule.holds(values):
                return name
        return self.segments[-1]

    def language_of(self, locale: object) -> str:
        """Return the language for a contact's mails, from the locale of their signup or booking."""
        return language_or_default(locale, self.languages)

    def matching_language(self, locale: object) -> str | None:
        """Return the campaign's language for a locale; None when the campaign does not have it."""
        return matching_language(locale, self.languages)

    def terms(self, pace: Pace) -> CampaignTerms:
        """Return the facts about the campaign that the ledger needs. Raises as `cadence`."""
        return CampaignTerms(
            key=self.key,
            cadence=self.cadence(pace),
            segment_of=self.segment_of,
            matching_language=self.matching_language,
            priority=self.compiled.priority,
            excludes=self.compiled.excludes,
            is_open=self.is_open,
            window=self.window(pace),
            zone_of=self.zone_of,
            version=self.version if self.is_in_force else None,
        )

    @property
    def notion_columns(self) -> CampaignColumns:
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
        """Return whether contacts may enrol: on the days from `opens` to `closes`, in the campaign's time zone."""
        opens, closes = self.compiled.opens, self.compiled.closes
        if not opens and not closes:
            return True
        day = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(self.compiled.timezone)).date().isoformat()
        return (opens or day) <= day <= (closes or day)

    def as_in_force(self) -> Campaign:
        """Return the campaign marked as in force, after the store has got its version."""
        return replace(self, is_in_force=True)

    @cached_property
    def messages(self) -> Messages:
        """The renderer of the campaign's mails and SMS."""
        return Messages(self.compiled, self.translations, self.renderer)


@lru_cache(maxsize=16)
def stored_campaign(text: str, version: str) -> Campaign:
    """
    Return the campaign from a version that the store holds. Cached, because an audit needs every version that was ever
    in force.

    Raises CampaignError if the version is damaged or has a later format.
    """
    return campaign_of(from_json(text), in_force=version)


def campaign_of(compiled: CompiledCampaign, *, in_force: str | None = None) -> Campaign:
    """
    Make a campaign that can render from a compiled one. `in_force`: the name of its version, if the store has it.

    Raises CampaignError if the layout is not a valid template.
    """
    return Campaign(
        compiled=compiled,
        version=in_force or compiled.version,
        is_in_force=in_force is not None,
        translations={tag: Translation(compiled, tag, texts) for tag, texts in compiled.languages.items()},
        renderer=Renderer(read_layout(f"{compiled.key}/layout", compiled.layout)),
    )
