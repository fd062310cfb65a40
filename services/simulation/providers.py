"""The providers of a simulation, in memory: what Resend, Twilio and Notion would have accepted and shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from common.clock import VirtualClock
from common.domain.contact_booking_status import Person
from common.domain.ids import EnrollmentId
from common.domain.mail import AcceptedMail, Mail, SentMail
from common.domain.projection import NotionBookingStatus
from common.domain.sms import AcceptedSms, Sms
from common.errors import Ambiguous, Failure, Permanent
from common.providers.budget import Budget

KEY_MEMORY_MS = 86_400_000
"""Resend remembers an idempotency key for 24 h."""


@dataclass(slots=True)
class InMemoryMailer:
    """
    Accepts mails as Resend does: a repeated key returns the first id if the mail is the same, otherwise it is refused.

    `failure`: called before each mail is accepted. The failure that it returns is raised; an `Ambiguous` one is raised
    after the acceptance. `list_failure`: raised when accepted mails are listed or read.
    """

    clock: VirtualClock
    failure: Callable[[Mail], Failure | None] = field(default=lambda _mail: None)
    list_failure: Failure | None = None
    accepted_by_key: dict[str, list[Mail]] = field(default_factory=lambda: defaultdict(list))
    """By idempotency key. A second mail under the same key is a duplicate."""
    accepted_mails: list[tuple[int, Mail]] = field(default_factory=list)
    """Time of the acceptance, ms, and mail."""
    remembered_keys: dict[str, tuple[int, Mail, str]] = field(default_factory=dict)
    """Idempotency key → time of the acceptance (ms), mail, id."""

    async def send(self, mail: Mail, *, idempotency_key: str) -> str:
        failure = self.failure(mail)
        if failure is not None and not isinstance(failure, Ambiguous):
            raise failure
        provider_id = self._accept(mail, idempotency_key)
        if failure is not None:
            raise failure
        return provider_id

    def _accept(self, mail: Mail, key: str) -> str:
        now_ms = self.clock.now_ms()
        accepted_ms, known_mail, provider_id = self.remembered_keys.get(key, (None, None, ""))
        if accepted_ms is not None and accepted_ms + KEY_MEMORY_MS > now_ms:
            if known_mail != mail:
                raise Permanent("invalid_idempotent_request", status=409)
            return provider_id
        provider_id = f"sim_{len(self.accepted_mails)}"
        self.remembered_keys[key] = (now_ms, mail, provider_id)
        self.accepted_by_key[key].append(mail)
        self.accepted_mails.append((now_ms, mail))
        return provider_id

    async def list_accepted(self, to: str, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        return [mail for mail in await self.list_all_accepted(since_ms, budget=budget) if to in mail.to]

    async def list_all_accepted(self, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        """Return the mails accepted since then, newest first, as Resend lists them."""
        if self.list_failure is not None:
            raise self.list_failure
        return [
            AcceptedMail(
                id=f"sim_{number}",
                to=(mail.to,),
                subject=mail.subject,
                created_ms=ms,
                last_event="sent",
                sender=mail.sender,
            )
            for number, (ms, mail) in reversed(list(enumerate(self.accepted_mails)))
            if ms >= since_ms
        ]

    async def read_sent(self, mail_id: str) -> SentMail:
        if self.list_failure is not None:
            raise self.list_failure
        _, mail = self.accepted_mails[int(mail_id.removeprefix("sim_"))]
        return SentMail(subject=mail.subject, html=mail.html, text=mail.text)

    def inbox_of(self, address: str) -> list[Mail]:
        return [mail for _, mail in self.accepted_mails if mail.to == address]


@dataclass(slots=True)
class InMemoryTexter:
    """
    Accepts SMS as Twilio does: there are no idempotency keys, so two requests send two SMS.

    `failure`: called before each SMS is accepted. The failure that it returns is raised; an `Ambiguous` one is raised
    after the acceptance, unless `loses` says that this SMS was not accepted. `list_failure`: raised when accepted SMS
    are listed.
    """

    clock: VirtualClock
    failure: Callable[[Sms], Failure | None] = field(default=lambda _text: None)
    loses: Callable[[Sms], bool] = field(default=lambda _text: False)
    list_failure: Failure | None = None
    accepted_texts: list[tuple[int, Sms]] = field(default_factory=list)
    """Time of the acceptance, ms, and SMS."""

    async def send(self, text: Sms) -> str:
        failure = self.failure(text)
        if failure is not None and (not isinstance(failure, Ambiguous) or self.loses(text)):
            raise failure
        self.accepted_texts.append((self.clock.now_ms(), text))
        if failure is not None:
            raise failure
        return f"SM{len(self.accepted_texts) - 1:032x}"

    async def list_accepted(
        self, since_ms: int, *, to: str | None = None, budget: Budget | None = None
    ) -> list[AcceptedSms]:
        """Return the SMS accepted since then, newest first, as Twilio lists them."""
        if self.list_failure is not None:
            raise self.list_failure
        return [
            AcceptedSms(id=f"SM{number:032x}", to=text.to, body=text.body, created_ms=ms)
            for number, (ms, text) in reversed(list(enumerate(self.accepted_texts)))
            if ms >= since_ms and to in (None, text.to)
        ]

    def phone_of(self, number: str) -> list[str]:
        return [text.body for _, text in self.accepted_texts if text.to == number]


@dataclass(slots=True)
class InMemoryMirror:
    """
    Stores the latest state that Notion would show of each contact and of their booking.

    `failure`: called before each change. The failure that it returns is raised, and the change is not made.
    """

    rows: dict[EnrollmentId, Person] = field(default_factory=dict)
    bookings: dict[EnrollmentId, NotionBookingStatus | None] = field(default_factory=dict)
    failure: Callable[[Person], Failure | None] = field(default=lambda _person: None)

    async def show(self, person: Person, *, booking: NotionBookingStatus | None = None) -> dict[str, str]:
        failure = self.failure(person)
        if failure is not None:
            raise failure
        self.rows[person.id] = person
        self.bookings[person.id] = booking
        return {"sequence": f"page-{person.id}"}
