"""The accepted texts: one file a mail, in which every sample person reads theirs."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from pathlib import Path

from common.campaigns import samples
from common.campaigns.loader import load_campaign
from common.domain.contact import Segment
from tests.campaigns import people

FOLDER = Path(__file__).parent / "texts"


def current_pages() -> dict[str, str]:
    """File name → what it should hold. Samples that read the same text share one section, headed by their names."""
    campaign = load_campaign("christmas_2025")
    readers: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for language, (kind, make) in product(campaign.languages, people.PEOPLE.items()):
        cast = {str(segment): make(segment) for segment in Segment}
        suffix = "" if language == "en-CA" else f".{language}"
        for sample in samples.mails(campaign, samples.IDENTITY, kind=kind, language=language, people=cast):
            page, _, reader = sample.name.partition(".")
            readers[f"{page}{suffix}.txt"][f"Subject: {sample.mail.subject}\n\n{sample.mail.text}"].append(reader)
    return {page: "\n".join(map(_section, texts.values(), texts)) for page, texts in readers.items()}


def _section(names: list[str], text: str) -> str:
    return f"{'=' * 20} {', '.join(names)}\n{text}"
