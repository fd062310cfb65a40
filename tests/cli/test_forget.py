import json

import pytest

from common.domain.campaign_terms import CampaignTerms
from common.domain.contact import Assessment
from common.ledger import keys
from common.ledger.ledger import Ledger
from common.store.clients import connect
from tests.cli.conftest import SECRET_KEY
from tests.cli.test_status_and_contact import ada_signs_up

ADA = "ada@example.com"


@pytest.fixture
def enrolled(run_ledger):
    return run_ledger(ada_signs_up)


def test_a_dry_run_shows_what_would_be_erased_and_changes_nothing(run_command, enrolled):
    status, output, _ = run_command("forget", f" {ADA.upper()} ", "--dry-run")

    assert (status, output) == (0, f"{ADA}: 1 enrollment, 0 calls, 1 of their mails are waiting or failed\n")
    assert run_command("contact", ADA)[0] == 0


def test_forget_shows_and_erases_a_refused_signup(run_command, run_ledger):
    async def closed(ledger):
        terms = [CampaignTerms(key=ledger.campaign, cadence=ledger.cadence, is_open=lambda _: False)]
        ada = Assessment(email=ADA, first_name="Ada", assessment_score=50)
        refusing = Ledger.of(ledger.client, terms, secret_key=SECRET_KEY)
        await refusing.signups.accept(ada, webhook_id="signup:1", received_ms=1)

    run_ledger(closed)

    dry = run_command("forget", ADA, "--dry-run")
    assert dry == (0, f"{ADA}: 0 enrollments, 1 refused signup, 0 calls, 0 of their mails are waiting or failed\n", "")
    assert json.loads(run_command("forget", ADA, "--yes", "--json")[1])["refused_signups"] == 1
    assert run_command("forget", ADA, "--dry-run")[1].endswith("nothing is stored about this address\n")


def test_forget_needs_confirmation_and_does_nothing_without_a_terminal(run_command, enrolled):
    status, _, errors = run_command("forget", ADA)

    assert status == 2
    assert "give --yes" in errors
    assert run_command("contact", ADA)[0] == 0


def test_forget_erases_the_person_and_names_data_elsewhere(run_command, enrolled, store_url):
    with connect(store_url) as client:
        client.hset(keys.enrollment(enrolled), "page:sequence", "23d5fd78-7144-509a-8d85-f21d3c7d3f51")

    status, output, _ = run_command("forget", ADA, "--yes")

    assert status == 0
    assert "forgotten; the address never receives mail again" in output
    assert "delete in Notion: https://www.notion.so/23d5fd787144509a8d85f21d3c7d3f51" in output
    assert "their mails at Resend" in output
    status, output, _ = run_command("contact", ADA)
    assert (status, output.startswith(f"{ADA} gets no mail: suppressed since"), "nothing else is stored" in output) == (
        0,
        True,
        True,
    )
    with connect(store_url) as client:
        assert client.hlen(keys.SUPPRESSED) == 1


def test_forget_with_yes_suppresses_an_unknown_address(run_command, store_url):
    for is_suppressed in (False, True):
        status, output, _ = run_command("forget", ADA, "--yes", "--json")
        figures = json.loads(output)
        assert is_suppressed == bool(figures.pop("suppressed"))
        assert (status, figures) == (
            0,
            {
                "email": ADA,
                "enrollments": 0,
                "refused_signups": 0,
                "calls": 0,
                "calls_of_others": 0,
                "unread_bookings": 0,
                "mails_waiting": 0,
                "notion_pages": [],
                "set_aside": None,
                "forgotten": True,
                "listed_at_resend": False,
            },
        )
    with connect(store_url) as client:
        assert client.hlen(keys.SUPPRESSED) == 1


def test_an_invalid_address_is_wrong_use(run_command):
    assert run_command("forget", "ada", "--yes")[0] == 2


def test_forget_of_an_unknown_address_needs_no_confirmation(run_command):
    assert run_command("forget", ADA) == (0, f"{ADA}: nothing is stored about this address\n", "")


def test_forget_names_the_set_aside_events_of_a_gateway(run_command, tmp_path):
    (tmp_path / "data" / "spool").mkdir(parents=True)
    (tmp_path / "data" / "spool" / "set-aside.jsonl").write_text("damaged\n")

    assert "data/spool/set-aside.jsonl holds events that could not be stored" in run_command("forget", ADA)[1]
    assert json.loads(run_command("forget", ADA, "--json")[1])["set_aside"] == "data/spool/set-aside.jsonl"


def test_forget_with_another_secret_key_erases_nothing(run_command, advent, enrolled, store_url):
    with connect(store_url) as client:
        client.set(keys.SECRET_KEY, "of another")

    status, _, errors = run_command("forget", ADA, "--yes")

    assert status == 1
    assert errors.startswith("advent: SECRET_KEY: not the one")
