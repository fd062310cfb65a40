"""Tries a fault in a copy of the repository with the tests that should find it, the quick ones first."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutant import ACTORS, BROKER, DOMAIN, LEDGER, PROVIDERS, TWILIO, Mutant
from tests.mutants.warm import DIED, NEVER_ENDED, TOO_LONG, Warm

INSTALLATION = Path(__file__).parents[2]
_FOLDERS = ("actors", "common", "services", "tests")

_NOT_EVERY_ORDER = ("-k", "not interleavings and not in_any_order and not in_every_order", "-m", "not acceptance")
_EVERY_ORDER = ("tests/ledger", "-k", "in_any_order or in_every_order or interleavings")

Stage = tuple[str, ...]
STAGES: dict[str, tuple[Stage, ...]] = {
    LEDGER: (
        ("tests/ledger", *_NOT_EVERY_ORDER),
        _EVERY_ORDER,
        ("tests/actors", "tests/rebuild", "tests/versions", "-m", "not acceptance"),
    ),
    BROKER: (
        ("tests/broker", "-m", "not acceptance"),
        ("tests/ledger", *_NOT_EVERY_ORDER),
        _EVERY_ORDER,
        ("tests/broker/test_processes.py",),
    ),
    PROVIDERS: (("tests/providers", "-m", "not acceptance"), ("tests/contract", "-m", "not acceptance")),
    ACTORS: (("tests/actors", "-m", "not acceptance"),),
    DOMAIN: (("tests/domain", "tests/actors", "-m", "not acceptance"),),
    TWILIO: (("tests/sandbox/test_sandbox_twilio.py",),),
}
"""By the folder of a fault's file: arguments of pytest, tried one after the other until a test fails."""

FIRST: dict[str, Stage] = {
    **dict.fromkeys(
        ("deliveries", "dead_letters", "lib/delivery", "lib/records", "lib/owners", "lib/circuit", "queue"),
        (
            "tests/ledger/test_deliveries.py",
            "tests/ledger/test_claim_guards.py",
            "tests/ledger/test_reminders.py",
            "tests/ledger/test_follow_ups.py",
        ),
    ),
    "bookings": (
        "tests/ledger/test_bookings_transitions.py",
        "tests/ledger/test_replanning.py",
        "tests/ledger/test_follow_ups.py",
        "tests/actors/test_follow_up_chains.py",
        "tests/actors/test_follow_up_stories.py",
    ),
    "signups": (
        "tests/ledger/test_signups_together.py",
        "tests/ledger/test_transitions.py",
        "tests/actors/test_forget.py",
    ),
    "enrollments": ("tests/ledger/test_restore_guards.py", "tests/rebuild", "-m", "not acceptance"),
    "lib/sequence": ("tests/ledger/test_transitions.py", "tests/ledger/test_claim_guards.py"),
    "lib/crossing": ("tests/actors/test_two_campaigns.py",),
    "pauses": ("tests/ledger/test_pauses.py",),
    **dict.fromkeys(("holds", "lib/pause"), ("tests/ledger/test_holds.py", "tests/ledger/test_pauses.py")),
    "lib/webhook_ids": ("tests/ledger/test_webhook_ids.py",),
    "contacts": ("tests/actors/test_forget.py", "tests/ledger/test_jobs_for_workers.py"),
    **dict.fromkeys(
        ("feedback", "suppressions", "lib/suppression"),
        ("tests/ledger/test_feedback.py", "tests/ledger/test_resting.py", "tests/ledger/test_suppressions.py"),
    ),
    "circuits": ("tests/ledger/test_circuit.py",),
    "workers": ("tests/broker/test_takeover.py",),
    "delays": ("tests/broker/test_waiting.py", "tests/ledger/test_circuit.py", "tests/ledger/test_pauses.py"),
    "budget": ("tests/providers/test_budget.py",),
    **dict.fromkeys(("texts", "lib/channel", "lib/number"), ("tests/actors/test_sms_stories.py",)),
    **dict.fromkeys(("versions", "lib/in_force"), ("tests/versions",)),
    "generation": ("tests/ledger/test_generations.py", "tests/rebuild/restored"),
    "failed_jobs": ("tests/console/test_queues.py",),
    **dict.fromkeys(
        ("console_jobs", "lib/console_job"),
        ("tests/ledger/test_jobs_for_workers.py", "tests/actors/test_forgotten_at_resend.py"),
    ),
    "listing": ("tests/ledger/test_people_changes.py",),
    "leases": ("tests/ledger/test_leases.py",),
    "notion/creation_guard": ("tests/providers/test_guard.py",),
    "channels.py": ("tests/actors/test_testing_recipients.py", "tests/actors/test_sms_stories.py"),
    "render_sms.py": ("tests/actors/test_sms_hours.py", "tests/actors/test_sms_stories.py"),
    **dict.fromkeys(
        ("failure_policy.py", "find_accepted.py", "send.py", "windows.py", "reminders.py", "delivery.py"),
        ("tests/actors/test_sms_look_up.py", "tests/actors/test_sms_stories.py", "tests/actors/test_sms_follow_ups.py"),
    ),
    "texter.py": ("tests/sandbox/test_sandbox_twilio.py",),
}
"""Tests that are likely to find the faults of a file, so that most faults need not wait for the stages."""


