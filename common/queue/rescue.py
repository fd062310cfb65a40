"""Rescue: messages of dead workers return to their queues; one that keeps killing workers becomes a dead letter."""

from __future__ import annotations

from typing import Any

from dramatiq.message import Message

from common.observability.logs import get_logger
from common.observability.metrics import RESCUED
from common.queue.lua_broker import CRASHES_MAX, LuaBroker
from common.store.errors import STORE_ERRORS, is_transient

log = get_logger(__name__)

HEARTBEAT_AHEAD_MS = 60_000
"""A worker whose heartbeat is this far in the future is dead: it sent none since the store's clock was set back."""

_REASON = f"It was running when {CRASHES_MAX} workers died, so it became a dead letter before it could kill another."


def rescue(broker: LuaBroker, timeout_ms: int) -> int:
    """Put back the messages of workers whose last heartbeat is older than `timeout_ms`. Return how many."""
    return _report(broker, broker.do_rescue("", timeout_ms, HEARTBEAT_AHEAD_MS))


def deregister(broker: LuaBroker) -> None:
    """Sign this worker off, and put back its messages. If the store is away, other workers rescue them later."""
    try:
        _report(broker, broker.do_deregister(""))
    except STORE_ERRORS as error:
        if not is_transient(error):
            raise
        log.warning("deregister_failed", worker=broker.broker_id)


def _report(broker: LuaBroker, rescued: list[tuple[bytes, bytes, int, list[bytes]]]) -> int:
    total = 0
    for worker, name, moved, quarantined in rescued:
        queue = name.decode()
        RESCUED.labels(queue).inc(moved + len(quarantined))
        log.warning("messages_rescued", worker=worker.decode(), queue=queue, messages=moved)
        for ready_id in quarantined:
            _write_reason(broker, queue, ready_id.decode())
        total += moved
    return total


def _write_reason(broker: LuaBroker, queue: str, ready_id: str) -> None:
    log.error("message_quarantined", queue=queue, ready_id=ready_id, reason=_REASON)
    body: Any = broker.client.hget(broker.layout.dead_messages(queue), ready_id)
    if isinstance(body, bytes):
        message = Message.decode(body).copy(options={"traceback": _REASON, "redis_message_id": ready_id})
        broker.do_replace_dead(queue, ready_id, message.encode())
