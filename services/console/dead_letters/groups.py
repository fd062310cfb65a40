"""Groups of dead letters with the same reason, and what a replay would do with each."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from common.domain.replay import Way, way_at_once
from common.ledger.dead_letters import DeadLetter
from common.ledger.ledger import Ledger
from common.ledger.reads.dead_letters import ListedLetter


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """
    The dead letters of one reason.

    `rendered`: how many a replay renders again; `same`: how many it sends unchanged under the same idempotency key;
    `checked`: for how many the provider's list must be checked first.
    """

    reason: str
    number: int
    rendered: int
    same: int
    checked: int

    @property
    def id(self) -> str:
        return group_id(self.reason)

    @property
    def replay_effect(self) -> str:
        parts = [
            (self.rendered, "rendered again and sent at once: certainly never accepted by the provider"),
            (self.same, "sent to Resend again, unchanged: Resend sends nothing twice"),
            (self.checked, "checked against the provider's list by a worker, and sent only if certainly not on it"),
        ]
        return "; ".join(f"{number:,} {what}" for number, what in parts if number)


def group_id(reason: str) -> str:
    """Return an id for URLs. The reason itself may quote a provider's answer with an e-mail address."""
    return hashlib.sha256(reason.encode()).hexdigest()[:12]


def groups_of(letters: Sequence[ListedLetter], *, now_ms: int) -> list[Group]:
    """Group dead letters by reason, the largest group first."""
    never_accepted = Counter(letter.reason for letter in letters if not letter.outcome_unknown)
    unknown = Counter((one.reason, way_of(one, now_ms=now_ms)) for one in letters if one.outcome_unknown)
    found = []
    for reason in {*never_accepted, *(reason for reason, _ in unknown)}:
        rendered = never_accepted[reason] + unknown[reason, Way.RENDERED]
        same, checked = unknown[reason, Way.SAME], unknown[reason, None]
        found.append(
            Group(reason=reason, number=rendered + same + checked, rendered=rendered, same=same, checked=checked)
        )
    return sorted(found, key=lambda group: (-group.number, group.reason))


def way_of(letter: DeadLetter | ListedLetter, *, now_ms: int) -> Way | None:
    """Return how a replay would be done; None if a worker must first check the provider's list."""
    return way_at_once(
        outcome_unknown=letter.outcome_unknown,
        first_ms=letter.first_attempt_ms,
        now_ms=now_ms,
        remembered_ms=letter.delivery.channel.key_remembered_ms,
    )


async def replay_letter(ledger: Ledger, letter: DeadLetter, now_ms: int) -> Literal["replayed", "asked", "gone"]:
    """Replay a dead letter now; if the provider's list must be checked first, a worker does it."""
    way, dead_since_ms = way_of(letter, now_ms=now_ms), letter.dead_since_ms
    if way is None:
        asked = await ledger.dead_letters.request_replay(letter.id, dead_since_ms=dead_since_ms, now_ms=now_ms)
        return "asked" if asked else "gone"
    how: Literal["fresh", "same"] = "fresh" if way is Way.RENDERED else "same"
    done = await ledger.dead_letters.replay(letter.id, way=how, now_ms=now_ms, dead_since_ms=dead_since_ms)
    return "replayed" if done else "gone"


async def discard_letter(ledger: Ledger, letter: DeadLetter, now_ms: int) -> Literal["discarded", "gone"]:
    done = await ledger.dead_letters.discard(letter.id, dead_since_ms=letter.dead_since_ms, now_ms=now_ms)
    return "discarded" if done else "gone"
