import json

from common.domain.store_generation import UNSETTLED
from common.ledger.action_log import ActionFilter
from common.ledger.holds import Hold
from common.ledger.ledger import Ledger
from tests.cli.test_status_and_contact import ada_signs_up

ADA = "ada@example.com"


def test_a_pause_is_shown_by_status_and_contact_and_ended_by_resume(run_command, run_ledger):
    run_ledger(ada_signs_up)

    status, output, _ = run_command("pause", "--reason", "the domain moves")
    again = run_command("pause", "--reason", "another")[1]
    data = json.loads(run_command("status", "--json")[1])["pause"]

    assert (status, output) == (0, "paused everybody\n")
    assert again.startswith("everybody is already paused: since ")
    assert data["reason"] == "the domain moves"
    assert "everybody is paused since" in run_command("status")[1]
    assert "everybody is paused since" in run_command("contact", ADA)[1]

    assert run_command("resume")[1].endswith("resumed everybody\n")
    assert json.loads(run_command("status", "--json")[1])["pause"] is None


def test_resume_plan_changes_nothing_and_shows_what_would_be_sent(run_command, run_ledger):
    run_ledger(ada_signs_up)
    run_command("pause")

    _, output, _ = run_command("resume", "--plan")
    data = json.loads(run_command("resume", "--plan", "--json")[1])

    assert "1 mail is sent at once, at 2 a second" in output
    assert "nothing was changed" in output
    assert ADA in output
    assert (data["resumed"], data["plan"]["at_once"], data["plan"]["late"]) == (False, 1, 1)
    assert [(mail["email"], mail["what"]) for mail in data["plan"]["first"]] == [(ADA, "step-1")]
    assert [hour["late"] for hour in data["plan"]["hours"]] == [1]
    assert data["plan"]["expired"] == []
    assert json.loads(run_command("status", "--json")[1])["pause"] is not None


def test_one_person_is_paused_and_resumed(run_command, run_ledger):
    run_ledger(ada_signs_up)

    _, output, _ = run_command("pause", "--contact", "Ada@Example.com ", "--reason", "she is on holiday")
    person = json.loads(run_command("contact", ADA, "--json")[1])

    assert output == f"paused {ADA}\n"
    assert (person["paused"]["reason"], person["everybody_paused"]) == ("she is on holiday", None)
    assert json.loads(run_command("status", "--json")[1])["paused_people"] == 1
    assert "one person is paused (advent resume --contact EMAIL)" in run_command("status")[1]
    data = json.loads(run_command("resume", "--contact", ADA, "--json")[1])
    assert (data["resumed"], data["contact"], data["plan"]["at_once"]) == (True, ADA, 1)
    assert json.loads(run_command("status", "--json")[1])["paused_people"] == 0


def test_a_paused_campaign_is_shown_by_status_and_resumed(run_command, run_ledger):
    run_ledger(ada_signs_up)
    run_command("pause", "--campaign", "christmas_2025", "--reason", "the texts change")

    data = json.loads(run_command("status", "--json")[1])

    assert (data["pause"], data["paused_campaigns"]["christmas_2025"]["reason"]) == (None, "the texts change")
    assert "the campaign christmas_2025 is paused since" in run_command("status")[1]
    run_command("resume", "--campaign", "christmas_2025")
    assert json.loads(run_command("status", "--json")[1])["paused_campaigns"] == {}


def test_action_log_stores_the_reason_of_a_campaign_pause_but_not_of_a_person(run_command, run_ledger):
    run_ledger(ada_signs_up)
    run_command("pause", "--campaign", "christmas_2025", "--reason", "the texts change")
    run_command("pause", "--contact", ADA, "--reason", "she is on holiday")

    actions = run_ledger(lambda ledger: ledger.action_log.newest(ActionFilter()))

    assert [one.after for one in actions] == ["paused", "paused: the texts change"]


def test_hold_ended_by_resume_is_in_the_action_log(run_command, run_ledger):
    hold = Hold(since_ms=1, why="the store was restored", cure="resume")
    run_ledger(lambda ledger: ledger.holds.start(UNSETTLED, hold))

    run_command("resume", "--plan")
    assert run_ledger(lambda ledger: ledger.action_log.newest(ActionFilter())) == []
    run_command("resume")

    [action] = run_ledger(lambda ledger: ledger.action_log.newest(ActionFilter()))
    assert (action.via, action.what, action.on, action.before) == ("cli", "end hold", ("everybody",), UNSETTLED)
    assert run_ledger(lambda ledger: ledger.holds.active()) == {}


def test_resuming_without_a_pause_is_no_error(run_command, run_ledger):
    status, output, _ = run_command("resume")

    assert status == 0
    assert output == "no pause of all mail is in force\nnothing is overdue\n"


def test_resume_with_keep_holds_ends_only_the_pause(run_command, run_ledger):
    async def hold(ledger: Ledger) -> None:
        await ledger.holds.start(UNSETTLED, Hold(why="restored", cure="advent resume", since_ms=0))

    async def reasons(ledger: Ledger) -> set[str]:
        return set(await ledger.holds.active())

    run_ledger(hold)
    run_command("pause")

    data = json.loads(run_command("resume", "--keep-holds", "--json")[1])

    assert (data["resumed"], data["holds"].keys(), data["holds_ended"]) == (True, {UNSETTLED}, [])
    assert run_ledger(reasons) == {UNSETTLED}
    assert json.loads(run_command("resume", "--json")[1])["holds_ended"] == [UNSETTLED]
    assert run_ledger(reasons) == set()


def test_an_unknown_contact_cannot_be_paused(run_command):
    status, _, errors = run_command("pause", "--contact", "nobody@example.com")

    assert status == 1
    assert "nobody@example.com is not known in christmas_2025" in errors
