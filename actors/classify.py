"""The actor that turns a signup into an enrollment whose first step is due."""

from __future__ import annotations

import structlog

from common.domain.enrollment import Status
from common.ledger.versions import AnotherVersion
from common.world import World

log = structlog.get_logger(__name__)


async def classify(world: World, enrollment_id: str) -> None:
    """
    Enroll one accepted signup.

    1. Read what the gateway stored, including the segment.
    2. Enroll: step 1 is due at the anchor, and the version in force decides the segment. Repeating changes nothing.
    3. A CRITICAL contact is announced once, if an announcement channel is configured.
    """
    with structlog.contextvars.bound_contextvars(enrollment_id=enrollment_id):
        enrollment = await world.ledger.enrollments.get(enrollment_id)
        if enrollment is None:
            log.warning("enrollment_unknown")
            return
        if enrollment.campaign not in world.campaigns:
            # The sweeper schedules this job again, and a worker that has the campaign may get it.
            log.warning("campaign_not_played", campaign=enrollment.campaign)
            return
        announce = world.settings.hot_lead_webhook_url is not None
        try:
            status = await world.ledger.signups.enroll(enrollment, now_ms=world.clock.now_ms(), announce=announce)
        except AnotherVersion:
            if world.versions is None:
                raise
            await world.versions.refresh()
            status = await world.ledger.signups.enroll(enrollment, now_ms=world.clock.now_ms(), announce=announce)
        if status is Status.ACTIVE:
            log.info("enrollment_active", segment=enrollment.segment)
