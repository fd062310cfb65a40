"""The typed face of each transition. Every change of state is one atomic script in `scripts/`; nothing else writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

import redis.asyncio

from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.enrollment import Enrollment, ExitReason, Status
from common.domain.ids import (
    DeliveryId,
    EnrollmentId,
    enrollment_id,
    is_reminder,
    split_delivery_id,
    step_delivery_id,
    step_number,
)
from common.domain.segment import Segment
from common.domain.standing import Caller, Person, standing_of
from common.domain.suppression import suppression_mark
from common.ledger import codec, keys
from common.ledger.answers import (
    Acceptance,
    Changed,
    Claim,
    Go,
    GoReminder,
    No,
    Settled,
    Trouble,
    read_no,
    read_settled,
)
from common.ledger.booking_codec import read_caller, read_calls
from common.ledger.reminders import Reminders
from common.ledger.scripts import Argument, PatientScripts, Scripts
from common.ledger.short_ids import shortened
from common.ledger.terms import LEASE_MS
from common.ledger.terms import MAIL as MAIL
from common.ledger.terms import MIRROR as MIRROR
from common.ledger.terms import Outcome as Outcome

REMEMBER_WEBHOOK_MS = 45 * 86_400_000
"""A repeated webhook id is recognised for this long; senders give up after days (Svix: 28 h)."""

T = TypeVar("T")


class Ledger:
    """
    The truth about people and deliveries, over one store.

    All methods raise `redis.RedisError` when the store cannot be reached or refuses to write; then nothing was changed,
    or all of it was and a repetition changes nothing.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        *,
        campaign: str,
        cadence: Cadence,
        secret_key: str,
        patient: bool = False,
    ) -> None:
        """`patient`: wait for a store that is away instead of raising; for workers, which have nothing better to do."""
        self.client = client
        self.campaign = campaign
        self.cadence = cadence
        self._secret_key = secret_key
        self._calls = 0
        self._scripts: Scripts = PatientScripts(client) if patient else Scripts(client)
        self._reminders = Reminders(campaign, self.run_script, self.read_hash, self.mark)

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Another call to the same store, with the patience of this ledger."""
        return await self._scripts.read(call)

    async def run_script(self, name: str, of_keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """The answer of one script, as text; for the parts of the ledger in files of their own."""
        return _texts(await self._scripts.run(name, of_keys, args))

    async def read_hash(self, key: str) -> dict[str, str]:
        """One HASH, as text; empty when there is none."""
        fields: dict[str, str] = _texts(await self._scripts.read(lambda: self.client.hgetall(key)))
        return fields

    def mark(self, address: str) -> str:
        """What stands for an address in the suppression list."""
        return suppression_mark(self._secret_key, address)

    async def accept(
        self,
        assessment: Assessment,
        *,
        webhook_id: str,
        received_ms: int,
        answer: Literal["accepted"] | None = None,
    ) -> Acceptance:
        """
        Keep a signup and ask for its classification: one round trip, all or nothing.

        `webhook_id` (`signup:msg_…`) is remembered for 45 days. `answer`: the answer given already, from the spool, to
        be remembered as is.
        """
        enrollment = enrollment_id(self.campaign, assessment.email)
        repeated, line, email = _texts(
            await self._scripts.run(
                "accept",
                [keys.webhook(webhook_id), keys.enrollment(enrollment)],
                [
                    enrollment,
                    received_ms,
                    REMEMBER_WEBHOOK_MS,
                    answer or "",
                    assessment.segment.value,
                    self.campaign,
                    assessment.email,
                    codec.told(assessment),
                ],
            )
        )
        given, segment, first_ms, owner = line.split(" ")
        return Acceptance(
            answer=given,
            repeated=bool(repeated),
            enrollment_id=EnrollmentId(owner),
            email=email or assessment.email,
            segment=Segment(segment),
            received_ms=int(first_ms),
        )

    async def enrollment(self, enrollment: str) -> Enrollment | None:
        """What is known of one enrollment."""
        fields = _texts(await self._scripts.read(lambda: self.client.hgetall(keys.enrollment(enrollment))))
        return codec.read_enrollment(enrollment, fields) if fields else None

    async def enroll(self, enrollment: Enrollment, *, now_ms: int, announce: bool) -> Status | None:
        """Open the way of an accepted enrollment: step 1 is due at its instant. Repeating changes nothing."""
        status = _texts(
            await self._scripts.run(
                "enroll",
                [keys.enrollment(enrollment.id)],
                [enrollment.id, now_ms, self.cadence.due_ms(anchor_ms=enrollment.anchor_ms, step=1), int(announce)],
            )
        )
        return Status(status) if status else None

    async def claim(self, delivery: DeliveryId, *, worker: str, now_ms: int) -> Claim | No:
        """The right to send one delivery, under a lease; see `claim.lua` and `claim_reminder.lua` for each answer."""
        claimer = f"{worker}#{self._next_call()}"
        if is_reminder(delivery):
            return await self._reminders.claim(delivery, claimer=claimer, now_ms=now_ms)
        owner, name = split_delivery_id(delivery)
        step = step_number(name)
        asked = [codec.ANCHOR, codec.EMAIL]
        who = _texts(await self._scripts.read(lambda: self.client.hmget(keys.enrollment(owner), asked)))
        if who[0] is None or not 1 <= step <= self.cadence.length:
            return No("unknown")
        following = self.cadence.due_ms(anchor_ms=int(who[0]), step=step + 1) if step < self.cadence.length else ""
        answer = _texts(
            await self._scripts.run(
                "claim",
                [keys.enrollment(owner), keys.delivery(delivery), keys.circuit(MAIL)],
                [
                    owner,
                    step,
                    now_ms,
                    claimer,
                    self.mark(who[1]),
                    LEASE_MS,
                    self.cadence.minimum_gap_ms,
                    self.cadence.length,
                    following,
                    self.campaign,
                ],
            )
        )
        if answer[0] != "go":
            return read_no(answer)
        _, fence, attempts, due_ms, first_ms, failures, doubt, frozen, *fields = answer
        return Go(
            delivery_id=delivery,
            step=step,
            fence=fence,
            attempts=attempts,
            failures=failures,
            due_ms=due_ms,
            first_ms=first_ms or None,
            doubt=bool(doubt),
            frozen=frozen or None,
            enrollment=codec.read_enrollment(owner, dict(zip(fields[::2], fields[1::2], strict=True))),
        )

    def _next_call(self) -> int:
        self._calls += 1
        return self._calls

    async def freeze(self, claim: Claim, mail: str, *, now_ms: int) -> tuple[str, int] | No:
        """
        The last line before the provider: (the frozen mail, number of this attempt), or why it must not go.

        A mail frozen before wins over `mail`. From here the outcome is unknown until `settle`.
        """
        if isinstance(claim, GoReminder):
            return await self._reminders.freeze(claim, mail, now_ms=now_ms)
        enrollment = claim.enrollment
        answer = _texts(
            await self._scripts.run(
                "freeze",
                [keys.enrollment(enrollment.id), keys.delivery(claim.delivery_id), keys.circuit(MAIL)],
                [enrollment.id, claim.fence, now_ms, self.mark(enrollment.assessment.email), mail],
            )
        )
        if answer[0] != "go":
            return read_no(answer)
        return answer[1], int(answer[2])

    async def settle(
        self,
        claim: Claim,
        outcome: Outcome,
        detail: str,
        *,
        now_ms: int,
        due_ms: int | None = None,
        doubt: bool = False,
        sent_ms: int | None = None,
    ) -> Settled | None:
        """
        Write down what became of a claim; see `settle.lua` for the outcomes.

        `due_ms`: when to try again. `doubt`: the provider may have accepted this try all the same. `sent_ms`: the
        instant of the acceptance, when it was found out later. The answer is None when another worker has claimed it
        since, and this changes nothing.
        """
        detail = " ".join(detail.split())[:300]
        if isinstance(claim, GoReminder):
            return await self._reminders.settle(
                claim, outcome, detail, now_ms=now_ms, due_ms=due_ms, doubt=doubt, sent_ms=sent_ms
            )
        enrollment = claim.enrollment
        settled = await self._scripts.run(
            "settle",
            [keys.enrollment(enrollment.id), keys.delivery(claim.delivery_id), keys.circuit(MAIL)],
            [
                enrollment.id,
                claim.step,
                claim.fence,
                now_ms,
                self.cadence.length,
                outcome,
                shortened(detail),
                due_ms or 0,
                int(doubt),
                sent_ms or 0,
            ],
        )
        return read_settled(int(settled))

    async def trouble(
        self, provider: str, *, whose: str, reason: str, everybodys: bool, now_ms: int, at_least_ms: int | None = None
    ) -> Trouble | None:
        """A request failed: until when everybody waits for this provider, None when nobody need to."""
        until_ms, news = await self.run_script(
            "trouble",
            [keys.circuit(provider)],
            [now_ms, whose, reason, int(everybodys), at_least_ms or 0],
        )
        return Trouble(int(until_ms), news) if until_ms else None

    async def held_until(self, provider: str, *, now_ms: int) -> int | None:
        """The instant until which everybody waits for this provider, if they do."""
        until_ms = await self._scripts.read(lambda: self.client.hget(keys.circuit(provider), "until"))
        return int(until_ms) if until_ms is not None and int(until_ms) > now_ms else None

    async def exit(self, enrollment: EnrollmentId, reason: ExitReason, *, mark: str | None, now_ms: int) -> bool:
        """End an enrollment early, and suppress the address behind `mark`. Repeating changes nothing."""
        ended = await self._scripts.run(
            "exit", [keys.enrollment(enrollment), keys.SUPPRESSED], [enrollment, mark or "", reason.value, now_ms]
        )
        return bool(ended)

    async def hold(self, enrollment: EnrollmentId, why: str, *, now_ms: int) -> bool:
        """Send nothing more of an enrollment until `release`; `why` is one word, and each of several is released."""
        return bool(await self.run_script("hold", [keys.enrollment(enrollment)], [enrollment, why, now_ms]))

    async def release(self, enrollment: EnrollmentId, why: str, *, now_ms: int) -> bool:
        """Go on where `hold` stopped. Repeating changes nothing."""
        return bool(await self.run_script("release", [keys.enrollment(enrollment)], [enrollment, why, now_ms]))

    async def unsubscribe(self, enrollment_id: EnrollmentId, *, mark: str, now_ms: int) -> None:
        """End the enrollment, if there is one, and suppress the address behind `mark`. Repeating changes nothing."""
        await self.exit(enrollment_id, ExitReason.UNSUBSCRIBED, mark=mark, now_ms=now_ms)

    async def take_changed(self, *, worker: str, now_ms: int) -> Changed | None:
        """The person who changed last and whom Notion does not show yet; theirs alone until `shown` or `not_shown`."""
        answer = await self.run_script("take_changed", [keys.CHANGED, keys.SYNCING], [worker, now_ms])
        if not answer:
            return None
        who, *flat = answer
        enrolled, contact = (dict(zip(fields[::2], fields[1::2], strict=True)) for fields in flat)
        booking = standing_of(list(read_calls(contact).values()), now_ms=now_ms)
        if not enrolled:
            return Changed(read_caller(who, contact), booking)
        enrollment = codec.read_enrollment(who, enrolled)
        # Whoever booked before they signed up has a page already.
        return Changed(replace(enrollment, pages=codec.read_pages(contact) | enrollment.pages), booking)

    async def shown(self, person: Person, pages: Mapping[str, str], *, worker: str, now_ms: int) -> Settled | None:
        """Notion shows this revision of a person, on these pages; whoever waited for Notion need not any longer."""
        return await self._shown(person, pages, worker=worker, now_ms=now_ms, again_ms=0, alone=False)

    async def not_shown(self, person: Person, *, worker: str, now_ms: int, again_ms: int, alone: bool) -> None:
        """
        Notion could not be written; the person stays changed and is taken again at `again_ms`.

        `alone`: the trouble is this person's, so nobody else waits for it.
        """
        await self._shown(person, {}, worker=worker, now_ms=now_ms, again_ms=again_ms, alone=alone)

    async def _shown(
        self,
        person: Person,
        pages: Mapping[str, str],
        *,
        worker: str,
        now_ms: int,
        again_ms: int,
        alone: bool,
    ) -> Settled | None:
        fields = codec.page_fields(pages)
        shown = await self.run_script(
            "shown",
            [
                keys.contact(person.id) if isinstance(person, Caller) else keys.enrollment(person.id),
                keys.CHANGED,
                keys.SYNCING,
                keys.circuit(MIRROR),
            ],
            [person.id, worker, now_ms, again_ms, int(alone), person.revision, *_flat(fields)],
        )
        return read_settled(int(shown))

    async def ask_mirror(self, *, due_ms: int, now_ms: int, again: EnrollmentId | None = None) -> None:
        """Have the mirror's pump come at `due_ms`; and one person be among the changed again."""
        await self._scripts.run("ask_mirror", [keys.CHANGED], [due_ms, now_ms, again or ""])

    async def sweep(self, cursor: str, *, now_ms: int, batch: int = 500) -> tuple[str, list[str]]:
        """Heal one page of the schedule: (cursor of the next page or `0`, the jobs that were scheduled again)."""
        following, *healed = _texts(
            await self._scripts.run("sweep", [keys.ENROLLED, keys.OPEN], [cursor, now_ms, batch])
        )
        return following, healed

    async def keep_lease(self, claim: Claim, *, now_ms: int) -> bool:
        """Keep a claim for another lease; False when another worker has it by now."""
        kept = await self._scripts.run(
            "keep_lease",
            [keys.delivery(claim.delivery_id), keys.OPEN],
            [claim.delivery_id, claim.fence, now_ms, LEASE_MS],
        )
        return bool(kept)

    async def doubt(self, claim: Claim, *, since_ms: int, now_ms: int) -> bool:
        """The provider says that it has accepted another mail under this key, at `since_ms` or later."""
        noted = await self._scripts.run("doubt", [keys.delivery(claim.delivery_id)], [claim.fence, since_ms, now_ms])
        return bool(noted)

    async def never_accepted(self, claim: Claim) -> bool:
        """
        The provider's list shows none of the tries of this claim: may it go as if never tried, at its turn?

        True when they were made while everybody waited. False: a person decides, or another worker has claimed it.
        """
        return bool(await self.run_script("never_accepted", [keys.delivery(claim.delivery_id)], [claim.fence]))

    async def replay(
        self, delivery: DeliveryId, *, now_ms: int, fresh: bool, again: bool = False, buried_ms: int | None = None
    ) -> bool:
        """
        Plan a dead letter again, due at once. False when it is none any longer, or was buried again since `buried_ms`.

        `fresh`: render it anew; only when it certainly was never accepted. `again`: the same bytes, as if never tried;
        only when somebody decided so after it was looked for in vain.
        """
        way = "fresh" if fresh else "again" if again else "same"
        if is_reminder(delivery):
            return await self._reminders.replay(delivery, way=way, buried_ms=buried_ms, now_ms=now_ms)
        owner, name = split_delivery_id(delivery)
        done = await self._scripts.run(
            "replay",
            [keys.enrollment(owner), keys.delivery(delivery), keys.DEAD],
            [owner, step_number(name), now_ms, way, buried_ms or 0],
        )
        return bool(done)

    async def found_accepted(
        self, delivery: DeliveryId, provider_id: str, *, sent_ms: int, buried_ms: int, now_ms: int
    ) -> bool:
        """A dead letter turns out to have been accepted. False when it is none any longer, or was buried again."""
        if is_reminder(delivery):
            return await self._reminders.found_accepted(
                delivery, provider_id, sent_ms=sent_ms, buried_ms=buried_ms, now_ms=now_ms
            )
        owner, name = split_delivery_id(delivery)
        done = await self._scripts.run(
            "found",
            [keys.enrollment(owner), keys.delivery(delivery), keys.DEAD],
            [owner, step_number(name), now_ms, buried_ms, sent_ms, shortened(provider_id), self.cadence.length],
        )
        return bool(done)

    async def discard(self, delivery: DeliveryId, *, now_ms: int) -> bool:
        """Give a dead letter up for good."""
        if is_reminder(delivery):
            return await self._reminders.discard(delivery, now_ms=now_ms)
        owner, name = split_delivery_id(delivery)
        done = await self._scripts.run(
            "discard", [keys.delivery(delivery), keys.DEAD], [owner, step_number(name), now_ms]
        )
        return bool(done)

    def deliveries(self, enrollment: EnrollmentId) -> list[DeliveryId]:
        """The deliveries of one enrollment, in order."""
        return [step_delivery_id(enrollment, step) for step in range(1, self.cadence.length + 1)]


def _flat(fields: Mapping[str, str]) -> Iterable[str]:
    for name, text in fields.items():
        yield name
        yield text


def _texts(answer: Any) -> Any:
    """Bytes to text, all the way down."""
    if isinstance(answer, bytes):
        return answer.decode()
    if isinstance(answer, list):
        return [_texts(item) for item in answer]
    if isinstance(answer, dict):
        return {_texts(key): _texts(value) for key, value in answer.items()}
    return answer
