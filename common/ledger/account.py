"""The ledger's own account for an audit: everybody, their calls, and what is to happen to each step and reminder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.domain.audit import Audited
from common.domain.audit_reminders import AuditedReminder, UnreadCall
from common.domain.ids import EnrollmentId, is_reminder
from common.domain.reminders import ReminderRules
from common.ledger import account_reminders, codec, keys
from common.ledger.ledger import MAIL, Ledger
from common.ledger.views import enrollments

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Account:
    """`is_waiting`: the campaign is paused, or the provider is in trouble, and everybody waits."""

    people: list[Audited]
    reminders: list[AuditedReminder]
    unread: list[UnreadCall]
    is_waiting: bool


async def account(
    ledger: Ledger, rules: ReminderRules, *, now_ms: int, only: Sequence[EnrollmentId] | None = None
) -> Account:
    """Of everybody, or the enrollments of `only` these. Who is forgotten meanwhile is left out."""
    owners = list(only) if only is not None else [owner async for owner in enrollments(ledger)]
    schedule = await _schedule(ledger)
    people: list[Audited] = []
    for first in range(0, len(owners), AT_ONCE):
        people += await _people(ledger, owners[first : first + AT_ONCE], schedule)
    return Account(
        people=people,
        reminders=await account_reminders.reminders(ledger, schedule.reminders, rules),
        unread=await account_reminders.unread(ledger, schedule.bookings, now_ms=now_ms),
        is_waiting=await _is_waiting(ledger),
    )


async def _people(ledger: Ledger, owners: Sequence[EnrollmentId], schedule: _Schedule) -> list[Audited]:
    pipe = ledger.client.pipeline(transaction=False)
    for owner in owners:
        pipe.hgetall(keys.enrollment(owner))
        pipe.hexists(keys.PAUSES, owner)
    answers: list[Any] = await pipe.execute()
    found = []
    for owner, raw, is_paused in zip(owners, answers[::2], answers[1::2], strict=True):
        fields = {name.decode(): text.decode() for name, text in raw.items()}
        if fields:
            found.append(
                Audited(
                    enrollment=codec.read_enrollment(owner, fields),
                    waits=schedule.waits.get(owner, {}),
                    under_way=frozenset(schedule.claimed.get(owner, ())),
                    is_held="hold" in fields or bool(is_paused),
                )
            )
    return found


class _Schedule:
    """
    By enrollment and step (0: its classification): when something is to happen to it; and what was claimed.

    `reminders`: when something is to happen to each; `bookings`: those that somebody is to look at.
    """

    def __init__(self) -> None:
        self.waits: dict[str, dict[int, int]] = {}
        self.claimed: dict[str, set[int]] = {}
        self.reminders: dict[str, int] = {}
        self.bookings: set[str] = set()

    def add(self, job: str, due_ms: int, *, is_claimed: bool = False) -> None:
        if is_reminder(job):
            self.reminders[job] = due_ms
            return
        owner, _, step = job.partition("/step-")
        self.waits.setdefault(owner, {})[int(step or 0)] = due_ms
        if is_claimed:
            self.claimed.setdefault(owner, set()).add(int(step or 0))


async def _schedule(ledger: Ledger) -> _Schedule:
    pipe = ledger.client.pipeline(transaction=False)
    for name in (keys.OPEN, keys.delayed("send"), keys.delayed("classify")):
        pipe.zrange(name, 0, -1, withscores=True)
    for queue in ("send", "classify", "bookings"):
        pipe.hkeys(keys.ready(queue) + ".msgs")
    pipe.zrange(keys.delayed("bookings"), 0, -1)
    opened, delayed, unclassified, ready, classifying, looking, to_look = await pipe.execute()
    found = _Schedule()
    for member, score in opened:
        found.add(member.decode(), int(score), is_claimed=True)
    for member, score in (*delayed, *unclassified):
        found.add(member.decode(), int(score))
    for name in (*ready, *classifying):  # `job@due`, being worked on or about to be
        job, _, due_ms = name.decode().rpartition("@")
        found.add(job, int(due_ms))
    # A job is the booking, or booking/event for each event that came.
    found.bookings = {name.decode().partition("@")[0].partition("/")[0] for name in (*looking, *to_look)}
    return found


async def _is_waiting(ledger: Ledger) -> bool:
    client = ledger.client
    pipe = client.pipeline(transaction=False)
    pipe.hexists(keys.PAUSES, "*")
    pipe.sismember(keys.PAUSED_QUEUES, "send")
    pipe.hexists(keys.circuit(MAIL), "until")
    return any(await pipe.execute())
