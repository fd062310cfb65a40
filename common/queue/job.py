"""
A job: one message of the durable queue, as the ledger's scripts schedule it.

The body is dramatiq's own JSON, so that its worker and its dashboard read it; the id is chosen by the caller, so that
scheduling twice is scheduling once. A *plain* job's actor bears its queue's name and is given the job's id: it may wait
without a body, which `promote.lua` makes when it is due. The ledger's jobs are all plain. This file and that script are
the only places that know the shape of a body.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

QUEUE_NAMESPACE = "{advent}:queue"
"""dramatiq's namespace: one hash tag for queues and ledger, because one script changes both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`actor` also names the queue unless `queue` says otherwise; `id` is unique within its queue while it waits."""

    id: str
    actor: str
    args: tuple[str, ...]
    due_ms: int
    queue: str = ""

    @property
    def queue_name(self) -> str:
        return self.queue or self.actor

    def body(self) -> str:
        """dramatiq's encoding of this message (dramatiq 2.2, `Message.asdict`), with the `eta` its dashboard shows."""
        return json.dumps(
            {
                "queue_name": self.queue_name,
                "actor_name": self.actor,
                "args": self.args,
                "kwargs": {},
                "options": {"eta": self.due_ms},
                "message_id": self.id,
            },
            separators=(",", ":"),
        )
