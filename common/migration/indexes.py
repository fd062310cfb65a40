"""
Creates indexes, which replace searches through the whole store.

| key | change |
| --- | --- |
| `under_way` | gets the members of `enrolled`; the sweeper moves those that have ended to `ended` |
| `campaigns` | every campaign of an enrollment or a booking |
| `traces:` | the bookings that name an address of a mailbox |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import redis.asyncio

from common.domain.booking import BookingEvent
from common.ledger import keys
from common.ledger.mailboxes import traces_id

BATCH: Final = 500
_ENROLLED: Final = keys.PREFIX + "enrolled"


async def migrate(client: redis.asyncio.Redis) -> None:
    """Create the indexes. May be killed and repeated."""
    await _index_bookings(client)
    page: list[bytes] = []
    async for member in client.sscan_iter(_ENROLLED, count=BATCH):
        page.append(member)
        if len(page) >= BATCH:
            await _watch(client, page)
            page = []
    await _watch(client, page)
    await client.delete(_ENROLLED)


async def _watch(client: redis.asyncio.Redis, enrolled: Sequence[bytes]) -> None:
    if not enrolled:
        return
    pipe = client.pipeline(transaction=False)
    for one in enrolled:
        pipe.hget(keys.enrollment(one.decode()), "campaign")
    campaigns = set(filter(None, await pipe.execute()))
    await client.zadd(keys.UNDER_WAY, dict.fromkeys(enrolled, 0))
    if campaigns:
        await client.sadd(keys.CAMPAIGNS, *campaigns)


async def _index_bookings(client: redis.asyncio.Redis) -> None:
    prefix, page = keys.PREFIX + "booking:", list[str]()
    async for key in client.scan_iter(match=prefix + "*", count=1_000):
        page.append(key.decode().removeprefix(prefix))
        if len(page) == BATCH:
            await _index(client, page)
            page = []
    await _index(client, page)


async def _index(client: redis.asyncio.Redis, bookings: Sequence[str]) -> None:
    reading, writing = client.pipeline(transaction=False), client.pipeline(transaction=False)
    for booking in bookings:
        reading.hvals(keys.PREFIX + "booking:" + booking)
        reading.hget(keys.PREFIX + "guest:" + booking, "campaign")
    answers: list[Any] = await reading.execute() if bookings else []
    for booking, events, campaign in zip(bookings, answers[::2], answers[1::2], strict=True):
        for event in events:
            for address in BookingEvent.from_json(event.decode()).addresses:
                writing.sadd(keys.traces(traces_id(address)), booking)
        if campaign:
            writing.sadd(keys.CAMPAIGNS, campaign)
    await writing.execute()
