"""Both sides of the comparison: what the ledger says of each contact, and what the providers have."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from common.domain.delivery import Record
from common.domain.enrollment import Enrollment
from common.ledger import keys
from common.ledger.codec import read_enrollment, read_records
from common.ledger.constants import QUEUES

LATER = ("reconcile_bookings", "bookings")
"""Queues whose jobs need not finish: they wait for the next comparison with Cal.com or the end of a call."""


@dataclass(frozen=True)
class Accepted:
    """One mail that the provider accepted."""

    key: str
    to: str
    subject: str
    id: str


def accepted_mails(file: Path) -> list[Accepted]:
    """Return the mails in the provider's own file, so that the comparison relies on none of our records."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT idempotency_key, recipients, subject, id FROM mails").fetchall()
    connection.close()
    return [Accepted(key or "", to, subject, mail_id) for key, to, subject, mail_id in rows]


def enrollments(client: redis.Redis) -> dict[str, Enrollment]:
    found = {}
    for member in {member for name in (keys.UNDER_WAY, keys.ENDED) for member in client.zrange(name, 0, -1)}:
        enrollment = member.decode()
        fields = client.hgetall(keys.enrollment(enrollment))
        found[enrollment] = read_enrollment(enrollment, {n.decode(): t.decode() for n, t in fields.items()})
    return found


@dataclass
class Work:
    """Work that still waits or is being done, counted by kind; empty when nothing is left to do."""

    waiting: dict[str, int] = field(default_factory=dict)

    @property
    def is_none(self) -> bool:
        return not self.waiting


def work(client: redis.Redis) -> Work:
    """Return the work that is not finished."""
    pipe = client.pipeline(transaction=False)
    names = []
    for queue in QUEUES:
        names += [f"{queue} waiting", f"{queue} ready or running"]
        pipe.zcard(keys.delayed(queue)).hlen(keys.ready(queue) + ".msgs")
    names.append("bookings to look at")
    pipe.zcount(keys.BOOKINGS, "-inf", time.time() * 1_000)
    for name, key in (("open deliveries", keys.OPEN), ("changed people", keys.CHANGED)):
        names.append(name)
        pipe.zcard(key)
    names.append("people being shown")
    pipe.hlen(keys.SYNCING)
    numbers = dict(zip(names, pipe.execute(), strict=True))
    counts = client.hgetall(keys.COUNTS)
    numbers |= {f"{status} people": int(counts.get(status.encode(), 0)) for status in ("accepted", "active")}
    numbers |= {f"{queue} waiting": 0 for queue in LATER}
    return Work({name: number for name, number in numbers.items() if number})


def progress(client: redis.Redis) -> tuple[int, int]:
    """Return a pair that grows with progress: ended deliveries, then minus the contacts that Notion has yet to show."""
    counts = client.hgetall(keys.COUNTS)
    ended = sum(int(number) for name, number in counts.items() if name.startswith(b"delivery:"))
    return ended, -client.zcard(keys.CHANGED)


def stuck(client: redis.Redis) -> list[str]:
    """Return what would never move again: bodies without a job, and messages that no worker has."""
    found = []
    for queue in QUEUES:
        waiting, bodies = (
            _members(client.zrange(keys.delayed(queue), 0, -1)),
            _members(client.hkeys(keys.delayed(queue) + ".msgs")),
        )
        held: set[str] = set()
        for acks in client.scan_iter(f"{keys.ready('__acks__')}.*.{queue}"):
            held |= _members(client.smembers(acks))
        ready = _members(client.lrange(keys.ready(queue), 0, -1)) | held
        bodies_ready = _members(client.hkeys(keys.ready(queue) + ".msgs"))
        for what, ids in (
            ("a body without a job", bodies - waiting),
            ("a message nobody has", bodies_ready - ready),
            ("a message without a body", held - bodies_ready),
        ):
            found += [f"{queue}: {what}: {job}" for job in sorted(ids)]
    return found


def failed(client: redis.Redis) -> list[tuple[str, str, str]]:
    """Return (queue, message, last line of the reason) of each message that the queue quarantined."""
    found = []
    for queue in QUEUES:
        for ready_id, body in client.hgetall(keys.ready(queue) + ".XQ.msgs").items():
            why = str(json.loads(body)["options"].get("traceback", "")).strip().splitlines()
            found.append((queue, ready_id.decode(), why[-1] if why else ""))
    return found


def log_events(folder: Path) -> tuple[Counter[str], list[str]]:
    """Return how often each event was logged, and, with its file, each internal error and line that is no log line."""
    events: Counter[str] = Counter()
    strange = []
    for file in sorted(folder.glob("*.err")):
        for line in file.read_text(errors="replace").splitlines():
            try:
                said = json.loads(line)
                events[f"{said['level']} {said['event']}"] += 1
                if said["event"] in ("job_failed", "background_thread_failed"):
                    last = said.get("exception", "").strip().splitlines()
                    strange.append(f"{file.name}: {said['event']}: {last[-1] if last else said}")
            except (ValueError, KeyError, TypeError):
                strange.append(f"{file.name}: {line}")
    return events, strange


def by_owner(mails: list[Accepted]) -> dict[str, dict[str, list[Accepted]]]:
    """Return enrollment or booking → `step-3` or `1764000000000/24h` → mails; mails without such a key are under ''."""
    found: dict[str, dict[str, list[Accepted]]] = defaultdict(lambda: defaultdict(list))
    for mail in mails:
        _, owner, name = mail.key.split("/", 2) if mail.key.count("/") >= 2 else ("", "", mail.key)
        found[owner][name].append(mail)
    return found


def reminders(client: redis.Redis, bookings: Iterable[str]) -> dict[str, dict[str, Record]]:
    """Return booking → the records of its reminders; empty for an unknown booking."""
    found = {}
    for booking in bookings:
        fields = client.hgetall(keys.guest(booking))
        found[booking] = read_records({name.decode(): text.decode() for name, text in fields.items()})
    return found


def _members(answer: Any) -> set[str]:
    return {member.decode() for member in answer}
