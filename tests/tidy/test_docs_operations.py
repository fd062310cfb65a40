"""The docs explain every metric, log event and reason, and no log event that does not exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.registry import THREADS
from actors.sending.channels import NOT_SET_UP, TEST_MODE
from actors.sending.render_sms import LATE, NO_CONSENT, NO_NUMBER
from common.domain.enrollment import ExitReason
from common.domain.follow_ups import FOLLOW_UPS_AWAY, SENT_BEFORE
from common.domain.reminders import PLANNED_AWAY
from common.domain.retry import KEY_REMEMBERED_MS
from common.ledger.constants import ADDED_LATE, LEASE_MS, NOT_SENT, REMEMBER_WEBHOOK_MS, REMOVED
from common.ledger.deliveries import BOOKED_AGAIN
from common.observability import metrics
from common.queue.lua_broker import HEARTBEAT_TIMEOUT_MS
from services.gateway.spool.spool import BYTES_MAX
from tests.tidy.repository import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
OBVIOUS = {"actor", "channel", "provider", "queue", "version"}
OUTCOMES = {"delivery_retry", "delivery_defer", "delivery_skipped", "delivery_dead"}
"""`actors/sending/send.py` builds these event names from the outcome."""

OF_STEPS = (*map(str, ExitReason), REMOVED, ADDED_LATE, f"step-1 {NOT_SENT}", TEST_MODE)
OF_CALLS = (*PLANNED_AWAY, *FOLLOW_UPS_AWAY, SENT_BEFORE, BOOKED_AGAIN, "expired")
REASONS_OF_SKIPPED = (*OF_STEPS, *OF_CALLS, NOT_SET_UP, NO_CONSENT, NO_NUMBER, LATE)


def exposed() -> dict[str, Any]:
    """Return all metrics of Advent by the name that Prometheus sees."""
    found = [metric for metric in vars(metrics).values() if hasattr(metric, "_labelnames")]
    return {metric._name + ("_total" if metric._type == "counter" else ""): metric for metric in found}


@pytest.mark.parametrize("name", exposed())
def test_metric_has_a_sentence_as_its_help_text(name):
    assert re.fullmatch(r"\S+ .+\S\.", exposed()[name]._documentation)


@pytest.mark.parametrize("label", sorted({label for metric in exposed().values() for label in metric._labelnames}))
def test_the_values_of_a_label_are_explained(label):
    assert label in OBVIOUS or re.search(rf"\b{label}: ", Path(metrics.__file__).read_text())


def test_operations_page_explains_every_log_event_and_no_other():
    table = PAGE.split("## Log events")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)

    assert set(events()) | OUTCOMES == {event for cell in cells for event in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("reason", REASONS_OF_SKIPPED)
def test_glossary_explains_each_reason_of_skipped(reason):
    assert f"`{reason}`" in (ROOT / "docs" / "glossary.md").read_text()


def test_the_numbers_of_the_guarantees_are_those_of_the_code():
    guarantees = (ROOT / "docs" / "guarantees.md").read_text()
    architecture = (ROOT / "docs" / "architecture.md").read_text()

    assert f"for {REMEMBER_WEBHOOK_MS // 86_400_000} days" in guarantees
    assert f"{BYTES_MAX // 1024**2} MiB" in guarantees
    assert f"past {KEY_REMEMBERED_MS // 3_600_000} h" in guarantees
    assert f"lease of {LEASE_MS // 1000} s" in architecture
    assert f"silent for {HEARTBEAT_TIMEOUT_MS // 1000} s" in architecture


def events() -> Iterator[str]:
    """Yield the constant first argument of every logger call in the code."""
    for package in ("actors", "common", "services"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and node.args and is_logging(node.func):
                    word = node.args[0]
                    if isinstance(word, ast.Constant):
                        yield str(word.value)


def is_logging(called: ast.expr) -> bool:
    """Return whether a call logs: `log.info`, `self._log.info`, `get_logger(…).critical`, but not `client.info`."""
    if not isinstance(called, ast.Attribute) or called.attr not in LEVELS:
        return False
    return ast.unparse(called.value).split("(")[0].split(".")[-1] in ("log", "_log", "get_logger")


def test_the_number_of_jobs_that_a_worker_runs_at_a_time_is_right():
    assert f"A worker runs {THREADS} jobs at a time" in PAGE
