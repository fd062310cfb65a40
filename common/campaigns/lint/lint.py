"""The lint: finds faults with which a campaign can still be sent. Those that prevent sending are refused at load."""

from __future__ import annotations

from pathlib import Path

from common.campaigns.campaign import Campaign
from common.campaigns.errors import CampaignError
from common.campaigns.facts import Identity
from common.campaigns.lint.finding import Finding
from common.campaigns.lint.mails import mail_findings
from common.campaigns.lint.sms import sms_findings
from common.campaigns.lint.sources import source_findings
from common.campaigns.loader import load_campaign


def lint(key: str, identity: Identity, *, directory: Path | None = None) -> list[Finding]:
    """Return the findings in a campaign's files. If it cannot be loaded, that error is the only finding."""
    try:
        campaign = load_campaign(key, directory=directory)
    except CampaignError as error:
        return [Finding(where=key, rule="load", problem=" ".join(str(error).split()), is_error=True)]
    return findings(campaign, identity)


def findings(campaign: Campaign, identity: Identity) -> list[Finding]:
    """
    Return the findings in a loaded campaign: errors first, notes last, each once.

    A problem that a mail has for several readers is reported only once, for the first of them.
    """
    found = [*source_findings(campaign.compiled), *mail_findings(campaign, campaign.identity(identity))]
    found += sms_findings(campaign, campaign.identity(identity))
    first = {(_mail_of(one.where), one.problem): one for one in reversed(found)}
    return sorted(first.values(), key=lambda one: (not one.is_error, one.is_note, one.where))


def _mail_of(where: str) -> str:
    """Return a mail's name without segment and kind of reader: `christmas_2025/en-CA: 1-results`."""
    return where.partition(".")[0] if ": " in where and "line" not in where else where
