"""The OpenTelemetry part of `tracing.py`: the only module that imports it, and imported only when traces are on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from common.observability.trace_ids import root_id, trace_id

_FIRST: ContextVar[str | None] = ContextVar("first", default=None)
"""The owner whose first span is being created; its ids are derived from it."""


class _Ids(RandomIdGenerator):
    def generate_trace_id(self) -> int:
        owner = _FIRST.get()
        return int(trace_id(owner), 16) if owner else super().generate_trace_id()

    def generate_span_id(self) -> int:
        owner = _FIRST.get()
        return int(root_id(owner), 16) if owner else super().generate_span_id()


class Tracer:
    """Creates the spans of one process. Attributes are ids and fixed words, never an address."""

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": f"advent-{service}"}), id_generator=_Ids(), shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("advent")

    @contextmanager
    def trace_job(self, name: str, owner: str, job: str) -> Iterator[None]:
        """Create the span of a job: a child of the contact's first span, however long ago that was."""
        with self._span(name, SpanKind.CONSUMER, _within(owner), {"advent.job": job}):
            yield

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Create a child of the current job's span; no span outside of a job, for example at a worker's start."""
        if not trace.get_current_span().is_recording():
            yield
            return
        with self._span(name, SpanKind.CLIENT, None, {}):
            yield

    @contextmanager
    def _span(self, name: str, kind: SpanKind, within: Context | None, reported: Mapping[str, str]) -> Iterator[None]:
        # Only the class of an exception: its text may hold what a provider said about a contact.
        with self._tracer.start_as_current_span(
            name, within, kind, reported, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def link(self, owner: str) -> None:
        trace.get_current_span().add_link(_root(owner))

    def answered(self, kind: str, owner: str, outcome: str, seconds: float, *, is_first: bool) -> None:
        ended_ns = time.time_ns()
        token = _FIRST.set(owner if is_first else None)
        try:
            span = self._tracer.start_span(
                f"webhook {kind}",
                Context() if is_first else _within(owner),
                SpanKind.SERVER,
                {"advent.outcome": outcome, "advent.owner": owner},
                start_time=ended_ns - round(seconds * 1e9),
            )
        finally:
            _FIRST.reset(token)
        span.end(ended_ns)

    def close(self) -> None:
        """Send the remaining spans."""
        self._provider.shutdown()


def otlp(service: str) -> Tracer:
    """Return a tracer that sends over HTTP, in batches, from a thread. Raises ImportError without `advent[tracing]`."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return Tracer(service, BatchSpanProcessor(OTLPSpanExporter()))


def _root(owner: str) -> SpanContext:
    return SpanContext(int(trace_id(owner), 16), int(root_id(owner), 16), True, TraceFlags(TraceFlags.SAMPLED))


def _within(owner: str) -> Context:
    return trace.set_span_in_context(NonRecordingSpan(_root(owner)), Context())
