"""The store as the parts of the ledger use it: run a script, read a HASH, hash an address; wait for it, if asked to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import redis.asyncio
from pydantic_core import to_json

from common.domain.ids import address_hash, canonical_mailbox, normal_address, number_hash
from common.ledger.scripts import Argument, Scripts
from common.store.retry import OutageLog, until_answered_async

T = TypeVar("T")


class Store:
    """
    One client, the secret that addresses are hashed with, and whose an address is.

    `separate_spellings`: each spelling of an address is a mailbox of its own, as in TESTING_MODE. `is_patient`: a call
    to a store that is away waits for it instead of raising; for workers, which have nothing better to do. A call whose
    answer was lost is repeated: every script is written so that its repetition changes nothing.
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
        The answer of one entry point of `lua/`, as text.

        Raises `redis.RedisError` when the store cannot be reached or refuses to write; then nothing was changed, or all
        of it was and a repetition changes nothing.
        """
        return await self.patiently(lambda: self.attempt(name, keys, args))

    async def attempt(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Likewise, without the patience of this object."""
        return texts(await self._scripts.run(name, keys, args))

    async def run_json(self, name: str, keys: Sequence[str], given: Mapping[str, Any], *more: Argument) -> Any:
        """The same of an entry point that is given one JSON object; what is None is left out."""
        json = to_json({field: value for field, value in given.items() if value is not None})
        return await self.run(name, keys, (json, *more))

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """A call to this store, with the patience of this object."""
        return await (until_answered_async(call, self._outage) if self._is_patient else call())

    async def read_hash(self, key: str) -> dict[str, str]:
        """One HASH, as text; empty when there is none."""
        fields: dict[str, str] = texts(await self.patiently(lambda: self.client.hgetall(key)))
        return fields

    def address_hash(self, address: str) -> str:
        """What stands for the mailbox of an address in the suppression list."""
        return address_hash(self._secret_key, self.mailbox(address))

    def number_hash(self, number: str) -> str:
        """What stands for a phone number (E.164) there."""
        return number_hash(self._secret_key, number)

    def spelled_hash(self, address: str) -> str:
        """What stood for an address there before format 3: the hash of its spelling."""
        return address_hash(self._secret_key, address)

    def mailbox(self, address: str) -> str:
        """The one form of all spellings of a mailbox; mail goes to the spelling that was given."""
        normal = normal_address(address)
        return normal if self.separate_spellings else canonical_mailbox(normal)


def texts(answer: Any) -> Any:
    """Bytes to text, all the way down."""
    if isinstance(answer, bytes):
        return answer.decode()
    if isinstance(answer, list):
        return [item.decode() if type(item) is bytes else texts(item) for item in answer]
    if isinstance(answer, dict):
        return {texts(key): texts(value) for key, value in answer.items()}
    return answer


def pairs(flat: Sequence[str]) -> dict[str, str]:
    """Of a flat list of fields and values."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def flat(fields: Mapping[str, str]) -> list[str]:
    """A flat list of fields and values."""
    return [text for pair in fields.items() for text in pair]
