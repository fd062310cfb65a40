"""A new SECRET_KEY on purpose: who has left is marked anew, as far as the ledger still knows their addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.domain.enrollment import ExitReason
from common.domain.ids import EnrollmentId
from common.domain.suppression import key_fingerprint
from common.ledger import codec, keys
from common.ledger.ledger import Ledger
from common.ledger.views import enrollments

AT_ONCE = 500
_LEFT = (ExitReason.UNSUBSCRIBED, ExitReason.BOUNCED, ExitReason.COMPLAINED)


@dataclass(frozen=True, slots=True)
class Carried:
    """`marked`: addresses that are suppressed under the new key, too. `lost`: marks of whom nobody knows any more."""

    marked: int
    lost: int


async def accept_new_key(ledger: Ledger, secret_key: str, *, now_ms: int) -> Carried:
    """
    Make this the store's key. Nobody else may work on it meanwhile; repeating changes nothing.

    A mark names nobody, so it cannot be made anew from the old one: only an enrollment that ended because its person
    left still says whose it was. Marks of people who were never enrolled stay in the list, and mean nothing any more.
    """
    known = int(await ledger.client.hlen(keys.SUPPRESSED))
    marked, page = 0, list[EnrollmentId]()
    async for enrollment in enrollments(ledger):
        page.append(enrollment)
        if len(page) == AT_ONCE:
            marked += await _mark(ledger, page, now_ms=now_ms)
            page = []
    marked += await _mark(ledger, page, now_ms=now_ms)
    await ledger.client.set(keys.SECRET_KEY, key_fingerprint(secret_key))
    return Carried(marked, max(0, known - marked))


async def _mark(ledger: Ledger, page: Sequence[EnrollmentId], *, now_ms: int) -> int:
    pipe = ledger.client.pipeline(transaction=False)
    for enrollment in page:
        pipe.hmget(keys.enrollment(enrollment), "reason", codec.EMAIL, "ended")
    answers: list[Any] = await pipe.execute() if page else []
    left = [
        (ledger.mark(email.decode()), f"{reason.decode()} {int(ended or now_ms)}")
        for reason, email, ended in answers
        if reason is not None and email is not None and reason.decode() in _LEFT
    ]
    marking = ledger.client.pipeline(transaction=False)
    for mark, why in left:
        marking.hsetnx(keys.SUPPRESSED, mark, why)
    if left:
        await marking.execute()
    return len({mark for mark, _ in left})
