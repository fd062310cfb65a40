"""
Decisions of a user about one person: pause, resume, skip, send now, suppress, unsuppress, forget.

Pages and the API use the same functions. Each is a transition of the ledger, may safely be repeated, and is recorded in
the action log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from common.clock import iso
from common.domain.delivery import Channel, Kind
from common.domain.enrollment import ExitReason
from common.ledger.contacts import ForgetJob
from common.ledger.pauses import Pause
from common.ledger.planned_deliveries import Decided
from common.ledger.reads.contact_timeline import ContactTimeline
from common.ledger.reads.person_mails import PersonMail, why_all_wait
from common.store.identity import SECRET_KEY_MISMATCH, secret_key_differs
from services.console.acting import record_action
from services.console.auth.access import PRINCIPAL
from services.console.context import ConsoleContext
from services.console.notice import Notice
from services.console.worker_jobs import job_id_in
from services.web.problem import Problem

REASON_LENGTH_MAX = 200
CONSENT_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The result of a decision.

    `answer`: `done`, `waits`, `asked`, or the reason why nothing was done; `message`: the same in words, for the user.
    `job`: id of the job with which a worker completes it, see `worker_jobs`; "" if there is none.
    """

    answer: str
    message: str
    job: str = ""

    @property
    def is_done(self) -> bool:
        return self.answer in ("done", "waits", "asked")

    @property
    def notice(self) -> Notice:
        return Notice(self.message, self.is_done)


HANDED_OVER_MS: Final = 5 * 60_000
"""Normally, an SMS that is sent now has reached its provider within this time."""

Fields = Mapping[str, str]
Decide = Callable[[ConsoleContext, ContactTimeline, Fields], Awaitable[str]]
"""Returns a key of MESSAGES without the name of the action, or a key of _OF_A_MAIL."""

MESSAGES: Final[Mapping[str, str]] = {
    "pause done": "Paused: nothing is sent to this person until somebody resumes their mail.",
    "pause already": "This person was already paused; nothing changed.",
    "resume done": "Resumed: overdue mails are sent now, with the minimum gap between them.",
    "resume waits": "Resumed, but this person's mail still waits; each planned mail below says why.",
    "resume already": "This person was not paused; nothing changed.",
    "skip done": "Skipped: that mail is never sent to this person. Later mails keep their dates.",
    "send-now done": "That mail is due now. It is sent as soon as a worker is free and the sending window is open.",
    "send-now waits": "That mail is sent as soon as the minimum gap after the last mail has passed.",
    "suppress done": "Suppressed: this address gets no further mail, in any campaign; a worker tells Resend, too.",
    "suppress already": "This address was already suppressed; nothing changed.",
    "unsuppress asked": "A worker takes it off Resend's list and allows mail again, or the timeline says why not.",
    "unsuppress already": "This address is not suppressed; nothing changed.",
    "unsuppress complained": "Not done: this person complained about our mail, and nobody may undo that.",
    "unsuppress no consent": "Not done: say how and when the person asked for mail.",
    "forget done": "Erased here; the address gets no mail again. It is stored, for at most a day, until it is on"
    " Resend's own suppression list. After that, only the hash of the address is stored.",
    "forget ended": "Forgotten: only the hash of the address is stored, for as long as it must get no mail. To show"
    " this to somebody, search for the address here.",
    "forget already": "Nothing is stored about this person.",
    "forget not confirmed": "Not done: tick the box that says that it cannot be undone.",
}
_OF_A_MAIL: Final[Mapping[str, str]] = {
    "already": "Nothing was done: that mail already has its final status; the timeline shows it.",
    "sending": "Nothing was done: a worker is sending that mail right now.",
    "over": "Nothing was done: this person's sequence is over.",
    "paused": "Nothing was done: this person's mail is paused; resume it first.",
    "call over": "Nothing was done: the call has begun or was changed; the timeline shows it.",
    "quiet": "Nothing was done: no SMS is sent in quiet hours or just before them. It is sent at its planned time.",
    "later": "Nothing was done: another mail comes before that one.",
    "another version": "Nothing was done: the campaign has just changed; reload the page.",
    "unknown": "Nothing was done: this campaign has no such mail.",
}


def message_of(action: str, answer: str) -> str:
    """Return the answer of an action in words; "" if no action has such an answer."""
    return MESSAGES.get(f"{action} {answer}") or (_OF_A_MAIL.get(answer, "") if action in ("skip", "send-now") else "")


def notice_of(query: Mapping[str, str]) -> Notice | None:
    """Return the result of the action that led to a page, `?did=pause&done=already`; None without one."""
    answer = query.get("done", "")
    message = message_of(query.get("did", ""), answer)
    return Outcome(answer, message).notice if message else None


async def decide(context: ConsoleContext, action: str, person: ContactTimeline, fields: Fields) -> Outcome:
    """Execute an action of ACTIONS. Raises KeyError for an unknown action, and the errors of `Store.run`."""
    job = job_id_in(fields)
    answer = await ACTIONS[action](context, person, {**fields, "job": job})
    return Outcome(answer, message_of(action, answer), job if (action, answer) == ("forget", "done") else "")


async def _pause(context: ConsoleContext, person: ContactTimeline, fields: Fields) -> str:
    reason = fields.get("reason", "").strip()[:REASON_LENGTH_MAX]
    pause = Pause(since_ms=context.clock.now_ms(), by=PRINCIPAL.get().name, reason=reason)
    _, began = await context.ledger.pauses.start(person.enrollment_id, pause)
    if not began:
        return "already"
    await record_action(context, "pause", [person.enrollment_id], before=person.status, after="paused")
    return "done"


