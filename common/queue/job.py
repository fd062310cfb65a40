"""
A job: one message of the queue that waits until it is due.

Its message is dramatiq's own JSON, so that its worker and its dashboard read it. The caller chooses the id, so that
scheduling a job twice is scheduling it once. The actor of a *plain* job bears its queue's name and takes the job's id:
such a job waits without a message, which is written when it is due. All jobs of the ledger are plain, because a million
messages would take a quarter of the store.
"""

from __future__ import annotations

import json
from dataclasses import dataclass


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

    def message(self) -> str:
        """dramatiq's encoding (dramatiq 2.2, `Message.asdict`), with the `eta` that its dashboard shows."""
        return _message(self.id, self.actor, self.args, self.due_ms, self.queue_name)


def plain_message_template() -> str:
    """The message of a plain job, with `$id`, `$queue` and `$due_ms` in place of its values, for `delays.lua`."""
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
