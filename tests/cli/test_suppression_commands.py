"""A team member suppresses, unsuppresses and releases an address; Resend's own suppression list follows."""

import asyncio
import getpass
import json
import threading

import pytest

from common.domain.contact import Assessment
from common.domain.enrollment import ExitReason
from common.domain.ids import enrollment_id
from common.ledger import keys
from common.ledger.action_log import ActionFilter
from services.cli.shared import now_ms
from services.sandbox.ids import API_KEY
from tests.cli.test_status_and_contact import ada_signs_up
from tests.sandbox.running import running

ADA = "ada@example.com"
WHO = enrollment_id("christmas_2025", ADA)


class SandboxThread:
    """A sandbox in a thread with its own event loop, because a command runs a loop itself."""

    def __init__(self):
        self._loop, self._ended = asyncio.new_event_loop(), asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()
        assert self._ready.wait(20)

    async def _serve(self):
        async with running() as self.run:
            self._ready.set()
            await self._ended.wait()

    def resend(self, method, path, body=None):
        asked = asyncio.run_coroutine_threadsafe(self.run.resend(method, path, body), self._loop)
        return asked.result(20)[1]

    def change(self, dials):
        self._loop.call_soon_threadsafe(self.run.sandbox.board.change, dials)

    def close(self):
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(20)
        self._loop.close()


@pytest.fixture
def sandbox(monkeypatch):
    thread = SandboxThread()
    monkeypatch.setenv("SANDBOX_PORT", thread.run.url.rpartition(":")[2])
    yield thread
    thread.close()


def listed(sandbox):
    return {entry["email"]: entry["origin"] for entry in sandbox.resend("GET", "/suppressions")["data"]}


def contact(run_command):
    return json.loads(run_command("contact", ADA, "--json")[1])


def said(run_command):
    return {entry["what"]: entry["detail"] for entry in contact(run_command)["happened"]}


def test_suppressed_address_is_listed_at_resend_until_unsuppressed(run_command, run_ledger, sandbox):
    run_ledger(ada_signs_up)

    assert run_command("suppress", f" {ADA.upper()}") == (0, f"{ADA} receives no further mail\n", "")
    assert run_command("suppress", ADA) == (0, f"{ADA} was suppressed already\n", "")
    person = contact(run_command)
    assert (person["exit_reason"], person["suppressed"]["reason"]) == ("suppressed", "suppressed")
    assert said(run_command)["suppressed"] == f"by {getpass.getuser()}"
    assert listed(sandbox) == {ADA: "manual"}
    assert "gets no mail: suppressed since" in run_command("contact", ADA)[1]

    answer = run_command("unsuppress", ADA, "--consent", "asked by phone on Monday")
    assert answer == (0, f"{ADA} may receive mail again\n", "")
    assert (contact(run_command)["suppressed"], listed(sandbox)) == (None, {})
    assert said(run_command)["unsuppressed"] == f"by {getpass.getuser()}; consent: asked by phone on Monday"
    assert run_ledger(lambda ledger: ledger.action_log.newest(ActionFilter()))[0].after == "with consent"
    assert run_command("unsuppress", ADA, "--consent", "again")[1] == f"{ADA} was not suppressed here\n"


def test_address_that_complained_cannot_be_unsuppressed(run_command, run_ledger, sandbox):
    async def complained(ledger):
        await ada_signs_up(ledger)
        await ledger.suppressions.suppress(ADA, ExitReason.COMPLAINED, detail="", now_ms=now_ms())

    run_ledger(complained)
    status, _, errors = run_command("unsuppress", ADA, "--consent", "asked by phone")

    assert (status, errors) == (
        1,
        f"advent: {ADA} complained about our mail and stays suppressed; nobody may undo that\n",
    )


def test_complaint_known_only_to_resend_prevents_unsuppressing(run_command, run_ledger, sandbox):
    run_ledger(ada_signs_up)
    sandbox.change({"complaining": [ADA], "webhooks": False})
    sandbox.resend("POST", "/emails", {"from": "a@example.org", "to": [ADA], "subject": "x", "text": "x"})

    assert run_command("unsuppress", ADA, "--consent", "asked by phone")[0] == 1
    assert listed(sandbox) == {ADA: "complaint"}


@pytest.mark.parametrize("consent", [(), ("--consent", " ")])
def test_unsuppress_requires_consent(run_command, consent):
    status, _, errors = run_command("unsuppress", ADA, *consent)

    assert (status, "--consent" in errors) == (2, True)


def test_address_is_suppressed_although_resend_is_unreachable(run_command, run_ledger, monkeypatch):
    monkeypatch.setenv("SANDBOX_PORT", "9")
    status, output, errors = run_command("suppress", ADA)

    assert (status, output) == (0, f"{ADA} receives no further mail\n")
    assert errors == "advent: Resend's own suppression list was not changed (connect); repeat the command later\n"
    assert contact(run_command)["notes"] == []
    # An address is unsuppressed only if Resend would not drop its mail.
    assert run_command("unsuppress", ADA, "--consent", "asked")[0] == 1
    assert contact(run_command)["suppressed"]["reason"] == "suppressed"


