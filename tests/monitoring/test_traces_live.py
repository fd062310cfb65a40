"""A collector receives one trace from the webhook to Notion, across seven scheduled mails and two processes."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from common.observability.trace_ids import trace_id
from tests.acceptance.place import FAST, SECRETS, Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

pytestmark = pytest.mark.acceptance


class Collector:
    """A server that receives spans from OpenTelemetry and counts pings."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.pings = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.bodies.append(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)
                self._taken()

            def do_GET(self) -> None:
                outer.pings += 1
                self._taken()

            def _taken(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def spans(self) -> list[Any]:
        wire = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
        requests = [wire.ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="pip install 'advent[tracing]'")
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


@pytest.fixture
def place(collector: Collector) -> Iterator[Place]:
    outside = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "HEALTHCHECK_PING_URL": f"{collector.url}/ping"}
    place = Place(**FAST, **SECRETS, **outside)
    yield place
    place.close()


def test_one_person_is_one_trace_from_webhook_to_notion(place: Place, collector: Collector) -> None:
    _, gateway, worker = place.serve_all()
    answer = place.website.post(person("Ada"), "msg_ada").json
    eventually(lambda: place.sandbox.rows("Email Sequence"), "a row in Notion")
    eventually(lambda: len(place.sandbox.inbox()) == 7, "seven mails", within_s=60)
    for process in (gateway, worker):
        assert process.stop()[0] == 0

    spans = collector.spans()
    assert {span.trace_id.hex() for span in spans} == {trace_id(answer["enrollment_id"])}
    names = Counter(span.name for span in spans)
    assert (names["webhook signup"], names["classify"], names["send"], names["resend"]) == (1, 1, 7, 7)
    assert names["notion_sync"] >= 1
    assert names["notion"] >= 2
    assert [span.name for span in spans if not span.parent_span_id] == ["webhook signup"]
    assert b"people.example" not in b"".join(collector.bodies)
    assert collector.pings >= 1
