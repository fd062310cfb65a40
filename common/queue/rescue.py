"""A dead worker's messages go back to the front of their queues; one that keeps killing becomes a dead letter."""

from __future__ import annotations

from typing import Literal

import redis
from dramatiq.message import Message

from common.observability.logs import get_logger
from common.observability.metrics import TAKEOVERS
from common.queue.lua_broker import ScriptedRedisBroker
from common.store.errors import is_passing

log = get_logger(__name__)

DEATHS_MAX = 3
"""Workers that may die while they run one message."""
_REASON = f"It was running when {DEATHS_MAX} workers died, and was buried so that it kills no more."


def rescue(broker: ScriptedRedisBroker, silence_ms: int) -> int:
    """Put back what workers held that were silent for longer; how many messages that were."""
    total = 0
    for worker, queue, moved, buried in _release(broker, silence_ms):
        TAKEOVERS.labels(queue).inc(moved + len(buried))
        log.warning("messages_rescued", worker=worker, queue=queue, messages=moved)
        for ready_id in buried:
            _note_death(broker, queue, ready_id)
        total += moved
    return total


def retire(broker: ScriptedRedisBroker) -> None:
    """Leave the workers, and hand back what this one still holds. With the store away, the others will notice."""
    try:
        _release(broker, "retire")
    except (redis.RedisError, OSError) as error:
        if not is_passing(error):
            raise
        log.warning("deregister_failed", worker=broker.broker_id)


def _release(broker: ScriptedRedisBroker, whose: int | Literal["retire"]) -> list[tuple[str, str, int, list[str]]]:
    return [
        (worker.decode(), queue.decode(), moved, [ready_id.decode() for ready_id in buried])
        for worker, queue, moved, buried in broker.do_takeover("", whose, DEATHS_MAX)
    ]


def _note_death(broker: ScriptedRedisBroker, queue: str, ready_id: str) -> None:
    log.error("message_quarantined", queue=queue, ready_id=ready_id, reason=_REASON)
    body = broker.client.hget(f"{broker.namespace}:{queue}.XQ.msgs", ready_id)
    if isinstance(body, bytes):
        message = Message.decode(body).copy(options={"traceback": _REASON, "redis_message_id": ready_id})
        broker.do_note(queue, ready_id, message.encode())
