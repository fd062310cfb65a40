"""The store's generation, and what witnesses in other processes remember of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from common.domain.store_generation import Generation, Memory
from common.ledger import keys
from common.ledger.store import Store

_WORKED_ON = ("active", "completed", "exited")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """
    What was settled after a restore.

    `store_ms`: the time of the restored store, 0 if unknown. `found`: number of deliveries that the provider lists;
    `merged`: contacts of whom Notion shows more than the backup; `restored`: contacts missing from the backup;
    `unknown`: deliveries that may have been sent, and now wait for an operator as dead letters. `people`: the addresses
    of their recipients, or the first of them. `notes`: what could not be queried, and why.
    """

    at_ms: int
    store_ms: int
    found: int = 0
    merged: int = 0
    restored: int = 0
    unknown: int = 0
    people: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Generations:
    """Reads and writes the store's generation, its last settlement and its witnesses. Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.seen: Generation | None = None
        """
        The generation that this process saw last. A store that is behind it, or does not descend from it, refuses this
        process's claims.
        """

    async def current(self) -> Generation | None:
        fields = await self._store.read_hash(keys.GENERATION)
        if "id" not in fields:
            return None
        return Generation(
            id=fields["id"],
            mark=int(fields["mark"]),
            at_ms=int(fields["at_ms"]),
            ancestors=frozenset(fields["ancestors"].split()),
        )

    async def instance(self) -> str:
        """Return an id of the server process and its database; it changes after a restart, a restore or a failover."""
        client = self._store.client
        server = await self._store.call(lambda: client.info("server"))
        connection = client.get_connection_kwargs()  # type: ignore[no-untyped-call]
        return f"{server['run_id']}/{connection.get('db', 0)}"

    async def begin(self, generation: Generation) -> None:
        ancestors = " ".join(sorted(generation.ancestors))
        args = [generation.id, generation.mark, generation.at_ms, ancestors]
        await self._store.run("generation.begin", [keys.GENERATION], args)

    async def beat(self, generation: Generation, *, now_ms: int) -> bool:
        """Advance the store's mark by one. Return False if the store is not at this mark, so it was replaced."""
        args = [generation.id, generation.mark, now_ms]
        return bool(await self._store.run("generation.beat", [keys.GENERATION], args))

    async def people(self) -> int:
        """Return how many enrollments are active or have ended. Signups that wait in an empty store do not count."""
        counted = await self._store.read_hash(keys.COUNTS)
        return sum(int(counted.get(status, 0)) for status in _WORKED_ON)

    async def note_settlement(self, settlement: Settlement) -> None:
        text, client = json.dumps(asdict(settlement)), self._store.client
        await self._store.call(lambda: client.hset(keys.GENERATION, "settlement", text))

    async def settlement(self) -> Settlement | None:
        """Return what was settled after the last restore, if there was one."""
        text = (await self._store.read_hash(keys.GENERATION)).get("settlement")
        if text is None:
            return None
        fields = json.loads(text)
        return Settlement(**{**fields, "people": tuple(fields["people"]), "notes": tuple(fields["notes"])})

    async def publish(self, witness: str, memory: Memory) -> None:
        """Store what a witness remembers that the workers cannot read (a gateway's DATA_DIR)."""
        client, text = self._store.client, memory.to_json()
        await self._store.call(lambda: client.hset(keys.WITNESSES, witness, text))

    async def published(self) -> list[Memory]:
        found = map(Memory.from_json, (await self._store.read_hash(keys.WITNESSES)).values())
        return [memory for memory in found if memory is not None]
