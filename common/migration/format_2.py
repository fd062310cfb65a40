"""
Migrates format 1 (Advent 0.1.0) to 2: fields get names, steps and reminders become deliveries of one form.

| key | change |
| --- | --- |
| `enrollment:` | fields get names; `s3` → `/step-3`; the next step and those being processed become `planned` records |
| `delivery:` | fields get the names of `lua/lib/delivery.lua` |
| `meeting:` | → `guest:`; `r:<start>/24h` → `/<start>/24h` |
| `contact:`, `circuit:`, `counts` | fields get names |
| `bookings` | moved ones are processed again: recurring bookings share an iCalUID and were taken for one that moves |

Enrollments and guests store the hash of their address from now on, so that a claim need not read it first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

import redis.asyncio

from common.domain.ids import address_hash
from common.domain.series import BookingState
from common.ledger import keys
from common.migration.result import MigrationResult, Report

BATCH: Final = 500
"""Keys that change together, all or none; a batch occupies the store for a few milliseconds."""

_ENROLLMENT: Final = {
    "c": "campaign",
    "e": "email",
    "t": "assessment",
    "sg": "segment",
    "st": "status",
    "reason": "exit_reason",
    "a": "anchor_ms",
    "assessed": "assessed_ms",
    "l": "last_sent_ms",
    "r": "revision",
    "v": "mirrored",
    "p:s": "page:sequence",
    "p:c": "page:contact",
    "missed": "mirror_misses",
    "announced": "announced_ms",
    "ended": "ended_ms",
}
_DELIVERY: Final = {
    "worker": "claim_id",
    "claimed": "claimed_ms",
    "due": "due_ms",
    "retry": "not_before_ms",
    "first": "first_attempt_ms",
    "unknown": "in_progress",
    "doubt": "outcome_unknown",
    "why": "last_error",
    "replay": "replayed",
    "lost": "crashes",
    "gone": "counted_claim_id",
    "frozen": "payload",
    "told": "reported",
    "asked": "replay_requested_ms",
    "refused": "replay_refused",
    "taken": "key_conflict",
}
_GUEST: Final = {
    "stand": "state",
    "start": "start_ms",
    "end": "end_ms",
    "received": "received_ms",
    "first": "first_name",
    "tz": "timezone",
    "join": "join_url",
}
_CONTACT: Final = {
    "first": "first_name",
    "turn": "writes",
    "r": "revision",
    "v": "mirrored",
    "p:s": "page:sequence",
    "p:c": "page:contact",
    "missed": "mirror_misses",
}
_CIRCUIT: Final = {"until": "until_ms", "since": "since_ms", "probe": "probe_ms"}

_MEETING: Final = keys.PREFIX + "meeting:"
_OUTDATED_MARKS: Final = keys.PREFIX + "outdated_marks"

Fields = dict[str, str]
Change = Callable[[Any, str, Fields], None]
"""Queues the commands that change one HASH; none if it is changed already."""


async def migrate(client: redis.asyncio.Redis, report: Report, *, secret_key: str) -> MigrationResult:
    """
    Migrate the store. Each batch changes as a whole or not at all.

    What is changed already is left alone, so that a run that was killed can be repeated.
    """
    found = await _keys_by_family(client)
    step = _Step(client, report, secret_key)
    deliveries = await step.change(found["delivery"], step.delivery, "deliveries")
    people = await step.change([keys.enrollment(one) async for one in _enrolled(client)], step.enrollment, "people")
    bookings = await step.change(found["meeting"], step.meeting, "bookings")
    others = await step.change(found["contact"], _renames(_CONTACT), "contacts")
    others += await step.change(found["circuit"], _circuit, "circuits")
    others += await step.change([keys.COUNTS], _counts, "counters")
    if await client.exists(_OUTDATED_MARKS):
        await client.rename(_OUTDATED_MARKS, keys.OUTDATED_HASHES)
        others += 1
    return MigrationResult(
        people=people, deliveries=deliveries, bookings=bookings, keys=people + deliveries + bookings + others
    )


class _Step:
    """The changes that need to know more than the HASH itself."""

    def __init__(self, client: redis.asyncio.Redis, report: Report, secret_key: str) -> None:
        self._client, self._report, self._secret_key = client, report, secret_key
        self._claimed: dict[str, dict[str, str]] = {}
        """Due times of the steps that were claimed, by the enrollment's key and the step's name."""

    async def change(self, names: Iterable[str], change: Change, what: str) -> int:
        """Change all HASHes of these names. Return how many there are."""
        batch: list[str] = []
        count = 0
        for name in names:
            batch.append(name)
            if len(batch) == BATCH:
                count += await self._change(batch, change)
                batch = []
                if count % (20 * BATCH) == 0:
                    self._report(f"{count:,} {what}")
        return count + (await self._change(batch, change) if batch else 0)

    async def _change(self, batch: list[str], change: Change) -> int:
        reading = self._client.pipeline(transaction=False)
        for name in batch:
            reading.hgetall(name)
        answers: list[Mapping[bytes, bytes]] = await reading.execute()
        writing = self._client.pipeline(transaction=True)
        for name, answer in zip(batch, answers, strict=True):
            change(writing, name, {field.decode(): value.decode() for field, value in answer.items()})
        await writing.execute()
        return sum(bool(answer) for answer in answers)

    def delivery(self, pipe: Any, key: str, fields: Fields) -> None:
        owner, _, name = key.removeprefix(keys.delivery("")).partition("/")
        due_ms = fields.get("due", fields.get("due_ms"))
        if due_ms is not None and owner.startswith("enr_"):
            self._claimed.setdefault(keys.enrollment(owner), {})[name] = due_ms
        _replace(pipe, key, fields, {old: (_DELIVERY[old], value) for old, value in fields.items() if old in _DELIVERY})

    def enrollment(self, pipe: Any, key: str, fields: Fields) -> None:
        if "st" not in fields:
            return
        changes = {old: (_ENROLLMENT[old], value) for old, value in fields.items() if old in _ENROLLMENT}
        changes |= {old: (f"/step-{old[1:]}", value) for old, value in fields.items() if _is_step(old)}
        added = {"address_hash": address_hash(self._secret_key, fields["e"])}
        added |= {f"/{name}": f"planned {due_ms}" for name, due_ms in self._claimed.get(key, {}).items()}
        if "n" in fields:
            name = f"step-{fields['n']}"
            added |= {"next": name, f"/{name}": f"planned {fields['d']}"}
            if "wait" in fields:
                pipe.zadd(keys.OPEN, {f"{key.removeprefix(keys.enrollment(''))}/{name}": fields["wait"]})
        if "sending" in fields:
            added["sending"] = f"step-{fields['sending']}"
        met = {new for new, _ in changes.values()}
        pipe.hset(key, mapping={name: value for name, value in added.items() if name not in met})
        _replace(pipe, key, fields, changes, also=("n", "d", "wait"))

    def meeting(self, pipe: Any, key: str, fields: Fields) -> None:
        guest = {_guest_field(name): _guest_value(name, value) for name, value in fields.items()}
        if "email" in guest:
            guest["address_hash"] = address_hash(self._secret_key, guest["email"])
        booking = key.removeprefix(_MEETING)
        pipe.hset(keys.guest(booking), mapping=guest)
        if guest.get("state") == BookingState.MOVED:
            pipe.zadd(keys.BOOKINGS, {booking: guest["received_ms"]}, lt=True)
        pipe.delete(key)


def _is_step(name: str) -> bool:
    return name.startswith("s") and name[1:].isdigit()


def _guest_field(name: str) -> str:
    return "/" + name.removeprefix("r:") if name.startswith("r:") else _GUEST.get(name, name)


def _guest_value(name: str, value: str) -> str:
    """Return `planned due` for `planned due 0 0 `."""
    return " ".join(value.split(" ", 2)[:2]) if name.startswith("r:") and value.startswith("planned ") else value


def _renames(names: Mapping[str, str]) -> Change:
    def change(pipe: Any, key: str, fields: Fields) -> None:
        changes = {old: (names[old], value) for old, value in fields.items() if old in names}
        calls = {old: (f"call:{old[2:]}", value) for old, value in fields.items() if old.startswith("b:")}
        _replace(pipe, key, fields, changes | calls)

    return change


def _circuit(pipe: Any, key: str, fields: Fields) -> None:
    _renames(_CIRCUIT)(pipe, key, fields)
    if key == keys.circuit("resend") and "until" in fields:
        pipe.hset(key, "queue", "send")


def _counts(pipe: Any, key: str, fields: Fields) -> None:
    counted = {old: (f"delivery:{old[5:]}", value) for old, value in fields.items() if old.startswith("fate:")}
    _replace(pipe, key, fields, counted)


def _replace(
    pipe: Any, key: str, fields: Fields, changes: Mapping[str, tuple[str, str]], also: tuple[str, ...] = ()
) -> None:
    """`changes`: by old field, the new one and its value; `also`: further fields to delete."""
    if changes:
        pipe.hset(key, mapping=dict(changes.values()))
    gone = [name for name in (*changes, *also) if name in fields]
    if gone:
        pipe.hdel(key, *gone)


async def _enrolled(client: redis.asyncio.Redis) -> AsyncIterator[str]:
    async for member in client.sscan_iter(keys.PREFIX + "enrolled", count=1_000):
        yield member.decode()


async def _keys_by_family(client: redis.asyncio.Redis) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {family: [] for family in ("delivery", "meeting", "contact", "circuit")}
    async for raw in client.scan_iter(match=keys.PREFIX + "*", count=1_000):
        key = raw.decode()
        family = key.removeprefix(keys.PREFIX).partition(":")[0]
        if family in found:
            found[family].append(key)
    return found
