"""The promises, checked against the ledger and against what the providers have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.domain.delivery import DeliveryStatus, Record
from common.domain.enrollment import Enrollment, Status
from tests.chaos.records import Accepted, by_owner

STEPS = 7
REMINDERS = 3
UNKNOWN_OUTCOME = (
    "it may have been accepted",
    "outcome of an earlier attempt was unknown",
    "an earlier try may have been",
)


@dataclass
class Comparison:
    """`violations`: broken promises, one a line. The other fields explain what did not arrive."""

    mails: int = 0
    doubled: int = 0
    lost: int = 0
    unexplained: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def compare(
    mails: list[Accepted],
    ledger: Mapping[str, Enrollment],
    answered: Mapping[str, str],
    reminders: Mapping[str, Mapping[str, Record]],
) -> Comparison:
    """Compare each step of every answered signup, and each reminder of every answered booking."""
    found = Comparison(mails=len(mails))
    persons = by_owner(mails)
    for enrollment in answered.keys() - ledger.keys():
        found.lost += 1
        found.violations.append(f"lost: {enrollment} was answered and is unknown")
    for enrollment in ledger.keys() - answered.keys():
        found.unexplained += 1
        found.violations.append(f"unexplained: nobody knows of having signed up {enrollment}")
    for known in ledger.values():
        _steps(found, known, persons.pop(known.id, {}))
    for booking, records in reminders.items():
        _reminders(found, booking, records, persons.pop(booking, {}))
    for enrollment, steps in persons.items():
        found.unexplained += 1
        found.violations.append(f"unexplained: mail for {enrollment or 'nobody'}: {sorted(steps)}")
    _same_subject_twice(found, mails)
    return found


def _steps(found: Comparison, known: Enrollment, mails: Mapping[str, list[Accepted]]) -> None:
    if known.status not in (Status.COMPLETED, Status.EXITED):
        found.lost += 1
        found.violations.append(f"lost: {known.id} ended as {known.status}")
    for step in range(1, STEPS + 1):
        _step(found, f"{known.id}/step-{step}", known, known.records.get(step), mails.get(f"step-{step}", []))
    for name in mails.keys() - {f"step-{step}" for step in range(1, STEPS + 1)}:
        found.unexplained += 1
        found.violations.append(f"unexplained: {known.id} got {name}")


def _step(found: Comparison, name: str, known: Enrollment, record: Record | None, mails: list[Accepted]) -> None:
    if record is None:
        if known.status is not Status.EXITED:
            found.lost += 1
            found.violations.append(f"lost: {name} has no final status")
        elif mails:
            found.unexplained += 1
            found.violations.append(f"unexplained: {name} was accepted, and the ledger knows nothing of it")
        else:
            found.skipped[str(known.exit_reason)] += 1
    else:
        _recorded(found, name, record, mails)


def _reminders(
    found: Comparison, booking: str, records: Mapping[str, Record], mails: Mapping[str, list[Accepted]]
) -> None:
    if len(records) != REMINDERS:
        found.lost += 1
        found.violations.append(f"lost: {booking} was answered, and has {len(records)} reminders")
    for name, record in records.items():
        if record.status is DeliveryStatus.PLANNED:
            found.lost += 1
            found.violations.append(f"lost: {booking}/{name} ended as {record.status}")
        else:
            _recorded(found, f"{booking}/{name}", record, mails.get(name, []))
    for name in mails.keys() - records.keys():
        found.unexplained += 1
        found.violations.append(f"unexplained: {booking}/{name} was accepted, and the ledger knows nothing of it")


def _recorded(found: Comparison, name: str, record: Record, mails: list[Accepted]) -> None:
    if len(mails) > 1:
        found.doubled += 1
        found.violations.append(f"doubled: {name} was accepted {len(mails)} times")
    if not record.status.is_sent:
        _not_sent(found, name, record, mails)
    elif [mail.id for mail in mails] != [record.detail]:
        found.lost += not mails
        found.violations.append(f"lost: {name} is said to be accepted as {record.detail}, the provider has {mails}")


def _not_sent(found: Comparison, name: str, record: Record, mails: list[Accepted]) -> None:
    kind = found.dead if record.status is DeliveryStatus.DEAD else found.skipped
    kind[record.detail] += 1
    if not record.detail:
        found.unexplained += 1
        found.violations.append(f"unexplained: {name} is {record.status} without a reason")
    if mails and not any(words in record.detail for words in UNKNOWN_OUTCOME):
        found.unexplained += 1
        found.violations.append(f"unexplained: {name} was accepted, and is {record.status}: {record.detail}")


def _same_subject_twice(found: Comparison, mails: list[Accepted]) -> None:
    twice = [pair for pair, number in Counter((mail.to, mail.subject) for mail in mails).items() if number > 1]
    for to, subject in twice:
        found.doubled += 1
        found.violations.append(f"doubled: {to} got {subject!r} more than once")


def compare_rows(tables: Mapping[str, list[dict[str, Any]]], ledger: Mapping[str, Enrollment]) -> Iterable[str]:
    """Yield each difference between what Notion shows and what the ledger says."""
    addresses = {known.assessment.email: known for known in ledger.values()}
    for table, column in (("Email Sequence", "Email"), ("BusinessX Canada", "email")):
        shown = Counter(
            row["properties"][column] for row in tables[table] if not row["in_trash"] and row["properties"][column]
        )
        for address in addresses.keys() - shown.keys():
            yield f"no row in {table} for {addresses[address].id}"
        for address, number in shown.items():
            if number > 1 or address not in addresses:
                yield f"{number} rows in {table} for {addresses[address].id if address in addresses else 'a stranger'}"
    for row in tables["Email Sequence"]:
        fields = row["properties"]
        known = addresses.get(fields["Email"])
        if known is None or row["in_trash"]:
            continue
        sent = {step for step, record in known.records.items() if record.status.is_sent}
        dated = {step for step in range(1, STEPS + 1) if fields[f"Email {step} Sent"]}
        if sent != dated or not fields["Sequence Completed"]:
            yield f"the row of {known.id} shows {sorted(dated)}, not {sorted(sent)}, of a sequence that has ended"
