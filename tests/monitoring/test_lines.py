"""Log lines of every kind reach Loki as valid JSON with few labels and without personal data."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from common.observability.logs import PRIVATE_KEYS
from tests.monitoring.shipper import Entry, shipped
from tests.tidy.repository import ROOT
from tests.tidy.test_docs_operations import OUTCOMES, PAGE, is_logging

_FIELDS = (
    "action actor after_s again_ms again_s ahead_s alone apart_ms attempt booking_id by bytes campaign "
    "campaigns changed clock code copies cure database delivery_id detail done due_ms enrollment_id error "
    "events exc_info failure file found host in_force instead_of job job_id kind known lasted_s lateness_ms "
    "left merged message_id messages ms note number operation outcome outcomes_unknown page_id people port "
    "problem provider provider_id queue ready_id reason repaired request_id restored revision route rows "
    "seconds segment settled signups states status store_mark task thread threads until_ms url user version "
    "waited_s warning was_ahead_s way webhook_id what why witness witness_mark worker"
)
FIELDS = frozenset(_FIELDS.split())
"""
Fields that a log line may have besides its event.

Before adding one, make sure that its value can never be a contact's name, address or words. `user` is a console user.
"""
MADE_OF_OUTCOMES = {"actors/sending/send.py"}
"""Files that build event names at run time from words in the code; `OUTCOMES` lists the documented ones."""
ADA = (
    "Ada <ada.lovelace@people.example>, https://advent.test/unsubscribe/a-token-of-hers, whsec_c2VjcmV0, re_12345678ab"
)
NEVER = ("people.example", "ada.lovelace", "a-token-of-hers", "whsec_c2", "re_12345678")


@dataclass(frozen=True)
class Kind:
    """A place in the code that logs. `event`: its name, or None if it is built from an outcome."""

    where: str
    level: str
    event: str | None
    fields: tuple[str, ...]


def kinds() -> Iterator[Kind]:
    for package in ("actors", "common", "services"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and node.args and is_logging(node.func):
                    first = node.args[0]
                    event = str(first.value) if isinstance(first, ast.Constant) else None
                    names = tuple(keyword.arg for keyword in node.keywords if keyword.arg is not None)
                    assert isinstance(node.func, ast.Attribute)
                    yield Kind(str(file.relative_to(ROOT)), node.func.attr, event, names)


KINDS = list(kinds())
_LEVELS = {"exception": "error"}

_SPEAK = """
import json, logging, sys
from common.observability.logs import get_logger, setup_logs
setup_logs("worker")
for level, event, fields in json.load(sys.stdin):
    try:
        raise ValueError(fields.pop("exc_info", "nothing"))
    except ValueError:
        getattr(get_logger("x"), level)(event, **fields)
logging.getLogger("redis").warning("lost %s", sys.argv[1])
logging.getLogger("aiohttp.server").error("for %s", sys.argv[1], extra={"email": sys.argv[1]})
"""


@cache
def said() -> list[str]:
    """Return a line of every kind, with all of Ada's data in every field, and two lines written by libraries."""
    given = [
        (kind.level, event, dict.fromkeys(kind.fields, ADA))
        for kind in KINDS
        for event in ([kind.event] if kind.event else sorted(OUTCOMES))
    ]
    done = subprocess.run(
        [sys.executable, "-c", _SPEAK, ADA],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    lines = done.stderr.splitlines()
    assert len(lines) == len(given) + 2
    return lines


def test_log_events_have_constant_names_except_those_built_from_outcomes() -> None:
    assert {kind.where for kind in KINDS if kind.event is None} <= MADE_OF_OUTCOMES
    assert len(KINDS) > 100


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.where}:{kind.event}")
def test_log_line_has_only_fields_without_personal_data(kind: Kind) -> None:
    assert set(kind.fields) - FIELDS == set(), "can it name a person? If certainly not, it belongs into FIELDS"
    assert set(kind.fields).isdisjoint(PRIVATE_KEYS)


def test_log_line_is_one_json_object_with_its_four_standard_fields() -> None:
    for line in said():
        assert {"event", "level", "service", "timestamp"} <= json.loads(line).keys()


def test_log_lines_never_contain_the_address_or_secret_put_into_their_fields() -> None:
    for line in said():
        assert [secret for secret in NEVER if secret in line] == [], line


def test_loki_gets_three_labels_and_only_documented_event_names() -> None:
    entries = [_kept(line) for line in said()]

    assert {frozenset(entry.labels) for entry in entries} == {frozenset({"service", "level", "event"})}
    assert {entry.labels["level"] for entry in entries} <= {"debug", "info", "warning", "error", "critical"}
    words = {entry.labels["event"] for entry in entries}
    assert {word for word in words - {"library"} if f"`{word}`" not in PAGE} == set()
    assert [entry.line for entry in entries] == said()


def test_log_lines_of_a_contact_are_found_by_enrollment_id() -> None:
    """docs/deploy.md shows the query: `{service="worker"} | json | enrollment_id="enr_…"`."""
    line = json.dumps({"event": "delivery_accepted", "level": "info", "enrollment_id": "enr_ada", "service": "worker"})

    entry = _kept(line)

    assert (entry.labels["service"], json.loads(entry.line)["enrollment_id"]) == ("worker", "enr_ada")


def test_loki_queries_of_dashboards_and_docs_use_existing_labels() -> None:
    dashboards = (ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")
    panels = [panel for file in dashboards for panel in json.loads(file.read_text())["panels"]]
    asked = [target["expr"] for panel in panels if panel["type"] == "logs" for target in panel["targets"]]
    reported = re.findall(r"^    (\{.*)$", (ROOT / "docs" / "deploy.md").read_text(), re.MULTILINE)

    assert (len(asked), len(reported)) == (1, 2)
    for query in asked + reported:
        selector = query[1 : query.index("}")]
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', '""', selector))) <= {
            "service",
            "level",
            "event",
        }


def test_loki_gets_store_lines_unchanged_and_no_lines_of_other_containers() -> None:
    valkey = "1:M 01 Dec 2025 00:00:00.000 * Ready to accept connections tcp"

    assert (_kept(valkey, service="store").labels, _kept(valkey, service="store").line) == (
        {"service": "store"},
        valkey,
    )
    assert shipped(valkey, service="somebody", tag="else") is None


def _kept(line: str, *, service: str = "worker") -> Entry:
    entry = shipped(line, service=service)
    assert entry is not None
    return entry
