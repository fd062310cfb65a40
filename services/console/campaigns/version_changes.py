"""
Changing the version in force of a campaign: `apply` takes the version of the files, `rollback` the previous version.

Pages and the API use the same functions. A change names the version that it replaces and the version that it puts in
force, as the plan showed them. If one of them has changed since, nothing is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from common.campaigns.campaign import Campaign
from common.campaigns.errors import CampaignError
from common.ledger.versions import Replanning
from common.versions.in_force import RepeatedText, VersionAction, campaign_before, campaign_in_force, put_in_force
from common.versions.replan import update_schedules
from services.console.acting import record_action
from services.console.auth.access import PRINCIPAL
from services.console.campaigns.details import get_running_campaign
from services.console.context import ConsoleContext
from services.console.decisions import Outcome
from services.console.plan_counts import PlanCount
from services.web.problem import Problem

VERSION_ACTIONS: Final[tuple[VersionAction, ...]] = get_args(VersionAction)

MESSAGES: Final[Mapping[str, str]] = {
    "done": "The version is in force in all processes. The schedules of people under way are being updated; until that"
    " is done, no mail of the campaign is sent.",
    "already": "That version was already in force; nothing changed.",
    "another version": "Nothing was done: another version was put in force meanwhile, or schedules are still being"
    " updated to the last one. Look at the plan again.",
    "files changed": "Nothing was done: the files have changed since that plan. Look at it again.",
    "repeated": "Nothing was done: a step has a text that people already got under another id. The plan names it.",
    "first": "Nothing was done: the version in force is the first one, so there is none to go back to.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """
    A version that could replace the version in force, `source`.

    `target`: None if it cannot be read, for the reason `problem`, or if there is no previous version. `count`: the plan
    and its progress; None if nothing would change.
    """

    action: VersionAction
    source: Campaign
    target: Campaign | None
    send_late: bool = False
    count: PlanCount | None = None
    problem: str = ""

    @property
    def changes_nothing(self) -> bool:
        return self.target is not None and self.target.compiled == self.source.compiled


async def propose(context: ConsoleContext, key: str, action: VersionAction, *, send_late: bool = False) -> Proposal:
    """
    Return what the action would change.

    Raises Problem 404 for a campaign that does not run here, 409 if no version is in force yet, or if it is unreadable.
    """
    source = await _in_force(context, key)
    try:
        target = await _target(context, source, action)
    except CampaignError as error:
        return Proposal(action=action, source=source, target=None, problem=str(error))
    proposal = Proposal(action=action, source=source, target=target, send_late=send_late)
    if target is None or proposal.changes_nothing:
        return proposal
    count = await context.plan_counts.of(source, target, send_late=send_late)
    return Proposal(action=action, source=source, target=target, send_late=send_late, count=count)


async def change_version(
    context: ConsoleContext, key: str, action: VersionAction, *, source: str, target: str, send_late: bool = False
) -> Outcome:
    """
    Put another version in force, and start updating the schedules.

    `source`, `target`: the versions that the plan named. Raises as `propose`, and Problem 409 if the target version
    cannot be read.
    """
    current = await _in_force(context, key)
    if current.version == target:
        return outcome_of("already")
    if current.version != source:
        return outcome_of("another version")
    try:
        proposed = await _target(context, current, action)
    except CampaignError as error:
        raise Problem(409, str(error), title="That version cannot be read") from None
    if proposed is None:
        return outcome_of("first")
    if proposed.version != target:
        return outcome_of("files changed" if action == "apply" else "another version")
    try:
        return outcome_of(await _put_in_force(context, current, proposed, action, send_late=send_late))
    except RepeatedText:
        return outcome_of("repeated")


def outcome_of(answer: str) -> Outcome:
    """`answer`: a key of MESSAGES."""
    return Outcome(answer, MESSAGES[answer])


async def _in_force(context: ConsoleContext, key: str) -> Campaign:
    get_running_campaign(context, key)
    try:
        found = await campaign_in_force(context.ledger, key)
    except CampaignError as error:
        raise Problem(409, str(error), title="The version in force cannot be read") from None
    if found is None:
        detail = "A worker's first start puts the files in force."
        raise Problem(409, detail, title="No version is in force yet")
    return found


async def _target(context: ConsoleContext, source: Campaign, action: VersionAction) -> Campaign | None:
    """
    Return the version that the action would put in force; None if there is no previous version.

    Raises CampaignError if it cannot be read, or if its cadence is too fast at this pace.
    """
    if action == "apply":
        found: Campaign | None = await context.campaign_files.read(source.key)
    else:
        found = await campaign_before(context.ledger, source)
    if found is not None:
        found.cadence(context.settings.pace)
    return found


async def _put_in_force(
    context: ConsoleContext, source: Campaign, target: Campaign, action: VersionAction, *, send_late: bool
) -> str:
    ledger, by, now_ms = context.ledger, PRINCIPAL.get().name, context.clock.now_ms()
    applied = await put_in_force(
        ledger, source, target, action, context.settings.pace, by=by, at_ms=now_ms, send_late=send_late
    )
    if not applied.is_done:
        return "another version"
    if not applied.is_new:
        return "already"
    await record_action(context, action, [target.key], before=source.version, after=target.version)
    if context.versions is not None:
        await context.versions.refresh()
    replanning = (await ledger.versions.in_force())[target.key].replanning
    if replanning is not None:
        context.background.start([_follow(context, target, replanning)])
    return "done"


async def _follow(context: ConsoleContext, campaign: Campaign, replanning: Replanning) -> None:
    """Update the schedules to the version. If this process ends first, a worker finishes the update."""
    await update_schedules(context.ledger, campaign, replanning, context.clock)
