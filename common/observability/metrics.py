"""
Every metric, in one place; labels are bounded and never name a person.

Counters and histograms are of one process: add them up. Gauges from `CIRCUIT_OPEN` on describe the store
as a whole, and every worker shows the same: take the `max`.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from prometheus_client import Counter, Gauge, Histogram


def _version() -> str:
    try:
        return version("advent")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"


WEBHOOKS = Counter("advent_webhooks", "Webhooks answered.", ["kind", "outcome"])
"""kind: signup, calcom, resend, unsubscribe. outcome: accepted, duplicate, repeated, spooled, ignored, invalid,
unsigned, limited, refused, failed."""
WEBHOOK_SECONDS = Histogram(
    "advent_webhook_seconds",
    "From the first byte of a webhook to its answer.",
    ["kind"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
SPOOLED = Gauge("advent_spool_events", "Events kept on disk until the store is back.")
FIELDS_DROPPED = Counter(
    "advent_fields_dropped", "Fields that could not be used: left out, or refused when they are required.", ["field"]
)
"""field: a known name, or other."""
FIELDS_UNKNOWN = Counter("advent_fields_unknown", "Fields that were sent under a name that is not known.", ["field"])
"""field: the name that was sent, of the first 50 of each process; then other."""
FEEDBACK = Counter("advent_feedback", "What the mail provider told of mails after it took them.", ["kind"])
"""kind: see `common.domain.feedback.FeedbackKind`."""
DELIVERIES = Counter("advent_deliveries", "Deliveries that met a fate.", ["fate", "reason"])
LATENESS = Histogram(
    "advent_delivery_lateness_seconds",
    "From the instant a delivery was due to the start of its first attempt.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 60, 300, 3600),
)
ATTEMPTS = Counter("advent_delivery_attempts", "Tries that reached for the mail provider.", ["outcome"])
PROVIDER_SECONDS = Histogram(
    "advent_provider_request_seconds",
    "One request to a provider, by outcome: ok or the kind of failure.",
    ["provider", "outcome"],
)
BUDGET_WAIT_SECONDS = Counter("advent_budget_wait_seconds", "Time spent waiting for a rate budget.", ["provider"])
TAKEOVERS = Counter("advent_takeovers", "Messages taken over from a dead worker.", ["queue"])
PROMOTED = Counter("advent_promoted_messages", "Delayed messages moved to a ready queue when due.", ["queue"])
JOBS = Counter("advent_jobs", "Messages worked off, by actor and outcome: done or failed.", ["actor", "outcome"])
MIRRORED = Counter("advent_mirrored_contacts", "Contacts written to Notion, by outcome.", ["outcome"])
SIGNUP_SEEN = Gauge("advent_signup_last_seen_timestamp_seconds", "When a new signup was last taken; 0: not yet.")
SETTLED_TWICE = Counter(
    "advent_deliveries_settled_twice", "Deliveries that the provider took although another worker had settled them."
)
BUILD = Gauge("advent_build_info", "1, under the version that runs.", ["version"])
BUILD.labels(_version()).set(1)

CIRCUIT_OPEN = Gauge("advent_circuit_open", "1 while everybody waits for this provider.", ["provider"])
PAUSED = Gauge("advent_paused", "1 while a person of the team has paused the whole campaign.")
STORE_UP = Gauge("advent_store_up", "1 when the store answered this worker's last look, else 0.")
STORE_SAFE = Gauge("advent_store_safe", "1 while the store keeps this promise, else 0.", ["promise"])
"""promise: appendonly, appendfsync, disk, noeviction. appendfsync is absent where the store forbids CONFIG."""
STORE_MEMORY = Gauge("advent_store_memory_bytes", "Memory the store uses.")
STORE_MEMORY_MAX = Gauge("advent_store_memory_max_bytes", "Memory the store may use; 0: no bound.")
WORKERS = Gauge("advent_workers_alive", "Workers heard of in the last 4 s.")
ENROLLMENTS = Gauge("advent_enrollments", "People by where they are.", ["status"])
"""status: see `common.domain.enrollment.Status`."""
DUE_UNSENT = Gauge("advent_due_unsent_deliveries", "Mails that are due and have met no fate, those in hand too.")
DUE_UNSENT_SECONDS = Gauge("advent_due_unsent_seconds", "For how long the oldest of them has been due.")
QUEUE_JOBS = Gauge("advent_queue_jobs", "Jobs of a queue.", ["queue", "state"])
"""state: delayed, ready (in hand too), failed."""
QUEUE_SECONDS = Gauge(
    "advent_queue_oldest_seconds", "For how long the oldest due job of a queue has waited.", ["queue"]
)
DEAD_LETTERS = Gauge("advent_dead_letters", "Deliveries that a person must decide about.")
BOOKINGS_UNREAD = Gauge("advent_bookings_unread", "Events of Cal.com that could not be read and wait for a person.")
SUPPRESSED = Gauge("advent_suppressed_addresses", "Addresses that are never written to.")
MIRROR_BEHIND = Gauge("advent_mirror_behind_contacts", "People whom Notion does not show as they are.")
MIRROR_LAG_SECONDS = Gauge("advent_mirror_lag_seconds", "For how long the oldest of them has waited.")


def _begin_at_nothing() -> None:
    """A series that begins at 1 has never risen, as Prometheus sees it: the first dead letter would go unnoticed."""
    for kind in ("signup", "calcom", "resend", "unsubscribe"):
        for outcome in ("accepted", "spooled", "refused", "failed"):
            WEBHOOKS.labels(kind, outcome)
    for fate in ("accepted", "skipped", "dead"):
        DELIVERIES.labels(fate, "")
    for told in ("delivered", "bounced", "complained", "suppressed", "failed"):
        FEEDBACK.labels(told)


_begin_at_nothing()
