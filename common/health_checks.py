"""
The health check of a running system: one finding for each aspect, computed from the state of store and gateway.

The console, `advent health`, `advent status`, the ping to HEALTHCHECK_PING_URL and the metrics all call `check_health`;
they differ only in the limits that they pass and in what they show.
"""

from __future__ import annotations

from collections.abc import Sequence

from common.gateway_status import GatewayStatus
from common.health import decisions, providers, queues, receiving
from common.health.finding import Finding as Finding
from common.health.finding import Level as Level
from common.health.finding import Limits as Limits
from common.health.finding import problems_of as problems_of
from common.health.finding import worst_level as worst_level
from common.health.queues import stops_of as stops_of
from common.health.receiving import check_gateway as check_gateway
from common.health.receiving import check_unreachable_store as check_unreachable_store
from common.ledger.reads.store_stats import PROVIDERS, StoreStats

ASPECTS = (
    "gateway", "spool", "store", "workers", "due", *PROVIDERS, "hold", "pause", "jobs", "mirror", "failed", "dead",
    "unread", "unmarked", "resting", "content", "signups", "files",
)  # fmt: skip


def check_health(
    stats: StoreStats,
    *,
    gateway: GatewayStatus | None = None,
    warnings: Sequence[str] = (),
    files_differ: Sequence[str] = (),
    limits: Limits | None = None,
) -> tuple[Finding, ...]:
    """
    Return the findings of all aspects, in the order in which an operator would look at them.

    `gateway`: None when its status was not requested. `warnings`: what the store monitor found wrong with the store,
    one line each, with the cure. `files_differ`: the campaigns whose files are not the version in force.
    """
    limits = limits or Limits()
    return (
        *(check_gateway(gateway) if gateway else ()),
        receiving.check_store(stats, warnings),
        queues.check_workers(stats),
        providers.check_due(stats, limits),
        *(providers.check_provider(stats, provider, limits) for provider in PROVIDERS),
        queues.check_hold(stats),
        queues.check_pause(stats),
        queues.check_jobs(stats, limits),
        providers.check_mirror(stats, limits),
        queues.check_failed(stats),
        decisions.check_dead_letters(stats),
        decisions.check_unread_bookings(stats),
        decisions.check_unmarked_calls(stats),
        decisions.check_resting(stats),
        decisions.check_content(stats),
        decisions.check_held_signups(stats),
        decisions.check_files(files_differ),
    )
