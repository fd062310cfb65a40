"""The gallery: a page with all mails of a campaign as on a desktop, on a phone, in dark mode and as plain text."""

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
"""The kinds of sample contacts, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The choice of mails for a gallery; "" for all. `mail`: a `Page.mail_id`. `reader`: a key of READERS."""

    mail: str = ""
    segment: str = ""
    language: str = ""
    reader: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    One mail of the gallery.

    `name`: the name of its files. `mail_id`: the step's id, the name of a reminder or follow-up, or `sms-24h`. `kind`:
    the kind of sample contact, or `contact`. `campaign`, `letter`, `segment`, `language`, `reader`: the filters of the
    page.
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
    """Yield the chosen mails, by default all, in every language, for every segment and kind of sample contact."""
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
    """Yield each SMS as a phone shows it, with its price."""
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


def mail_ids(campaign: Campaign) -> list[str]:
    """Return the ids of all mails: the ids of steps, the names of reminders and follow-ups, and SMS as `sms-24h`."""
    steps = [one.id for one in campaign.steps]
    calls = [*(one.name for one in campaign.reminders), *(one.name for one in campaign.follow_ups)]
    texts = [one.mail_id for one in _sms_pages(campaign, samples.IDENTITY, campaign.languages[0], "full")]
    return [*steps, *calls, *texts]


def contact_pages(
    campaign: Campaign, identity: Identity, enrollment: Enrollment, pace: Pace, choice: Choice = Choice()
) -> Iterator[Page]:
    """Yield the steps' mails as this contact gets them, each on its date; all, or the one that `choice` names."""
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
    """Return the mail's date in the reader's time zone; None if the campaign has no weeks to count down to."""
    zone = campaign.zone_of(enrollment.assessment.timezone)
    return utc_datetime(enrollment.anchor_ms + after_ms).astimezone(zone).date() if campaign.compiled.weeks else None


def write_gallery(folder: Path, title: str, pages: Sequence[Page]) -> Path:
    """Write each mail as `.html`, `.dark.html` and `.txt`, and the page that shows them. Return it. Raises OSError."""
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
    """Return the mail's HTML in dark mode, whatever the browser's own mode is."""
    return _DARK.sub("@media all", page)


def in_light_mode(page: str) -> str:
    """Return the mail's HTML in light mode, whatever the browser's own mode is."""
    return _DARK.sub("@media not all", page)


def preheader_of(mail: str) -> str:
    """Return the preheader, which an inbox shows next to the subject, from a mail's HTML."""
    found = re.search(r"display:none[^>]*>([^<]*)<", mail)
    return html.unescape(found[1]) if found else ""
