"""SMS that were received: a number stops or resumes its SMS, asks for help, or gives any other answer."""

from __future__ import annotations

from typing import Literal

from common.domain.ids import GuestId
from common.ledger import keys
from common.ledger.codec import read_records
from common.ledger.store import Store, texts

Word = Literal["stop", "start", "help", "answer"]


class Texts:
    """The SMS that phone numbers sent, and those sent to them. Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def receive(self, number: str, word: Word, text: str, *, webhook_id: str, now_ms: int) -> bool:
        """
        Record an SMS from a number, in one round trip, all or nothing; see `lua/texts.lua`.

        `webhook_id` (`twilio:SM…`) is remembered for 45 days. Returns False if this SMS was received before.
        """
        given = {"number_hash": self._store.number_hash(number), "word": word, "text": text, "now_ms": now_ms}
        return bool(await self._store.run_json("texts.receive", [keys.webhook(webhook_id)], given))

    async def accepted_ids(self, number: str) -> set[str]:
        """
        Return the provider's ids of all accepted SMS to this number, whichever guest they were for.

        The ids of mails to the same guests are included too.
        """
        client, key = self._store.client, keys.numbers(self._store.number_hash(number))
        guests = texts(list(await self._store.call(lambda: client.smembers(key))))
        found: set[str] = set()
        for guest in guests:
            records = read_records(await self._store.read_hash(keys.guest(GuestId(guest))))
            found |= {record.detail for record in records.values() if record.sent_ms is not None}
        return found
