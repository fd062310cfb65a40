"""Typical contacts, and what gateway, worker and provider do for each. Calls the ledger directly, without processes."""

from __future__ import annotations

import uuid

from common.clock import SystemClock
from common.domain.contact import Assessment
from common.domain.enrollment import Enrollment, Status
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import EnrollmentId, enrollment_id, step_delivery_id
from common.ledger.deliveries import ClaimGranted
from common.ledger.ledger import Ledger

NAMES = ("Ada", "Boris", "Chen", "Dunya", "Emeka", "Farah", "Guilhermina", "Hiroshi")
SYSTEMS = ("GPS", "CREW", "ENGINE", "FUEL", "CABIN", "COCKPIT", "RADAR", "AUTOPILOT")


def person(number: int) -> Assessment:
    name = NAMES[number % len(NAMES)]
    return Assessment(
        email=f"{name.lower()}.{number:06}@example.com",
        first_name=name,
        business_name=f"{name}'s Salon & Day Spa",
        assessment_score=30 + number % 56,
        red_systems=number % 3,
        orange_systems=1 + number % 2,
        yellow_systems=1,
        green_systems=5 - number % 3 - number % 2,
        gps_score=20 + number % 71,
        money_score=25 + number % 61,
        weakest_system_1=SYSTEMS[number % 8],
        weakest_system_2=SYSTEMS[(number + 3) % 8],
        strongest_system=SYSTEMS[(number + 5) % 8],
        revenue_leak_total=2_000 + number % 60 * 500,
        timezone="America/Toronto",
        locale="en-CA",
    )


async def sign_up(ledger: Ledger, person: Assessment) -> None:
    """Accept a signup, as the gateway does, and enroll the contact, as the classification does."""
    now_ms = SystemClock().now_ms()
    accepted = await ledger.signups.accept(person, webhook_id=webhook_id(person), received_ms=now_ms)
    enrollment = Enrollment(
        id=accepted.enrollment_id,
        campaign=ledger.campaign,
        status=Status.ACCEPTED,
        segment=accepted.segment,
        assessment=person,
        anchor_ms=now_ms,
        assessed_ms=now_ms,
    )
    await ledger.signups.enroll(enrollment, now_ms=now_ms, announce=False)


async def send(ledger: Ledger, person: Assessment, step: int) -> None:
    """Send a step, as a worker does: it is accepted, and the next step is scheduled."""
    now_ms = ledger.cadence.due_ms(anchor_ms=SystemClock().now_ms(), step=step)
    claim = await ledger.deliveries.claim(step_delivery_id(who(ledger, person), step), worker="bench", now_ms=now_ms)
    assert isinstance(claim, ClaimGranted), claim
    await ledger.deliveries.freeze(claim, "a mail, which is freed when it is settled", now_ms=now_ms)
    await ledger.deliveries.settle(claim, "accepted", _mail_id(person, step), now_ms=now_ms)


async def mirror(ledger: Ledger) -> None:
    """Mirror the contact that changed last: store Notion's page ids and a digest of what each page shows."""
    now_ms = SystemClock().now_ms()
    changed = await ledger.mirror.take(worker="bench", now_ms=now_ms)
    if changed is None:
        return
    pages = {}
    for table in ("sequence", "contact"):
        page = uuid.uuid5(uuid.NAMESPACE_DNS, table + changed.id)
        pages |= {table: str(page), f"{table}_digest": page.hex[:16]}
    await ledger.mirror.record_shown(changed.person, pages, worker="bench", now_ms=now_ms)


async def reported(ledger: Ledger, person: Assessment, step: int) -> None:
    """Record the provider's feedback on a step: the mail was sent and delivered."""
    now_ms = ledger.cadence.due_ms(anchor_ms=SystemClock().now_ms(), step=step) + 1_000
    for kind in (FeedbackKind.SENT, FeedbackKind.DELIVERED):
        feedback = Feedback(
            kind=kind,
            delivery_id=step_delivery_id(who(ledger, person), step),
            contact_id=who(ledger, person),
            event_ms=now_ms,
            mailed_ms=now_ms,
            received_ms=now_ms,
            provider_id=_mail_id(person, step),
        )
        await ledger.feedback.record(feedback, webhook_id=f"resend:{_message_id(f'{kind} {step} {person.email}')}")


def who(ledger: Ledger, person: Assessment) -> EnrollmentId:
    return enrollment_id(ledger.campaign, person.email)


def webhook_id(person: Assessment) -> str:
    return f"signup:{_message_id(person.email)}"


def _message_id(text: str) -> str:
    """Return a message id as long as those of Standard Webhooks' senders: `msg_` and 27 characters."""
    return f"msg_{uuid.uuid5(uuid.NAMESPACE_DNS, text).hex[:27]}"


def _mail_id(person: Assessment, step: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{step} {person.email}"))
