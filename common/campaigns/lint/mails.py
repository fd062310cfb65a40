"""The lint of rendered mails."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

from common.campaigns import samples
from common.campaigns.campaign import Campaign
from common.campaigns.facts import Identity
from common.campaigns.gallery import preheader_of
from common.campaigns.layout import GMAIL_CLIPS_BYTES
from common.campaigns.lint.contrast import unreadable
from common.campaigns.lint.finding import Finding

SUBJECT_MAX, PREHEADER_MIN, PREHEADER_MAX = 78, 15, 140
"""In characters. A header line (RFC 5322) has at most the first; an inbox shows at most the last."""
NEARLY_CLIPPED_BYTES = round(GMAIL_CLIPS_BYTES * 0.9)
_VAGUE = frozenset({"click here", "here", "link", "cliquez ici", "ici", "lien"})


def mail_findings(campaign: Campaign, identity: Identity) -> Iterator[Finding]:
    """Yield the findings in every mail in every language, for a sample contact with all values and one with few."""
    for language in campaign.languages:
        for kind in ("full", "sparse"):
            for sample in samples.mails(campaign, identity, kind=kind, language=language):
                yield from _of_mail(f"{campaign.key}/{language}: {sample.name}", sample)


def _of_mail(where: str, sample: samples.Sample) -> Iterator[Finding]:
    mail = sample.mail
    page = _Page()
    page.feed(mail.html)
    size = len(mail.html.encode()) + sum(len(file.encoded) for file in mail.attachments)
    yield from _of_lengths(where, mail.subject, preheader_of(mail.html), size)
    for href, label in page.links:
        if problem := _wrong_link(href):
            yield Finding(where=where, rule="link", problem=f"{href}: {problem}", is_error=True)
        elif label.casefold() in _VAGUE:
            yield Finding(where=where, rule="link", problem=f"a link says only {label!r}; say where it leads")
    for source in page.images_without_text:
        problem = f"the image {source} has no alternative text; write what it shows"
        yield Finding(where=where, rule="alt", problem=problem, is_error=True)
    for text, ratio in unreadable(mail.html):
        problem = f"{text!r} has a contrast of {ratio}; choose colours with at least 4.5"
        yield Finding(where=where, rule="contrast", problem=problem, is_error=True)


def _of_lengths(where: str, subject: str, preheader: str, size: int) -> Iterator[Finding]:
    if len(subject) > SUBJECT_MAX:
        problem = f"the subject has {len(subject)} characters, and phones cut it; make it at most {SUBJECT_MAX}"
        yield Finding(where=where, rule="subject", problem=problem)
    if not PREHEADER_MIN <= len(preheader) <= PREHEADER_MAX:
        problem = f"the preheader has {len(preheader)} characters; make it {PREHEADER_MIN} to {PREHEADER_MAX}"
        yield Finding(where=where, rule="preheader", problem=problem)
    if size > NEARLY_CLIPPED_BYTES:
        problem = f"{size} bytes of HTML and attachments; Gmail clips at {GMAIL_CLIPS_BYTES}; shorten the mail"
        yield Finding(where=where, rule="size", problem=problem)


def _wrong_link(href: str) -> str | None:
    """Return what is wrong with a link, None if nothing. Only its syntax is checked; nothing is fetched."""
    parts = urlsplit(href)
    if parts.scheme == "mailto":
        return None if "@" in parts.path else "no address; write mailto:name@example.com"
    if parts.scheme not in ("https", "http"):
        return "not a web address; write it as https://…"
    try:
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "not a web address; correct the port"
    if parts.username is not None:
        return "a user name before the host looks like fraud; remove it"
    is_local = host in ("localhost", "127.0.0.1", "::1")
    return None if "." in host or is_local else "no host; write it as https://example.com/…"


class _Page(HTMLParser):
    """Collects the links (address and text) and the images without alternative text."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.images_without_text: list[str] = []
        self._link: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self._link = given.get("href") or "", []
        elif tag == "img" and not (given.get("alt") or "").strip():
            self.images_without_text.append(given.get("src") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link:
            self.links.append((self._link[0], " ".join("".join(self._link[1]).split())))
            self._link = None

    def handle_data(self, data: str) -> None:
        if self._link:
            self._link[1].append(data)
