"""
Measures `advent migrate` for a store that version 0.1.0 wrote: the copy of all keys, then the migration's steps.

Contacts have received three mails and wait for step 4. One in ten has booked a call with three reminders. One in a
hundred has a mail that is being sent, with its frozen payload.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Final

import redis.asyncio

from benchmarks.figures import Figure, Goal
from common.clock import SystemClock
from common.domain.ids import enrollment_id, key_fingerprint
from common.ledger.keys import PREFIX
from common.migration.run import migrate_external
from common.store.clients import connect_async
from common.store.embedded import EmbeddedStore
from common.store.format import FORMAT

GOAL: Final = Goal(60)
SOURCE: Final = 1
CAMPAIGN: Final = "christmas_2025"
SECRET_KEY: Final = "a key for a benchmark"
BATCH: Final = 1_000
ANCHOR_MS: Final = 1_764_000_000_000
DAY_MS: Final = 86_400_000
PAYLOAD: Final = json.dumps({"to": "", "subject": "Three numbers", "html": "<p>" + 9_000 * "a", "text": 2_000 * "a"})


def measure(*, people: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="advent-") as directory:
        store = EmbeddedStore(Path(directory) / "store")
        store.start()
        try:
            return asyncio.run(_measure(store.url, Path(directory), people))
        finally:
            store.stop()


async def _measure(url: str, data_dir: Path, people: int) -> list[Figure]:
    async with connect_async(url) as client:
        await _write_store(client, people)
    migration = await migrate_external(
        url, data_dir, secret_key=SECRET_KEY, clock=SystemClock(), report=lambda _line: None
    )
    assert migration is not None, f"no step leads from format {SOURCE} to {FORMAT}"
    assert migration.copy is not None
    changed = sum(result.keys for result in migration.results)
    size = migration.copy.stat().st_size / 2**20
    about = f"{people:,} people; {changed:,} keys changed; a copy of {size:,.0f} MB"
    return [Figure("advent migrate", migration.duration_ms / 1000, "s", GOAL, about)]


async def _write_store(client: redis.asyncio.Redis, people: int) -> None:
    await client.set(f"{PREFIX}format", SOURCE)
    await client.set(f"{PREFIX}secret_key", key_fingerprint(SECRET_KEY))
    await client.hset(f"{PREFIX}counts", mapping={"active": people, "fate:delivered": 3 * people})
    for first in range(0, people, BATCH):
        pipe = client.pipeline(transaction=False)
        for number in range(first, min(first + BATCH, people)):
            _write_contact(pipe, number)
        await pipe.execute()


def _write_contact(pipe: redis.asyncio.client.Pipeline, number: int) -> None:
    email = f"guest{number:06}@people.example"
    enr = enrollment_id(CAMPAIGN, email)
    anchor_ms = ANCHOR_MS + number
    due_ms = anchor_ms + 5 * DAY_MS
    fields: dict[str, str | int] = {
        "c": CAMPAIGN,
        "e": email,
        "t": f'["guest{number}","Salon {number}","America/Toronto",null,"GPS","FUEL",null,42,1,2,3,2,null,null,14500]',
        "sg": "URGENT",
        "st": "active",
        "a": anchor_ms,
        "l": anchor_ms + 3 * DAY_MS,
        "r": 4,
        "v": 4,
        "n": 4,
        "d": due_ms,
        "p:s": "~KV1rmMoWTaO6AGdVzdtbNg ~xTUrhCvwRmQ",
        "p:c": "~qf6S3PaSTWiAiFszM2inow ~PqgwHDwaeig",
    }
    for step, days in ((1, 0), (2, 1), (3, 3)):
        fields[f"s{step}"] = f"delivered {anchor_ms + days * DAY_MS} 1 +3 ~TnfH1yw7TDav97wYwSqOlw"
    if number % 100 == 0:
        fields |= {"n": 5, "d": due_ms + 2 * DAY_MS, "sending": f"4 {due_ms}"}
        _write_sending(pipe, f"{enr}/step-4", due_ms)
    pipe.hset(f"{PREFIX}enrollment:{enr}", mapping=fields)
    pipe.sadd(f"{PREFIX}enrolled", enr)
    pipe.zadd(f"{PREFIX}queue:send.DQ", {f"{enr}/step-{fields['n']}": float(fields["d"])})
    pipe.set(f"{PREFIX}w:{enr}", f"accepted {enr}", px=45 * DAY_MS)
    if number % 10 == 0:
        _write_booking(pipe, number, enr, email, due_ms)


def _write_sending(pipe: redis.asyncio.client.Pipeline, delivery: str, due_ms: int) -> None:
    fields = {"claimed": due_ms, "due": due_ms, "fence": 1, "attempts": 1, "first": due_ms + 9, "unknown": 1}
    pipe.hset(f"{PREFIX}delivery:{delivery}", mapping={**fields, "worker": "w1", "frozen": PAYLOAD})
    pipe.zadd(f"{PREFIX}open", {delivery: due_ms + 60_000})


def _write_booking(pipe: redis.asyncio.client.Pipeline, number: int, enr: str, email: str, due_ms: int) -> None:
    booking, start_ms = f"bkg_{number:016}", due_ms + 5 * DAY_MS
    fields: dict[str, str | int] = {
        "campaign": CAMPAIGN,
        "contact": enr,
        "email": email,
        "end": start_ms + 1_800_000,
        "first": f"guest{number}",
        "join": f"https://app.cal.com/video/{booking}",
        "organizer": "Sarah Host",
        "received": due_ms,
        "stand": "booked",
        "start": start_ms,
        "title": "Strategy Call between Sarah Host and a guest",
        "tz": "America/Toronto",
        "uid": booking,
    }
    for hours in (72, 24, 2):
        reminder_ms = start_ms - hours * 3_600_000
        fields[f"r:{start_ms}/{hours}h"] = f"planned {reminder_ms} 0 0 "
        pipe.zadd(f"{PREFIX}open", {f"{booking}/{start_ms}/{hours}h": reminder_ms})
    pipe.hset(f"{PREFIX}meeting:{booking}", mapping=fields)
