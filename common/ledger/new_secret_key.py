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
    Make this the store's key. Nobody else may work on it meanwhile; what ended half-way is repeated from the start.

    A mark names nobody, so it cannot be made anew from the old one: only an enrollment that ended because its person
    left still says whose it was. Marks of people who were never enrolled stay in the list, and mean nothing any more.
    """
    marks, page = set[str](), list[EnrollmentId]()
    async for enrollment in enrollments(ledger):
        page.append(enrollment)
        if len(page) == AT_ONCE:
            marks |= await _mark(ledger, page, now_ms=now_ms)
            page = []
    marks |= await _mark(ledger, page, now_ms=now_ms)
    # Counted when all are marked anew, so it is the same however often that was begun.
    others = int(await ledger.client.hlen(keys.SUPPRESSED)) - len(marks)
    outdated = int(await ledger.client.get(keys.OUTDATED_MARKS) or 0)
    await _keep(ledger, secret_key, outdated=others)
    return Carried(len(marks), max(0, others - outdated - len(marks)))


async def _keep(ledger: Ledger, secret_key: str, *, outdated: int) -> None:
    pipe = ledger.client.pipeline(transaction=True)
    pipe.set(keys.SECRET_KEY, key_fingerprint(secret_key))
    pipe.set(keys.OUTDATED_MARKS, outdated)
    await pipe.execute()


async def _mark(ledger: Ledger, page: Sequence[EnrollmentId], *, now_ms: int) -> set[str]:
    """The marks of those on the page who left, kept. A person may be in several campaigns: one mark."""
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
    return {mark for mark, _ in left}
