import json

import pytest

from common.ledger import keys
from common.store.clients import connect
from tests.cli.test_looking import ada_signs_up, here, ledger_does

__all__ = ["here", "ledger_does"]

ADA = "ada@example.com"


@pytest.fixture
def enrolled(ledger_does):
    return ledger_does(ada_signs_up)


def test_it_says_what_would_go_and_changes_nothing(here, enrolled):
    status, said, _ = here("forget", f" {ADA.upper()} ", "--dry-run")

    assert (status, said) == (0, f"{ADA}: 1 enrollment, 0 calls, 1 of their mails wait or failed\n")
    assert here("contact", ADA)[0] == 0


def test_it_asks_first_and_where_nobody_can_be_asked_it_does_nothing(here, enrolled):
    status, _, complained = here("forget", ADA)

    assert status == 2
    assert "say --yes" in complained
    assert here("contact", ADA)[0] == 0


def test_what_goes_is_gone_and_what_stays_elsewhere_is_named(here, enrolled, store_url):
    with connect(store_url) as client:
        client.hset(keys.enrollment(enrolled), "page:sequence", "23d5fd78-7144-509a-8d85-f21d3c7d3f51")

    status, said, _ = here("forget", ADA, "--yes")

    assert status == 0
    assert "forgotten; the address is never written to again" in said
    assert "delete in Notion: https://www.notion.so/23d5fd787144509a8d85f21d3c7d3f51" in said
    assert "mails that Resend lists" in said
    assert here("contact", ADA)[0] == 1
    with connect(store_url) as client:
        assert client.hlen(keys.SUPPRESSED) == 1


def test_of_somebody_unknown_the_mark_is_kept_all_the_same(here, store_url):
    for _ in range(2):
        status, said, _ = here("forget", ADA, "--yes", "--json")
        assert (status, json.loads(said)) == (
            0,
            {
                "email": ADA,
                "enrollments": 0,
                "calls": 0,
                "calls_of_others": 0,
                "mails_waiting": 0,
                "notion_pages": [],
                "set_aside": None,
                "forgotten": True,
            },
        )
    with connect(store_url) as client:
        assert client.hlen(keys.SUPPRESSED) == 1


def test_what_is_no_address_is_wrong_use(here):
    assert here("forget", "ada", "--yes")[0] == 2


def test_of_somebody_unknown_nobody_is_asked(here):
    assert here("forget", ADA) == (0, f"{ADA}: nothing is known of this address here\n", "")


def test_what_a_gateway_set_aside_is_named_since_it_may_be_theirs(here, tmp_path):
    (tmp_path / "data" / "spool").mkdir(parents=True)
    (tmp_path / "data" / "spool" / "set-aside.jsonl").write_text("damaged\n")

    assert "data/spool/set-aside.jsonl keeps what no store would take" in here("forget", ADA)[1]
    assert json.loads(here("forget", ADA, "--json")[1])["set_aside"] == "data/spool/set-aside.jsonl"


def test_with_another_key_nothing_is_erased_since_the_mark_would_be_of_no_use(here, advent, enrolled, store_url):
    with connect(store_url) as client:
        client.set(keys.SECRET_KEY, "of another")

    status, _, complained = here("forget", ADA, "--yes")

    assert status == 1
    assert complained.startswith("advent: SECRET_KEY: not the one")
