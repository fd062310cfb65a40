import json
import os
import re
import shlex
import subprocess
import sys

import pytest
import redis

from common.domain.contact import Assessment, Consent
from common.domain.enrollment import ExitReason
from common.domain.ids import booking_id, enrollment_id, step_delivery_id
from common.domain.note import Note, NoteKind
from common.ledger.action_log import ActionFilter
from common.ledger.dead_letters import DeadLetters
from common.ledger.reads.people import PeopleList
from common.ledger.unmarked_calls import UnmarkedCalls
from services.cli.shared import now_ms
from tests.ledger.planned import write_unmarked_call
from tests.tidy.repository import ROOT


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


def test_status_counts_people_and_what_is_due(run_command, run_ledger):
    run_ledger(ada_signs_up)

    status, output, _ = run_command("status", "--json")

    data = json.loads(output)
    assert status == 0
    assert (data["enrolled"], data["active"], data["completed"], data["sent"], data["dead_letters"]) == (1, 1, 0, 0, 0)
    assert set(data) > {"due_next_hour", "due_next_day", "mirror_lag_ms", "queues"}


def test_status_reads_well(run_command):
    status, output, _ = run_command("status")

    assert status == 0
    assert output.startswith("Not all is well: no worker is alive.\n  Nothing is sent until one is.")


def test_status_shows_no_row_of_zeros(run_command, run_ledger):
    run_ledger(ada_signs_up)

    output = run_command("status")[1]

    assert "classify" in output
    assert "bookings" not in output
    assert not re.search(r"^ +0 ", output, re.MULTILINE)


def test_status_uses_the_singular_for_one(run_command, run_ledger):
    run_ledger(ada_signs_up)

    output = run_command("status")[1]

    assert re.search(r"^ +1  person enrolled", output, re.MULTILINE)
    assert "people enrolled" not in output


def test_contact_shows_what_happened_and_what_is_next(run_command, run_ledger):
    run_ledger(ada_signs_up)

    _, output, _ = run_command("contact", " Ada@Example.com")
    _, as_json, _ = run_command("contact", "ada@example.com", "--json")

    assert "[Ada] · ada@example.com\nCRITICAL · active · enr_" in output
    assert "signed up" in output
    assert "step 7 planned" in output
    data = json.loads(as_json)
    assert [line["what"] for line in data["next"]] == [f"step {number} planned" for number in range(1, 8)]
    assert [line["due_ms"] for line in data["next"]] == sorted(line["due_ms"] for line in data["next"])


def test_contact_says_why_a_step_waits_and_which_steps_are_not_sent(run_command, run_ledger, campaign):
    ada = run_ledger(ada_signs_up)
    run_command("pause")
    waiting = run_command("contact", "ada@example.com")[1]
    run_ledger(lambda ledger: ledger.enrollments.exit(ada, ExitReason.LEFT, address_hash=None, now_ms=now_ms()))
    left = json.loads(run_command("contact", "ada@example.com", "--json")[1])

    assert re.search(r"step 1 planned +results +waits: everybody is paused by \S+ *$", waiting, re.MULTILINE)
    assert left["next"] == []
    assert left["not_sent"] == [
        {"what": f"step {number} not sent", "why": "left", "mail": step.name}
        for number, step in enumerate(campaign.steps, 1)
    ]
    assert re.search(r"step 7 not sent +last call +left\b", run_command("contact", "ada@example.com")[1], re.MULTILINE)


async def boris_signs_up(ledger):
    boris = Assessment(email="boris@example.org", first_name="Boris", business_name="Ada's Salon", assessment_score=50)
    accepted = await ledger.signups.accept(boris, webhook_id="signup:2", received_ms=now_ms())
    await ledger.signups.enroll(await ledger.enrollments.get(accepted.enrollment_id), now_ms=now_ms(), announce=False)


def test_contact_names_each_mail(run_command, run_ledger, campaign):
    run_ledger(ada_signs_up)
    names = [step.name for step in campaign.steps]

    output = run_command("contact", "ada@example.com")[1]
    data = json.loads(run_command("contact", "ada@example.com", "--json")[1])

    assert re.search(rf"step 3 planned +{re.escape(names[2])}", output)
    assert [line["mail"] for line in data["next"]] == names


@pytest.mark.parametrize("who", ["Boris", "bor", "salon bor"])
def test_contact_finds_a_person_by_the_beginning_of_a_name(run_command, run_ledger, who):
    run_ledger(ada_signs_up)
    run_ledger(boris_signs_up)

    status, output, _ = run_command("contact", who)

    assert status == 0
    assert output.startswith("Boris · boris@example.org")


def test_contact_with_an_id_reads_only_that_person(run_command, run_ledger, monkeypatch):
    ada = run_ledger(ada_signs_up)
    run_ledger(boris_signs_up)
    monkeypatch.setattr(PeopleList, "read_all", None)

    status, output, _ = run_command("contact", ada)

    assert (status, output.splitlines()[0]) == (0, "[Ada] · ada@example.com")
    assert run_command("contact", "enr_aaaaaaaaaaaaaaaa")[0] == 1


