"""One store, campaign and secret, and the ways to them, for every part of the ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import redis.asyncio

from common.domain.cadence import Cadence
from common.domain.suppression import suppression_mark
from common.ledger.reminders import Reminders
from common.ledger.scripts import Argument, PatientScripts, Scripts

T = TypeVar("T")


class Access:
    """What the parts of `Ledger` have in common."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        *,
        campaign: str,
        cadence: Cadence,
        secret_key: str,
        patient: bool = False,
    ) -> None:
        """`patient`: wait for a store that is away instead of raising; for workers, which have nothing better to do."""
        self.client = client
        self.campaign = campaign
        self.cadence = cadence
        self._secret_key = secret_key
        self._calls = 0
        self._scripts: Scripts = PatientScripts(client) if patient else Scripts(client)
        self._reminders = Reminders(campaign, self.run_script, self.read_hash, self.mark)

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Another call to the same store, with the patience of this ledger."""
        return await self._scripts.read(call)

    async def run_script(self, name: str, of_keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """The answer of one script, as text; for the parts of the ledger in files of their own."""
        return texts(await self._scripts.run(name, of_keys, args))

    async def read_hash(self, key: str) -> dict[str, str]:
        """One HASH, as text; empty when there is none."""
        fields: dict[str, str] = texts(await self._scripts.read(lambda: self.client.hgetall(key)))
        return fields

    def mark(self, address: str) -> str:
        """What stands for an address in the suppression list."""
        return suppression_mark(self._secret_key, address)


def texts(answer: Any) -> Any:
    """Bytes to text, all the way down."""
    if isinstance(answer, bytes):
        return answer.decode()
    if isinstance(answer, list):
        return [texts(item) for item in answer]
    if isinstance(answer, dict):
        return {texts(key): texts(value) for key, value in answer.items()}
    return answer
