"""
A job: one message of the queue that waits until it is due.

Its message is dramatiq's own JSON, so that dramatiq's worker and dashboard can read it. The caller chooses the id, so
that scheduling a job twice has the same effect as scheduling it once. The actor of a *plain* job has the same name as
its queue, and its only argument is the job's id. Such a job waits without a message; its message is written when it is
due. All jobs of the ledger are plain, because a million messages would take a quarter of the store.
"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`actor`: also the name of the queue, unless `queue` is set. `id`: unique in its queue while the job waits."""

    id: str
    actor: str
    args: tuple[str, ...]
    due_ms: int
    queue: str = ""

    @property
    def queue_name(self) -> str:
        return self.queue or self.actor

    def message(self) -> str:
        """Return the message in dramatiq's JSON (2.2, `Message.asdict`), with the `eta` that its dashboard shows."""
        return _message(self.id, self.actor, self.args, self.due_ms, self.queue_name)


def plain_message_template() -> str:
    """Return the message of a plain job for `delays.lua`, with the placeholders `$id`, `$queue` and `$due_ms`."""
    return _message("$id", "$queue", ("$id",), "$due_ms", "$queue").replace('"$due_ms"', "$due_ms")


def _message(job_id: str, actor: str, args: tuple[str, ...], due_ms: int | str, queue: str) -> str:
    fields = {
        "queue_name": queue,
        "actor_name": actor,
        "args": args,
        "kwargs": {},
        "options": {"eta": due_ms},
        "message_id": job_id,
    }
    return json.dumps(fields, separators=(",", ":"))
