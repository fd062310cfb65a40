"""
Jobs that the console requests from the workers, because only workers have the providers' keys, and their results.

A job is deleted after minutes, and with it the address of a test mail or the text of a fetched mail. The addresses of a
forgotten contact are stored until the provider has them, for a day at most.
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
"""Life of a job that no worker has finished; by then the user no longer waits for it."""
RESULT_LIFE_MS = 300_000
FORGET_LIFE_MS = 24 * 3_600_000
"""The addresses of a forgotten contact are stored no longer than this, even if workers and the provider fail."""
FORGET_TRIES_MS = FORGET_LIFE_MS - 600_000
"""No attempt is planned for later than this, so that the last one is finished and recorded before the job expires."""
FORGET_RESULT_LIFE_MS = 3_600_000
"""Longer than other results, because this one names what must be erased by hand."""
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
    A job for a worker. `by`: the user who requested it.

    `ended_ms`: None until a worker has finished it; then either `result` or `failure` (the reason in words) is set.
    Only until then: `addresses`: those of the forgotten contact that the provider does not have yet; `waits`: why the
    job is tried again, in words.
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
    """The console's jobs, for the console and the workers. Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def request(self, job_id: str, kind: JobKind, arguments: Mapping[str, str], *, by: str, now_ms: int) -> bool:
        """Store a job and schedule it. Return False if this job was requested before."""
        given = request_of(job_id, kind, arguments, by=by, now_ms=now_ms)
        return bool(await self._store.run_json("console_jobs.request", [keys.console_job(job_id)], given))

    async def get(self, job_id: str) -> ConsoleJob | None:
        """Return a job, or None if it was never requested or has expired."""
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
        """Schedule another attempt, with the addresses that are left. Return False if the job has ended or expired."""
        left = json.dumps(addresses, ensure_ascii=False)
        given = {"id": job_id, "why": why, "due_ms": due_ms, "addresses": left}
        return bool(await self._store.run_json("console_jobs.defer", [keys.console_job(job_id)], given))

    async def finish(
        self, job_id: str, result: Mapping[str, str], *, now_ms: int, life_ms: int = RESULT_LIFE_MS
    ) -> bool:
        """
        Store the result. Return False if the job has ended or expired.

        A result of more than RESULT_BYTES_MAX makes the job a failure.
        """
        text = json.dumps(dict(result), ensure_ascii=False)
        if len(text.encode()) > RESULT_BYTES_MAX:
            return await self.fail(job_id, TOO_LARGE, now_ms=now_ms, life_ms=life_ms)
        return await self._finish(job_id, "result", text, now_ms, life_ms)

    async def fail(self, job_id: str, reason: str, *, now_ms: int, life_ms: int = RESULT_LIFE_MS) -> bool:
        """Store a failure. `reason`: in words, for the page. Return False if the job has ended or expired."""
        return await self._finish(job_id, "failure", reason, now_ms, life_ms)

    async def _finish(self, job_id: str, field: str, value: str, now_ms: int, life_ms: int) -> bool:
        given = {"field": field, "value": value, "now_ms": now_ms, "life_ms": life_ms}
        return bool(await self._store.run_json("console_jobs.finish", [keys.console_job(job_id)], given))


def request_of(
    job_id: str, kind: JobKind, arguments: Mapping[str, str], *, by: str, now_ms: int, addresses: Sequence[str] = ()
) -> dict[str, Any]:
    """Return a request in the form that `lua/lib/console_job.lua` expects."""
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
    """Return an id derived from `of`, so that a second request finds the job while its result is stored."""
    return _job_id(hashlib.sha256(f"{kind}:{of}".encode()).digest()[:10])


def is_job_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _job_id(data: bytes) -> str:
    return "job_" + base64.b32encode(data).decode().lower()