def test_a_resting_address_is_released(run_command, run_ledger):
    async def rests(ledger):
        await ada_signs_up(ledger)
        await ledger.client.hset(keys.RESTING, ledger.store.address_hash(ADA), f"{now_ms()} 5")

    run_ledger(rests)
    assert json.loads(run_command("status", "--json")[1])["resting"] == 1
    assert contact(run_command)["resting"]["bounces"] == 5
    assert "after 5 mailbox bounces in a row" in run_command("contact", ADA)[1]

    assert run_command("release", ADA) == (0, f"{ADA} receives mail again\n", "")
    assert run_command("release", ADA) == (0, f"{ADA} was not resting\n", "")
    assert (contact(run_command)["resting"], said(run_command)["released"]) == (
        None,
        f"resting, by {getpass.getuser()}",
    )


def test_forgotten_address_is_recognized_as_suppressed(run_command, run_ledger, sandbox):
    run_ledger(ada_signs_up)
    assert json.loads(run_command("forget", ADA, "--yes", "--json")[1])["listed_at_resend"] is True
    assert listed(sandbox) == {ADA: "manual"}
    log = run_ledger(lambda ledger: ledger.action_log.newest(ActionFilter()))
    assert [(one.what, one.on, one.after) for one in log] == [
        ("forget", (WHO,), "on Resend's own suppression list"),
        ("forget", (WHO,), "erased and suppressed"),
    ]

    for command in (("contact", ADA), ("forget", ADA)):
        status, output, _ = run_command(*command)
        assert (
            status,
            f"{ADA} gets no mail: suppressed since 20" in output,
            "(unsubscribed, forgotten)" in output,
        ) == (
            0,
            True,
            True,
        )
    assert contact(run_command)["suppressed"]["is_forgotten"] is True
    assert json.loads(run_command("forget", ADA, "--json")[1])["suppressed"]["is_forgotten"] is True


async def dotted_signs_up(ledger):
    dotted = Assessment(email="ada.l@gmail.com", first_name="Ada", assessment_score=50, red_systems=2)
    await ledger.signups.accept(dotted, webhook_id="signup:1", received_ms=now_ms())


def test_spellings_missing_on_the_unreachable_resend_list_are_named(run_command, run_ledger, monkeypatch):
    monkeypatch.setenv("SANDBOX_PORT", "9")
    run_ledger(dotted_signs_up)
    status, output, errors = run_command("forget", "adal@gmail.com", "--yes", "--json")

    words = (
        "Resend's own suppression list was not changed (connect);"
        " repeat the command later, for each spelling of the address"
    )
    named = "".join(f"  not on Resend's list: {one}\n" for one in ("adal@gmail.com", "ada.l@gmail.com"))
    assert (status, json.loads(output)["listed_at_resend"], errors) == (0, False, f"advent: {words}\n{named}")
    log = run_ledger(lambda ledger: ledger.action_log.newest(ActionFilter()))
    assert log[0].after == words, "without an address"


@pytest.fixture
def rehearsal(run_command, sandbox, monkeypatch):
    """Return a function that runs commands in TESTING_MODE, with a key for a Resend that counts as real."""
    given = {
        "TESTING_MODE": "true",
        "RESEND_API_KEY": API_KEY,
        "RESEND_API_URL": f"{sandbox.run.url}/resend",
        "EMAIL_FROM": "Team <team@example.org>",
        "EMAIL_POSTAL_ADDRESS": "1 Main Street, Halifax",
        "BOOKING_URL": "https://cal.com/example",
        "ALLOW_UNSIGNED_WEBHOOKS": "true",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return run_command


REASON = "TESTING_MODE is on, and the list holds for every campaign"
NOT_CHANGED = f"advent: Resend's own suppression list was not changed ({REASON})\n"


def test_testing_mode_adds_nothing_to_the_list_of_a_real_resend_and_says_so(rehearsal, run_ledger, sandbox):
    run_ledger(ada_signs_up)

    assert rehearsal("suppress", ADA) == (0, f"{ADA} receives no further mail\n", NOT_CHANGED)
    status, output, errors = rehearsal("forget", ADA, "--yes", "--json")

    assert (status, json.loads(output)["listed_at_resend"], errors) == (0, False, NOT_CHANGED)
    assert listed(sandbox) == {}


def test_testing_mode_removes_nothing_from_the_list_of_a_real_resend(rehearsal, run_ledger, sandbox):
    run_ledger(ada_signs_up)
    sandbox.resend("POST", "/suppressions", {"email": ADA})
    rehearsal("suppress", ADA)

    answer = rehearsal("unsuppress", ADA, "--consent", "asked by phone")

    assert answer == (0, f"{ADA} may receive mail again\n", NOT_CHANGED)
    assert listed(sandbox) == {ADA: "manual"}
