"""What the gallery of a campaign shows: mails for sample readers, or for one person; in force, or of the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from common.campaigns.campaign import Campaign
from common.campaigns.errors import CampaignError
from common.campaigns.gallery import READERS, Choice, contact_pages, preheader_of, sample_pages
from common.campaigns.messages import Rendered
from common.domain.enrollment import Enrollment
from common.domain.ids import is_enrollment_id
from services.console.campaign_details import played_campaign
from services.console.context import ConsoleContext
from services.web.problem import Problem

Given = Mapping[str, str]
FILES = "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownMail:
    """`mail`: None where it cannot be written, for the reason `problem`. `query`: what chooses this one alone."""

    id: str
    name: str
    about: str
    query: Mapping[str, str]
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
    mails: Sequence[ShownMail]

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


def mail_ids(campaign: Campaign) -> list[str]:
    """Steps by their id, reminders and follow-ups by their name, SMS as `sms-24h`."""
    steps = [one.id for one in campaign.steps]
    calls = [*(one.name for one in campaign.reminders), *(one.name for one in campaign.follow_ups)]
    by_sms = [one.name for one in campaign.sms_reminders] + [one.name for one in campaign.sms_follow_ups]
    return [*steps, *calls, *(f"sms-{name}" for name in by_sms)]


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


def _samples(context: ConsoleContext, campaign: Campaign, choice: Choice, version: str) -> Iterator[ShownMail]:
    names = {one.id: one.name for one in campaign.steps}
    for page in sample_pages(campaign, campaign.identity(context.settings.identity), choice):
        yield ShownMail(
            id=page.mail_id,
            name=names.get(page.mail_id, page.letter.replace("-", " ")),
            about=" · ".join(filter(None, (page.segment or "every segment", page.language, page.reader))),
            mail=page.mail,
            query={
                "mail": page.mail_id,
                "segment": choice.segment,
                "language": page.language,
                "reader": page.kind,
                "version": version,
            },
        )


def _mails_of(
    context: ConsoleContext, campaign: Campaign, person: Enrollment, choice: Choice, version: str
) -> Iterator[ShownMail]:
    identity, pace = campaign.identity(context.settings.identity), context.settings.pace
    for step in campaign.steps:
        if choice.mail not in ("", step.id):
            continue
        mail, problem = None, ""
        try:
            mail = next(contact_pages(campaign, identity, person, pace, Choice(mail=step.id))).mail
        except CampaignError as error:
            problem = str(error)
        about = " · ".join((person.segment, person.language or campaign.languages[0]))
        query = {"mail": step.id, "person": person.id, "version": version}
        yield ShownMail(id=step.id, name=step.name, about=about, mail=mail, problem=problem, query=query)
