"""
Reads a campaign from its folder, and refuses one that could leave a blank, before anybody gets a mail.

    christmas_2025/
        campaign.toml    name, steps and their hours, reminders, what a booking does
        systems.toml     the eight systems, each with its advice
        emails/          a Markdown file a mail, or a mail and segment
        reminders/       likewise
        layout/          mail.mjml and mail.txt, the frame around every body
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from common.campaigns.body import Body, read_body
from common.campaigns.campaign import BookingPolicy, Campaign, Footers, Reminder, Rendered, Step
from common.campaigns.check import check_mails, check_times
from common.campaigns.errors import CampaignError
from common.campaigns.facts import EMAIL_VARIABLES, REMINDER_VARIABLES, Identity, Meeting
from common.campaigns.layout import read_layout
from common.campaigns.manifest import Manifest, ReminderEntry, StepEntry, read_manifest, span
from common.campaigns.rendering import Renderer
from common.campaigns.systems import read_systems
from common.domain.segment import Segment

__all__ = ["Campaign", "CampaignError", "Identity", "Meeting", "Rendered", "load_campaign"]

_PACKAGED = Path(__file__).parent


def load_campaign(key: str, *, directory: Path | None = None) -> Campaign:
    """
    The campaign in the folder `key` of `directory`, or of the packaged ones.

    Everything that can be checked is checked here: each body for each segment is rendered for sample people.
    Raises CampaignError naming the file, the field and the cure.
    """
    home = directory or _PACKAGED
    if not home.is_dir():
        raise CampaignError(f"CAMPAIGNS_DIR={home}: no such folder; set the one that holds the campaigns' folders")
    known = sorted(file.parent.name for file in home.glob("*/campaign.toml"))
    if key not in known:
        raise CampaignError(f"CAMPAIGN={key}: not in {home}; there are: {', '.join(known) or 'none'}")
    folder = home / key
    campaign = _built(key, folder, read_manifest(folder))
    check_times(campaign, folder / "campaign.toml")
    # Processes that only check a campaign do not need the memory of skeletons.
    check_mails(replace(campaign, renderer=campaign.renderer.without_skeletons()), folder / "emails")
    return campaign


def _built(key: str, folder: Path, manifest: Manifest) -> Campaign:
    return Campaign(
        key=key,
        name=manifest.name,
        version=_version(folder),
        language=manifest.language,
        steps=tuple(_step(folder, number, entry) for number, entry in enumerate(manifest.steps, 1)),
        minimum_gap=span(manifest.minimum_gap),
        reminders=tuple(_reminder(folder, entry) for entry in manifest.reminders),
        booking=BookingPolicy(
            nurture=manifest.booking.nurture,
            cancellation_resumes=manifest.booking.cancellation_resumes,
            minimum_notice=span(manifest.booking.minimum_notice),
        ),
        footers=Footers(manifest.footer.emails, manifest.footer.reminders),
        systems=read_systems(folder),
        renderer=Renderer(read_layout(folder / "layout")),
    )


def _step(folder: Path, number: int, entry: StepEntry) -> Step:
    return Step(number, entry.name, span(entry.after), _bodies(folder, number, entry))


def _bodies(folder: Path, number: int, entry: StepEntry) -> Mapping[Segment, Body]:
    names = dict.fromkeys(Segment, entry.body) if isinstance(entry.body, str) else entry.body
    missing = ", ".join(segment for segment in Segment if segment not in names)
    if missing:
        raise CampaignError(f"{folder}/campaign.toml: steps.{number - 1}.body: nothing for {missing}; add it")
    read = {name: read_body(folder / "emails" / name, known=EMAIL_VARIABLES) for name in set(names.values())}
    return {segment: read[name] for segment, name in names.items()}


def _reminder(folder: Path, entry: ReminderEntry) -> Reminder:
    body = read_body(folder / "reminders" / entry.body, known=REMINDER_VARIABLES)
    return Reminder(entry.name, span(entry.before), body)


def _version(folder: Path) -> str:
    """12 hex digits of the SHA-256 over every file's path and bytes."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if file.name.startswith("."):
            continue  # What an editor or a file manager leaves behind.
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]
