"""The accepted texts: one file for each mail, with the text for every sample reader."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import product
from pathlib import Path

from common.campaigns import samples
from common.campaigns.messages import Rendered
from common.domain.contact import Segment
from common.normalization.place import PLACES
from tests.campaigns import people
from tests.packaged import packaged_campaign

FOLDER = Path(__file__).parent / "texts"


def current_pages() -> dict[str, str]:
    """Return the current content of each file by name. Readers of the same text share a section under their names."""
    campaign = packaged_campaign("christmas_2025")
    readers: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for language, (kind, make) in product(campaign.languages, people.PEOPLE.items()):
        cast = {str(segment): make(segment) for segment in Segment}
        suffix = "" if language == "en-CA" else f".{language}"
        for sample in samples.mails(campaign, samples.IDENTITY, kind=kind, language=language, people=cast):
            page, _, reader = sample.name.partition(".")
            readers[f"{page}{suffix}.txt"][_text(sample.mail)].append(reader)
    for language, place, reminder in product(campaign.languages, PLACES, campaign.reminders):
        meeting = replace(samples.MEETINGS["sparse"], timezone="America/Toronto", place=place)
        mail = campaign.messages.render_call_mail(
            reminder.name, meeting, samples.IDENTITY, samples.UNSUBSCRIBE_URL, language
        )
        suffix = "" if language == "en-CA" else f".{language}"
        readers[f"reminder-{reminder.name}{suffix}.txt"][_text(mail)].append(place)
    return {page: "\n".join(map(_section, texts.values(), texts)) for page, texts in readers.items()}


def _text(mail: Rendered) -> str:
    return f"Subject: {mail.subject}\n\n{mail.text}"


def _section(names: list[str], text: str) -> str:
    return f"{'=' * 20} {', '.join(names)}\n{text}"
