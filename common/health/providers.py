"""Findings about timely delivery: mail, SMS and updates of Notion, and the circuits of the providers."""

from __future__ import annotations

from common.formatting import as_sentence, count, duration
from common.health.finding import Finding, Level, Limits
from common.ledger.constants import CALENDAR, MAIL, MIRROR, TEXTS
from common.ledger.reads.queue_stats import QueueStats
from common.ledger.reads.store_stats import StoreStats
from common.providers.cures import cure_of

_WAITING = {
    MAIL: ("mail has", "Resend"),
    TEXTS: ("SMS have", "Twilio"),
    MIRROR: ("updates have", "Notion"),
    CALENDAR: ("the comparison of bookings has", "Cal.com"),
}
_ONLY_LESS = (TEXTS, CALENDAR)
"""Providers without which mail is still sent, and bookings still arrive as webhooks."""


def check_due(stats: StoreStats, limits: Limits) -> Finding:
    if not stats.due_unsent:
        return Finding("due", Level.OK, "nothing is late")
    unsent = f"{stats.due_unsent:,} due and unsent, the oldest for {duration(stats.due_unsent_ms)}"
    if stats.pause is not None or stats.is_all_held:
        return Finding("due", Level.OK, f"{unsent}; because of a hold or a pause")
    late = {provider: queue for provider, queue in stats.sending.items() if _is_late(stats, provider, queue, limits)}
    if not late:
        return Finding("due", Level.OK, unsent)
    number = sum(queue.unsettled for queue in late.values())
    what = "mail" if MAIL in late else "SMS reminder"
    verb, oldest_ms = "is" if number == 1 else "are", max(queue.oldest_ms for queue in late.values())
    sentence = f"{count(number, what)} {verb} late, the first by {duration(oldest_ms)}"
    return Finding("due", Level.BROKEN, sentence, _late_cure(stats, next(iter(late))))


def _is_late(stats: StoreStats, provider: str, queue: QueueStats, limits: Limits) -> bool:
    """Return whether deliveries are late, unless their provider is down, which is a finding of its own."""
    if not queue.unsettled or _is_down(stats, provider, limits):
        return False
    return queue.oldest_ms > (limits.outage_ms if provider in stats.circuits else limits.late_ms)


def _late_cure(stats: StoreStats, provider: str) -> str:
    if not stats.workers_alive:
        return "They are processed as soon as a worker starts."
    _, name = _WAITING[provider]
    setting = f"{provider.upper()}_REQUESTS_PER_SECOND"
    return f"More is due than {name}'s rate limit allows ({setting}), or the workers are stalled."


def check_provider(stats: StoreStats, provider: str, limits: Limits) -> Finding:
    circuit = stats.circuits.get(provider)
    if circuit is None:
        return Finding(provider, Level.OK, "ok")
    what, name = _WAITING[provider]
    sentence = f"{what} waited {duration(stats.at_ms - circuit.since_ms)} for {name}"
    if circuit.reason:
        sentence += f" ({circuit.reason})"
    cure = cure_of(provider, circuit.reason) or "Advent retries automatically, and work continues once it answers."
    level = Level.OK if not _is_down(stats, provider, limits) else Level.BROKEN
    if provider in _ONLY_LESS:
        level = Level.NEEDS_PERSON
    return Finding(provider, level, sentence, as_sentence(cure))


def _is_down(stats: StoreStats, provider: str, limits: Limits) -> bool:
    circuit = stats.circuits.get(provider)
    return circuit is not None and stats.at_ms - circuit.since_ms >= limits.outage_ms


def check_mirror(stats: StoreStats, limits: Limits) -> Finding:
    if not stats.mirror_behind:
        return Finding("mirror", Level.OK, "Notion shows everything")
    if stats.mirror_lag_ms <= limits.behind_ms:
        sentence = (
            f"{count(stats.mirror_behind, 'change')} not in Notion yet, the oldest for {duration(stats.mirror_lag_ms)}"
        )
        return Finding("mirror", Level.OK, sentence)
    cure = "Mail is not affected. `advent check` shows whether a column or a share is missing."
    return Finding("mirror", Level.BROKEN, f"Notion is {duration(stats.mirror_lag_ms)} behind", cure)