def test_contact_lists_all_matches_of_an_ambiguous_name(run_command, run_ledger):
    run_ledger(ada_signs_up)
    run_ledger(boris_signs_up)

    status, output, errors = run_command("contact", "ada")
    as_json = json.loads(run_command("contact", "ada", "--json")[1])

    assert status == 1
    assert "ada@example.com" in output
    assert "boris@example.org" in output
    assert "2 enrollments match 'ada': give an address." in errors
    assert {one["email"] for one in as_json["matches"]} == {"ada@example.com", "boris@example.org"}
    assert run_command("contact", "nobody")[0] == 1


def test_id_is_never_wrapped_in_a_narrow_terminal(run_command, run_ledger, monkeypatch):
    delivery = run_ledger(adas_first_mail_dies)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")

    output = run_command("dead", "list")[1]

    assert delivery in output
    assert "ada@example.com" in output


def test_unknown_contact_is_reported_with_status_1(run_command):
    status, output, errors = run_command("contact", "nobody@example.com")

    assert (status, output) == (1, "")
    cure = "try another spelling, or other CAMPAIGNS"
    assert f"advent: nobody@example.com is not enrolled in christmas_2025; {cure}\n" == errors


def test_a_dead_letter_is_listed_with_its_reason_and_its_address(run_command, run_ledger):
    delivery = run_ledger(adas_first_mail_dies)

    _, output, _ = run_command("dead", "list")
    [letter] = json.loads(run_command("dead", "list", "--json")[1])

    assert "ada@example.com" in output
    assert "validation_error" in output
    assert (letter["id"], letter["step"], letter["attempts"]) == (delivery, 1, 1)


@pytest.mark.parametrize("which", ["its id", "--all"])
def test_a_dry_run_changes_nothing_and_a_replay_leaves_no_dead_letter(run_command, run_ledger, which):
    delivery = run_ledger(adas_first_mail_dies)
    named = delivery if which == "its id" else which

    _, output, _ = run_command("dead", "replay", named, "--dry-run")
    still = json.loads(run_command("dead", "list", "--json")[1])
    status, done, _ = run_command("dead", "replay", named)

    assert f"would replay {delivery}" in output
    assert len(still) == 1
    assert (status, done) == (0, f"replayed {delivery}: validation_error\n")
    assert run_command("dead", "list")[1] == "No dead letters.\n"


def test_a_discarded_dead_letter_is_gone(run_command, run_ledger):
    delivery = run_ledger(adas_first_mail_dies)

    assert run_command("dead", "discard", delivery, "--dry-run")[0] == 0
    assert run_command("dead", "discard", delivery)[0] == 0
    assert run_command("dead", "list")[1] == "No dead letters.\n"


def test_dead_letter_that_somebody_else_settled_is_not_reported_as_discarded(run_command, run_ledger, monkeypatch):
    delivery = run_ledger(adas_first_mail_dies)

    async def comes_too_late(*_given, **_named):
        return False

    monkeypatch.setattr(DeadLetters, "discard", comes_too_late)
    status, output, errors = run_command("dead", "discard", delivery)

    assert (status, output) == (1, "")
    assert errors == f"advent: {delivery} was replayed or discarded a moment ago\n"


def test_only_dead_letters_can_be_replayed(run_command):
    status, _, errors = run_command("dead", "replay", "enr_aaaaaaaaaaaaaaaa/step-1")

    assert status == 1
    assert errors == "advent: enr_aaaaaaaaaaaaaaaa/step-1 is not a dead letter; `advent dead list` shows them\n"


def test_contact_lists_notes_and_consent(run_command, run_ledger):
    consent = Consent(text="I agree", source="https://site.example/quiz", at_ms=1_795_946_400_000)
    ada = Assessment(email="ada@example.org", first_name="Ada", assessment_score=50, consent=consent)
    note = Note(kind=NoteKind.DROPPED, field="timezone", what="was left out: it must be a text")
    run_ledger(
        lambda ledger: ledger.signups.accept(ada, webhook_id="signup:1", received_ms=1_795_946_500_000, notes=[note])
    )

    status, out, _ = run_command("contact", "ada@example.org", "--json")
    assert (status, json.loads(out)["notes"]) == (
        0,
        [{"at": 1_795_946_500_000, "field": "timezone", "what": "was left out: it must be a text", "kept": None}],
    )
    assert json.loads(out)["consent"] == {
        "text": "I agree",
        "source": "https://site.example/quiz",
        "at_ms": 1_795_946_400_000,
    }
    _, out, _ = run_command("contact", "ada@example.org")
    assert "consent: I agree · https://site.example/quiz · at 2026-11-29 10:00:00 UTC" in out
    assert "timezone was left out: it must be a text" in out


