"""Search a provider's list for a mail or SMS that it may have accepted although its answer was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors.sending.mail_matching import Subjects, subjects_of
from actors.sending.render import NotSent, render
from actors.sending.render_sms import render_sms
from common.domain.delivery import Record
from common.domain.enrollment import Enrollment
from common.domain.ids import EnrollmentId, Step, step_of
from common.domain.mail import AcceptedMail, Mail
from common.domain.notion_import import AS_NOTION_SHOWS
from common.domain.series import Booking
from common.domain.sms import AcceptedSms, Sms, plain_text
from common.errors import Misconfigured, Permanent
from common.ledger.owners import Owned
from common.providers.budget import Budget
from common.world import World

CLOCKS_APART_MS = 60_000
"""How far the provider's clock and ours may differ; a search begins this long before the first attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sought:
    """
    A mail that may have been accepted at `since_ms` or later.

    `others`: the records of all accepted mails of this contact, steps and reminders; this mail is none of them.
    `enrollment` and `step`: the step that this mail is; both None for a mail about a call. `is_frozen`: `subject` is
    that of the frozen bytes. Otherwise it is rendered now, from answers that may have changed, so its absence proves
    nothing.
    """

    to: str
    subject: str
    is_frozen: bool
    since_ms: int
    others: Sequence[Record]
    enrollment: Enrollment | None
    step: Step | None


@dataclass(frozen=True, slots=True)
class NotFound:
    """Why no single accepted message can be named. `is_certain`: the list was read and shows none."""

    reason: str
    is_certain: bool = False


async def find_mail(world: World, item: Owned, budget: Budget) -> AcceptedMail | NotFound:
    """
    Return the one mail on the provider's list that can only be this delivery, or why there is no such mail.

    Raises `CampaignError` when no attempt was frozen and rendering now would leave a blank; `Throttled`, `Transient` or
    `Misconfigured` when the list cannot be read now. If the key may not list at all, that is the reason returned.
    """
    try:
        sought = await _sought(world, item)
    except NotSent as refusal:
        return NotFound(f"it cannot be searched for: {refusal}; discard it, or add it to the campaign again and replay")
    try:
        mails = await world.mailer.list_accepted(sought.to, sought.since_ms - CLOCKS_APART_MS, budget=budget)
    except Misconfigured as refused:
        if refused.code != "restricted_api_key":
            raise
        return NotFound("it cannot be searched for: RESEND_API_KEY may only send; set one with full access, and replay")
    except Permanent as refused:
        return NotFound(f"it cannot be searched for: Resend would not list what it accepted ({refused.code})")
    left = [mail for mail in mails if not _is_accounted_for(mail, sought.others)]
    subjects = _CampaignSubjects(world)
    found = possible = [mail for mail in left if mail.subject == sought.subject]
    if not found and not sought.is_frozen and sought.enrollment:
        steps = await subjects.steps_of(sought.enrollment, left)
        found = [mail for mail in left if steps.get(mail.id) == [sought.step]]
        possible = [mail for mail in left if mail.id in steps and (not steps[mail.id] or sought.step in steps[mail.id])]
    elif not found and not sought.is_frozen:
        # A mail about a call names its hour, zone and place, which may have changed since.
        of_campaign = await subjects.of(item.campaign)
        possible = [mail for mail in left if of_campaign.is_ours(mail)]
    if len(found) == 1 and not await _may_be_another(world, sought, found[0], subjects):
        return found[0]
    if possible:
        return NotFound(
            f"{len(possible)} of the mails that Resend lists may be it: look at them there, and discard this if one is"
        )
    return NotFound("not found among what Resend lists: replay sends it again", is_certain=True)


