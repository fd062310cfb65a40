"""
Makes each mailbox one contact: address hashes are made of its canonical form, and its id leads to its enrollment.

| key | change |
| --- | --- |
| `enrollment:`, `guest:` | `address_hash` is that of the mailbox |
| `suppressed` | likewise, for each address that is still stored with an enrollment or a guest |
| `contact:` | of a person who is not enrolled: stored under the id that their enrollment would have |
| `aliases` | leads from the id of the mailbox to an enrollment under another id, and from old hashes to new ones |

An enrollment keeps its id, and with it its deliveries and their idempotency keys. Two enrollments of one mailbox both
continue to their end; the mailbox's id leads to the enrollment of that id, or else to the one that signed up first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import redis.asyncio

from common.domain.ids import EnrollmentId, address_hash, canonical_mailbox, enrollment_id, mailbox_id, normal_address
from common.ledger import keys
from common.ledger.store import texts
from common.migration.result import MigrationResult, Report
from common.normalization.address import AddressError, repaired_address

BATCH: Final = 500
"""Owners that change together, all or none."""

_MOVE_CONTACT: Final = """
-- move_contact(KEYS = [contact, contact of the mailbox, timeline, timeline of the mailbox, enrollment of the mailbox,
--                      changed, syncing, pauses], ARGV = [id, id of the mailbox, prefix of a guest's key, now_ms]) → 1
local id, mailbox, guest = ARGV[1], ARGV[2], ARGV[3]
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local call = string.match(fields[i], '^call:(.+)$')
  if call then
    if redis.call('HGET', guest .. call, 'contact') == id then redis.call('HSET', guest .. call, 'contact', mailbox) end
    redis.call('HSETNX', KEYS[2], fields[i], fields[i + 1])
  end
end
for i = 1, #fields, 2 do redis.call('HSETNX', KEYS[2], fields[i], fields[i + 1]) end
for _, line in ipairs(redis.call('LRANGE', KEYS[3], 0, -1)) do redis.call('RPUSH', KEYS[4], line) end
local pause = redis.call('HGET', KEYS[8], id)
if pause then redis.call('HSETNX', KEYS[8], mailbox, pause) end
redis.call('HINCRBY', redis.call('EXISTS', KEYS[5]) == 1 and KEYS[5] or KEYS[2], 'revision', 1)
redis.call('ZADD', KEYS[6], ARGV[4], mailbox)
redis.call('ZREM', KEYS[6], id)
redis.call('HDEL', KEYS[7], id)
redis.call('HDEL', KEYS[8], id)
redis.call('DEL', KEYS[1], KEYS[3])
return 1
"""


async def migrate(client: redis.asyncio.Redis, report: Report, *, secret_key: str) -> MigrationResult:
    """Migrate all mailboxes. May be killed and repeated: what is changed already is left alone."""
    unmatched = {field.decode() async for field, _ in client.hscan_iter(keys.SUPPRESSED, count=1_000)}
    step = _Step(client, report, secret_key, unmatched)
    people = await step.rehash(_named(client, keys.enrollment("")), keys.enrollment(""))
    await step.lead_to_enrollments()
    bookings = await step.rehash(_named(client, keys.guest("")), keys.guest(""))
    contacts = await step.move_contacts(_named(client, keys.contact("")))
    return MigrationResult(
        people=people,
        bookings=bookings,
        keys=people + bookings + contacts,
        notes=_about(unmatched),
    )


def _about(unmatched: set[str]) -> tuple[str, ...]:
    if not unmatched:
        return ()
    who = "1 suppressed address is" if len(unmatched) == 1 else f"{len(unmatched)} suppressed addresses are"
    return (f"{who} known by a hash only: suppressed in the spelling that was suppressed, until it signs up or books",)


@dataclass(slots=True)
class _Step:
    """
    The state of one run.

    `unmatched`: suppressed hashes whose address was not found. `first`: by the id of a mailbox, the enrollment that
    signed up first under another id, and when.
    """

    client: redis.asyncio.Redis
    report: Report
    secret_key: str
    unmatched: set[str]
    first: dict[EnrollmentId, tuple[int, str]] = field(default_factory=dict)

    async def rehash(self, ids: AsyncIterator[str], prefix: str) -> int:
        """Give every owner below this prefix the address hash of their mailbox. Return how many changed."""
        changed = seen = 0
        async for page in _pages(ids):
            changed += await self._rehash_page(page, prefix)
            seen += len(page)
            if seen % (20 * BATCH) == 0:
                self.report(f"{seen:,} addresses")
        return changed

    async def _rehash_page(self, page: Sequence[str], prefix: str) -> int:
        reading = self.client.pipeline(transaction=False)
        for one in page:
            reading.hmget(prefix + one, "email", "address_hash", "campaign", "anchor_ms")
        writing, changed = self.client.pipeline(transaction=True), 0
        for one, (email, hashed, campaign, anchor_ms) in zip(page, texts(await reading.execute()), strict=True):
            if email is None:
                continue
            mailbox = _mailbox(email)
            new = address_hash(self.secret_key, mailbox)
            self.unmatched -= {new, hashed or ""}
            if one.startswith("enr_"):
                self._note_first(EnrollmentId(one), enrollment_id(campaign, mailbox), int(anchor_ms))
                if one != enrollment_id(campaign, mailbox):
                    writing.sadd(keys.traces(mailbox_id(mailbox)), one)
            if hashed != new:
                changed += 1
                writing.hset(prefix + one, "address_hash", new)
                await self._move_suppression(writing, hashed, new)
        await writing.execute()
        return changed

    async def _move_suppression(self, writing: Any, old: str | None, new: str) -> None:
        """Move a suppression to the new hash. Links in sent mails name the old hash, so it must lead to the new one."""
        if old is None:
            return
        writing.hset(keys.ALIASES, old, new)
        lines: list[str | None] = texts(await self.client.hmget(keys.SUPPRESSED, [old, new]))
        if lines[0] is not None:
            writing.hset(keys.SUPPRESSED, new, max(filter(None, lines), key=_weight))
            writing.hdel(keys.SUPPRESSED, old)

    def _note_first(self, enrollment: EnrollmentId, mailbox: EnrollmentId, anchor_ms: int) -> None:
        if enrollment != mailbox:
            self.first[mailbox] = min(self.first.get(mailbox, (anchor_ms, enrollment)), (anchor_ms, enrollment))

    async def lead_to_enrollments(self) -> None:
        """Let the id of each mailbox lead to its enrollment, unless an enrollment has that id."""
        for mailbox, (_, enrollment) in self.first.items():
            if not await self.client.exists(keys.enrollment(mailbox)):
                await self.client.hset(keys.ALIASES, mailbox, enrollment)

    async def move_contacts(self, ids: AsyncIterator[str]) -> int:
        """Move each contact with calls and without an enrollment to the id of their mailbox. Return how many moved."""
        move, moved = self.client.register_script(_MOVE_CONTACT), 0
        for one in [one async for one in ids]:
            mailbox = await self._contact_of(one)
            if mailbox is None or mailbox == one:
                continue
            names = [keys.contact(one), keys.contact(mailbox), keys.timeline(one), keys.timeline(mailbox)]
            names += [keys.enrollment(mailbox), keys.CHANGED, keys.SYNCING, keys.PAUSES]
            seconds, microseconds = await self.client.time()
            now_ms = seconds * 1000 + microseconds // 1000
            await move(keys=names, args=[one, mailbox, keys.guest(""), now_ms])
            moved += 1
        return moved

    async def _contact_of(self, contact: str) -> str | None:
        """Return the contact whose calls these are; None: they are enrolled, or no call tells the campaign."""
        if await self.client.exists(keys.enrollment(contact)):
            return None
        fields: dict[str, str] = texts(await self.client.hgetall(keys.contact(contact)))
        for call in (name.removeprefix("call:") for name in fields if name.startswith("call:")):
            campaign: str | None = texts(await self.client.hget(keys.guest(call), "campaign"))
            if campaign and "email" in fields:
                mailbox = enrollment_id(campaign, _mailbox(fields["email"]))
                leads_to: str | None = texts(await self.client.hget(keys.ALIASES, mailbox))
                return leads_to or mailbox
        return None


def _mailbox(email: str) -> str:
    """Return the mailbox of an address as an earlier version stored it, which did not know Unicode domains."""
    try:
        return canonical_mailbox(repaired_address(email))
    except AddressError:
        return canonical_mailbox(normal_address(email))


def _weight(line: str) -> tuple[bool, bool]:
    """Rank two suppressions of one mailbox: a forgotten contact stays forgotten, a complaint outranks other reasons."""
    return line.endswith(" forgotten"), line.startswith("complained ")


async def _named(client: redis.asyncio.Redis, prefix: str) -> AsyncIterator[str]:
    async for key in client.scan_iter(match=f"{prefix}*", count=1_000):
        yield key.decode().removeprefix(prefix)


async def _pages(ids: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    page: list[str] = []
    async for one in ids:
        page.append(one)
        if len(page) == BATCH:
            yield page
            page = []
    if page:
        yield page
