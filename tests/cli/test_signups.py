"""`advent signups` lists the held signups, and releases or discards the chosen ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from common.domain.contact import Assessment
from common.domain.signup_bounds import SignupBounds
from common.ledger.ledger import Ledger
from services.cli.shared import now_ms

HELD = {"ben": "v1", "cleo": "v2", "dora": None}


@pytest.fixture
def held(run_ledger) -> None:
    """Ada's signup was accepted; three others are held, two of them from known visitors."""

    async def scenario(ledger: Ledger) -> None:
        bounded = Ledger(
            ledger.client,
            campaign=ledger.campaign,
            cadence=ledger.cadence,
            secret_key="k" * 32,
            signup_bounds=SignupBounds(per_hour=1, per_source=1),
        )
        for number, (name, visitor) in enumerate({"ada": None, **HELD}.items()):
            at_ms = now_ms() + number
            person = Assessment(email=f"{name}@example.org", first_name=name.title(), assessment_score=40)
            await bounded.signups.accept(person, webhook_id=f"signup:{name}", received_ms=at_ms, visitor=visitor)

    run_ledger(scenario)


def names(run_command, *options: str) -> list[str]:
    shown: list[dict[str, Any]] = json.loads(run_command("signups", "held", "--json", *options)[1])
    return [one["first_name"] for one in shown]


def test_held_signups_are_listed_with_their_reason(run_command, held):
    status, said, _ = run_command("signups", "held")

    assert status == 0
    assert [line.split()[0] for line in said.splitlines()[1:]] == [f"{name}@example.org" for name in HELD]
    assert "beyond SIGNUPS_PER_HOUR" in said
    assert json.loads(run_command("status", "--json")[1])["held_signups"] == len(HELD)
    assert json.loads(run_command("contact", "ben@example.org", "--json")[1])["status"] == "held"


def test_held_signup_is_released_by_any_spelling_of_its_address(run_command, held):
    assert run_command("signups", "release", " BEN+x@example.org")[:2] == (0, "released 1 signup\n")

    assert names(run_command) == ["Cleo", "Dora"]
    assert json.loads(run_command("contact", "ben@example.org", "--json")[1])["status"] == "accepted"


@pytest.mark.parametrize(("decision", "done"), [("release", "released"), ("discard", "discarded")])
def test_held_signup_of_a_second_campaign_is_found_by_its_address(run_command, held, run_ledger, decision, done):
    async def signs_up_for_another(ledger: Ledger) -> None:
        bounded = Ledger(
            ledger.client,
            campaign="spring_2026",
            cadence=ledger.cadence,
            secret_key="k" * 32,
            signup_bounds=SignupBounds(per_hour=1, per_source=1),
        )
        for name in ("ben", "eve"):
            person = Assessment(email=f"{name}@example.org", first_name=name.title(), assessment_score=40)
            await bounded.signups.accept(person, webhook_id=f"spring:{name}", received_ms=now_ms() + 1_000)

    run_ledger(signs_up_for_another)
    assert names(run_command) == ["Ben", "Cleo", "Dora", "Ben", "Eve"]

    assert run_command("signups", decision, "eve@example.org")[1] == f"{done} 1 signup\n"
    assert run_command("signups", decision, "ben@example.org")[1] == f"{done} 2 signups\n"
    assert names(run_command) == ["Cleo", "Dora"]


def test_held_signups_are_discarded_by_visitor_or_all_together(run_command, held):
    assert names(run_command, "--visitor", "v1") == ["Ben"]
    assert run_command("signups", "discard", "--visitor", "v1")[:2] == (0, "discarded 1 signup\n")
    assert names(run_command) == ["Cleo", "Dora"]

    assert run_command("signups", "discard", "--all")[:2] == (0, "discarded 2 signups\n")
    assert run_command("signups", "held")[:2] == (0, "no signup is held\n")
    assert json.loads(run_command("status", "--json")[1])["held_signups"] == 0


def test_address_without_a_held_signup_is_named(run_command, held):
    status, _, said = run_command("signups", "release", "ada@example.org")

    assert status == 1
    assert "no signup of ada@example.org is held; `advent signups held` lists them" in said
    assert len(names(run_command)) == 3


@pytest.mark.parametrize("options", [(), ("--all", "--visitor", "v1"), ("ben@example.org", "--all")])
def test_signups_command_needs_exactly_one_choice(run_command, held, options):
    status, _, said = run_command("signups", "discard", *options)

    assert (status, "give addresses, or --visitor, or --all" in said) == (2, True)
    assert len(names(run_command)) == 3
