import asyncio
import json
import re

import pytest

from common.campaigns.loader import load_campaign
from common.domain.cadence import Pace
from common.domain.contact import Assessment
from common.domain.ids import step_delivery_id
from common.ledger.ledger import Ledger
from common.store.clients import connect_async
from services.cli.shared import now_ms

SECRET_KEY = "k" * 32


@pytest.fixture
def here(advent, store_url):
    """Commands at a store with nobody in it."""

    def here(*arguments):
        return advent(*arguments, REDIS_URL=store_url, SECRET_KEY=SECRET_KEY)

    return here


@pytest.fixture
def ledger_does(store_url):
    """Let the ledger of that store do something."""

    def does(story):
        async def told():
            client = connect_async(store_url)
            cadence = load_campaign("christmas_2025").cadence(Pace())
            try:
                return await story(Ledger(client, campaign="christmas_2025", cadence=cadence, secret_key=SECRET_KEY))
            finally:
                await client.aclose()

        return asyncio.run(told())

    return does


async def ada_signs_up(ledger):
    ada = Assessment(email="ada@example.com", first_name="[Ada]", assessment_score=50, red_systems=2)
    accepted = await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now_ms())
    await ledger.signups.enroll(await ledger.enrollments.get(accepted.enrollment_id), now_ms=now_ms(), announce=False)
    return accepted.enrollment_id


async def adas_first_mail_dies(ledger):
    delivery = step_delivery_id(await ada_signs_up(ledger), 1)
    claim = await ledger.deliveries.claim(delivery, worker="w", now_ms=now_ms())
    await ledger.deliveries.freeze(claim, "a mail", now_ms=now_ms())
    await ledger.deliveries.settle(claim, "dead", "validation_error", now_ms=now_ms())
    return delivery


def test_status_counts_people_and_what_is_due(here, ledger_does):
    ledger_does(ada_signs_up)

    status, said, _ = here("status", "--json")

    told = json.loads(said)
    assert status == 0
    assert (told["enrolled"], told["active"], told["completed"], told["sent"], told["dead_letters"]) == (1, 1, 0, 0, 0)
    assert set(told) > {"due_next_hour", "due_next_day", "mirror_lag_ms", "queues"}


def test_status_reads_well(here):
    status, said, _ = here("status")

    assert status == 0
    assert "0  people enrolled" in said
    assert "notion_sync" in said


def test_of_one_there_is_one(here, ledger_does):
    ledger_does(ada_signs_up)

    said = here("status")[1]

    assert re.search(r"^ +1  person enrolled", said, re.MULTILINE)
    assert re.search(r"^ +0  workers alive", said, re.MULTILINE)


def test_contact_shows_what_happened_and_what_is_next(here, ledger_does):
    ledger_does(ada_signs_up)

    _, said, _ = here("contact", " Ada@Example.com")
    _, as_json, _ = here("contact", "ada@example.com", "--json")

    assert "[Ada] · ada@example.com\nCRITICAL · active · enr_" in said
    assert "signed up" in said
    assert "step 7 planned" in said
    told = json.loads(as_json)
    assert [line["what"] for line in told["next"]] == [f"step {number} planned" for number in range(1, 8)]
    assert [line["due_ms"] for line in told["next"]] == sorted(line["due_ms"] for line in told["next"])


def test_contact_of_a_stranger_is_one_line_and_status_1(here):
    status, said, complained = here("contact", "nobody@example.com")

    assert (status, said) == (1, "")
    assert "nobody@example.com is not enrolled in christmas_2025" in complained


def test_a_dead_letter_is_listed_with_its_reason_and_its_address(here, ledger_does):
    delivery = ledger_does(adas_first_mail_dies)

    _, said, _ = here("dead", "list")
    [letter] = json.loads(here("dead", "list", "--json")[1])

    assert "ada@example.com" in said
    assert "validation_error" in said
    assert (letter["id"], letter["step"], letter["attempts"]) == (delivery, 1, 1)


@pytest.mark.parametrize("which", ["its id", "--all"])
def test_a_dry_run_changes_nothing_and_a_replay_leaves_no_dead_letter(here, ledger_does, which):
    delivery = ledger_does(adas_first_mail_dies)
    named = delivery if which == "its id" else which

    _, said, _ = here("dead", "replay", named, "--dry-run")
    still = json.loads(here("dead", "list", "--json")[1])
    status, done, _ = here("dead", "replay", named)

    assert f"would replay {delivery}" in said
    assert len(still) == 1
    assert (status, done) == (0, f"replayed {delivery}: validation_error\n")
    assert here("dead", "list")[1] == "No dead letters.\n"


def test_what_is_discarded_is_given_up_for_good(here, ledger_does):
    delivery = ledger_does(adas_first_mail_dies)

    assert here("dead", "discard", delivery, "--dry-run")[0] == 0
    assert here("dead", "discard", delivery)[0] == 0
    assert here("dead", "list")[1] == "No dead letters.\n"


def test_what_is_no_dead_letter_cannot_be_replayed(here):
    status, _, complained = here("dead", "replay", "enr_aaaaaaaaaaaaaaaa/step-1")

    assert status == 1
    assert complained == "advent: enr_aaaaaaaaaaaaaaaa/step-1 is no dead letter; `advent dead list` shows them\n"
