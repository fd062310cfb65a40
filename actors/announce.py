"""The actor that announces a hot lead to the team."""

from __future__ import annotations

import structlog
from dramatiq.errors import Retry

from common.domain.ids import EnrollmentId
from common.errors import Failure, Throttled
from common.normalization.text import if_usable, name_if_usable
from common.providers.announce import announce as post
from common.world import World

PATIENCE_MS = 5_000
"""How long the queue waits before it repeats a failed job for the first time; each further wait is longer."""

log = structlog.get_logger(__name__)


async def announce(world: World, enrollment_id: str) -> None:
    """
    Announce one CRITICAL signup to the team. The queue retries a failure, which never affects the mails.

    The channel has no idempotency key, so the team may get a second announcement when its answer is lost.
    Raises Retry when the channel did not accept it: this is not an internal error and needs no traceback.
    """
    with structlog.contextvars.bound_contextvars(enrollment_id=enrollment_id):
        url = world.settings.hot_lead_webhook_url
        enrollment = await world.ledger.enrollments.get(EnrollmentId(enrollment_id))
        if url is None or enrollment is None:
            return
        person = enrollment.assessment
        business = if_usable(person.business_name)
        name = " ".join(filter(None, (name_if_usable(person.first_name), f"({business})" if business else None)))
        text = (
            f"CRITICAL: {name or 'somebody'} <{person.email}> scored {person.assessment_score} "
            f"with {person.red_systems} red systems."
        )
        try:
            await post(url, text)
        except Failure as failure:
            log.warning("hot_lead_not_announced", kind=failure.kind, code=failure.code)
            wait_ms = failure.retry_after_ms if isinstance(failure, Throttled) else 0
            raise Retry(failure.code, delay=wait_ms if wait_ms > PATIENCE_MS else None) from None
        log.info("hot_lead_announced")
