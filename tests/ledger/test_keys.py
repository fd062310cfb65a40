"""The table of keys is complete: it lists every key that a contact leaves in the store, with its type."""

from __future__ import annotations

import re
from collections.abc import Iterator

from common.domain.enrollment import ExitReason
from common.ledger import keys
from tests.ledger.test_transitions import ADA, enrolled, go, send

HOUR_MS = 3_600_000


def table() -> Iterator[tuple[str, str]]:
    """Yield (key, type) for each key in the table."""
    for line in (keys.__doc__ or "").splitlines():
        if line.startswith("| `"):
            named, kinds, *_ = (cell.strip() for cell in line.strip("|").split(" | "))
            yield from zip(re.findall(r"`([^`]+)`", named), kinds.split(", "), strict=True)


def type_of(key: str) -> str:
    """Return the type in the most specific row that matches this key; `<…>` matches any text."""
    found = []
    for named, kind in table():
        parts = re.split(r"<[^>]+>", named)
        if re.fullmatch(keys.PREFIX + ".+".join(map(re.escape, parts)), key):
            found.append((len("".join(parts)), kind))
    return max(found)[1] if found else "in no row"


def test_every_key_of_the_table_has_one_type():
    assert {kind for _, kind in table()} == {"STRING", "HASH", "SET", "ZSET", "LIST"}


async def test_every_key_of_a_contact_is_in_the_table_with_its_type(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    await send(ledger, 1, now)
    second = await go(ledger, 2, now + 24 * HOUR_MS)
    await ledger.deliveries.freeze(second, "mail 2", now_ms=now)
    await ledger.deliveries.settle(second, "dead", "422", now_ms=now)
    await ledger.mirror.take(worker="w1", now_ms=now)
    await ledger.enrollments.hold(ADA, "booked", now_ms=now)
    await ledger.enrollments.exit(
        ADA, ExitReason.UNSUBSCRIBED, address_hash=ledger.store.address_hash(ada.email), now_ms=now
    )
    found = {key.decode(): (await ledger.client.type(key)).decode().upper() async for key in ledger.client.scan_iter()}

    assert len(found) >= 12
    assert {key: type_of(key) for key in found} == found
