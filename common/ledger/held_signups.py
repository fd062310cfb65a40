"""Signups above an hourly limit: list, release and discard them. `signups.py` accepts and holds them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from common.domain.ids import EnrollmentId
from common.domain.signup_bounds import Bound
from common.ledger import keys
from common.ledger.codec import read_assessment
from common.ledger.store import Store, texts

PAGE = 500
"""Number of signups read, released or discarded together; this occupies the store for a few milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSignup:
    """
    A held signup.

    `bound`: the limit that it exceeded. `visitor`: the website visitor as the website named them; None after a day.
    """

    enrollment_id: EnrollmentId
    email: str
    first_name: str
    received_ms: int
    bound: Bound
    visitor: str | None


class HeldSignups:
    """The held signups of all campaigns. Raises as `Store.run` does; repeating a change changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def newest(self, *, first: int, number: int) -> list[HeldSignup]:
        """Return a page of held signups, newest first."""
        return await self._read(texts(await self._store.client.zrevrange(keys.HELD, first, first + number - 1)))

    async def read_all(self, *, visitor: str | None = None) -> AsyncIterator[HeldSignup]:
        """Yield all held signups, or those of one visitor, oldest first."""
        ids: list[EnrollmentId] = texts(await self._store.client.zrange(keys.HELD, 0, -1))
        for start in range(0, len(ids), PAGE):
            for one in await self._read(ids[start : start + PAGE]):
                if visitor is None or one.visitor == visitor:
                    yield one

    async def is_held(self, enrollment: EnrollmentId) -> bool:
        return await self._store.client.zscore(keys.HELD, enrollment) is not None

    async def release(self, ids: Sequence[EnrollmentId], *, now_ms: int) -> int:
        """Release these signups: their sequences begin now. Return how many of them were held."""
        released = 0
        for start in range(0, len(ids), PAGE):
            given = {"ids": ids[start : start + PAGE], "now_ms": now_ms}
            released += await self._store.run_json("held_signups.release", [keys.UNDER_WAY], given)
        return released

    async def discard(self, ids: Sequence[EnrollmentId]) -> int:
        """Delete these signups as if they had never arrived. Return how many of them were held."""
        discarded = 0
        for start in range(0, len(ids), PAGE):
            given = {"ids": ids[start : start + PAGE]}
            discarded += await self._store.run_json("held_signups.discard", [keys.PAUSES], given)
        return discarded

    async def _read(self, ids: Sequence[EnrollmentId]) -> list[HeldSignup]:
        pipe = self._store.client.pipeline(transaction=False)
        for id in ids:
            pipe.hmget(keys.enrollment(id), "email", "assessment", "anchor_ms", "held_by")
            pipe.get(keys.visitor_of(id))
        answers = texts(await pipe.execute()) if ids else []
        return [
            _held(id, fields, visitor)
            for id, fields, visitor in zip(ids, answers[::2], answers[1::2], strict=True)
            if fields[3] is not None  # None: it was released or discarded in the meantime.
        ]


def _held(id: EnrollmentId, fields: Sequence[str], visitor: str | None) -> HeldSignup:
    email, assessment, received_ms, bound = fields
    return HeldSignup(
        enrollment_id=id,
        email=email,
        first_name=read_assessment({"email": email, "assessment": assessment}).first_name,
        received_ms=int(received_ms),
        bound=Bound(bound),
        visitor=visitor,
    )
