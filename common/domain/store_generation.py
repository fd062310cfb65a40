"""
Which life of the store this is, and what witnesses outside it remember: how a restored or copied store is noticed.

A store has a *generation*, a random id, and a *mark* that grows with every heartbeat. A witness remembers the newest of
both. A store behind a witness was restored, or is a copy; a settled restore begins a generation of its own, which names
those before it.
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
"""Reasons of holds on all sending. `unsettled`: restored, and nothing tells who left since."""
ASKING: Final = (EMPTIED, UNSETTLED)
"""Those that a person may end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """`at_ms`: time of the newest mark. `ancestors`: generations whose mail is accounted for in this one."""

    id: str
    mark: int
    at_ms: int
    ancestors: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """
    What a witness remembers. `people`: how many the store had. `token`: of the process that wrote it last, from which
    another living copy of the store is recognised.
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
        """None for a text that `to_json` did not write: a witness that cannot be read is none."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError):
            return None


class Lineage(StrEnum):
    """What a start has to do: nothing; settle what went out since; fill an empty store first."""

    FIRST = "first"
    SAME = "same"
    RESTORED = "restored"
    EMPTIED = "emptied"


def knows(store: Generation | None, memory: Memory) -> bool:
    """Whether the store has everything that this witness saw."""
    if store is None:
        return False
    return succeeds(store, Generation(id=memory.generation, mark=memory.mark, at_ms=memory.at_ms))


def succeeds(store: Generation, before: Generation) -> bool:
    """Whether it is the same life of the store, later, or one that accounts for it."""
    return before.id in store.ancestors or (before.id == store.id and before.mark <= store.mark)


def lineage_of(store: Generation | None, memories: Sequence[Memory], *, people: int) -> Lineage:
    """
    `people`: in the store. Without any witness an old store looks like a first start, so mail goes.

    A store without a generation that has people was restored from a time before generations.
    """
    if all(knows(store, memory) for memory in memories):
        return Lineage.FIRST if store is None else Lineage.SAME
    if store is not None or people:
        return Lineage.RESTORED
    return Lineage.EMPTIED if any(memory.people for memory in memories) else Lineage.FIRST


def newest(memories: Sequence[Memory]) -> Memory | None:
    return max(memories, key=lambda memory: (memory.at_ms, memory.mark), default=None)
