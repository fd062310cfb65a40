"""
Traces, when OpenTelemetry is configured: one for each contact, from the webhook through every job to Resend and Notion.

A campaign lasts eleven days, and a job is one member of a sorted set, so no trace context is passed on. The id of a
trace is derived from the enrollment's id, and so is the id of its first span, the parent of every later one, whichever
process creates it and whenever. Nothing is stored, and a restart or a rebuild changes nothing.

Without OTEL_EXPORTER_OTLP_ENDPOINT, OpenTelemetry is not imported, and tracing costs a job one comparison.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from common.observability.logs import get_logger

if TYPE_CHECKING:
    from common.observability.tracing_sdk import Tracer

log = get_logger(__name__)

_SWITCHES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NOTHING: AbstractContextManager[None] = nullcontext()
_tracer: Tracer | None = None


@contextmanager
def traced(service: str) -> Iterator[None]:
    """Trace a process (`gateway`, `worker`) within this context. Spans are sent meanwhile, the last ones at the end."""
    if not any(os.environ.get(name) for name in _SWITCHES):  # noqa: TID251 -- OpenTelemetry's own, which its SDK reads
        yield
        return
    try:
        from common.observability.tracing_sdk import otlp
    except ImportError:
        log.warning("tracing_not_installed", cure="pip install 'advent[tracing]'")
        yield
        return
    with using(otlp(service)):
        yield


@contextmanager
def using(tracer: Tracer) -> Iterator[None]:
    """Use this tracer within this context, then close it."""
    global _tracer
    _tracer = tracer
    try:
        yield
    finally:
        _tracer = None
        tracer.close()


def trace_job(name: str, job: str) -> AbstractContextManager[None]:
    """Trace a job: `enr_…` or `enr_…/step-3` in its contact's trace, `bkg_…/…` in its booking's, others in none."""
    if _tracer is None or not job.startswith(("enr_", "bkg_")):
        return _NOTHING
    return _tracer.trace_job(name, job.partition("/")[0], job)


def request(provider: str) -> AbstractContextManager[None]:
    """Trace one request to a provider, as a child of the job that sends it."""
    return _NOTHING if _tracer is None else _tracer.part(provider)


def belongs_to(owner: str) -> None:
    """Link the current job to this contact's trace: a reminder is part of its booking's trace."""
    if _tracer is not None:
        _tracer.link(owner)


def answered(kind: str, owner: str | None, outcome: str, seconds: float) -> None:
    """Record that a webhook about a contact was answered just now. The first signup is the root of their trace."""
    if _tracer is not None and owner is not None:
        is_first = kind == "signup" and outcome in ("accepted", "spooled")
        _tracer.answered(kind, owner, outcome, seconds, is_first=is_first)
