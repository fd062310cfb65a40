import json

from tests.cli.test_status_and_contact import ada_signs_up, here, ledger_does  # noqa: F401 -- fixtures

ADA = "ada@example.com"


def test_a_pause_is_said_by_status_and_contact_and_ended_by_resume(here, ledger_does):  # noqa: F811
    ledger_does(ada_signs_up)

    status, said, _ = here("pause", "--reason", "the domain moves")
    again = here("pause", "--reason", "another")[1]
    told = json.loads(here("status", "--json")[1])["pause"]

    assert (status, said) == (0, "paused everybody\n")
    assert again.startswith("everybody is already paused: since ")
    assert told["reason"] == "the domain moves"
    assert "everybody is paused since" in here("status")[1]
    assert "everybody is paused since" in here("contact", ADA)[1]

    assert here("resume")[1].endswith("resumed everybody\n")
    assert json.loads(here("status", "--json")[1])["pause"] is None


def test_a_plan_changes_nothing_and_says_what_would_go(here, ledger_does):  # noqa: F811
    ledger_does(ada_signs_up)
    here("pause")

    _, said, _ = here("resume", "--plan")
    told = json.loads(here("resume", "--plan", "--json")[1])

    assert "1 mail is sent at once, at 2 a second" in said
    assert "nothing was changed" in said
    assert ADA in said
    assert (told["resumed"], told["plan"]["at_once"], told["plan"]["late"]) == (False, 1, 1)
    assert [(mail["email"], mail["what"]) for mail in told["plan"]["first"]] == [(ADA, "step-1")]
    assert [hour["late"] for hour in told["plan"]["hours"]] == [1]
    assert told["plan"]["expired"] == []
    assert json.loads(here("status", "--json")[1])["pause"] is not None


def test_one_person_is_paused_and_resumed(here, ledger_does):  # noqa: F811
    ledger_does(ada_signs_up)

    _, said, _ = here("pause", "--contact", "Ada@Example.com ", "--reason", "she is on holiday")
    person = json.loads(here("contact", ADA, "--json")[1])

    assert said == f"paused {ADA}\n"
    assert (person["paused"]["reason"], person["everybody_paused"]) == ("she is on holiday", None)
    assert json.loads(here("status", "--json")[1])["paused_people"] == 1
    assert "one person is paused (advent resume --contact EMAIL)" in here("status")[1]
    told = json.loads(here("resume", "--contact", ADA, "--json")[1])
    assert (told["resumed"], told["contact"], told["plan"]["at_once"]) == (True, ADA, 1)
    assert json.loads(here("status", "--json")[1])["paused_people"] == 0


def test_to_resume_what_is_not_paused_is_no_fault(here, ledger_does):  # noqa: F811
    status, said, _ = here("resume")

    assert status == 0
    assert said == "the campaign is not paused\nnothing is overdue\n"


def test_a_stranger_cannot_be_paused(here):  # noqa: F811
    status, _, complained = here("pause", "--contact", "nobody@example.com")

    assert status == 1
    assert "nobody@example.com is not known in christmas_2025" in complained
