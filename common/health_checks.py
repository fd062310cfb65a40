"""
The one judgement of a running system: a finding for each aspect, made from what was read of store and gateway.

Console, `advent health`, `advent status`, the outside ping and the metrics all call `check_health`; they differ only in
the limits that they pass and in what they show.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from common.domain.feedback import CONTENT_BOUNCE_PEOPLE
from common.domain.signup_bounds import BEYOND
from common.formatting import as_sentence, count, duration
from common.gateway_status import GatewayStatus
from common.ledger.constants import CALENDAR, MAIL, MIRROR, SENDING_QUEUES, TEXTS
from common.ledger.reads.store_stats import PROVIDERS, QueueStats, StoreStats
from common.providers.cures import cure_of
from common.store.refusals import Refusal, refusal_of

MINUTE_MS = 60_000
ASPECTS = (
    "gateway", "spool", "store", "workers", "due", *PROVIDERS, "hold", "pause", "jobs", "mirror", "failed", "dead",
    "unread", "unmarked", "resting", "content", "signups", "files",
)  # fmt: skip


class Level(StrEnum):
    """`broken`: contacts do not get what they were promised, or soon will not. `needs_person`: a decision is due."""

    OK = "ok"
    NEEDS_PERSON = "needs_person"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One aspect: its name (of `ASPECTS`), how bad it is, and what is so.

    `sentence` begins in lower case and has no full stop, so that it can be part of a longer one. `cure`: what to do or
    to know, in whole sentences; "" when nothing needs doing.
    """

    name: str
    level: Level
    sentence: str
    cure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    In ms: how long deliveries and jobs may be overdue, and Notion behind.

    `outage_ms`: how long a provider's open circuit excuses what waits for it.
    """

    late_ms: int = 5 * MINUTE_MS
    behind_ms: int = 30 * MINUTE_MS
    outage_ms: int = 0


def check_gateway(status: GatewayStatus | None, *, url: str = "") -> Iterator[Finding]:
    """`status`: None when the gateway at `url` does not answer."""
    if status is None:
        yield Finding("gateway", Level.BROKEN, f"{url} does not answer", "Start the gateway, or look at its log.")
        return
    if status.clock_ahead_ms:
        apart = f"{duration(abs(status.clock_ahead_ms))} {'ahead' if status.clock_ahead_ms > 0 else 'behind'}"
        cure = "It refuses signed webhooks whose time is not near its own. Set its clock by NTP."
        yield Finding("gateway", Level.BROKEN, f"the clock of its machine is {apart}", cure)
    elif status.is_ready:
        yield Finding("gateway", Level.OK, "takes events")
    else:
        cure = "Start the store, or make room for the spool."
        yield Finding("gateway", Level.BROKEN, "takes no events: neither store nor spool can be written", cure)
    yield _spool(status)


def check_unreachable_store(error: Exception) -> Finding:
    """`error`: what the store's client raised."""
    if (refusal := refusal_of(error)) is not None:
        return _refused(refusal)
    cure = "Signups go to the gateway's spool and mail waits. Start the store, or correct REDIS_URL."
    return Finding("store", Level.BROKEN, f"the data store does not answer ({type(error).__name__})", cure)


def check_health(
    stats: StoreStats,
    *,
    gateway: GatewayStatus | None = None,
    warnings: Sequence[str] = (),
    files_differ: Sequence[str] = (),
    limits: Limits | None = None,
) -> tuple[Finding, ...]:
    """
    Every aspect, in the order in which an operator would look.

    `gateway`: None when it was not asked. `warnings`: what the store monitor found wrong with the store, a line each
    with its cure. `files_differ`: the campaigns whose files are not the version in force.
    """
    limits = limits or Limits()
    return (
        *(check_gateway(gateway) if gateway else ()),
        _store(stats, warnings),
        _workers(stats),
        _due(stats, limits),
        *(_provider(stats, provider, limits) for provider in PROVIDERS),
        _hold(stats),
        _pause(stats),
        _jobs(stats, limits),
        _mirror(stats, limits),
        _failed(stats),
        _dead_letters(stats),
        _unread_bookings(stats),
        _unmarked_calls(stats),
        _resting(stats),
        _content(stats),
        _held_signups(stats),
        _files(files_differ),
    )


