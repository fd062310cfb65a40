"""Every metric, in one place; labels are bounded and never name a person."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

WEBHOOKS = Counter("advent_webhooks", "Webhooks answered.", ["kind", "outcome"])
"""kind: signup, calcom, resend, unsubscribe. outcome: accepted, duplicate, repeated, spooled, ignored, invalid,
unsigned, limited, refused."""
WEBHOOK_SECONDS = Histogram(
    "advent_webhook_seconds",
    "From the first byte of a webhook to its answer.",
    ["kind"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
SPOOLED = Gauge("advent_spool_events", "Events kept on disk until the store is back.")
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
CIRCUIT_OPEN = Gauge("advent_circuit_open", "1 while everybody waits for this provider.", ["provider"])
PAUSED = Gauge("advent_paused", "1 while a person of the team has paused the whole campaign.")
