"""Resolve a claimed delivery of unknown outcome: it is found on the provider's list, or a person decides."""

from __future__ import annotations

from functools import partial
from typing import Final

from actors.sending.channels import Route
from actors.sending.failure_policy import Decision
from actors.sending.find_accepted import NotFound
from common.campaigns.loader import CampaignError
from common.domain.mail import AcceptedMail
from common.domain.sms import AcceptedSms
from common.errors import Failure, Misconfigured, Throttled
from common.ledger.deliveries import ClaimGranted
from common.providers.budget import Budget
from common.world import World

BUSY_LOOKUP_RETRY_MS = 2_000
LOOKUP_RETRY_MS = 60_000
RENEW_MS = 15_000

KEY_TAKEN_CODE: Final = "invalid_idempotent_request"
KEY_FORGOTTEN: Final = "an earlier try may have been accepted, and the provider no longer remembers its key"
NO_KEYS: Final = "it may have been accepted, and the provider knows no keys"
KEY_TAKEN: Final = "the provider has accepted another mail under this key"

_reading: set[int] = set()


async def reconcile(
    world: World, claim: ClaimGranted, route: Route, *, because: str
) -> AcceptedMail | AcceptedSms | Decision:
    """
    Return what the provider's list shows of this delivery, or the decision how to settle it if nothing was found.

    `because`: why it may have been accepted; a dead letter's reason begins with it. Only one job of a worker reads a
    provider's list at a time, so that the others go on sending. A second one is deferred for `BUSY_LOOKUP_RETRY_MS`.
    """
    provider = id(route.provider)
    if provider in _reading:
        return Decision("defer", "being searched for", BUSY_LOOKUP_RETRY_MS)
    _reading.add(provider)
    try:
        answer = await route.find(claim, _LeaseRenewingBudget(world, claim, route.budget))
    except CampaignError as error:
        reason = f"{because}; it cannot be searched for, because it cannot be rendered: {error}"
        return Decision("dead", reason, code="not_rendered")
    except Failure as failure:
        return _defer_lookup(failure)
    finally:
        _reading.discard(provider)
    if isinstance(answer, NotFound):
        return Decision("dead", f"{because}; {answer.reason}", is_unsent=answer.is_certain, code="outcome_unknown")
    return answer


def _defer_lookup(failure: Failure) -> Decision:
    """Return the decision to wait, because the list cannot be read now; no attempt is counted."""
    reason = f"cannot be searched for: {failure.code}"
    if isinstance(failure, Throttled):
        return Decision("defer", reason, max(failure.retry_after_ms, 100))
    if isinstance(failure, Misconfigured):
        return Decision("defer", reason, max(failure.retry_after_ms or 0, LOOKUP_RETRY_MS))
    return Decision("defer", reason, LOOKUP_RETRY_MS, maybe_provider_wide=True)


class _LeaseRenewingBudget(Budget):
    """The channel's budget, which also renews the lease: reading a list of many pages takes longer than one lease."""

    def __init__(self, world: World, claim: ClaimGranted, budget: Budget) -> None:
        self._world, self._claim, self._budget = world, claim, budget
        self._renewed_ms = world.clock.now_ms()

    async def take(self) -> None:
        now_ms = self._world.clock.now_ms()
        if now_ms - self._renewed_ms > RENEW_MS:
            self._renewed_ms = now_ms
            await self._world.ledger.deliveries.renew_lease(self._claim, now_ms=now_ms)
        await self._world.ledger.store.call(self._budget.take)

    async def push(self, retry_after_ms: int) -> None:
        await self._world.ledger.store.call(partial(self._budget.push, retry_after_ms))
