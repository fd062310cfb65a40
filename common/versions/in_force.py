"""The version in force: read it, read the one before it, plan a change to another version, and make that change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from common.campaigns.campaign import Campaign, stored_campaign
from common.campaigns.errors import CampaignError
from common.domain.cadence import Pace
from common.ledger.ledger import Ledger
from common.ledger.versions import Applied, LogEntry
from common.versions.differences import Differences
from common.versions.people import people_of, reminded_people
from common.versions.plan import Comparison, Plan

VersionAction = Literal["apply", "rollback"]


class RepeatedText(CampaignError):
    """A step has a text that people have received under another step id, so they would get it again."""


async def campaign_in_force(ledger: Ledger, key: str) -> Campaign | None:
    """Return the campaign in force, None before the first start. Raises CampaignError if this Advent cannot read it."""
    current = (await ledger.versions.in_force()).get(key)
    text = await ledger.versions.text(key, current.version) if current and current.version else None
    return stored_campaign(text, current.version) if text and current and current.version else None


async def campaign_before(ledger: Ledger, current: Campaign) -> Campaign | None:
    """
    Return the version that `current` replaced when it was applied, or None if it is the first one.

    Rollbacks are left out, so that rolling back twice goes back by two versions. Raises as `campaign_in_force` does.
    """
    log = await ledger.versions.log(current.key)
    forward = [entry for entry in log if entry.version == current.version and entry.action != "rollback"]
    before = forward[-1].source if forward else None
    text = await ledger.versions.text(current.key, before) if before else None
    return stored_campaign(text, before) if text and before else None


async def read_plan(
    ledger: Ledger,
    source: Campaign,
    target: Campaign,
    pace: Pace,
    *,
    now_ms: int,
    send_late: bool = False,
    on_person: Callable[[], object] = lambda: None,
) -> Plan:
    """
    Return the changes if `target` replaced `source`. All enrolled contacts are read.

    `on_person`: called after each contact.
    """
    comparison = Comparison(source, target, pace, now_ms=now_ms, send_late=send_late)
    async for person in people_of(ledger, target.key):
        comparison.add(person)
        on_person()
    return comparison.plan(reminded=await reminded_people(ledger))


async def put_in_force(
    ledger: Ledger,
    source: Campaign,
    target: Campaign,
    action: VersionAction,
    pace: Pace,
    *,
    by: str,
    at_ms: int,
    send_late: bool = False,
) -> Applied:
    """
    Put `target` in force instead of `source`, for all processes at once. A rollback needs a `target` that is stored.

    The schedules do not follow yet: call `update_schedules`, otherwise a worker does so. Raises, before any change,
    CampaignError when the pace is too fast, and RepeatedText.
    """
    terms = target.as_in_force().terms(pace)
    if Differences(source.compiled, target.compiled).copied:
        plan = await read_plan(ledger, source, target, pace, now_ms=at_ms, send_late=send_late)
        if plan.repeated:
            raise RepeatedText(f"{target.key}: {plan.repeated[0]}")
    entry = LogEntry(version=target.version, source=source.version, action=action, by=by, at_ms=at_ms)
    compiled = target.compiled.to_json() if action == "apply" else ""
    applied = await ledger.versions.apply(target.key, entry, compiled=compiled, send_late=send_late)
    if applied.is_done:
        ledger.replace(terms)
    return applied
