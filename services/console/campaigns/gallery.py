"""The gallery of a campaign: its mails for a sample reader or one person, from the version in force or the files."""

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
from services.console.campaigns.details import get_running_campaign
from services.console.context import ConsoleContext
from services.web.problem import Problem

Given = Mapping[str, str]
FILES = "files"
TESTED_READER = "full"
"""The sample reader whose mails can be sent as a test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryMail:
    """
    A mail of the gallery.

    `mail`: None if it cannot be rendered, for the reason `problem`. `query`: URL parameters that show only this mail.
    `test`: form fields that request a test of it; empty if no test can be sent.
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
    """The shown mails. `version`: "" for the version in force, or `files`. `person`: None for a sample reader."""

    campaign: Campaign
    version: str
    choice: Choice
    person: Enrollment | None
    mails: Sequence[GalleryMail]

    @property
    def mail_ids(self) -> list[str]:
        """The mails that can be chosen. For a person only steps: the page of the person has the mails about calls."""
        return [one.id for one in self.campaign.steps] if self.person else mail_ids(self.campaign)

    @property
    def address(self) -> str:
        """The URL of this page with the current choice."""
        chosen = self.choice
        if self.person:
            return self.at("gallery", mail=chosen.mail)
        named = {"segment": chosen.segment, "language": chosen.language, "reader": chosen.reader}
        return self.at("gallery", mail=chosen.mail, **named)

    def at(self, path: str, **query: str) -> str:
        """Return the URL of a page of this campaign, with the chosen version and person, and `query`."""
        chosen = {"version": self.version, "person": self.person.id if self.person else ""} | query
        chosen = {name: value for name, value in chosen.items() if value}
        return f"/campaigns/{self.campaign.key}/{path}" + (f"?{urlencode(chosen)}" if chosen else "")


async def read_gallery(context: ConsoleContext, key: str, given: Given) -> Gallery:
    """
    Render the chosen mails.

    `given`: mail (default: every mail), segment, language, reader (default: the first one), version, person. Raises
    Problem 404 for a campaign that does not run here and for a person who is not enrolled in it, 409 if the files
    cannot be read.
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
    """Return the choice. A value that does not exist counts as not given, so that saved URLs keep working."""

    def one_of(name: str, known: Sequence[str]) -> str:
        return given[name] if given.get(name) in known else known[0]

    return Choice(
        mail=one_of("mail", ["", *mail_ids(campaign)]),
        segment=one_of("segment", campaign.segments),
        language=one_of("language", campaign.languages),
        reader=one_of("reader", [*READERS]),
    )


async def _campaign(context: ConsoleContext, key: str, version: str) -> Campaign:
    running = get_running_campaign(context, key)
    if version != FILES:
        return running
    try:
        return await context.campaign_files.read(key)
    except CampaignError as error:
        raise Problem(409, str(error), title="The files cannot be read") from None


async def _person(context: ConsoleContext, campaign: Campaign, id: str) -> Enrollment:
    found = await context.ledger.enrollments.get(id) if is_enrollment_id(id) else None
    if found is None or found.campaign != campaign.key:
        raise Problem(404, "Nobody in this campaign has this id.", title="No such person")
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
