"""
All metrics. Labels have few values and never identify a person.

Counters and histograms belong to one process: add them up. Gauges from `HEALTH` on describe the whole store, and
every worker exports the same value: use the `max`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector


def _version() -> str:
    try:
        return version("advent")
    except PackageNotFoundError:  # run from a directory that was never installed
        return "unknown"


WEBHOOK_KINDS = frozenset({"signup", "calcom", "resend", "twilio", "unsubscribe"})
WEBHOOKS = Counter("advent_webhooks", "Webhooks answered.", ["kind", "outcome"])
"""kind: one of WEBHOOK_KINDS. outcome: accepted, duplicate, closed, excluded, repeated, spooled,
ignored, invalid, unsigned, limited, refused, failed."""
WEBHOOK_SECONDS = Histogram(
    "advent_webhook_seconds",
    "From the first byte of a webhook to its answer.",
    ["kind"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
CAMPAIGN_SIGNUPS = Counter("advent_campaign_signups", "Signups answered, by campaign.", ["campaign", "outcome"])
"""campaign: one of CAMPAIGNS. outcome: accepted, duplicate, closed, excluded, repeated, spooled."""
CAMPAIGN_DELIVERIES = Counter(
    "advent_campaign_deliveries_finished",
    "Deliveries that reached their final status, by campaign.",
    ["campaign", "status"],
)
"""campaign: one of CAMPAIGNS. status: accepted, skipped, dead."""
SPOOLED = Gauge("advent_spool_events", "Events on disk that wait for the store.")
FIELDS_DROPPED = Counter(
    "advent_fields_dropped", "Fields that could not be used: left out, or refused when they are required.", ["field"]
)
"""field: a known name, or other."""
FIELDS_UNKNOWN = Counter("advent_fields_unknown", "Fields that were sent under a name that is not known.", ["field"])
"""field: the name that was sent, also if it was read as a known one; other, after 50 names in one process."""
FEEDBACK = Counter("advent_feedback", "Events that the mail provider reported about mails it had accepted.", ["kind"])
"""kind: see `common.domain.feedback.FeedbackKind`."""
FEEDBACK_IGNORED = Counter("advent_feedback_ignored", "Events of the mail provider without an effect here.", ["event"])
"""event: a known event about a mail that is not ours, or other."""
DELIVERIES = Counter("advent_deliveries_finished", "Deliveries that reached their final status.", ["status", "reason"])
"""status: accepted, skipped, dead. reason: the name of what happened; see `delivery_dead` in docs/operations.md."""
LATENESS = Histogram(
    "advent_delivery_lateness_seconds",
    "From the due time of a delivery to the start of its first attempt.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60, 300, 3600),
)
ATTEMPTS = Counter("advent_delivery_attempts", "Attempts that sent a request to the mail provider.", ["outcome"])
"""outcome: accepted, or the kind of failure."""
PROVIDER_SECONDS = Histogram(
    "advent_provider_request_seconds",
    "One request to a provider, by outcome: ok or the kind of failure.",
    ["provider", "outcome"],
)
BUDGET_WAIT_SECONDS = Counter("advent_budget_wait_seconds", "Time spent waiting for a rate budget.", ["provider"])
RESCUED = Counter("advent_rescued_messages", "Messages of a dead worker that were put back.", ["queue"])
PROMOTED = Counter("advent_promoted_messages", "Delayed messages moved to a ready queue when due.", ["queue"])
JOBS = Counter("advent_jobs", "Jobs run, by actor and outcome: done, again or failed.", ["actor", "outcome"])
"""outcome again: the channel refused an announcement; failed: an internal error."""
MIRRORED = Counter("advent_mirrored_contacts", "Contacts written to Notion, by outcome.", ["outcome"])
"""outcome: shown, or the kind of failure."""
SIGNUP_SEEN = Gauge("advent_signup_last_seen_timestamp_seconds", "When a new signup was last accepted; 0: not yet.")
SETTLED_TWICE = Counter(
    "advent_deliveries_settled_twice",
    "Deliveries that the provider accepted after another worker had settled them otherwise.",
)
"""An acceptance with the recorded id does not count: both attempts had the same key, so the provider sent one mail."""
CLOCK_AHEAD_SECONDS = Gauge(
    "advent_clock_ahead_seconds", "By how much a clock is wrong; 0 while it is right. Negative: behind.", ["clock"]
)
"""clock: store, or machine: this process's. Belongs to one process, as counters do."""
WAITS_IGNORED = Counter(
    "advent_waits_ignored",
    "Times until which something was to wait, ignored because they lay too far ahead.",
    ["what"],
)
"""what: budget, circuit, deferral, job, lookup, probe."""
BUILD = Gauge("advent_build_info", "1, labelled with the version that runs.", ["version"])
BUILD.labels(_version()).set(1)

