"""The actor that announces a hot lead to the team."""

from __future__ import annotations

import structlog
from dramatiq.errors import Retry

from common.domain.contact import Assessment
from common.domain.ids import EnrollmentId
from common.errors import Failure, Throttled
from common.formatting import count
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
        try:
            await post(url, _announcement(enrollment.assessment))
        except Failure as failure:
            log.warning("hot_lead_not_announced", kind=failure.kind, code=failure.code)
            wait_ms = failure.retry_after_ms if isinstance(failure, Throttled) else 0
            raise Retry(failure.code, delay=wait_ms if wait_ms > PATIENCE_MS else None) from None
        log.info("hot_lead_announced")


def _announcement(person: Assessment) -> str:
    """Return the line. It leaves out a result that is unknown, because the campaign may not declare its field."""
    business = if_usable(person.business_name)
    name = " ".join(filter(None, (name_if_usable(person.first_name), f"({business})" if business else None)))
    red = count(person.red_systems, "red system") if person.red_systems else ""
    if person.assessment_score is not None:
        result = f"scored {person.assessment_score}" + (f" with {red}" if red else "")
    else:
        result = f"has {red}" if red else "signed up"
    return f"CRITICAL: {name or 'somebody'} <{person.email}> {result}."
