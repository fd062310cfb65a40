"""Updates the schedules of the contacts under way to the version of their campaign that is in force."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import structlog

from common.campaigns.campaign import Campaign
from common.campaigns.compiled import from_json
from common.clock import Clock
from common.domain.ids import step_name
from common.ledger import codec, keys
from common.ledger.ledger import Ledger
from common.ledger.store import texts
from common.ledger.versions import PlannedStep, ReplannedEnrollment, Replanning

AT_ONCE = 250
"""Contacts updated by one script, which occupies the store for a few milliseconds."""

log = structlog.get_logger(__name__)


async def update_schedules(ledger: Ledger, campaign: Campaign, replanning: Replanning, clock: Clock) -> int | None:
    """
    Update the schedules. Return how many people's changed, or None when another version was put in force meanwhile.

    This may be killed at any time: no step of the campaign is sent until a repetition has reached the end.
    """
    steps, changed = await _steps(ledger, campaign, replanning), 0
    async for people in _people(ledger, campaign):
        done = await ledger.versions.replan(
            campaign.key,
            replanning.version,
            steps,
            people,
            now_ms=clock.now_ms(),
            send_late=replanning.send_late,
        )
        if done is None:
            return None
        changed += done
    if not await ledger.versions.finish_replan(campaign.key, replanning.version):
        return None
    log.info("schedules_follow", campaign=campaign.key, version=replanning.version, changed=changed)
    return changed


async def _steps(ledger: Ledger, campaign: Campaign, replanning: Replanning) -> list[PlannedStep]:
    text = await ledger.versions.text(campaign.key, replanning.source) if replanning.source else None
    known = {step.id for step in from_json(text).steps} if text else {step.id for step in campaign.steps}
    cadence = ledger.cadence_of(campaign.key)
    return [
        PlannedStep(name=step_name(step), after_ms=cadence.offset_ms(step), is_new=step_name(step) not in known)
        for step in cadence.steps
    ]


async def _people(ledger: Ledger, campaign: Campaign) -> AsyncIterator[list[ReplannedEnrollment]]:
    owners: list[str] = []
    async for owner in ledger.enrollments.ids():
        owners.append(owner)
        if len(owners) == AT_ONCE:
            yield await _read(ledger, campaign, owners)
            owners = []
    yield await _read(ledger, campaign, owners)


async def _read(ledger: Ledger, campaign: Campaign, owners: Sequence[str]) -> list[ReplannedEnrollment]:
    pipe = ledger.client.pipeline(transaction=False)
    for owner in owners:
        pipe.hgetall(keys.enrollment(owner))
    found: list[dict[str, str]] = texts(await ledger.store.call(pipe.execute)) if owners else []
    return [
        ReplannedEnrollment(
            id=owner,
            segment=campaign.segment_of(codec.read_assessment(fields)),
            assessed_ms=fields.get("assessed_ms", fields["anchor_ms"]),
        )
        for owner, fields in zip(owners, found, strict=True)
        if fields.get("campaign") == campaign.key and "assessment" in fields
    ]
