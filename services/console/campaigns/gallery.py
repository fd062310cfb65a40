"""What the gallery of a campaign shows: mails for sample readers, or for one person; in force, or of the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from common.campaigns.campaign import Campaign
from common.campaigns.errors import CampaignError
from common.campaigns.gallery import READERS, Choice, contact_pages, mail_ids, preheader_of, sample_pages
from common.campaigns.messages import Rendered
from common.domain.enrollment import Enrollment
from common.domain.ids import is_enrollment_id
from services.console.campaigns.details import played_campaign
from services.console.context import ConsoleContext
from services.web.problem import Problem

Given = Mapping[str, str]
FILES = "files"
TESTED_READER = "full"
"""Test mails are as this sample person gets them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryMail:
    """
    `mail`: None where it cannot be written, for the reason `problem`. `query`: what chooses this one alone. `test`:
    what a worker is asked to send as a test of it; empty where it sends none.
    """

    id: str
    name: str
    about: str
    query: Mapping[str, str]
    test: Mapping[str, str] = field(default_factory=dict)
    mail: Rendered | None = None
    problem: str = ""

    @property
    def preheader(self) -> str:
        return preheader_of(self.mail.html) if self.mail else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """`version`: "" for the one in force, or `files`. `person`: whose mails these are, instead of a sample reader's."""

    campaign: Campaign
    version: str
    choice: Choice
    person: Enrollment | None
    mails: Sequence[GalleryMail]

    @property
    def mail_ids(self) -> list[str]:
        """Those that may be chosen; the others of a person are about a call, and on the page of that person."""
        return [one.id for one in self.campaign.steps] if self.person else mail_ids(self.campaign)

    @property
    def address(self) -> str:
        """Of this page, with what was chosen."""
        chosen = self.choice
        if self.person:
            return self.at("gallery", mail=chosen.mail)
        named = {"segment": chosen.segment, "language": chosen.language, "reader": chosen.reader}
        return self.at("gallery", mail=chosen.mail, **named)

    def at(self, path: str, **query: str) -> str:
        chosen = {"version": self.version, "person": self.person.id if self.person else ""} | query
        chosen = {name: value for name, value in chosen.items() if value}
        return f"/campaigns/{self.campaign.key}/{path}" + (f"?{urlencode(chosen)}" if chosen else "")


async def read_gallery(context: ConsoleContext, key: str, given: Given) -> Gallery:
    """
    `given`: mail, segment, language, reader, version, person; what is not named is the first one, and every mail.

    Raises Problem 404 for a campaign that is not played here and for a person who is not enrolled in it, 409 for files
    that cannot be read.
    """
    version = FILES if given.get("version") == FILES else ""
    campaign = await _campaign(context, key, version)
    person = await _person(context, campaign, given["person"]) if given.get("person") else None
    choice = choice_of(campaign, given)
    if person is not None:
        mails = [*_mails_of(context, campaign, person, choice, version)]
    else:
        mails = [*_samples(context, campaign, choice, version)]
    return Gallery(campaign=campaign, version=version, choice=choice, person=person, mails=mails)


def choice_of(campaign: Campaign, given: Given) -> Choice:
    """What does not exist is not chosen: an address that somebody saved goes on working."""

    def one_of(name: str, known: Sequence[str]) -> str:
        return given[name] if given.get(name) in known else known[0]

    return Choice(
        mail=one_of("mail", ["", *mail_ids(campaign)]),
        segment=one_of("segment", campaign.segments),
        language=one_of("language", campaign.languages),
        reader=one_of("reader", [*READERS]),
    )


async def _campaign(context: ConsoleContext, key: str, version: str) -> Campaign:
    played = played_campaign(context, key)
    if version != FILES:
        return played
    try:
        return await context.campaign_files.read(key)
    except CampaignError as error:
        raise Problem(409, str(error), title="The files cannot be read") from None


async def _person(context: ConsoleContext, campaign: Campaign, id: str) -> Enrollment:
    found = await context.ledger.enrollments.get(id) if is_enrollment_id(id) else None
    if found is None or found.campaign != campaign.key:
        raise Problem(404, "Nobody of this campaign has this id.", title="No such person")
    return found


def _samples(context: ConsoleContext, campaign: Campaign, choice: Choice, version: str) -> Iterator[GalleryMail]:
    names = {one.id: one.name for one in campaign.steps}
    for page in sample_pages(campaign, campaign.identity(context.settings.identity), choice):
        chosen = {"mail": page.mail_id, "segment": choice.segment, "language": page.language}
        is_sent_as_test = not version and page.kind == TESTED_READER and not page.mail_id.startswith("sms-")
        yield GalleryMail(
            id=page.mail_id,
            name=names.get(page.mail_id, page.letter.replace("-", " ")),
            about=" · ".join(filter(None, (page.segment or "every segment", page.language, page.reader))),
            mail=page.mail,
            query=chosen | {"reader": page.kind, "version": version},
            test=chosen | {"campaign": campaign.key} if is_sent_as_test else {},
        )


def _mails_of(
    context: ConsoleContext, campaign: Campaign, person: Enrollment, choice: Choice, version: str
) -> Iterator[GalleryMail]:
    identity, pace = campaign.identity(context.settings.identity), context.settings.pace
    for step in campaign.steps:
        if choice.mail not in ("", step.id):
            continue
        mail, problem = None, ""
        try:
            mail = next(contact_pages(campaign, identity, person, pace, Choice(mail=step.id))).mail
        except CampaignError as error:
            problem = str(error)
        yield GalleryMail(
            id=step.id,
            name=step.name,
            about=" · ".join((person.segment, person.language or campaign.languages[0])),
            mail=mail,
            problem=problem,
            query={"mail": step.id, "person": person.id, "version": version},
            test={"delivery": f"{person.id}/{step.id}"} if mail and not version else {},
        )