def problems_of(findings: Iterable[Finding]) -> list[Finding]:
    """Those that are not OK, the broken first."""
    problems = [finding for finding in findings if finding.level is not Level.OK]
    return sorted(problems, key=lambda finding: finding.level is not Level.BROKEN)


def worst_level(findings: Iterable[Finding]) -> Level:
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.BROKEN, Level.NEEDS_PERSON) if level in levels), Level.OK)


def _spool(status: GatewayStatus) -> Finding:
    if status.spool_events:
        cure = "They came while the store was away and are given to it now. If that lasts, look at the gateway's log."
        return Finding("spool", Level.BROKEN, f"{count(status.spool_events, 'event')} on the gateway's disk", cure)
    if status.spool_status != "writable":
        cure = "While the store is away signups would be lost. Make room, or repair the disk."
        return Finding("spool", Level.BROKEN, f"the spool cannot be written: {status.spool_status}", cure)
    return Finding("spool", Level.OK, "empty")


def _store(stats: StoreStats, warnings: Sequence[str]) -> Finding:
    if stats.refusal is not None:
        return _refused(stats.refusal)
    missing = [promise for promise, is_kept in stats.durability.items() if not is_kept]
    if not warnings and not missing:
        return Finding("store", Level.OK, "answers, durable")
    cure = " ".join(map(as_sentence, warnings)) or "`advent check` names the setting to change."
    detail = f" ({', '.join(missing)})" if missing else ""
    return Finding("store", Level.BROKEN, f"the data store is misconfigured{detail}", cure)


def _refused(refusal: Refusal) -> Finding:
    return Finding("store", Level.BROKEN, f"the data store {refusal.reason}", as_sentence(refusal.cure))


def _workers(stats: StoreStats) -> Finding:
    if stats.workers_alive:
        return Finding("workers", Level.OK, f"{stats.workers_alive} alive")
    cure = "Nothing is sent until one is. Start one with `advent worker`."
    sentence = "no worker is alive"
    if stats.workers:
        sentence += f", the last was heard of {duration(min(worker.silent_ms for worker in stats.workers))} ago"
        cure = "Nothing is sent until one is. Look at its log, restart it, or start one with `advent worker`."
    return Finding("workers", Level.BROKEN, sentence, cure)


def _due(stats: StoreStats, limits: Limits) -> Finding:
    if not stats.due_unsent:
        return Finding("due", Level.OK, "nothing is late")
    unsent = f"{stats.due_unsent:,} due and unsent, the oldest for {duration(stats.due_unsent_ms)}"
    if stats.pause is not None or stats.is_all_held:
        return Finding("due", Level.OK, f"{unsent}; explained by a hold or the pause")
    late = {provider: queue for provider, queue in stats.sending.items() if _is_late(stats, provider, queue, limits)}
    if not late:
        return Finding("due", Level.OK, unsent)
    number = sum(queue.unsettled for queue in late.values())
    what = "mail" if MAIL in late else "SMS reminder"
    verb, oldest_ms = "is" if number == 1 else "are", max(queue.oldest_ms for queue in late.values())
    sentence = f"{count(number, what)} {verb} late, the first by {duration(oldest_ms)}"
    return Finding("due", Level.BROKEN, sentence, _late_cure(stats, next(iter(late))))


def _is_late(stats: StoreStats, provider: str, queue: QueueStats, limits: Limits) -> bool:
    """Not what its provider explains, whose circuit is a finding of its own."""
    if not queue.unsettled or _is_down(stats, provider, limits):
        return False
    return queue.oldest_ms > (limits.outage_ms if provider in stats.circuits else limits.late_ms)


def _late_cure(stats: StoreStats, provider: str) -> str:
    if not stats.workers_alive:
        return "A worker that starts takes them at once."
    _, name = _WAITING[provider]
    setting = f"{provider.upper()}_REQUESTS_PER_SECOND"
    return f"More is due than {name}'s rate lets through ({setting}), or the workers are stalled."


_WAITING = {
    MAIL: ("mail has", "Resend"),
    TEXTS: ("SMS have", "Twilio"),
    MIRROR: ("updates have", "Notion"),
    CALENDAR: ("the comparison of bookings has", "Cal.com"),
}
_ONLY_LESS = (TEXTS, CALENDAR)
"""Without them mail still goes, and bookings still arrive as webhooks."""


