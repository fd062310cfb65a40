"""The health check that the console, `advent health`, `advent status`, the ping and the metrics share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from common.domain.signup_bounds import Bound
from common.gateway_status import GatewayStatus
from common.health_checks import (
    ASPECTS,
    Level,
    Limits,
    check_gateway,
    check_health,
    check_unreachable_store,
    problems_of,
    stops_of,
    worst_level,
)
from common.ledger.constants import QUEUES
from common.ledger.holds import Hold
from common.ledger.pauses import Pause
from common.ledger.reads.queue_stats import QueueStats, WorkerStats
from common.ledger.reads.store_stats import PROVIDERS, OpenCircuit, StoreStats

NOW_MS = 1_764_000_000_000
MINUTE_MS = 60_000
EMPTY = QueueStats(scheduled=0, due=0, ready=0, in_flight=0, failed=0, oldest_ms=0)
HEALTHY = StoreStats(
    at_ms=NOW_MS,
    queues=dict.fromkeys(QUEUES, EMPTY),
    workers=(WorkerStats(id="w1", silent_ms=500, in_flight=0),),
    enrollments={"accepted": 0, "active": 7, "completed": 0, "exited": 0},
    deliveries={"accepted": 7},
    due_next_hour=0,
    due_next_day=7,
    overdue=0,
    dead_letters=0,
    suppressed=0,
    mirror_behind=0,
    mirror_lag_ms=0,
    held_signups={},
    unread_bookings=0,
    resting=0,
    content_bounce_people=0,
    circuits={},
    pause=None,
    paused_campaigns={},
    paused_contacts=0,
    holds={},
    durability={"appendonly": True, "appendfsync": True, "disk": True, "noeviction": True},
    memory_bytes=1,
    memory_max_bytes=0,
)
GATEWAY = GatewayStatus(is_ready=True, spool_events=0, spool_status="writable")


def queue(name: str, **changes: int) -> dict[str, Any]:
    return {"queues": {**HEALTHY.queues, name: replace(EMPTY, **changes)}}


def circuit(provider: str, *, minutes: int = 3, reason: str = "http_503") -> dict[str, Any]:
    since_ms = NOW_MS - minutes * MINUTE_MS
    return {"circuits": {provider: OpenCircuit(reason=reason, since_ms=since_ms, until_ms=NOW_MS)}}


def problems(*, limits: Limits | None = None, **changes: Any) -> dict[str, Level]:
    findings = check_health(replace(HEALTHY, **changes), gateway=GATEWAY, limits=limits)
    return {finding.name: finding.level for finding in problems_of(findings)}


def test_every_aspect_of_a_healthy_system_is_ok() -> None:
    findings = check_health(HEALTHY, gateway=GATEWAY)

    assert tuple(finding.name for finding in findings) == ASPECTS
    assert worst_level(findings) is Level.OK
    assert all(finding.sentence and not finding.cure for finding in findings)


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("workers", {"workers": ()}),
    ("workers", {"workers": (WorkerStats(id="w1", silent_ms=4_001, in_flight=1),)}),
    ("due", queue("send", due=1, oldest_ms=6 * MINUTE_MS)),
    ("due", queue("send", ready=108, oldest_ms=6 * MINUTE_MS)),
    ("due", queue("send", in_flight=1, oldest_ms=6 * MINUTE_MS)),
    ("due", queue("send_sms", due=1, oldest_ms=6 * MINUTE_MS)),
    ("jobs", queue("classify", due=1, oldest_ms=6 * MINUTE_MS)),
    ("store", {"durability": {"appendonly": True, "noeviction": False}}),
    ("resend", circuit("resend")),
    ("notion", circuit("notion")),
    ("mirror", {"mirror_behind": 1, "mirror_lag_ms": 31 * MINUTE_MS}),
]
NEEDS_PERSON: list[tuple[str, dict[str, Any]]] = [
    ("calcom", circuit("calcom")),
    ("twilio", circuit("twilio")),
    ("pause", {"pause": Pause(since_ms=NOW_MS, by="sarah", reason="")}),
    ("pause", {"paused_campaigns": {"christmas_2025": Pause(since_ms=NOW_MS, by="sarah", reason="")}}),
    ("dead", {"dead_letters": 1}),
    ("unread", {"unread_bookings": 1}),
    ("unmarked", {"unmarked_calls": 1}),
    ("signups", {"held_signups": {Bound.SOURCE: 9_980}}),
    ("failed", queue("classify", failed=1)),
    ("failed", queue("announce", failed=1)),
]


@pytest.mark.parametrize(("name", "changes"), BROKEN)
def test_what_keeps_contacts_from_their_mail_is_broken(name: str, changes: dict[str, Any]) -> None:
    assert problems(**changes) == {name: Level.BROKEN}


@pytest.mark.parametrize(("name", "changes"), NEEDS_PERSON)
def test_what_waits_for_a_decision_needs_a_person(name: str, changes: dict[str, Any]) -> None:
    assert problems(**changes) == {name: Level.NEEDS_PERSON}


@pytest.mark.parametrize(
    "changes",
    [
        queue("send", due=1, oldest_ms=5 * MINUTE_MS),
        queue("notion_sync", due=900, oldest_ms=20 * MINUTE_MS),
        {"mirror_behind": 1, "mirror_lag_ms": 30 * MINUTE_MS},
        {"paused_contacts": 1},
    ],
)
def test_what_is_within_the_limits_is_no_problem(changes: dict[str, Any]) -> None:
    assert problems(**changes) == {}


def test_late_mail_that_a_pause_or_resend_explains_is_reported_once() -> None:
    late = queue("send", due=1, oldest_ms=60 * MINUTE_MS)

    assert problems(**late, **circuit("resend")) == {"resend": Level.BROKEN}
    assert problems(**late, pause=Pause(since_ms=NOW_MS, by="sarah", reason="")) == {"pause": Level.NEEDS_PERSON}


def test_late_sms_explained_by_twilio_are_not_reported_as_late_mail() -> None:
    late = queue("send_sms", due=3, oldest_ms=60 * MINUTE_MS)

    assert problems(**late, **circuit("twilio")) == {"twilio": Level.NEEDS_PERSON}
    assert problems(**late, **circuit("resend")) == {"resend": Level.BROKEN, "due": Level.BROKEN}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_open_circuit_of_any_provider_has_a_sentence_and_a_cure(provider: str) -> None:
    findings = check_health(replace(HEALTHY, **circuit(provider)), gateway=GATEWAY)

    [finding] = [finding for finding in findings if finding.name == provider]
    assert "waited 3 min for" in finding.sentence
    assert finding.cure


@pytest.mark.parametrize(("minutes", "found"), [(14, {}), (16, {"resend": Level.BROKEN})])
def test_an_outage_is_excused_for_as_long_as_the_limits_say(minutes: int, found: dict[str, Level]) -> None:
    late = queue("send", due=1, oldest_ms=minutes * MINUTE_MS)

    assert problems(limits=Limits(outage_ms=15 * MINUTE_MS), **late, **circuit("resend", minutes=minutes)) == found


@pytest.mark.parametrize(
    ("changes", "sentence", "cure"),
    [
        ({"workers": ()}, "no worker is alive", "`advent worker`"),
        (
            circuit("resend", reason="invalid_api_key (403)"),
            "mail has waited 3 min for Resend (invalid_api_key (403))",
            "RESEND_API_KEY",
        ),
        (circuit("notion", reason=""), "updates have waited 3 min for Notion", "retries automatically"),
        (circuit("calcom", reason="http_401"), "bookings has waited 3 min for Cal.com (http_401)", "CALCOM_API_KEY."),
        (queue("send", due=2, oldest_ms=6 * MINUTE_MS), "2 mails are late, the first by 6 min", "RESEND_REQUESTS_PER"),
        (
            {"paused_campaigns": {"christmas_2025": Pause(since_ms=NOW_MS, by="sarah", reason="")}},
            "the campaign christmas_2025 is paused",
            "`advent resume --campaign christmas_2025 --plan` shows it",
        ),
        (
            {
                "pause": Pause(since_ms=NOW_MS, by="sarah", reason=""),
                "paused_campaigns": {"new_year_2026": Pause(since_ms=NOW_MS, by="sarah", reason="")},
            },
            "everybody is paused and the campaign new_year_2026 is paused",
            "`advent resume --plan` and `advent resume --campaign new_year_2026 --plan` show it",
        ),
        ({"dead_letters": 2}, "2 dead letters wait for a decision", "`advent dead list`"),
        (queue("classify", failed=1), "1 job failed with an internal error (1 in classify)", "`job_failed`"),
        (queue("announce", failed=1), "1 hot lead could not be announced", "`hot_lead_not_announced`"),
        ({"mirror_behind": 1, "mirror_lag_ms": 180 * MINUTE_MS}, "Notion is 3 h behind", "`advent check`"),
    ],
)
def test_finding_says_what_is_wrong_and_what_to_do(changes: dict[str, Any], sentence: str, cure: str) -> None:
    (finding,) = problems_of(check_health(replace(HEALTHY, **changes)))

    assert sentence in finding.sentence
    assert cure in finding.cure
    assert finding.cure.endswith(".")


def test_the_warnings_of_the_store_monitor_are_its_cure() -> None:
    (finding,) = problems_of(check_health(HEALTHY, warnings=["store: it evicts; set maxmemory-policy noeviction"]))

    assert (finding.name, finding.cure) == ("store", "Store: it evicts; set maxmemory-policy noeviction.")


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (GATEWAY, {}),
        (None, {"gateway": Level.BROKEN}),
        (replace(GATEWAY, spool_events=2), {"spool": Level.BROKEN}),
        (replace(GATEWAY, spool_status="full"), {"spool": Level.BROKEN}),
        (replace(GATEWAY, is_ready=False, spool_status="full"), {"gateway": Level.BROKEN, "spool": Level.BROKEN}),
    ],
)
def test_gateway_is_judged_by_the_status_that_it_reports(status: GatewayStatus | None, found: dict[str, Level]) -> None:
    findings = problems_of(check_gateway(status, url="http://127.0.0.1:1"))

    assert {finding.name: finding.level for finding in findings} == found


@pytest.mark.parametrize("body", [None, [], {}, {"status": "ready", "dependencies": {"spool": {"events": "many"}}}])
def test_unreadable_gateway_status_is_none(body: Any) -> None:
    assert GatewayStatus.read(body) is None


def test_a_store_that_does_not_answer_is_broken() -> None:
    finding = check_unreachable_store(ConnectionError("refused"))

    assert (finding.name, finding.level) == ("store", Level.BROKEN)
    assert finding.sentence == "the data store does not answer (ConnectionError)"


def test_broken_aspects_are_listed_before_those_that_need_a_person() -> None:
    findings = check_health(replace(HEALTHY, workers=(), dead_letters=1, **circuit("calcom")))

    assert [finding.name for finding in problems_of(findings)] == ["workers", "calcom", "dead"]
    assert worst_level(findings) is Level.BROKEN


def test_a_hold_on_all_sending_is_broken_and_explains_what_is_late() -> None:
    hold = Hold(since_ms=NOW_MS - MINUTE_MS, why="the store's clock is 25 h ahead", cure="Correct it.")
    late = queue("send", due=3, oldest_ms=9 * MINUTE_MS)

    assert problems(**late, holds={"clock": hold}) == {"hold": Level.BROKEN}
    assert problems(**late, holds={"clock/w1": hold}) == {"hold": Level.BROKEN, "due": Level.BROKEN}


TWO_WORKERS = tuple(WorkerStats(id=id, silent_ms=500, in_flight=0) for id in ("w1", "w2"))
HOLD = Hold(since_ms=NOW_MS, why="the clock is wrong", cure="Correct it.")


@pytest.mark.parametrize(
    ("stops", "changes"),
    [
        ([], {}),
        (["workers"], {"workers": ()}),
        (["hold"], {"holds": {"clock": HOLD}}),
        (["hold"], {"holds": {"clock/w1": HOLD}}),
        ([], {"holds": {"clock/w1": HOLD}, "workers": TWO_WORKERS}),
        (["hold"], {"holds": {"clock/w1": HOLD, "clock/w2": HOLD}, "workers": TWO_WORKERS}),
        (["workers", "hold"], {"holds": {"restored": HOLD}, "workers": ()}),
        ([], {"pause": Pause(since_ms=NOW_MS, by="sarah", reason="")}),
    ],
)
def test_stops_are_the_holds_and_missing_workers_that_keep_all_mail_from_everybody(
    stops: list[str], changes: dict[str, Any]
) -> None:
    stats = replace(HEALTHY, **changes)

    found = stops_of(stats)

    assert [finding.name for finding in found] == stops
    assert set(found) <= set(check_health(stats))


def test_a_gateway_whose_clock_is_wrong_is_broken_and_says_by_how_much() -> None:
    body = {
        "status": "ready",
        "dependencies": {
            "spool": {"status": "writable", "events": 0},
            "clock": {"status": "wrong", "ahead_seconds": -90_000},
        },
    }
    gateway, _ = check_gateway(GatewayStatus.read(body))

    assert (gateway.name, gateway.level) == ("gateway", Level.BROKEN)
    assert gateway.sentence == "the clock of its machine is 25 h behind"
