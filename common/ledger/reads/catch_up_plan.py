"""The plan of what resuming would send: how many mails at once and in each hour, and what has expired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.domain.catch_up import LateMail, late_mails
from common.domain.delivery import DeliveryStatus
from common.domain.ids import EnrollmentId
from common.ledger.ledger import Ledger
from common.ledger.reads.backlog import addresses, backlog_of, count_scheduled, overdue

HOUR_MS = 3_600_000
FIRST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What happens to overdue mail when all contacts, or one of them, are resumed at `now_ms`.

    `late`: each mail that is sent late, in order. `on_time`: scheduled mails in each hour from now on, for as many
    hours as `late` takes. `expired`: (address, reminder, start of the meeting). `addresses`: by enrollment id.
    """

    now_ms: int
    per_second: float
    late: list[LateMail]
    on_time: list[int]
    expired: list[tuple[str, str, int]]
    addresses: dict[str, str]

    @property
    def at_once(self) -> int:
        """The number of mails that only the provider's rate limit delays."""
        return sum(mail.may_ms <= self.now_ms for mail in self.late)

    @property
    def at_once_takes_ms(self) -> int:
        return round(self.at_once * 1_000 / self.per_second)

    @property
    def hours(self) -> list[tuple[int, int, int]]:
        """For each hour: (its start, late mails in it, mails on time in it)."""
        late = Counter((mail.at_ms - self.now_ms) // HOUR_MS for mail in self.late)
        return [(self.now_ms + i * HOUR_MS, late[i], on_time) for i, on_time in enumerate(self.on_time)]

    def figures(self) -> dict[str, Any]:
        """Return the plan for `--json`. Timestamps in ms."""
        return {
            "now_ms": self.now_ms,
            "at_once": self.at_once,
            "at_once_takes_ms": self.at_once_takes_ms,
            "requests_per_second": self.per_second,
            "late": len(self.late),
            "caught_up_ms": self.late[-1].at_ms if self.late else self.now_ms,
            "hours": [{"from_ms": ms, "late": late, "on_time": on_time} for ms, late, on_time in self.hours],
            "first": [
                {"email": self.addresses[mail.who], "what": mail.name, "due_ms": mail.due_ms, "at_ms": mail.at_ms}
                for mail in self.late[:FIRST]
            ],
            "expired": [{"email": email, "what": what, "meeting_ms": ms} for email, what, ms in self.expired],
        }


async def plan_for_all(ledger: Ledger, *, now_ms: int, per_second: float, campaign: str | None = None) -> Plan:
    """Return the plan for all contacts. `campaign`: only for what is overdue in this one."""
    found = await overdue(ledger, now_ms=now_ms, campaign=campaign)
    late = list(late_mails(found.backlogs, now_ms=now_ms, per_second=per_second))
    shown = {mail.who for mail in late[:FIRST]} | {each.owner for each in found.expired}
    emails = await addresses(ledger, sorted(shown))
    expired = [(emails[each.owner], each.short_name, each.expires_ms or 0) for each in found.expired]
    hours = _hours(late, now_ms)
    on_time = await count_scheduled(ledger, [now_ms + i * HOUR_MS for i in range(hours + 1)]) if hours else []
    return Plan(now_ms=now_ms, per_second=per_second, late=late, on_time=on_time, expired=expired, addresses=emails)


async def plan_for_people(ledger: Ledger, contacts: Sequence[EnrollmentId], *, now_ms: int, per_second: float) -> Plan:
    """
    Return the plan for one paused person, in each of their campaigns.

    Their deliveries are not in the schedule, so enrollments and calls are read.
    """
    backlogs = [backlog for contact in contacts if (backlog := await backlog_of(ledger, contact))]
    emails = await addresses(ledger, list(contacts))
    expired = []
    for call in [call for contact in contacts async for call in ledger.bookings.calls(contact)]:
        for name, record in call.records.items():
            start, _, reminder = name.partition("/")
            if record.status is DeliveryStatus.PLANNED and start.isdecimal() and int(start) <= now_ms:
                expired.append((call.booking.email or "", reminder, int(start)))
    late = list(late_mails(backlogs, now_ms=now_ms, per_second=per_second))
    on_time = [0] * _hours(late, now_ms)
    return Plan(now_ms=now_ms, per_second=per_second, late=late, on_time=on_time, expired=expired, addresses=emails)


def _hours(late: list[LateMail], now_ms: int) -> int:
    return (late[-1].at_ms - now_ms) // HOUR_MS + 1 if late else 0