class _CampaignSubjects:
    """The subjects of each campaign. Its versions are read once, for all contacts."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._subjects: dict[str, Subjects] = {}

    async def of(self, campaign: str) -> Subjects:
        if campaign not in self._subjects:
            self._subjects[campaign] = await subjects_of(self._world, self._world.campaigns.played(campaign))
        return self._subjects[campaign]

    async def steps_of(self, enrollment: Enrollment, mails: Sequence[AcceptedMail]) -> dict[str, list[Step]]:
        """Return, for the id of each mail of ours, the steps with its subject in any version; it may be none."""
        subjects = await self.of(enrollment.campaign)
        return {
            mail.id: subjects.steps_of(mail.subject, enrollment.assessment) for mail in mails if subjects.is_ours(mail)
        }


async def _may_be_another(world: World, sought: _Sought, mail: AcceptedMail, subjects: _CampaignSubjects) -> bool:
    """Return whether the mail may be another step of unknown outcome for this contact, in any campaign."""
    if (one := sought.enrollment) is None:
        return False
    for owner in dict.fromkeys([one.id, *await world.ledger.mailboxes.in_campaigns(one.assessment.email)]):
        for name, payload in (await world.ledger.deliveries.unknown_outcomes(owner)).items():
            step = step_of(name)
            if (owner, step) != (one.id, sought.step) and await _fits(world, owner, step, payload, mail, subjects):
                return True
    return False


async def _fits(
    world: World, owner: EnrollmentId, step: Step, payload: str, mail: AcceptedMail, subjects: _CampaignSubjects
) -> bool:
    if payload:
        return Mail.thawed(payload).subject == mail.subject
    enrollment = await world.ledger.enrollments.get(owner)
    if enrollment is None or enrollment.campaign not in world.campaigns:
        return False
    return step in (await subjects.steps_of(enrollment, [mail])).get(mail.id, [])


async def find_text(world: World, item: Owned, budget: Budget) -> AcceptedSms | NotFound:
    """
    Return the one SMS on the provider's list with this number, time and text, or why there is no such SMS.

    An SMS that is known to be another delivery does not count. Without frozen bytes, every other SMS to this number may
    be it. Raises like `find_mail`.
    """
    assert world.texter is not None, "the channel is set up"
    try:
        text = Sms.thawed(item.payload) if item.payload else await render_sms(world, item)
    except NotSent as refusal:
        return NotFound(f"it cannot be searched for: {refusal}")
    assert isinstance(item.owner, Booking)
    since_ms = (item.first_attempt_ms or item.owner.received_ms) - CLOCKS_APART_MS
    try:
        listed = await world.texter.list_accepted(since_ms, to=text.to, budget=budget)
    except Permanent as refused:
        return NotFound(f"it cannot be searched for: Twilio would not list what it accepted ({refused.code})")
    known = await world.ledger.texts.accepted_ids(text.to)
    left = [one for one in listed if one.id not in known]
    found = [one for one in left if plain_text(one.body) == text.body]
    if len(found) == 1:
        return found[0]
    # Without frozen bytes the text is rendered now, and may have been another.
    possible = found if found or item.payload is not None else left
    if possible:
        return NotFound(
            f"{len(possible)} of the SMS that Twilio lists may be it: look there, and discard this if one is"
        )
    return NotFound("not found among what Twilio lists: replay sends it again", is_certain=True)


async def _others(world: World, item: Owned) -> list[Record]:
    """Return the records of all accepted mails of a contact, enrolled or not: steps, and mails about their calls."""
    records: list[Record] = []
    for other in dict.fromkeys([item.contact_id, *await world.ledger.mailboxes.in_campaigns(item.address)]):
        known = await world.ledger.enrollments.get(other)
        records += known.records.values() if known else ()
        async for call in world.ledger.bookings.calls(other):
            records += call.records.values()
    return [record for record in records if record.sent_ms is not None]


async def _sought(world: World, item: Owned) -> _Sought:
    payload, owner = item.payload, item.owner
    enrollment = owner if isinstance(owner, Enrollment) else None
    begin_ms = owner.anchor_ms if isinstance(owner, Enrollment) else owner.received_ms
    return _Sought(
        to=item.address,
        subject=(Mail.thawed(payload) if payload else await render(world, item)).subject,
        is_frozen=payload is not None,
        since_ms=item.first_attempt_ms or begin_ms,
        others=await _others(world, item),
        enrollment=enrollment,
        step=item.delivery.step if enrollment else None,
    )


def _is_accounted_for(mail: AcceptedMail, records: Sequence[Record]) -> bool:
    """Return whether one of these records is this mail: by its id, or by its time where a rebuild found only that."""
    return any(
        mail.id == record.detail
        or (record.detail == AS_NOTION_SHOWS and abs(mail.created_ms - (record.sent_ms or 0)) < CLOCKS_APART_MS)
        for record in records
    )
