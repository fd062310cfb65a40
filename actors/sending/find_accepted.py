"""What the provider did not tell us: an acceptance whose answer was lost is looked for in its list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from actors.sending.failure_policy import Decision
from actors.sending.mail_matching import subjects_of
from actors.sending.render import NotSent, render
from actors.sending.render_sms import render_sms
from common.campaigns.loader import CampaignError
from common.domain.delivery import Channel, Record
from common.domain.enrollment import Enrollment
from common.domain.ids import EnrollmentId, Step, step_of
from common.domain.mail import AcceptedMail, Mail
from common.domain.notion_import import AS_NOTION_SHOWS
from common.domain.series import Booking
from common.domain.text import AcceptedText, Text, plain_text
from common.errors import Failure, Misconfigured, Permanent, Throttled
from common.ledger.deliveries import ClaimGranted
from common.ledger.owners import Owned
from common.providers.budget import Budget
from common.world import World

CLOCKS_APART_MS = 60_000
"""The provider's clock and ours may disagree by this much; a mail is not looked for before its first attempt."""
ANSWERED_BUSY_MS = 2_000
ASK_AGAIN_MS = 60_000
RENEW_MS = 15_000

DAY_MS = 86_400_000
"""The provider remembers a key for this long."""

KEY_TAKEN_CODE: Final = "invalid_idempotent_request"
KEY_FORGOTTEN: Final = "an earlier try may have been accepted, and the provider no longer remembers its key"
NO_KEYS: Final = "it may have been accepted, and the provider knows no keys"
KEY_TAKEN: Final = "the provider has accepted another mail under this key"

_reading: set[int] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """
    A mail that may have been accepted since an instant.

    `others`: the records of all mails of this person that were accepted, steps and reminders; none of those is it.
    `enrollment`: whose `step` it is; both None for a reminder. `is_frozen`: `subject` is that of the bytes that were
    handed over; else it is what would be rendered now, of answers that may have changed: its absence proves nothing.
    """

    to: str
    subject: str
    is_frozen: bool
    since_ms: int
    others: Sequence[Record]
    enrollment: Enrollment | None
    step: Step | None


@dataclass(frozen=True, slots=True)
class Unfound:
    """Why no single acceptance can be named. `is_certain`: the list was read, and shows none."""

    reason: str
    is_certain: bool = False


async def look_for(world: World, sought: Sought, *, budget: Budget) -> AcceptedMail | Unfound:
    """
    The one mail that the provider lists and that can only be this one, or why there is not one.

    Raises `Throttled`, `Transient`, or `Misconfigured` when the list cannot be had now; a key that may never list is an
    answer.
    """
    try:
        mails = await world.mailer.list_accepted(sought.to, sought.since_ms - CLOCKS_APART_MS, budget=budget)
    except Misconfigured as refused:
        if refused.code != "restricted_api_key":
            raise
        return Unfound("it cannot be looked for: RESEND_API_KEY may only send; set one with full access, and replay")
    except Permanent as refused:
        return Unfound(f"it cannot be looked for: Resend would not list what it accepted ({refused.code})")
    left = [mail for mail in mails if not _is_accounted_for(mail, sought.others)]
    found = possible = [mail for mail in left if mail.subject == sought.subject]
    if not found and not sought.is_frozen and sought.enrollment:
        steps = await _steps_of(world, sought.enrollment, left)
        found = [mail for mail in left if steps.get(mail.id) == [sought.step]]
        possible = [mail for mail in left if mail.id in steps and (not steps[mail.id] or sought.step in steps[mail.id])]
    if len(found) == 1 and not await _may_be_another(world, sought, found[0]):
        return found[0]
    if possible:
        return Unfound(
            f"{len(possible)} of the mails that Resend lists may be it: look at them there, and discard this if one is"
        )
    return Unfound("not found among what Resend lists: replay sends it again", is_certain=True)


async def _steps_of(world: World, enrollment: Enrollment, mails: Sequence[AcceptedMail]) -> dict[str, list[Step]]:
    """By id of each mail of ours: the steps that have its subject, in any version; none where no step has."""
    subjects = await subjects_of(world, world.campaigns.played(enrollment.campaign))
    person = enrollment.assessment
    return {mail.id: subjects.steps_of(mail.subject, person) for mail in mails if subjects.is_ours(mail)}


async def _may_be_another(world: World, sought: Sought, mail: AcceptedMail) -> bool:
    """Whether it may be another step for this person, in any campaign, whose outcome is unknown too."""
    if (one := sought.enrollment) is None:
        return False
    for owner in dict.fromkeys([one.id, *await world.ledger.mailboxes.in_campaigns(one.assessment.email)]):
        for name, payload in (await world.ledger.deliveries.unknown_outcomes(owner)).items():
            step = step_of(name)
            if (owner, step) != (one.id, sought.step) and await _fits(world, owner, step, payload, mail):
                return True
    return False


async def _fits(world: World, owner: EnrollmentId, step: Step, payload: str, mail: AcceptedMail) -> bool:
    if payload:
        return Mail.thawed(payload).subject == mail.subject
    enrollment = await world.ledger.enrollments.get(owner)
    if enrollment is None or enrollment.campaign not in world.campaigns:
        return False
    return step in (await _steps_of(world, enrollment, [mail])).get(mail.id, [])


async def find(world: World, item: Owned, *, budget: Budget) -> AcceptedMail | AcceptedText | Unfound:
    """What the provider of its channel lists of a delivery that may have been accepted. Raises as `look_for`."""
    if item.delivery.channel is Channel.SMS:
        return await _find_text(world, item, budget=budget)
    return await look_for(world, await sought(world, item), budget=budget)


