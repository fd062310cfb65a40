"""What one may do here. Each is one script of the ledger, told in somebody's timeline, and one line of the log."""

from __future__ import annotations

from enum import StrEnum

from common.domain.ids import DeliveryId, is_reminder
from common.domain.replay import Way, way_at_once
from common.ledger.answers import DeadLetter
from common.ledger.ledger import Ledger
from common.ledger.replays import ask_replay
from common.ledger.views import dead_letter
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
    return way_at_once(
        is_reminder=is_reminder(letter.delivery_id), doubt=letter.doubt, first_ms=letter.first_ms, now_ms=now_ms
    )


async def replay(ledger: Ledger, delivery: DeliveryId, *, buried_ms: int, now_ms: int) -> Done:
    """
    Replay the dead letter that was seen, buried at `buried_ms`. What must be looked for, a worker does in a moment.

    One that was replayed, discarded or buried again since is left alone.
    """
    letter = await dead_letter(ledger, delivery)
    if letter is None or letter.buried_ms != buried_ms:
        return Done.GONE
    way = way_of(letter, now_ms=now_ms)
    if way is None:
        if not await ask_replay(ledger, delivery, buried_ms=buried_ms, now_ms=now_ms):
            return Done.GONE
        log.info("dead_letter_replay_asked", delivery_id=delivery)
        return Done.ASKED
    if not await ledger.replay(delivery, now_ms=now_ms, fresh=way is Way.RENDERED, buried_ms=buried_ms):
        return Done.GONE
    log.info("dead_letter_replayed", delivery_id=delivery, way=way.name.lower())
    return Done.REPLAYED


async def discard(ledger: Ledger, delivery: DeliveryId, *, buried_ms: int, now_ms: int) -> Done:
    """Give the dead letter that was seen up for good; one that was buried again since is left alone."""
    letter = await dead_letter(ledger, delivery)
    if letter is None or letter.buried_ms != buried_ms or not await ledger.discard(delivery, now_ms=now_ms):
        return Done.GONE
    log.info("dead_letter_discarded", delivery_id=delivery)
    return Done.DISCARDED
