"""
The store's generation, and the records that witnesses outside the store hold of it. They reveal a restored or copied
store.

A store has a *generation*, a random id, and a *mark* that grows with every heartbeat. A witness remembers the newest of
both. A store that is behind a witness was restored, or is a copy. When a restore is settled, a new generation begins
and names the earlier ones as its ancestors.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

RESTORED: Final = "restored"
EMPTIED: Final = "emptied"
COPIED: Final = "copied"
UNSETTLED: Final = "unsettled"
"""Reasons of holds on all sending. `unsettled`: the store was restored, and it is unknown who has left since."""
ENDED_BY_OPERATOR: Final = (EMPTIED, UNSETTLED)
"""The holds that an operator may end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A generation. `at_ms`: time of the newest mark. `ancestors`: earlier generations whose mail this one includes."""

    id: str
    mark: int
    at_ms: int
    ancestors: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """
    A witness's record of the store. `people`: how many contacts it had. `token`: identifies the store's server process;
    another token reveals that another copy of the store is running.
    """

    generation: str
    mark: int
    at_ms: int
    people: int
    token: str

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Memory | None:
        """Read what `to_json` wrote, otherwise return None: a witness that cannot be read does not count."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError):
            return None


class Lineage(StrEnum):
    """
    What a start finds. FIRST and SAME need nothing; RESTORED: the mail sent since must be settled; EMPTIED: the store
    must first be rebuilt.
    """

    FIRST = "first"
    SAME = "same"
    RESTORED = "restored"
    EMPTIED = "emptied"


def includes(store: Generation | None, memory: Memory) -> bool:
    """Whether the store contains everything that this witness recorded."""
    if store is None:
        return False
    return descends_from(store, Generation(id=memory.generation, mark=memory.mark, at_ms=memory.at_ms))


def descends_from(store: Generation, before: Generation) -> bool:
    """Whether `store` is a later mark of the same generation as `before`, or has it among its ancestors."""
    return before.id in store.ancestors or (before.id == store.id and before.mark <= store.mark)


def lineage_of(store: Generation | None, memories: Sequence[Memory], *, people: int) -> Lineage:
    """
    Return what a start finds. `people`: the number of contacts in the store.

    Without any witness a restored store cannot be recognized, so mail is sent. A store that has contacts and no
    generation was restored from a time before generations existed.
    """
    if all(includes(store, memory) for memory in memories):
        return Lineage.FIRST if store is None else Lineage.SAME
    if store is not None or people:
        return Lineage.RESTORED
    return Lineage.EMPTIED if any(memory.people for memory in memories) else Lineage.FIRST


def newest(memories: Sequence[Memory]) -> Memory | None:
    return max(memories, key=lambda memory: (memory.at_ms, memory.mark), default=None)
