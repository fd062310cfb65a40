"""What a marketer does with a campaign before its first mail: list, create, check, send tests."""

from __future__ import annotations

import json

import pytest

from common.campaigns.loader import available_campaigns
from tests.cli.test_suppression_commands import sandbox

__all__ = ["sandbox"]

ME = "me@example.org"


def test_campaign_list_shows_which_campaigns_are_played(advent):
    status, output, _ = advent("campaign", "list", "--json")

    assert status == 0
    listed = {row["key"]: row for row in json.loads(output)["campaigns"]}
    assert [*listed] == available_campaigns()
    assert [key for key, row in listed.items() if row["played"]] == ["christmas_2025"]
    assert listed["new_year_2026"]["sends"] == "Mon Tue Wed Thu Fri 08:00-19:00, not on holidays of CA-ON"


def test_a_broken_campaign_is_listed_as_broken(advent, tmp_path):
    advent("campaign", "new", "spring_2027", "--into", "mine")
    (tmp_path / "mine" / "spring_2027" / "fr-CA" / "strings.toml").unlink()

    status, output, _ = advent("campaign", "list", CAMPAIGNS_DIR="mine")

    assert status == 1
    assert "strings.toml: cannot be read" in output


def test_a_new_campaign_passes_its_own_checks_in_both_languages(advent, tmp_path):
    status, output, _ = advent("campaign", "new", "spring_2027", "--into", "mine")

    assert status == 0
    assert "CAMPAIGNS=christmas_2025,spring_2027" in output
    assert advent("campaign", "lint", "--strict", "spring_2027", CAMPAIGNS_DIR="mine")[:2] == (
        0,
        "nothing to correct\n",
    )
    assert 'name = "Spring 2027"' in (tmp_path / "mine" / "spring_2027" / "campaign.toml").read_text()


def test_added_language_is_complete_and_lint_reports_its_untranslated_texts(advent, tmp_path):
    advent("campaign", "new", "spring_2027", "--into", "mine")

    status, output, _ = advent("campaign", "new", "spring_2027", "--language", "es", CAMPAIGNS_DIR="mine")

    assert (status, "Created mine/spring_2027/es/ with the texts of en-CA" in output) == (0, True)
    manifest = tmp_path / "mine" / "spring_2027" / "campaign.toml"
    manifest.write_text(manifest.read_text().replace('"fr-CA"]', '"fr-CA", "es"]'))
    assert advent("campaign", "list", CAMPAIGNS_DIR="mine")[0] == 0
    assert "spring_2027/es/" in advent("campaign", "lint", "spring_2027", CAMPAIGNS_DIR="mine")[1]


@pytest.mark.parametrize(
    ("tag", "problem"),
    [("Spanish", "'Spanish' is not a language tag"), ("fr-CA", "mine/spring_2027/fr-CA: already exists")],
)
def test_a_language_that_cannot_be_added_is_refused(advent, tag, problem):
    advent("campaign", "new", "spring_2027", "--into", "mine")

    status, _, errors = advent("campaign", "new", "spring_2027", "--language", tag, CAMPAIGNS_DIR="mine")

    assert (status, problem in errors) == (1, True)


@pytest.mark.parametrize("name", ["Spring", "../spring", "2027", "", "spring-2027"])
def test_invalid_campaign_name_is_refused(advent, tmp_path, name):
    status, _, errors = advent("campaign", "new", name, "--into", "mine")

    assert (status, "is not a valid campaign name" in errors) == (1, True)
    assert not (tmp_path / "mine").exists()


def test_existing_campaign_is_not_overwritten(advent):
    advent("campaign", "new", "spring_2027", "--into", "mine")

    status, _, errors = advent("campaign", "new", "spring_2027", "--into", "mine")

    assert (status, errors) == (1, "advent: mine/spring_2027: already exists; choose another name\n")


def test_campaign_fields_lists_fields_and_template_variables(advent):
    output = advent("campaign", "fields", "--json")[1]

    answer = json.loads(output)
    assert {"name": "red_systems", "type": "integer", "required": False, "variable": "red"}.items() <= next(
        field for field in answer["fields"] if field["name"] == "red_systems"
    ).items()
    assert answer["letters"]["rush"] == ["weeks_left"]
    assert "join_url" in answer["reminders"]
    assert "POST /webhook/signup/christmas_2025" in advent("campaign", "fields")[1]


def test_lint_reports_a_mistake_with_its_file_and_line(advent, tmp_path):
    advent("campaign", "new", "spring_2027", "--into", "mine")
    letter = tmp_path / "mine" / "spring_2027" / "en-CA" / "emails" / "2-one-idea.md"
    letter.write_text(letter.read_text().replace("Yours,", "Yours, [FNAME]"))

    status, output, _ = advent("campaign", "lint", "spring_2027", CAMPAIGNS_DIR="mine")

    assert status == 1
    assert output.startswith("error: spring_2027/en-CA/emails/2-one-idea.md: line 23: [FNAME] would be printed")


def test_a_test_mail_is_marked_unsubscribes_nobody_and_is_not_counted(run_command, run_ledger, sandbox):
    status, output, _ = run_command("campaign", "send-test", ME, "--language", "fr-CA", "--step", "step-1")

    assert (status, output) == (0, f"1 test mail to {ME}\n")
    (listed,) = sandbox.resend("GET", "/emails")["data"]
    mail = sandbox.resend("GET", f"/emails/{listed['id']}")
    assert (mail["to"], mail["subject"]) == ([ME], "[Test] Ada, vos résultats\u00a0: 38 sur 100")
    assert "/unsubscribe/test" in mail["html"]
    assert not mail.get("tags")
    assert run_command("contact", ME)[0] == 1


def test_send_test_sends_all_mails_when_no_step_is_named(run_command, run_ledger, sandbox):
    assert run_command("campaign", "send-test", ME)[1] == f"12 test mails to {ME}\n"


@pytest.mark.parametrize(
    ("option", "known"), [("--step", "step-7, 72h"), ("--language", "fr-CA"), ("--segment", "URGENT")]
)
def test_send_test_of_an_unknown_step_language_or_segment_is_wrong_use(run_command, run_ledger, option, known):
    status, _, errors = run_command("campaign", "send-test", ME, option, "none")

    assert status == 2
    assert known in errors
