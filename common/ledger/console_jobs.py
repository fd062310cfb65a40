"""
What the console asks a worker to do, because only a worker has the providers' keys; and what came of it.

Nothing of it outlives minutes: neither the address of a test mail nor the text of a mail that was fetched. The
addresses of a forgotten person are kept until the provider has them, for a day at most.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from common.ledger import keys
from common.ledger.store import Store

LIFE_MS = 600_000
"""Of a job that nobody does: whoever asked is gone by then."""
RESULT_LIFE_MS = 300_000
FORGET_LIFE_MS = 24 * 3_600_000
"""The addresses of the forgotten person are kept no longer than this, whatever becomes of workers and the provider."""
FORGET_TRIES_MS = FORGET_LIFE_MS - 600_000
"""No try is planned for later, so that the last one ends, and is written down, before the job goes."""
FORGET_RESULT_LIFE_MS = 3_600_000
"""It names what is left to erase by hand."""
RESULT_BYTES_MAX = 512 * 1024
TOO_LARGE = "it is too large to be shown"
_ID = re.compile(r"job_[a-z2-7]{16}")


class JobKind(StrEnum):
    SEND_TEST = "send_test"
    SENT_MAIL = "sent_mail"
    FORGET = "forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleJob:
    """
    `ended_ms`: None while it waits for a worker; then either `result` or `failure`, the reason in words, is set.

    Until then: `addresses` of the forgotten person; `waits`, why it is tried again.
    """

    id: str
    kind: JobKind
    arguments: Mapping[str, str]
    by: str
    asked_ms: int
    ended_ms: int | None
    result: Mapping[str, str]
    failure: str
    addresses: tuple[str, ...] = ()
    waits: str = ""

    @property
    def is_done(self) -> bool:
        return self.ended_ms is not None and not self.failure


class ConsoleJobs:
    """Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def request(self, job_id: str, kind: JobKind, arguments: Mapping[str, str], *, by: str, now_ms: int) -> bool:
        """Have a worker do it; False when this job was asked for already."""
        given = request_of(job_id, kind, arguments, by=by, now_ms=now_ms)
        return bool(await self._store.run_json("console_jobs.request", [keys.console_job(job_id)], given))

    async def get(self, job_id: str) -> ConsoleJob | None:
        """None for one that was never asked for, or is forgotten."""
        fields = await self._store.read_hash(keys.console_job(job_id)) if is_job_id(job_id) else {}
        if not fields:
            return None
        return ConsoleJob(
            id=job_id,
            kind=JobKind(fields["kind"]),
            arguments=json.loads(fields["arguments"]),
            by=fields["by"],
            asked_ms=int(fields["asked_ms"]),
            ended_ms=int(fields["ended_ms"]) if "ended_ms" in fields else None,
            result=json.loads(fields.get("result", "{}")),
            failure=fields.get("failure", ""),
            addresses=tuple(json.loads(fields.get("addresses", "[]"))),
            waits=fields.get("waits", ""),
        )

    async def defer(self, job_id: str, why: str, *, due_ms: int, addresses: Sequence[str]) -> bool:
        """Try it again at that time, with these addresses; False when it is too late."""
        left = json.dumps(addresses, ensure_ascii=False)
        given = {"id": job_id, "why": why, "due_ms": due_ms, "addresses": left}
        return bool(await self._store.run_json("console_jobs.defer", [keys.console_job(job_id)], given))

    async def finish(
        self, job_id: str, result: Mapping[str, str], *, now_ms: int, life_ms: int = RESULT_LIFE_MS
    ) -> bool:
        """Write down the result; False when it is too late. One that is too large is a failure."""
        text = json.dumps(dict(result), ensure_ascii=False)
        if len(text.encode()) > RESULT_BYTES_MAX:
            return await self.fail(job_id, TOO_LARGE, now_ms=now_ms, life_ms=life_ms)
        return await self._finish(job_id, "result", text, now_ms, life_ms)

    async def fail(self, job_id: str, reason: str, *, now_ms: int, life_ms: int = RESULT_LIFE_MS) -> bool:
        """`reason`: in words, for the page; False when it is too late."""
        return await self._finish(job_id, "failure", reason, now_ms, life_ms)

    async def _finish(self, job_id: str, field: str, value: str, now_ms: int, life_ms: int) -> bool:
        given = {"field": field, "value": value, "now_ms": now_ms, "life_ms": life_ms}
        return bool(await self._store.run_json("console_jobs.finish", [keys.console_job(job_id)], given))


def request_of(
    job_id: str, kind: JobKind, arguments: Mapping[str, str], *, by: str, now_ms: int, addresses: Sequence[str] = ()
) -> dict[str, Any]:
    """A request as `lua/lib/console_job.lua` takes it."""
    given = {
        "id": job_id,
        "kind": kind,
        "arguments": json.dumps(dict(arguments), ensure_ascii=False),
        "by": by,
        "now_ms": now_ms,
        "life_ms": FORGET_LIFE_MS if kind is JobKind.FORGET else LIFE_MS,
    }
    return given | ({"addresses": json.dumps(addresses, ensure_ascii=False)} if addresses else {})


def new_job_id() -> str:
    return _job_id(secrets.token_bytes(10))


def job_id_of(kind: JobKind, of: str) -> str:
    """The same for the same: whoever asks for it while its result is kept gets that."""
    return _job_id(hashlib.sha256(f"{kind}:{of}".encode()).digest()[:10])


def is_job_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _job_id(data: bytes) -> str:
    return "job_" + base64.b32encode(data).decode().lower()
