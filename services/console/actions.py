"""What one may do here. Each is one script of the ledger, told in somebody's timeline, and one line of the log."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from common.domain.ids import DeliveryId
from common.domain.replay import Way, way_at_once
from common.ledger.dead_letters import DeadLetter
from common.ledger.ledger import Ledger
from common.observability.logs import get_logger

log = get_logger(__name__)


class Done(StrEnum):
    """What became of a click, for the next page to say."""

    REPLAYED = "replayed"
    ASKED = "asked"
    DISCARDED = "discarded"
    GONE = "gone"


def way_of(letter: DeadLetter, *, now_ms: int) -> Way | None:
    """What a replay would do; None when a worker must first ask Resend whether it accepted the mail."""
    return way_at_once(outcome_unknown=letter.outcome_unknown, first_ms=letter.first_attempt_ms, now_ms=now_ms)


async def replay(ledger: Ledger, delivery: DeliveryId, *, dead_since_ms: int, now_ms: int) -> Done:
    """
    Replay the dead letter that was seen, dead since `dead_since_ms`. What must be looked for, a worker does in a
    moment.

    One that was replayed, discarded or died again since is left alone.
    """
    letter = await ledger.dead_letters.get(delivery)
    if letter is None or letter.dead_since_ms != dead_since_ms:
        return Done.GONE
    way = way_of(letter, now_ms=now_ms)
    if way is None:
        if not await ledger.dead_letters.request_replay(delivery, dead_since_ms=dead_since_ms, now_ms=now_ms):
            return Done.GONE
        log.info("dead_letter_replay_asked", delivery_id=delivery)
        return Done.ASKED
    again: Literal["fresh", "same"] = "fresh" if way is Way.RENDERED else "same"
    if not await ledger.dead_letters.replay(delivery, way=again, now_ms=now_ms, dead_since_ms=dead_since_ms):
        return Done.GONE
    log.info("dead_letter_replayed", delivery_id=delivery, way=way.name.lower())
    return Done.REPLAYED


async def discard(ledger: Ledger, delivery: DeliveryId, *, dead_since_ms: int, now_ms: int) -> Done:
    """Give the dead letter that was seen up for good; one that died again since is left alone."""
    letter = await ledger.dead_letters.get(delivery)
    if (
        letter is None
        or letter.dead_since_ms != dead_since_ms
        or not await ledger.dead_letters.discard(delivery, now_ms=now_ms)
    ):
        return Done.GONE
    log.info("dead_letter_discarded", delivery_id=delivery)
    return Done.DISCARDED