async def _find_text(world: World, item: Owned, *, budget: Budget) -> AcceptedText | Unfound:
    """By number, time and text; what is known to be another delivery's is not it."""
    if world.texter is None:
        return Unfound("it cannot be looked for: TWILIO_ACCOUNT_SID is unset")
    try:
        text = Text.thawed(item.payload) if item.payload else await render_sms(world, item)
    except NotSent as refusal:
        return Unfound(f"it cannot be looked for: {refusal}")
    assert isinstance(item.owner, Booking)
    since_ms = (item.first_attempt_ms or item.owner.received_ms) - CLOCKS_APART_MS
    listed = await world.texter.list_accepted(since_ms, to=text.to, budget=budget)
    known = await world.ledger.texts.accepted_ids(text.to)
    found = [one for one in listed if one.id not in known and plain_text(one.body) == text.body]
    if len(found) == 1:
        return found[0]
    if found:
        return Unfound(f"{len(found)} of the SMS that Twilio lists may be it: look there, and discard this if one is")
    return Unfound("not found among what Twilio lists: replay sends it again", is_certain=True)


async def reconcile(world: World, claim: ClaimGranted, *, because: str) -> AcceptedMail | AcceptedText | Decision:
    """
    What became of a claimed delivery that may have been accepted: the mail, or how to settle it without.

    One job of a worker reads the list at a time, so that the others go on sending; the others come back soon.
    """
    provider = world.texter if claim.delivery.channel is Channel.SMS else world.mailer
    if id(provider) in _reading:
        return Decision("defer", "being looked for", ANSWERED_BUSY_MS)
    _reading.add(id(provider))
    try:
        answer = await find(world, claim, budget=_KeepingTheClaim(world, claim))
    except CampaignError as error:
        return Decision("dead", f"{because}; it cannot be rendered to be looked for: {error}", code="not_rendered")
    except Failure as failure:
        return _put_off(failure)
    finally:
        _reading.discard(id(provider))
    if isinstance(answer, Unfound):
        return Decision("dead", f"{because}; {answer.reason}", is_unsent=answer.is_certain, code="outcome_unknown")
    return answer


async def _others(world: World, who: EnrollmentId, enrollment: Enrollment | None) -> list[Record]:
    """The accepted mails of one person, enrolled or not: steps of all campaigns, and reminders of all their calls."""
    records = [*enrollment.records.values()] if enrollment else []
    address = enrollment.assessment.email if enrollment else ""
    people = dict.fromkeys([who, *(await world.ledger.mailboxes.in_campaigns(address) if address else ())])
    for other in people:
        known = await world.ledger.enrollments.get(other) if other != who else None
        records += known.records.values() if known else ()
        async for call in world.ledger.bookings.calls(other):
            records += call.records.values()
    return [record for record in records if record.sent_ms is not None]


async def sought(world: World, item: Owned) -> Sought:
    """What to look for. Raises `CampaignError` when no attempt was frozen, and a blank would result now."""
    payload, owner = item.payload, item.owner
    enrollment: Enrollment | None
    if isinstance(owner, Enrollment):
        begin_ms, enrollment = owner.anchor_ms, owner
    else:
        begin_ms, enrollment = owner.received_ms, await world.ledger.enrollments.get(item.contact_id)
    return Sought(
        to=item.address,
        subject=(Mail.thawed(payload) if payload else await render(world, item)).subject,
        is_frozen=payload is not None,
        since_ms=item.first_attempt_ms or begin_ms,
        others=await _others(world, item.contact_id, enrollment),
        enrollment=owner if isinstance(owner, Enrollment) else None,
        step=item.delivery.step if isinstance(owner, Enrollment) else None,
    )


def _is_accounted_for(mail: AcceptedMail, records: Sequence[Record]) -> bool:
    """It belongs to a delivery with a final status: by its id, or by its time where a rebuild found only that."""
    return any(
        mail.id == record.detail
        or (record.detail == AS_NOTION_SHOWS and abs(mail.created_ms - (record.sent_ms or 0)) < CLOCKS_APART_MS)
        for record in records
    )


def _put_off(failure: Failure) -> Decision:
    """The list cannot be had now: it is asked for again, and no try is spent."""
    reason = f"cannot be looked for: {failure.code}"
    if isinstance(failure, Throttled):
        return Decision("defer", reason, max(failure.retry_after_ms, 100))
    if isinstance(failure, Misconfigured):
        return Decision("defer", reason, max(failure.retry_after_ms or 0, ASK_AGAIN_MS))
    return Decision("defer", reason, ASK_AGAIN_MS, maybe_provider_wide=True)


class _KeepingTheClaim(Budget):
    """The budget of its channel; a list of many pages takes longer than a lease, which is renewed on the way."""

    def __init__(self, world: World, claim: ClaimGranted) -> None:
        self._world, self._claim = world, claim
        self._budget = world.mail_budget
        if claim.delivery.channel is Channel.SMS and world.text_budget is not None:
            self._budget = world.text_budget
        self._renewed_ms = world.clock.now_ms()

    async def take(self) -> None:
        now_ms = self._world.clock.now_ms()
        if now_ms - self._renewed_ms > RENEW_MS:
            self._renewed_ms = now_ms
            await self._world.ledger.deliveries.renew_lease(self._claim, now_ms=now_ms)
        await self._world.ledger.store.patiently(self._budget.take)

    async def push(self, retry_after_ms: int) -> None:
        await self._world.ledger.store.patiently(partial(self._budget.push, retry_after_ms))
