"""The store as the ledger's classes use it: run scripts, read HASHes, hash addresses, wait while it is unavailable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import redis.asyncio
from pydantic_core import to_json

from common.domain.ids import address_hash, canonical_mailbox, normal_address, number_hash
from common.ledger.scripts import Argument, Scripts
from common.store.retry import OutageLog, retry_until_answered_async

T = TypeVar("T")


class Store:
    """
    A Redis client, the secret for hashing addresses, and the rule for which spellings are one mailbox.

    `separate_spellings`: each spelling of an address is a mailbox of its own, as in TESTING_MODE. `is_patient`: a call
    to an unavailable store waits until it is back instead of raising; for workers, which have nothing else to do. A
    call whose answer was lost is repeated, so every script is written so that repeating it changes nothing.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        *,
        secret_key: str,
        is_patient: bool = False,
        separate_spellings: bool = False,
    ) -> None:
        self.client = client
        self.separate_spellings = separate_spellings
        self._secret_key = secret_key
        self._is_patient = is_patient
        self._scripts = Scripts(client)
        self._outage = OutageLog()

    async def run(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """
        Run one entry point of `lua/` and return its answer, decoded to text.

        Raises `redis.RedisError` when the store cannot be reached or refuses to write. The script then changed either
        nothing or everything it had to, and repeating the call is safe.
        """
        return await self.call(lambda: self.attempt(name, keys, args))

    async def attempt(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Like `run`, but never wait for an unavailable store, whatever `is_patient` says."""
        return texts(await self._scripts.run(name, keys, args))

    async def run_json(self, name: str, keys: Sequence[str], given: Mapping[str, Any], *more: Argument) -> Any:
        """Run an entry point whose first argument is a JSON object: `given` without the fields that are None."""
        json = to_json({field: value for field, value in given.items() if value is not None})
        return await self.run(name, keys, (json, *more))

    async def call(self, command: Callable[[], Awaitable[T]]) -> T:
        """Call a function that uses this store. With `is_patient`, repeat it until the store is available."""
        return await (retry_until_answered_async(command, self._outage) if self._is_patient else command())

    async def read_hash(self, key: str) -> dict[str, str]:
        """Return a HASH, decoded to text; an empty dict when there is none."""
        fields: dict[str, str] = texts(await self.call(lambda: self.client.hgetall(key)))
        return fields

    def address_hash(self, address: str) -> str:
        """Return the hash under which the mailbox of an address is suppressed."""
        return address_hash(self._secret_key, self.mailbox(address))

    def number_hash(self, number: str) -> str:
        """Return the hash under which a phone number (E.164) is suppressed."""
        return number_hash(self._secret_key, number)

    def spelled_hash(self, address: str) -> str:
        """Return the hash of an address as it is spelled, under which it was suppressed before store format 3."""
        return address_hash(self._secret_key, address)

    def mailbox(self, address: str) -> str:
        """Return the form that all spellings of a mailbox have in common. Mail goes to the spelling that was given."""
        normal = normal_address(address)
        return normal if self.separate_spellings else canonical_mailbox(normal)


def texts(answer: Any) -> Any:
    """Decode bytes to text, also within lists and dicts."""
    if isinstance(answer, bytes):
        return answer.decode()
    if isinstance(answer, list):
        return [item.decode() if type(item) is bytes else texts(item) for item in answer]
    if isinstance(answer, dict):
        return {texts(key): texts(value) for key, value in answer.items()}
    return answer


def pairs(flat: Sequence[str]) -> dict[str, str]:
    """Return a flat list of alternating fields and values as a dict."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def flat(fields: Mapping[str, str]) -> list[str]:
    """Return a dict as a flat list of alternating fields and values."""
    return [text for pair in fields.items() for text in pair]
