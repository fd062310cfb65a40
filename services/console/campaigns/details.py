"""The details of a campaign: the version in force, its people, and when its mails are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.campaigns.campaign import Campaign
from common.campaigns.windows import window_in_words
from common.clock import iso
from common.domain.cadence import Pace
from common.domain.delivery import Trigger
from common.ledger.pauses import Pause
from common.ledger.versions import LogEntry
from services.console.campaigns.board import Board, Cell, board_of, signed_up_since
from services.console.context import ConsoleContext
from services.web.problem import Problem

_AFTER = {
    Trigger.NO_SHOW: "after a missed call",
    Trigger.COMPLETED: "after a call that was held",
    Trigger.CANCELLED: "after a cancellation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMail:
    """
    A mail of the campaign.

    `id`: the id of the step, or the name of the reminder or follow-up. `when`: before or after which event it is sent,
    `offset_ms`: how long before or after.
    """

    id: str
    name: str
    offset_ms: int
    when: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignDetails:
    """
    A campaign with its state and numbers.

    `since`: the entry that put the version in force; None if there is none. `log`: all changes, newest first.
    `is_following`: schedules are being updated to the version in force; nothing is sent meanwhile. `files_differ`: the
    files differ from it and have not been applied. `month`: the current month, such as `2025-11`; `of_month`: people
    who signed up in it, by segment; the key "" has all.
    """

    campaign: Campaign
    since: LogEntry | None
    log: Sequence[LogEntry]
    is_following: bool
    is_open: bool
    window: str
    pause: Pause | None
    files_differ: bool
    board: Board
    steps: Sequence[PlannedMail]
    others: Sequence[PlannedMail]
    month: str
    of_month: Mapping[str, Cell]


def get_running_campaign(context: ConsoleContext, key: str) -> Campaign:
    """Raises Problem 404 for a campaign that does not run here."""
    campaign = context.running_campaign(key)
    if campaign is None:
        raise Problem(404, "The setting CAMPAIGNS names the campaigns that run here.", title="No such campaign")
    return campaign


async def read_all_details(context: ConsoleContext) -> list[CampaignDetails]:
    """Return the details of all campaigns that run here, in the order of CAMPAIGNS."""
    await context.people.refresh_if_read()
    return [await _details(context, key) for key in context.campaigns or ()]


async def read_details(context: ConsoleContext, key: str) -> CampaignDetails:
    """Raises Problem 404 for a campaign that does not run here."""
    get_running_campaign(context, key)
    await context.people.refresh_if_read()
    return await _details(context, key)


async def _details(context: ConsoleContext, key: str) -> CampaignDetails:
    campaign, ledger, pace = get_running_campaign(context, key), context.ledger, context.settings.pace
    log, month = [*reversed(await ledger.versions.log(key))], iso(context.clock.now_ms())[:7]
    current = (await ledger.versions.in_force()).get(key)
    since = next((entry for entry in log if current and entry.version == current.version), None)
    return CampaignDetails(
        campaign=campaign,
        since=since,
        log=log,
        is_following=current is not None and current.replanning is not None,
        is_open=campaign.is_open(context.clock.now_ms()),
        window=window_in_words(campaign.compiled.sending_window),
        pause=(await ledger.pauses.active()).campaigns.get(key),
        files_differ=bool(await context.campaign_files.differing_from({key: campaign})),
        board=board_of(context.people.counts, campaign),
        month=month,
        of_month=signed_up_since(month, context.people.counts, campaign),
        steps=steps_of(campaign, pace),
        others=others_of(campaign, pace),
    )


def steps_of(campaign: Campaign, pace: Pace) -> list[PlannedMail]:
    """Return the steps, with offsets at the given pace."""
    return [
        PlannedMail(id=one.id, name=one.name, offset_ms=one.after.at(pace), when="after the signup")
        for one in campaign.steps
    ]


def others_of(campaign: Campaign, pace: Pace) -> list[PlannedMail]:
    """Return reminders and follow-ups; the name tells whether an SMS belongs to one."""
    reminders = [
        PlannedMail(
            id=one.name,
            name=f"reminder {one.name}{_and_sms(one.sms)}",
            offset_ms=one.before.at(pace),
            when="before the call",
        )
        for one in campaign.reminders
    ]
    follow_ups = [
        PlannedMail(
            id=one.name,
            name=f"follow-up {one.name}{_and_sms(one.sms)}",
            offset_ms=one.after.at(pace),
            when=_AFTER[one.on],
        )
        for one in campaign.follow_ups
    ]
    return reminders + follow_ups


def _and_sms(body: str | None) -> str:
    return ", and an SMS" if body else ""
