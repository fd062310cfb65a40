"""
Compiles a campaign's folder into one value, and refuses files that do not fit together.

    christmas_2025/
        campaign.toml    name, fields, segments, steps and their due times, reminders, the effect of a booking
        en-CA/           the texts in one language; there is one such folder for each language
            emails/      a Markdown file for each mail, or for each mail and segment
            reminders/   a file for each reminder; `24h.sms.md` next to `24h.md` is its SMS
            follow_ups/  a file for each follow-up; `missed.sms.md` next to `missed.md` is its SMS
            strings.toml the words that Advent adds to the texts, where they differ from `shared/languages/`
            systems.toml the systems of an assessment, each with its advice
        layout/          optional: mail.mjml and mail.txt, the frame around every body; by default `shared/layout/`
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from common.campaigns.compiled import (
    BookingPolicy,
    Brand,
    CompiledCampaign,
    FollowUp,
    LayoutSource,
    Reminder,
    Scoreboard,
    SegmentRule,
    Sender,
    SendingWindow,
    SmsPolicy,
    Step,
    SystemVariable,
    Texts,
    Week,
)
from common.campaigns.consistency import problems
from common.campaigns.errors import CampaignError
from common.campaigns.files import TomlFile, read_text, read_toml
from common.campaigns.manifest import Manifest, StepEntry, bodies_of
from common.campaigns.strings import Strings, merged, untranslated, wrong_placeholder
from common.campaigns.systems import Advice, read_systems

_SHARED = Path(__file__).parent / "shared"


def compile_campaign(folder: Path) -> CompiledCampaign:
    """Compile the campaign in this folder. Raises CampaignError naming the file, the line, the field and the fix."""
    source = read_toml(folder / "campaign.toml")
    manifest = source.validated(Manifest)
    for place, problem in problems(manifest):
        raise source.error(place, problem)
    sms_bodies = _sms_bodies(folder, source, manifest)
    return CompiledCampaign(
        key=folder.name,
        name=manifest.name,
        timezone=manifest.timezone,
        currency=manifest.currency,
        brand=Brand(**manifest.brand.model_dump()),
        sender=Sender(address=manifest.sender.address, reply_to=manifest.sender.reply_to),
        opens=manifest.opens,
        closes=manifest.closes,
        priority=manifest.priority,
        excludes=manifest.excludes,
        minimum_gap=manifest.minimum_gap.span,
        sending_window=_window(manifest),
        fields=tuple(entry.field(name) for name, entry in manifest.fields.items()),
        systems=tuple(SystemVariable(variable=name, fields=of) for name, of in manifest.systems.items()),
        scoreboard=_scoreboard(manifest),
        weeks=tuple(Week(variable=name, month=month, day=day) for name, (month, day) in manifest.weeks.items()),
        segments=tuple(
            SegmentRule(name=entry.name, when=entry.when or "", example=entry.example) for entry in manifest.segments
        ),
        steps=tuple(_step(manifest, entry) for entry in manifest.steps),
        reminders=tuple(
            Reminder(
                name=entry.name,
                before=entry.before.span,
                body=f"reminders/{entry.body}",
                sms=sms_bodies.get(f"reminders/{entry.body}"),
                attach=entry.attach,
            )
            for entry in manifest.reminders
        ),
        booking=BookingPolicy(
            nurture=manifest.booking.nurture,
            cancellation_resumes=manifest.booking.cancellation_resumes,
            minimum_notice=manifest.booking.minimum_notice.span,
        ),
        status_column=manifest.notion.status_column,
        field_columns=manifest.notion.fields,
        layout=_layout(folder),
        languages=_languages(folder, source, manifest, sms_bodies.values()),
        sms=_sms(manifest),
        follow_ups=tuple(
            FollowUp(
                name=entry.id,
                on=entry.on,
                after=entry.after.span,
                body=f"follow_ups/{entry.body}",
                sms=sms_bodies.get(f"follow_ups/{entry.body}"),
            )
            for entry in manifest.follow_ups
        ),
    )


def _sms(manifest: Manifest) -> SmsPolicy | None:
    entry = manifest.sms
    if not entry.enabled:
        return None
    opens, closes = entry.hours
    return SmsPolicy(
        opens_minute=opens, closes_minute=closes, question=entry.question, segment_price=entry.segment_price
    )


def _sms_bodies(folder: Path, source: TomlFile, manifest: Manifest) -> Mapping[str, str]:
    """Map the bodies of reminders and follow-ups to their SMS. One without a file in the default language has none."""
    if not manifest.sms.enabled:
        return {}
    bodies = [f"reminders/{entry.body}" for entry in manifest.reminders]
    bodies += [f"follow_ups/{entry.body}" for entry in manifest.follow_ups]
    named = {body: f"{body.removesuffix('.md')}.sms.md" for body in bodies}
    found = {body: sms for body, sms in named.items() if (folder / manifest.tags[0] / sms).is_file()}
    if not found:
        first = next(iter(named.values()), "reminders/24h.sms.md")
        problem = f"no reminder has a text for SMS; write {manifest.tags[0]}/{first}, or set enabled to false"
        raise source.error(("sms", "enabled"), problem)
    return found


def _window(manifest: Manifest) -> SendingWindow | None:
    entry = manifest.sending_window
    if entry is None:
        return None
    opens, closes = entry.hours
    return SendingWindow(
        opens_minute=opens, closes_minute=closes, weekdays=tuple(sorted({*entry.weekdays})), holidays=entry.holidays
    )


def _scoreboard(manifest: Manifest) -> Scoreboard | None:
    entry = manifest.scoreboard
    return (
        Scoreboard(counts=tuple(entry.counts.items()), together_max=entry.together_max, scores=entry.scores)
        if entry
        else None
    )


def _step(manifest: Manifest, entry: StepEntry) -> Step:
    return Step(
        id=entry.id,
        name=entry.name,
        after=entry.after.span,
        bodies={segment.name: str(manifest.body_of(entry, segment.name)) for segment in manifest.segments},
        column=str(entry.notion_column),
        needs=entry.needs,
    )


def _layout(folder: Path) -> LayoutSource:
    own = folder / "layout"
    home = own if own.is_dir() else _SHARED / "layout"
    return LayoutSource(mjml=read_text(home / "mail.mjml"), text=read_text(home / "mail.txt"))


def _languages(folder: Path, source: TomlFile, manifest: Manifest, sms_bodies: Collection[str]) -> Mapping[str, Texts]:
    """Return the texts in each language. All languages must have the same bodies and systems."""
    found: dict[str, Texts] = {}
    for tag in manifest.tags:
        home = folder / tag
        if not home.is_dir():
            raise source.error(("languages",), f"there is no folder {tag}; add it, or remove the language")
        strings = _strings(home, tag)
        systems = read_systems(home / "systems.toml") if manifest.systems else {}
        first = next(iter(found.values()), None)
        _check_systems(home / "systems.toml", systems, first.systems if first else systems)
        _check_colours(home / "strings.toml", manifest, strings)
        bodies = {name: read_text(home / name) for name in (*bodies_of(manifest), *sms_bodies)}
        found[tag] = Texts(strings=strings, systems=systems, bodies=bodies)
    return found


def _strings(home: Path, tag: str) -> Strings:
    shared = _SHARED / "languages" / f"{tag}.toml"
    base = read_toml(shared).data if shared.is_file() else {}
    own = read_toml(home / "strings.toml")
    data = merged(base, own.data)
    strings = own.validated(Strings, data)
    if place := untranslated(data):
        raise own.error(place, "missing; add it")
    if wrong := wrong_placeholder(strings):
        raise own.error(tuple(wrong[0].split(".")), wrong[1])
    return strings


def _check_systems(file: Path, systems: Mapping[str, Advice], first: Mapping[str, Advice]) -> None:
    for key in (*first, *systems):
        if key not in systems:
            raise CampaignError(f"{file}: [{key}] is missing, but another language has it; add it")
        if key not in first:
            raise CampaignError(f"{file}: [{key}] is in this language only; add it to the others, or remove it")


def _check_colours(file: Path, manifest: Manifest, strings: Strings) -> None:
    board = manifest.scoreboard
    for colour in board.counts if board else ():
        if colour not in strings.scoreboard.colours:
            raise CampaignError(f"{file}: scoreboard.colours.{colour}: missing; add its label and its meaning")