def _provider(stats: StoreStats, provider: str, limits: Limits) -> Finding:
    circuit = stats.circuits.get(provider)
    if circuit is None:
        return Finding(provider, Level.OK, "ok")
    what, name = _WAITING[provider]
    sentence = f"{what} waited {duration(stats.at_ms - circuit.since_ms)} for {name}"
    if circuit.reason:
        sentence += f" ({circuit.reason})"
    cure = cure_of(provider, circuit.reason) or "It is tried again automatically, and work goes on when it answers."
    level = Level.OK if not _is_down(stats, provider, limits) else Level.BROKEN
    if provider in _ONLY_LESS:
        level = Level.NEEDS_PERSON
    return Finding(provider, level, sentence, as_sentence(cure))


def _is_down(stats: StoreStats, provider: str, limits: Limits) -> bool:
    circuit = stats.circuits.get(provider)
    return circuit is not None and stats.at_ms - circuit.since_ms >= limits.outage_ms


def _hold(stats: StoreStats) -> Finding:
    if not stats.holds:
        return Finding("hold", Level.OK, "nothing holds all sending")
    sentences, cures = [], []
    for name, hold in stats.holds.items():
        worker = name.partition("/")[2]
        who = f"worker {worker} sends nothing" if worker else "nothing is sent"
        sentences.append(f"{who}, for {duration(stats.at_ms - hold.since_ms)}: {hold.why}")
        cures.append(hold.cure)
    return Finding("hold", Level.BROKEN, "; ".join(sentences), " ".join(dict.fromkeys(cures)))


def _pause(stats: StoreStats) -> Finding:
    paused = {"everybody": "`advent resume --plan`"} if stats.pause is not None else {}
    for key in stats.paused_campaigns:
        paused[f"the campaign {key}"] = f"`advent resume --campaign {key} --plan`"
    if paused:
        shows = f"{' and '.join(paused.values())} show{'s' if len(paused) == 1 else ''}"
        cure = "The console's page Schedule shows what happens to what is overdue, and resumes."
        cure += f" In a terminal {shows} it; without --plan it goes ahead."
        return Finding("pause", Level.NEEDS_PERSON, " and ".join(f"{who} is paused" for who in paused), cure)
    if stats.paused_people:
        return Finding("pause", Level.OK, f"{count(stats.paused_people, 'person', 'people')} paused by name")
    return Finding("pause", Level.OK, "not paused")


def _jobs(stats: StoreStats, limits: Limits) -> Finding:
    """Queues besides those of sending, whose lateness is `due`, and `notion_sync`, slowed by Notion: `mirror`."""
    late = {
        name: queue
        for name, queue in stats.queues.items()
        if queue.oldest_ms > limits.late_ms and name not in (*SENDING_QUEUES, "notion_sync")
    }
    if not late:
        return Finding("jobs", Level.OK, "none is late")
    parts = [f"{queue.due + queue.ready:,} in {name} for {duration(queue.oldest_ms)}" for name, queue in late.items()]
    cure = "The workers cannot keep up or are stalled: look at their log."
    if not stats.workers_alive:
        cure = "A worker that starts takes them at once."
    return Finding("jobs", Level.BROKEN, f"jobs are late: {', '.join(parts)}", cure)


def _mirror(stats: StoreStats, limits: Limits) -> Finding:
    if not stats.mirror_behind:
        return Finding("mirror", Level.OK, "Notion shows everything")
    if stats.mirror_lag_ms <= limits.behind_ms:
        sentence = (
            f"{count(stats.mirror_behind, 'change')} not in Notion yet, the oldest for {duration(stats.mirror_lag_ms)}"
        )
        return Finding("mirror", Level.OK, sentence)
    cure = "Mail is not affected. `advent check` says whether a column or a share is missing."
    return Finding("mirror", Level.BROKEN, f"Notion is {duration(stats.mirror_lag_ms)} behind", cure)


