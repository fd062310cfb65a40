"""
Every key, its type and its life. One prefix and one hash tag, because one script changes state and queue together.

| key | type | content | life |
| --- | --- | --- | --- |
| `enrollment:<enr>` | HASH | one person in one campaign, see `codec.py` | until forgotten |
| `enrolled` | SET | all enrollment ids | as above |
| `delivery:<dlv>` | HASH | an open delivery: who holds it, its attempts, its frozen mail | first claim → final fate; a dead one until replayed or discarded |
| `open` | ZSET | delivery → instant at which something should happen to it, ms | as the open deliveries |
| `dead` | ZSET | delivery → instant of its burial, ms | until replayed or discarded; never by itself |
| `timeline:<enr>` | LIST | `[ms, what, detail]` as JSON, newest last: what the enrollment itself does not tell | until forgotten, newest 200 |
| `webhook:<kind>:<id>` | STRING | the answer that was given | 45 days, then rubbish |
| `suppressed` | HASH | mark of an address → `reason ms` | for ever; the mark does not name the person |
| `changed` | ZSET | enrollment → instant of the change that Notion does not show yet, ms | until mirrored |
| `syncing` | HASH | enrollment → `worker ms`, being mirrored just now | seconds |
| `circuit:<provider>` | HASH | why everybody waits for a provider, and until when | while in trouble |
| `counts` | HASH | status → people; fate → deliveries | for ever |
| `sweep` | STRING | which worker sweeps | seconds |
| `budget:<provider>` | STRING, ZSET | see `providers/budget.py` | minutes |
| `mirror:*` | | see `providers/guard.py` | minutes |
| `queue:<q>`, `queue:<q>.msgs` | LIST, HASH | dramatiq's ready messages | until worked off |
| `queue:<q>.DQ`, `queue:<q>.DQ.msgs` | ZSET, HASH | delayed messages by due instant, ms | until due |
| `queue:<q>.XQ`, `queue:<q>.XQ.msgs` | ZSET, HASH | messages that failed by our own mistake | until a person removes them |
| `queue:__heartbeats__` | ZSET | worker → its last sign of life, ms of the store's clock | seconds |
"""

from __future__ import annotations

from common.messages import QUEUE_NAMESPACE

PREFIX = "{advent}:"

ENROLLED = PREFIX + "enrolled"
OPEN = PREFIX + "open"
DEAD = PREFIX + "dead"
SUPPRESSED = PREFIX + "suppressed"
CHANGED = PREFIX + "changed"
SYNCING = PREFIX + "syncing"
COUNTS = PREFIX + "counts"
SWEEP = PREFIX + "sweep"
HEARTBEATS = QUEUE_NAMESPACE + ":__heartbeats__"


def enrollment(enrollment_id: str) -> str:
    return f"{PREFIX}enrollment:{enrollment_id}"


def delivery(delivery_id: str) -> str:
    return f"{PREFIX}delivery:{delivery_id}"


def timeline(enrollment_id: str) -> str:
    return f"{PREFIX}timeline:{enrollment_id}"


def webhook(webhook_id: str) -> str:
    return f"{PREFIX}webhook:{webhook_id}"


def circuit(provider: str) -> str:
    return f"{PREFIX}circuit:{provider}"


def delayed(queue: str) -> str:
    """The schedule of a queue; its bodies are in the HASH of the same name with `.msgs`."""
    return f"{QUEUE_NAMESPACE}:{queue}.DQ"


def ready(queue: str) -> str:
    return f"{QUEUE_NAMESPACE}:{queue}"
