"""Each contact has one trace across days and processes; while tracing is off, nothing of it is loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from common.observability import trace_ids, tracing

ADA, BORIS = "enr_aaaaaaaaaaaaaaaa", "enr_bbbbbbbbbbbbbbbb"


@pytest.fixture
def spans() -> Iterator[Any]:
    """Yield a function that returns the finished spans in the order in which they ended."""
    pytest.importorskip("opentelemetry.sdk", reason="no OpenTelemetry here: pip install 'advent[tracing]'")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from common.observability.tracing_sdk import Tracer

    exporter = InMemorySpanExporter()
    with tracing.using(Tracer("test", SimpleSpanProcessor(exporter))):
        yield exporter.get_finished_spans


def test_the_signup_and_a_job_eleven_days_later_are_one_trace(spans: Any) -> None:
    tracing.answered("signup", ADA, "accepted", 0.004)
    with tracing.trace_job("send", f"{ADA}/step-7"), tracing.request("resend"):
        pass
    with tracing.trace_job("notion_sync", ADA), tracing.request("notion"):
        pass

    signup, resend, send, notion, sync = spans()
    assert {f"{span.context.trace_id:032x}" for span in spans()} == {trace_ids.trace_id(ADA)}
    assert f"{signup.context.span_id:016x}" == trace_ids.root_id(ADA)
    assert signup.parent is None
    assert send.parent.span_id == sync.parent.span_id == signup.context.span_id
    assert (resend.parent.span_id, notion.parent.span_id) == (send.context.span_id, sync.context.span_id)
    assert [span.name for span in spans()] == ["webhook signup", "resend", "send", "notion", "notion_sync"]


def test_another_process_derives_the_same_trace_id_from_the_enrollment_id() -> None:
    say = f"from common.observability.trace_ids import trace_id; print(trace_id('{ADA}'))"

    assert trace_ids.trace_id(ADA) == subprocess.check_output([sys.executable, "-c", say], text=True).strip()


def test_two_people_have_two_traces(spans: Any) -> None:
    for person in (ADA, BORIS):
        with tracing.trace_job("classify", person):
            pass

    assert len({span.context.trace_id for span in spans()}) == 2


def test_repeated_webhook_is_no_second_root_span(spans: Any) -> None:
    tracing.answered("signup", ADA, "accepted", 0.004)
    tracing.answered("signup", ADA, "repeated", 0.001)
    tracing.answered("resend", ADA, "accepted", 0.001)

    signup, *others = spans()
    assert {span.parent.span_id for span in others} == {signup.context.span_id}
    assert len({span.context.span_id for span in spans()}) == 3


def test_a_reminder_is_linked_to_its_person(spans: Any) -> None:
    with tracing.trace_job("send", "bkg_cccccccccccccccc/1764856800000/24h"):
        tracing.belongs_to(BORIS)

    (send,) = spans()
    assert [f"{link.context.trace_id:032x}" for link in send.links] == [trace_ids.trace_id(BORIS)]


def test_a_failure_is_reported_without_its_text(spans: Any) -> None:
    with pytest.raises(ValueError, match="ada@"), tracing.trace_job("send", f"{ADA}/step-1"), tracing.request("resend"):
        raise ValueError("ada@example.org is no address")

    assert [span.status.description for span in spans()] == ["ValueError", "ValueError"]
    assert [span.events for span in spans()] == [(), ()]


def test_job_without_a_contact_has_no_span(spans: Any) -> None:
    with tracing.trace_job("notion_sync", "pump"), tracing.request("notion"):
        pass

    assert spans() == ()


def test_opentelemetry_is_imported_only_if_tracing_is_on() -> None:
    say = (
        "import sys; from common.observability.tracing import traced, trace_job, answered\n"
        "with traced('worker'), trace_job('send', 'enr_a'): answered('signup', 'enr_a', 'accepted', 0.1)\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )

    assert subprocess.check_output([sys.executable, "-c", say], text=True, env={}).strip() == "[]"