@dataclass(frozen=True)
class Decision:
    """`by`: the first test that found the fault; empty if none did. `stale`: the text to replace was not there once."""

    mutant: Mutant
    by: str
    stale: bool = False

    @property
    def is_certain(self) -> bool:
        """Whether a test failed, as opposed to a time-out or the end of its process."""
        return bool(self.by) and not self.by.endswith((TOO_LONG, NEVER_ENDED, DIED))


class Copy:
    """A copy of the repository in which faults are planted. `before`: mutant → the test that found it last time."""

    def __init__(self, folder: Path, before: Mapping[str, str]) -> None:
        self.folder, self._before = folder, before
        for name in _FOLDERS:
            shutil.copytree(INSTALLATION / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(INSTALLATION / "pyproject.toml", folder)
        # This test compares the scripts with the list of faults, so it would find each of them.
        (folder / "tests/ledger/test_planted_mutants.py").unlink()
        folders = {folder for stages in STAGES.values() for stage in stages for folder in stage if "/" in folder}
        self._warm = Warm(folder, sorted(folders))
        self.unsound: dict[Stage, str] = {}
        self._sound: set[Stage] = set()

    def end(self) -> None:
        self._warm.end()

    def try_out(self, mutant: Mutant) -> Decision:
        if (self.folder / mutant.file).read_text().count(mutant.was) != 1:
            return Decision(mutant, "", stale=True)
        before = (self._before[str(mutant)],) if str(mutant) in self._before else ()
        first = FIRST.get(mutant.script, ("tests/ledger/test_transitions.py",) if mutant.folder == LEDGER else ())
        for stage in (*filter(None, [before, first]), *STAGES[mutant.folder]):
            if self._is_sound(stage):
                with self._broken(mutant):
                    if by := self._warm.noticed(stage, module=mutant.file if mutant.is_python else ""):
                        return Decision(mutant, by)
        return Decision(mutant, "")

    def _is_sound(self, stage: Stage) -> bool:
        """Return whether the tests pass without any fault; tests that fail anyway tell nothing and are in `unsound`."""
        if stage not in self._sound and stage not in self.unsound:
            if by := self._warm.noticed(stage):
                self.unsound[stage] = by
            else:
                self._sound.add(stage)
        return stage in self._sound

    @contextmanager
    def _broken(self, mutant: Mutant) -> Iterator[None]:
        file = self.folder / mutant.file
        whole = file.read_text()
        file.write_text(whole.replace(mutant.was, mutant.becomes))
        try:
            yield
        finally:
            file.write_text(whole)