def test_contact_finds_an_address_with_a_unicode_domain_or_invisible_characters(run_command, run_ledger):
    ada = Assessment(email="ada@xn--mller-kva.example", first_name="Ada", assessment_score=50)
    run_ledger(lambda ledger: ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now_ms()))

    for written in ("ada@müller.example", "\u200bAda@Müller.example\ufeff"):
        status, out, _ = run_command("contact", written, "--json")
        assert (status, json.loads(out)["email"]) == (0, ada.email)


def test_unread_bookings_are_listed_counted_and_discarded(run_command, run_ledger):
    async def keep(ledger):
        for raw in ("no JSON", '{"payload": {}}'):
            await ledger.unread_bookings.keep(raw, reason="payload.startTime must be a timestamp", received_ms=now_ms())

    assert run_command("bookings", "unread")[:2] == (0, "no booking event waits to be read\n")
    run_ledger(keep)
    assert json.loads(run_command("status", "--json")[1])["unread_bookings"] == 2
    _, out, _ = run_command("bookings", "unread", "--json")
    first, second = json.loads(out)
    assert {"no JSON", '{"payload": {}}'} == {first["raw"], second["raw"]}
    assert "payload.startTime must be a timestamp" in run_command("bookings", "unread")[1]

    assert run_command("bookings", "discard")[0] == 2
    assert run_command("bookings", "discard", first["id"], "--all")[0] == 2
    assert run_command("bookings", "discard", first["id"])[:2] == (0, "discarded 1 booking event\n")
    assert run_command("bookings", "discard", "--all")[:2] == (0, "discarded 1 booking event\n")
    assert json.loads(run_command("status", "--json")[1])["unread_bookings"] == 0


def test_unmarked_calls_are_listed_counted_and_marked_by_commands(run_command, run_ledger):
    assert run_command("bookings", "unmarked")[:2] == (0, "the outcome of every ended call was reported\n")
    guest = run_ledger(lambda ledger: write_unmarked_call(ledger, "ada", now_ms=now_ms()))
    assert json.loads(run_command("status", "--json")[1])["unmarked_calls"] == 1
    assert "1  unmarked call (advent bookings unmarked)" in run_command("status")[1]
    [listed] = json.loads(run_command("bookings", "unmarked", "--json")[1])
    assert (listed["id"], listed["email"]) == (guest, "ada@example.org")
    assert "ada@example.org" in run_command("bookings", "unmarked")[1]

    status, _, err = run_command("bookings", "mark", "completed", guest, "bkg_nobody")
    assert (status, "bkg_nobody: not among what `advent bookings unmarked` lists" in err) == (2, True)
    assert run_command("bookings", "mark", "no-show", guest, guest)[:2] == (0, "marked 1 call as no-show\n")
    again = (0, "marked 0 calls as completed\nleft 1 unchanged: already marked\n")
    assert run_command("bookings", "mark", "completed", guest)[:2] == again
    assert run_ledger(marks_of) == [("ada@example.org", True)]
    assert [(one.what, one.before, one.after) for one in run_ledger(newest_actions)] == [
        ("bookings mark", "unmarked", "no-show")
    ]


def test_calls_marked_before_the_store_went_away_are_logged(run_command, run_ledger, monkeypatch):
    async def write_two(ledger):
        return [await write_unmarked_call(ledger, name, now_ms=now_ms()) for name in ("ada", "boris")]

    first, second = run_ledger(write_two)
    mark = UnmarkedCalls.mark

    async def mark_the_first(calls, call, *given, **more):
        if call.id == second:
            raise redis.ConnectionError("connection lost")
        return await mark(calls, call, *given, **more)

    monkeypatch.setattr(UnmarkedCalls, "mark", mark_the_first)
    assert run_command("bookings", "mark", "no-show", first, second)[0] != 0

    ada = enrollment_id("christmas_2025", "ada@example.org")
    assert [(one.what, one.on, one.after) for one in run_ledger(newest_actions)] == [
        ("bookings mark", (ada,), "no-show")
    ]


async def newest_actions(ledger):
    return await ledger.action_log.newest(ActionFilter())


async def marks_of(ledger):
    gathered = await ledger.bookings.gather(booking_id("uid-ada"))
    return [mark for event in gathered.events for mark in event.no_shows]


def test_closed_pipe_behind_a_command_is_no_error(store_url, tmp_path):
    environment = {"PATH": os.environ["PATH"], "REDIS_URL": store_url, "DATA_DIR": str(tmp_path)}
    python = shlex.quote(sys.executable)
    for command in ("status", "status --json", "contact ada@example.org", "check --json"):
        line = f"{python} -m services.cli {command} | true; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.stdout in ("0\n", "1\n")
        assert "Traceback" not in done.stderr
        assert "BrokenPipe" not in done.stderr
