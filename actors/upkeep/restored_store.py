"""Settle what was sent after the backup of a restored store, before the store sends anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from actors.sending.find_accepted import CLOCKS_APART_MS
from actors.sending.mail_matching import by_address
from actors.sending.render import reminder_rules
from actors.upkeep.rebuild import Summary, combine, rebuild, rows_of
from actors.upkeep.restored_matching import Person, Risk, match_mails
from actors.upkeep.suppression_sync import read_when_due
from common.domain.delivery import Channel, DeliveryStatus
from common.domain.enrollment import Enrollment, Status
from common.domain.ids import step_delivery_id
from common.domain.mail import AcceptedMail
from common.domain.retry import KEY_LIFE_MS
from common.errors import Failure, Permanent
from common.ledger import keys
from common.ledger.generations import Settlement
from common.ledger.reads.audit_snapshot import read_audit_snapshot
from common.providers.patience import PatientBudget, retry_patiently
from common.world import World

PEOPLE_NAMED_MAX = 1_000

UNKNOWN = "the store was restored from a backup, and it may have gone out since"


@dataclass(frozen=True, slots=True)
class SettleResult:
    """Result of `settle`. `needs_operator`: nothing shows who left since the backup, so a person must allow sending."""

    settlement: Settlement
    needs_operator: bool


async def settle(world: World, *, store_ms: int) -> SettleResult:
    """
    Account for everything that may have been sent since `store_ms`, the time of the backup. Nothing is sent meanwhile.

    1. Read suppressions from the provider's list, contacts and dates from Notion.
    2. Decide about each open delivery that is due, or that an operator sent early: it was found in the provider's list,
       or certainly not sent, or its outcome is unknown. The unknown ones become dead letters, which wait for a person.

    It may be repeated. Raises a `Failure` when a provider that may be queried does not answer.
    """
    now_ms = world.clock.now_ms()
    notes: list[str] = []
    knows_who_left = await _read_suppressions(world, notes)
    from_notion = await _read_notion(world, notes)
    people = await _people(world, now_ms)
    if any(one.risks or one.early for one in people.values()):
        due_ms = (risk.due_ms for one in people.values() for risk in one.risks.values())
        await match_mails(world, people, await _listed(world, min([store_ms, *due_ms]), notes))
        await _match_texts(world, people, store_ms, notes)
    settlement = await _apply(world, people, notes, store_ms=store_ms, now_ms=now_ms)
    if from_notion is not None:
        settlement = replace(
            settlement,
            found=settlement.found + from_notion.found,
            merged=from_notion.merged,
            restored=from_notion.restored,
        )
    return SettleResult(settlement, needs_operator=not knows_who_left and from_notion is None)


async def _read_suppressions(world: World, notes: list[str]) -> bool:
    if world.suppression_list is None:
        return False
    client = world.ledger.client
    # The list may have changed since the backup read it: read all of it again.
    await world.ledger.store.call(lambda: client.delete(keys.SUPPRESSION_LIST))
    of = world.suppression_list
    try:
        await retry_patiently(lambda: read_when_due(world, of))
    except Failure as failure:
        if failure.status not in (401, 403):
            raise
        notes.append("Resend's suppression list could not be read: RESEND_API_KEY may only send")
        return False
    return True


async def _read_notion(world: World, notes: list[str]) -> Summary | None:
    """Merge what Notion shows into the ledger. Return None when Notion must not be read."""
    settings = world.settings
    if settings.notion_email_sequence_db_id is None:
        notes.append("Notion was not asked: no database is configured")
        return None
    if settings.is_rehearsal or (settings.testing_mode and settings.notion_is_real):
        notes.append("Notion was not asked: a test run must not read people of a live campaign")
        return None
    summaries: list[Summary] = []
    for campaign in world.campaigns.values():
        rows = rows_of(world, campaign)
        try:
            summary = await rebuild(world, rows, campaign=campaign)
        finally:
            await rows.close()
        summaries.append(summary)
        if summary.unknown_exits:
            notes.append(
                f"{len(summary.unknown_exits)} people left for a reason that Notion does not tell, and are suppressed;"
                " `advent rebuild` lists them"
            )
    return combine(summaries)


async def _people(world: World, now_ms: int) -> dict[str, Person]:
    people: dict[str, Person] = {}
    for campaign in world.campaigns.values():
        rules = reminder_rules(campaign, world.settings.pace)
        snapshot = await read_audit_snapshot(world.ledger, rules, campaign=campaign.key, now_ms=now_ms)
        for one in snapshot.people:
            person = people.setdefault(one.email, Person())
            person.enrollments.append(one.enrollment)
            person.known_ids |= {record.detail for record in one.enrollment.records.values() if record.sent_ms}
            for risk in _open_steps(world, one.enrollment):
                person.add(risk, now_ms)
        for reminder in snapshot.reminders:
            person = people.setdefault(reminder.email, Person())
            person.reminders.setdefault(campaign.key, []).append(reminder)
            person.known_ids |= {reminder.sent_as} if reminder.sent_as else set()
            is_open = reminder.record is None or reminder.record.status is DeliveryStatus.PLANNED
            if is_open:
                risk = Risk(reminder.id, campaign.key, reminder.due_ms, is_sms=reminder.channel is Channel.SMS)
                # The list of mails does not show an SMS; its replay searches the list of its own provider.
                risk.is_unknown = risk.is_sms and risk.due_ms <= now_ms
                person.add(risk, now_ms)
    return people


def _open_steps(world: World, enrollment: Enrollment) -> Iterator[Risk]:
    if enrollment.status not in (Status.ACCEPTED, Status.ACTIVE):
        return
    cadence = world.ledger.cadence_of(enrollment.campaign)
    for step in cadence.steps:
        due_ms = cadence.due_ms(anchor_ms=enrollment.anchor_ms, step=step)
        if enrollment.step_status(step)[0] is DeliveryStatus.PLANNED:
            yield Risk(step_delivery_id(enrollment.id, step), enrollment.campaign, due_ms, step)


async def _listed(world: World, first_ms: int, notes: list[str]) -> dict[str, list[AcceptedMail]] | None:
    """Return the listed mails by address, or None when the key may not list."""
    budget = PatientBudget(world.mail_budget)
    try:
        mails = await retry_patiently(lambda: world.mailer.list_all_accepted(first_ms - CLOCKS_APART_MS, budget=budget))
    except Failure as failure:
        if failure.status not in (401, 403):
            raise
        notes.append("Resend's list of mails could not be read: RESEND_API_KEY may only send; set one with full access")
        return None
    return by_address(mails)


async def _match_texts(world: World, people: dict[str, Person], store_ms: int, notes: list[str]) -> None:
    """
    Mark the early SMS of contacts who got more SMS since the backup than were due: a person decides which was sent.

    Raises a `Failure` when Twilio does not answer.
    """
    waiting = [one for one in people.values() if any(risk.is_sms for risk in one.early.values())]
    if not waiting or world.texter is None or world.text_budget is None:
        return
    texter, budget = world.texter, PatientBudget(world.text_budget)
    try:
        listed = await retry_patiently(lambda: texter.list_accepted(store_ms - CLOCKS_APART_MS, budget=budget))
    except Failure as failure:
        if failure.status not in (401, 403) and not isinstance(failure, Permanent):
            raise
        notes.append(f"Twilio's list could not be read ({failure.code}): an SMS that a person sent early goes again")
        return
    for person in waiting:
        numbers = person.numbers
        sent = [text for text in listed if text.to in numbers and text.id not in person.known_ids]
        if len(sent) > sum(risk.is_sms for risk in person.risks.values()):
            for risk in [one for one in person.early.values() if one.is_sms]:
                risk.is_unknown = True
                person.risk_of(risk.id)


async def _apply(
    world: World, people: dict[str, Person], notes: list[str], *, store_ms: int, now_ms: int
) -> Settlement:
    found = unknown = 0
    waiting: list[str] = []
    # A replay searches from here on: from the backup, because an operator may have sent it early, and at least so far
    # back that it does not trust the key instead, because clocks may be off. The backup's time 0 is unknown.
    searched_ms = min(store_ms or now_ms, now_ms - KEY_LIFE_MS)
    for address, person in people.items():
        for risk in person.risks.values():
            if risk.found is None and not risk.is_unknown and not risk.reason:
                continue
            since_ms = min(risk.due_ms, searched_ms) if risk.is_unknown else None
            changed = await world.ledger.deliveries.settle_restored(
                risk.id,
                risk.campaign,
                now_ms=now_ms,
                found=risk.found,
                detail=risk.reason or UNKNOWN,
                unknown_since_ms=since_ms,
            )
            found += changed and risk.found is not None
            unknown += changed and risk.is_unknown
        if any(risk.is_unknown for risk in person.risks.values()):
            waiting.append(address)
    return Settlement(
        at_ms=now_ms,
        store_ms=store_ms,
        found=found,
        unknown=unknown,
        people=tuple(waiting[:PEOPLE_NAMED_MAX]),
        notes=tuple(notes),
    )
