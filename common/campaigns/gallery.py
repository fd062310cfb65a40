"""Every mail of a campaign on one page: as on a desktop, on a phone, in dark mode, and as plain text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader

from common.campaigns import samples
from common.campaigns.campaign import Campaign
from common.campaigns.facts import Identity
from common.campaigns.messages import Rendered
from common.campaigns.sms import price_of
from common.clock import utc_datetime
from common.domain.cadence import Pace
from common.domain.enrollment import Enrollment

_TEMPLATES = Path(__file__).parent / "shared" / "gallery"
_DARK = re.compile(r"@media \(prefers-color-scheme: dark\)")
READERS: Final = {"full": "answered everything", "sparse": "answered the least", "awkward": "awkward values"}
"""Each kind of sample person in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which mails of a gallery; "" for all. `mail`: as `Page.mail_id`; `reader`: one of READERS."""

    mail: str = ""
    segment: str = ""
    language: str = ""
    reader: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    One mail of the gallery. `name`: of its files; `campaign`, `letter`, `segment`, `language`, `reader`: what it is
    chosen by. `mail_id`: of the step, the name of a reminder or follow-up, or `sms-24h`. `kind`: of the reader.
    """

    name: str
    mail_id: str
    kind: str
    campaign: str
    letter: str
    segment: str
    language: str
    reader: str
    mail: Rendered


def sample_pages(campaign: Campaign, identity: Identity, choice: Choice = Choice()) -> Iterator[Page]:
    """Every mail in every language for every segment, for somebody of each kind; or those that are chosen."""
    segments = [choice.segment] if choice.segment else ()
    for language in campaign.languages:
        for kind, reader in READERS.items():
            if choice.language not in ("", language) or choice.reader not in ("", kind):
                continue
            for sample in samples.mails(
                campaign, identity, kind=kind, language=language, segments=segments, delivery=choice.mail or None
            ):
                yield Page(
                    name=f"{campaign.key}.{language}.{sample.name}",
                    mail_id=sample.delivery,
                    kind=kind,
                    campaign=campaign.key,
                    letter=sample.name.split(".")[0],
                    segment=sample.segment or "",
                    language=language,
                    reader=reader,
                    mail=sample.mail,
                )
            for page in _sms_pages(campaign, identity, language, kind):
                if choice.mail in ("", page.mail_id):
                    yield page


def _sms_pages(campaign: Campaign, identity: Identity, language: str, kind: str) -> Iterator[Page]:
    """Each SMS as a phone shows it, with its price."""
    for name, _, text in samples.texts(campaign, identity, kind=kind, language=language):
        letter = f"sms-{name}"
        bubble = f'<pre style="white-space:pre-wrap;font:16px sans-serif;max-width:20em">{html.escape(text)}</pre>'
        yield Page(
            name=f"{campaign.key}.{language}.{letter}.{kind}",
            mail_id=letter,
            kind=kind,
            campaign=campaign.key,
            letter=letter,
            segment="",
            language=language,
            reader=READERS[kind],
            mail=Rendered(subject=f"SMS: {price_of(text, campaign.compiled.sms)}", html=bubble, text=text),
        )


def contact_pages(
    campaign: Campaign, identity: Identity, enrollment: Enrollment, pace: Pace, choice: Choice = Choice()
) -> Iterator[Page]:
    """The letters as this contact reads them, each on its day; all, or the one that `choice` names."""
    segment = enrollment.segment
    if segment not in campaign.segments:
        segment = campaign.segment_of(enrollment.assessment)
    language = enrollment.language or campaign.languages[0]
    for number, step in enumerate(campaign.steps, 1):
        if choice.mail not in ("", step.id):
            continue
        letter = f"{number}-{step.name.replace(' ', '-')}"
        yield Page(
            name=f"{campaign.key}.{language}.{letter}.{segment.lower()}.contact",
            mail_id=step.id,
            kind="contact",
            campaign=campaign.key,
            letter=letter,
            segment=segment,
            language=language,
            reader=enrollment.assessment.email,
            mail=campaign.messages.render(
                step.id,
                enrollment.assessment,
                segment=segment,
                identity=identity,
                unsubscribe_url=samples.UNSUBSCRIBE_URL,
                language=language,
                today=_day_of(campaign, enrollment, step.after.at(pace)),
            ),
        )


def _day_of(campaign: Campaign, enrollment: Enrollment, after_ms: int) -> date | None:
    """Where the reader is; None where no mail counts days."""
    zone = campaign.zone_of(enrollment.assessment.timezone)
    return utc_datetime(enrollment.anchor_ms + after_ms).astimezone(zone).date() if campaign.compiled.weeks else None


def write_gallery(folder: Path, title: str, pages: Sequence[Page]) -> Path:
    """Write each mail as `.html`, `.dark.html` and `.txt`, and the page that shows them; returns it. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        (folder / f"{page.name}.html").write_text(page.mail.html, encoding="utf-8")
        (folder / f"{page.name}.dark.html").write_text(in_dark_mode(page.mail.html), encoding="utf-8")
        (folder / f"{page.name}.txt").write_text(f"{page.mail.subject}\n\n{page.mail.text}", encoding="utf-8")
        for file in page.mail.attachments:
            (folder / f"{page.name}.{file.filename}").write_text(file.content, encoding="utf-8", newline="")
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
    choices = {
        name: list(dict.fromkeys(getattr(page, name) for page in pages))
        for name in ("campaign", "language", "segment", "reader", "letter")
    }
    index = folder / "index.html"
    index.write_text(
        environment.get_template("gallery.html").render(
            title=title, pages=pages, choices=choices, preheader_of=preheader_of
        ),
        encoding="utf-8",
    )
    return index


def in_dark_mode(page: str) -> str:
    """The mail as a program in dark mode shows it, whatever the browser's own mode is."""
    return _DARK.sub("@media all", page)


def preheader_of(mail: str) -> str:
    """What the inbox shows next to the subject, of the HTML of a mail."""
    found = re.search(r"display:none[^>]*>([^<]*)<", mail)
    return html.unescape(found[1]) if found else ""