def _failed(stats: StoreStats) -> Finding:
    failed = {name: queue.failed for name, queue in stats.queues.items() if queue.failed}
    if not failed:
        return Finding("failed", Level.OK, "none")
    leads = failed.pop("announce", 0)
    sentences, cures = [], []
    if jobs := sum(failed.values()):
        sentences.append(f"{count(jobs, 'job')} failed with an internal error ({_listed(failed)})")
        cures.append("The log has the traceback (`job_failed`). The console's page Queues requeues or deletes the job.")
    if leads:
        sentences.append(f"{count(leads, 'hot lead')} could not be announced")
        cures.append("The log has the channel's answer (`hot_lead_not_announced`); HOT_LEAD_WEBHOOK_URL names it.")
    return Finding("failed", Level.NEEDS_PERSON, ", and ".join(sentences), " ".join(cures))


def _dead_letters(stats: StoreStats) -> Finding:
    if not stats.dead_letters:
        return Finding("dead", Level.OK, "no dead letters")
    verb = "waits" if stats.dead_letters == 1 else "wait"
    sentence = f"{count(stats.dead_letters, 'dead letter')} {verb} for a decision"
    return Finding("dead", Level.NEEDS_PERSON, sentence, "Replay or discard them: console, or `advent dead list`.")


def _unread_bookings(stats: StoreStats) -> Finding:
    if not stats.unread_bookings:
        return Finding("unread", Level.OK, "every booking event could be read")
    sentence = f"{count(stats.unread_bookings, 'booking event')} could not be read"
    cure = "Cal.com does not send them again: `advent bookings unread` shows them, `advent bookings discard` ends it."
    return Finding("unread", Level.NEEDS_PERSON, sentence, cure)


def _unmarked_calls(stats: StoreStats) -> Finding:
    if not stats.unmarked_calls:
        return Finding("unmarked", Level.OK, "of every call that ended somebody reported how it went")
    verb = "has" if stats.unmarked_calls == 1 else "have"
    sentence = f"{count(stats.unmarked_calls, 'call')} {verb} ended, and nobody reported how"
    cure = (
        "Console, or `advent bookings unmarked`; then `advent bookings mark` says how each went. Select *Meeting Ended*"
        " at Cal.com's webhook, so that it is reported."
    )
    return Finding("unmarked", Level.NEEDS_PERSON, sentence, cure)


def _held_signups(stats: StoreStats) -> Finding:
    if not stats.held_signups:
        return Finding("signups", Level.OK, "none is held")
    held = " and ".join(f"{number:,} {BEYOND[bound]}" for bound, number in stats.held_signups.items())
    verb = "is" if sum(stats.held_signups.values()) == 1 else "are"
    sentence = f"{count(sum(stats.held_signups.values()), 'signup')} {verb} held: {held}"
    cure = "Console, or `advent signups held`; then `advent signups release` the real ones and `discard` the others."
    return Finding("signups", Level.NEEDS_PERSON, sentence, cure)


def _resting(stats: StoreStats) -> Finding:
    if not stats.resting:
        return Finding("resting", Level.OK, "no address is resting")
    addresses = "1 address is" if stats.resting == 1 else f"{stats.resting:,} addresses are"
    cure = (
        "Their mailboxes took none of several mails in a row. `advent contact ADDRESS` shows why,"
        " `advent release ADDRESS` lets mail go there again."
    )
    return Finding("resting", Level.NEEDS_PERSON, f"{addresses} resting", cure)


def _content(stats: StoreStats) -> Finding:
    people = stats.content_bounce_people
    if people < CONTENT_BOUNCE_PEOPLE:
        return Finding("content", Level.OK, "no mail is refused for its content")
    cure = "Look at a refused mail at Resend, correct its text or its links, and check the sender's domain."
    return Finding("content", Level.NEEDS_PERSON, f"the mail of {people:,} people was refused for its content", cure)


def _files(files_differ: Sequence[str]) -> Finding:
    if not files_differ:
        return Finding("files", Level.OK, "those in force")
    cure = "`advent campaign plan` says what would change, `advent campaign apply` puts them in force."
    whose = f"the files of {', '.join(files_differ)}"
    return Finding("files", Level.NEEDS_PERSON, f"{whose} are not the version in force, and wait", cure)


def _listed(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} in {name}" for name, number in numbers.items())