HEALTH = Gauge(
    "advent_health", "1 while this aspect of the health check is at this level, else 0.", ["aspect", "level"]
)
"""aspect: see `common.health_checks.ASPECTS`, without gateway and spool. level: broken, needs_person."""
CIRCUIT_OPEN = Gauge("advent_circuit_open", "1 while all deliveries wait for this provider.", ["provider"])
PAUSED = Gauge("advent_paused", "1 while a person has paused everybody.")
CAMPAIGN_PAUSED = Gauge("advent_campaign_paused", "1 while a person has paused this campaign.", ["campaign"])
STORE_UP = Gauge("advent_store_up", "1 when the store answered this worker's last request for figures, else 0.")
STORE_DURABILITY = Gauge(
    "advent_store_durability", "1 while the store has this durability setting, else 0.", ["setting"]
)
"""setting: appendonly, appendfsync, disk, noeviction. appendfsync is absent where the store forbids CONFIG."""
STORE_MEMORY = Gauge("advent_store_memory_bytes", "Memory that the store uses.")
STORE_MEMORY_MAX = Gauge("advent_store_memory_max_bytes", "Memory that the store may use; 0: no limit.")
WORKERS = Gauge("advent_workers_alive", "Workers whose last heartbeat is within the timeout.")
ENROLLMENTS = Gauge("advent_enrollments", "Contacts by the status of their enrollment.", ["status"])
"""status: see `common.domain.enrollment.Status`."""
DUE_UNSENT = Gauge("advent_due_unsent_deliveries", "Deliveries that are due and not finished, also those in hand.")
DUE_UNSENT_SECONDS = Gauge("advent_due_unsent_seconds", "For how long the oldest of them has been due.")
QUEUE_JOBS = Gauge("advent_queue_jobs", "Jobs of a queue.", ["queue", "state"])
"""state: delayed, ready (also in flight), failed."""
QUEUE_SECONDS = Gauge(
    "advent_queue_oldest_seconds", "For how long the oldest due job of a queue has waited.", ["queue"]
)
DEAD_LETTERS = Gauge("advent_dead_letters", "Deliveries that a person must decide about.")
BOOKINGS_UNREAD = Gauge("advent_bookings_unread", "Events of Cal.com that could not be read and wait for a person.")
SIGNUPS_HELD = Gauge("advent_signups_held", "Signups that are held because there were too many, and wait for a person.")
SIGNUPS_HELD_BY = Gauge("advent_signups_held_by", "Those of them that are beyond a bound.", ["bound"])
"""bound: hour, source."""
RESTING = Gauge("advent_resting_addresses", "Addresses that get no mail until a person releases them.")
CONTENT_BOUNCE_PEOPLE = Gauge(
    "advent_content_bounce_people",
    "People whose provider refused a mail for its content, in a day, of the campaign with the most.",
)
CAMPAIGN_FILES_DIFFER = Gauge(
    "advent_campaign_files_differ", "1 while the files of this process are not the version in force.", ["campaign"]
)
SUPPRESSED = Gauge("advent_suppressed_addresses", "Addresses that get no mail.")
MIRROR_BEHIND = Gauge("advent_mirror_behind_contacts", "Contacts whose rows in Notion are not up to date.")
MIRROR_LAG_SECONDS = Gauge("advent_mirror_lag_seconds", "For how long the oldest of them has waited.")


@dataclass(frozen=True, slots=True)
class OldName:
    """The name of a metric in the previous release. `labels`: the old names of labels by new name, if they differ."""

    metric: Counter | Gauge
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


OLD_NAMES = (
    OldName(DELIVERIES, "advent_deliveries", {"status": "fate"}),
    OldName(RESCUED, "advent_takeovers"),
    OldName(STORE_DURABILITY, "advent_store_safe", {"setting": "promise"}),
)
"""Exported next to the new names by 0.2.0, and by no later release."""


class _OldNames(Collector):
    def collect(self) -> Iterator[Metric]:
        for old in OLD_NAMES:
            for current in old.metric.collect():
                help_text = f"Deprecated, use {current.name}; not exported after 0.2. {current.documentation}"
                renamed = Metric(old.name, help_text, current.type, current.unit)
                for sample in current.samples:
                    name = old.name + sample.name.removeprefix(current.name)
                    labels = {old.labels.get(label, label): value for label, value in sample.labels.items()}
                    renamed.add_sample(name, labels, sample.value, sample.timestamp, sample.exemplar)
                yield renamed


REGISTRY.register(_OldNames())


def _create_series() -> None:
    """Create series at 0: Prometheus sees no increase in one that begins at 1, and would miss the first dead letter."""
    for kind in WEBHOOK_KINDS:
        for outcome in ("accepted", "spooled", "refused", "failed"):
            WEBHOOKS.labels(kind, outcome)
    for status in ("accepted", "skipped", "dead"):
        DELIVERIES.labels(status, "")
    for what in ("budget", "circuit", "deferral", "job", "lookup", "probe"):
        WAITS_IGNORED.labels(what)
    for reported in ("delivered", "bounced", "complained", "suppressed", "failed", "soft-bounced", "content-bounced"):
        FEEDBACK.labels(reported)


_create_series()
