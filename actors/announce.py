"""A hot lead is announced to the team."""

from __future__ import annotations

import structlog

from common.domain.ids import EnrollmentId
from common.providers.announce import announce as post
from common.world import World

log = structlog.get_logger(__name__)


async def announce(world: World, enrollment_id: str) -> None:
    """
    Tell the team of one CRITICAL signup; a failure is retried by the queue, and never touches the mails.

    The channel has no idempotency key: an answer that is lost may be followed by a second announcement.
    """
    with structlog.contextvars.bound_contextvars(enrollment_id=enrollment_id):
        url = world.settings.hot_lead_webhook_url
        enrollment = await world.ledger.enrollment(EnrollmentId(enrollment_id))
        if url is None or enrollment is None:
            return
        person = enrollment.assessment
        business = f" ({person.business_name})" if person.business_name else ""
        await post(
            url,
            f"CRITICAL: {person.first_name}{business} <{person.email}> scored {person.assessment_score} "
            f"with {person.red_systems} red systems.",
        )
        log.info("hot_lead_announced")