async def _resume(context: ConsoleContext, person: ContactTimeline, fields: Fields) -> str:
    ledger, contact = context.ledger, person.enrollment_id
    ended = await ledger.pauses.finish(contact, now_ms=context.clock.now_ms())
    if ended is None:
        return "already"
    await record_action(context, "resume", [contact], before=f"paused by {ended.by}", after=person.status)
    return "waits" if await why_all_wait(ledger, await ledger.pauses.active(), contact, person.campaign) else "done"


async def _skip(context: ConsoleContext, person: ContactTimeline, fields: Fields) -> str:
    reason = fields.get("reason", "").strip()[:REASON_LENGTH_MAX] or "skipped by hand"
    return await _of_mail(
        context,
        person,
        "skip",
        fields,
        lambda mail, by: context.ledger.planned_deliveries.skip(
            mail.delivery.id, campaign=mail.campaign, reason=reason, by=by, now_ms=context.clock.now_ms()
        ),
    )


async def _send_now(context: ConsoleContext, person: ContactTimeline, fields: Fields) -> str:
    if _is_quiet(context, person, fields):
        return "quiet"
    return await _of_mail(
        context,
        person,
        "send-now",
        fields,
        lambda mail, by: context.ledger.planned_deliveries.send_now(
            mail.delivery.id,
            campaign=mail.campaign,
            ignores_gap=fields.get("ignore_gap") == "yes",
            by=by,
            now_ms=context.clock.now_ms(),
        ),
    )


def _is_quiet(context: ConsoleContext, person: ContactTimeline, fields: Fields) -> bool:
    """
    Whether the mail is a reminder by SMS that would be sent in quiet hours.

    A worker would skip such a reminder finally, so it is not sent now and keeps its planned time.
    """
    mail = _mail_of(person, fields)
    if mail is None or (mail.delivery.kind, mail.delivery.channel) != (Kind.REMINDER, Channel.SMS):
        return False
    campaign, now_ms = context.running_campaign(mail.campaign), context.clock.now_ms()
    if campaign is None or (window := campaign.sms_window(context.settings.pace)) is None:
        return False
    signup = person.enrollment.assessment.timezone if person.enrollment else None
    of_call = (call.booking.timezone for call in person.calls if call.booking.id == mail.delivery.owner)
    zone, later_ms = campaign.zone_of(*of_call, signup), now_ms + HANDED_OVER_MS
    return any(window.opening_ms(at_ms, zone) > at_ms for at_ms in (now_ms, later_ms))


def _mail_of(person: ContactTimeline, fields: Fields) -> PersonMail | None:
    """Return the mail that `fields` name: `step-3`, or the delivery id of a mail or SMS about a call."""
    return next((one for one in (*person.mails, *person.call_mails) if one.name == fields.get("mail")), None)


async def _of_mail(
    context: ConsoleContext,
    person: ContactTimeline,
    what: str,
    fields: Fields,
    act: Callable[[PersonMail, str], Awaitable[Decided]],
) -> str:
    mail = _mail_of(person, fields)
    if mail is None or mail.campaign not in context.ledger.campaigns:
        return "unknown"
    decided = await act(mail, PRINCIPAL.get().name)
    if not decided.is_done:
        return "call over" if decided.answer == "over" and mail.delivery.step is None else decided.answer
    waits = decided.at_ms is not None and decided.at_ms > context.clock.now_ms()
    due = f"due {iso(decided.at_ms)}" if decided.at_ms is not None else "due at once"
    after = "skipped" if what == "skip" else due
    await record_action(context, what, [mail.delivery.id], before="planned", after=after)
    return "waits" if waits else "done"


async def _suppress(context: ConsoleContext, person: ContactTimeline, fields: Fields) -> str:
    is_new = await context.ledger.suppressions.suppress(
        person.email,
        ExitReason.SUPPRESSED,
        detail=f"by {PRINCIPAL.get().name}",
        now_ms=context.clock.now_ms(),
        is_unlisted=True,
    )
    if not is_new:
        return "already"
    await record_action(context, "suppress", [person.enrollment_id], before=person.status, after="suppressed")
    return "done"


async def _unsuppress(context: ConsoleContext, person: ContactTimeline, fields: Fields) -> str:
    consent = " ".join(fields.get("consent", "").split())[:CONSENT_LENGTH_MAX]
    known = await context.ledger.suppressions.of(person.email)
    if known is None:
        return "already"
    if known.reason is ExitReason.COMPLAINED:
        return "complained"
    if not consent:
        return "no consent"
    detail = f"by {PRINCIPAL.get().name}; consent: {consent}"
    await context.ledger.suppressions.request_unsuppress(person.enrollment_id, detail=detail)
    before = f"suppressed: {known.reason}"
    # The consent is recorded only in the timeline, which is erased with the person; the action log is not erased.
    await record_action(context, "unsuppress", [person.enrollment_id], before=before, after="asked for, with consent")
    return "asked"


async def _forget(context: ConsoleContext, person: ContactTimeline, fields: Fields) -> str:
    if fields.get("confirm") != "yes":
        return "not confirmed"
    if await secret_key_differs(context.ledger.client, context.settings.secret):
        raise Problem(409, SECRET_KEY_MISMATCH, title="Another SECRET_KEY")
    principal = PRINCIPAL.get()
    traces = await context.ledger.contacts.forget_address(
        person.email,
        now_ms=context.clock.now_ms(),
        job=ForgetJob(id=fields["job"], by=principal.name, via=principal.via),
    )
    after = "erased and suppressed; Resend's list: asked for"
    await record_action(context, "forget", traces.owners, before=person.status, after=after)
    return "done"


ACTIONS: Final[Mapping[str, Decide]] = {
    "pause": _pause,
    "resume": _resume,
    "skip": _skip,
    "send-now": _send_now,
    "suppress": _suppress,
    "unsuppress": _unsuppress,
    "forget": _forget,
}
