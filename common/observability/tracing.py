"""
Traces, when OpenTelemetry is configured: one for each contact, from the webhook through every job to Resend and Notion.

A campaign lasts eleven days, and a job is one member of a sorted set, so no trace context is passed on. The id of a
trace is derived from the enrollment's id, and so is the id of its first span, the parent of every later one, whichever
process creates it and whenever. Nothing is stored, and a restart or a rebuild changes nothing.

Without OTEL_EXPORTER_OTLP_ENDPOINT nothing of OpenTelemetry is imported, and a job costs one comparison.
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
    """Around a process (`gateway`, `worker`): spans are sent while it runs, the last ones before it ends."""
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
    """Give spans to this tracer, until the end."""
    global _tracer
    _tracer = tracer
    try:
        yield
    finally:
        _tracer = None
        tracer.close()


def hop(name: str, job: str) -> AbstractContextManager[None]:
    """Around one job: `enr_…` or `enr_…/step-3` in its contact's trace, `bkg_…/…` in its booking's; others in none."""
    if _tracer is None or not job.startswith(("enr_", "bkg_")):
        return _NOTHING
    return _tracer.hop(name, job.partition("/")[0], job)


def request(provider: str) -> AbstractContextManager[None]:
    """Around one request to a provider; a child of the job that makes it."""
    return _NOTHING if _tracer is None else _tracer.part(provider)


def belongs_to(owner: str) -> None:
    """The current job concerns this contact: a reminder, in its booking's trace, is linked to their trace."""
    if _tracer is not None:
        _tracer.link(owner)


def answered(kind: str, owner: str | None, outcome: str, seconds: float) -> None:
    """A webhook about this contact was answered just now. The first signup is the root of their trace."""
    if _tracer is not None and owner is not None:
        is_first = kind == "signup" and outcome in ("accepted", "spooled")
        _tracer.answered(kind, owner, outcome, seconds, is_first=is_first)
