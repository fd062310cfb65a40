"""Every mail of a campaign on one page: as on a desktop, on a phone, in dark mode, and as plain text."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from common.campaigns import samples
from common.campaigns.campaign import Campaign
from common.campaigns.facts import Identity
from common.campaigns.messages import Rendered
from common.campaigns.sms import price_of
from common.domain.enrollment import Enrollment
from common.domain.mail import Attachment

_TEMPLATES = Path(__file__).parent / "shared" / "gallery"
_DARK = re.compile(r"@media \(prefers-color-scheme: dark\)")
_KINDS = {"full": "answered everything", "sparse": "answered the least", "awkward": "awkward values"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """
    One mail of the gallery. `name`: of its files; `campaign`, `letter`, `segment`, `language`, `reader`: what it is
    chosen by. `attachments`: its files.
    """

    name: str
    campaign: str
    letter: str
    segment: str
    language: str
    reader: str
    mail: Rendered
    attachments: tuple[Attachment, ...] = ()


def sample_pages(campaign: Campaign, identity: Identity) -> Iterator[Page]:
    """Every mail in every language for every segment, for somebody of each kind."""
    for language in campaign.languages:
        for kind, reader in _KINDS.items():
            for sample in samples.mails(campaign, identity, kind=kind, language=language):
                yield Page(
                    name=f"{campaign.key}.{language}.{sample.name}",
                    campaign=campaign.key,
                    letter=sample.name.split(".")[0],
                    segment=sample.segment or "",
                    language=language,
                    reader=reader,
                    mail=sample.mail,
                    attachments=sample.attachments,
                )
            yield from _sms_pages(campaign, identity, language, kind)


def _sms_pages(campaign: Campaign, identity: Identity, language: str, kind: str) -> Iterator[Page]:
    """Each SMS as a phone shows it, with its price."""
    for file, text in samples.texts(campaign, identity, kind=kind, language=language):
        folder, _, name = file.removesuffix(".sms.md").partition("/")
        letter = f"sms-follow-up-{name}" if folder == "follow_ups" else f"sms-{name}"
        bubble = f'<pre style="white-space:pre-wrap;font:16px sans-serif;max-width:20em">{html.escape(text)}</pre>'
        yield Page(
            name=f"{campaign.key}.{language}.{letter}.{kind}",
            campaign=campaign.key,
            letter=letter,
            segment="",
            language=language,
            reader=_KINDS[kind],
            mail=Rendered(subject=f"SMS: {price_of(text, campaign.compiled.sms)}", html=bubble, text=text),
        )


def contact_pages(campaign: Campaign, identity: Identity, enrollment: Enrollment) -> Iterator[Page]:
    """The letters as this contact reads them."""
    language = enrollment.language or campaign.languages[0]
    people = {enrollment.segment: enrollment.assessment}
    for sample in samples.mails(
        campaign, identity, kind="half", language=language, people=people, segments=[enrollment.segment]
    ):
        yield Page(
            name=f"{campaign.key}.{language}.{sample.name.rpartition('.')[0]}.contact",
            campaign=campaign.key,
            letter=sample.name.split(".")[0],
            segment=enrollment.segment,
            language=language,
            reader=enrollment.assessment.email,
            mail=sample.mail,
        )


def write_gallery(folder: Path, title: str, pages: Sequence[Page]) -> Path:
    """Write each mail as `.html`, `.dark.html` and `.txt`, and the page that shows them; returns it. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        (folder / f"{page.name}.html").write_text(page.mail.html, encoding="utf-8")
        (folder / f"{page.name}.dark.html").write_text(in_dark_mode(page.mail.html), encoding="utf-8")
        (folder / f"{page.name}.txt").write_text(f"{page.mail.subject}\n\n{page.mail.text}", encoding="utf-8")
        for file in page.attachments:
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
