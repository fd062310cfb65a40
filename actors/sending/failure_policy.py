"""The rule that decides what a failure means for a delivery, for each class of `common/errors.py`."""

from __future__ import annotations

from dataclasses import dataclass

from common.domain.enrollment import ExitReason
from common.domain.retry import RetryPolicy
from common.errors import Ambiguous, Failure, Misconfigured, Permanent, Throttled
from common.ledger.constants import Outcome
from common.ledger.deliveries import ClaimGranted

NOT_CONNECTED = "connect"
"""The code of a request that was never sent: the provider cannot be reached, for any recipient."""


@dataclass(frozen=True, slots=True)
class Decision:
    """
    How an attempt is settled.

    `wait_ms`: time until the next attempt; None when there is none. `outcome_unknown`: the provider may have accepted
    it. `provider_wide`: every other delivery would fail too. `maybe_provider_wide`: others might fail too; three
    different deliveries in a row decide. `is_unsent`: the provider's own list shows that it was never accepted.
    `code`: the reason in one word, the provider's or ours, without personal data. `reason` may quote the provider's
    answer, so it stays in the ledger. `ends`: why nothing more can be sent to the address, or to `number`.
    """

    outcome: Outcome
    reason: str
    wait_ms: int | None = None
    outcome_unknown: bool = False
    provider_wide: bool = False
    maybe_provider_wide: bool = False
    is_unsent: bool = False
    code: str = ""
    ends: ExitReason | None = None
    number: str | None = None


def decide(failure: Failure, claim: ClaimGranted, policy: RetryPolicy) -> Decision:
    """Return whether to defer, retry or give up, by the kind of failure and the number of earlier failures."""
    reason = failure.code + (f" ({failure.status})" if failure.status else "")
    if isinstance(failure, Throttled):
        return Decision("defer", reason, max(failure.retry_after_ms, 100))
    if isinstance(failure, Misconfigured):
        return Decision("defer", reason, failure.retry_after_ms or 0, provider_wide=True)
    if isinstance(failure, Permanent):
        refused = f"{reason}: {failure.detail}" if failure.detail else reason
        refused += "; an earlier try may have been accepted" if claim.outcome_unknown else ""
        ends = ExitReason.REFUSED if failure.is_recipient else None
        ends = ExitReason.UNSUBSCRIBED if failure.is_opt_out else ends
        return Decision("dead", refused, code=failure.code, ends=ends)
    outcome_unknown = isinstance(failure, Ambiguous)
    # If the provider has no idempotency keys, the next attempt searches its list instead of sending again.
    is_looked_for = outcome_unknown and not claim.delivery.channel.has_idempotency_keys
    if is_looked_for or claim.failures + 1 < policy.attempts_max:
        return Decision(
            "retry",
            reason,
            policy.delay_ms,
            outcome_unknown=outcome_unknown,
            provider_wide=failure.code == NOT_CONNECTED,
            maybe_provider_wide=True,
        )
    spent = f"{policy.attempts_max} tries failed, the last with {reason}"
    spent += "; it may have been accepted nevertheless" if outcome_unknown or claim.outcome_unknown else ""
    return Decision("dead", spent, outcome_unknown=outcome_unknown, maybe_provider_wide=True, code=failure.code)
