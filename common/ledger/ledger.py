"""The typed face of each transition. Every change of state is one atomic script in `scripts/`; nothing else writes."""

from __future__ import annotations

from typing import Literal

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
from common.ledger import codec, keys
from common.ledger.access import texts
from common.ledger.answers import (
    Acceptance,
    Claim,
    ClaimGranted,
    ClaimRefused,
    ReminderClaimGranted,
    Settled,
    Trouble,
    read_no,
    read_settled,
)
from common.ledger.burials import Burials
from common.ledger.mirroring import Mirroring
from common.ledger.short_ids import shortened
from common.ledger.terms import LEASE_MS
from common.ledger.terms import MAIL as MAIL
from common.ledger.terms import MIRROR as MIRROR
from common.ledger.terms import Outcome as Outcome

REMEMBER_WEBHOOK_MS = 45 * 86_400_000
"""A repeated webhook id is recognised for this long; senders give up after days (Svix: 28 h)."""


class Ledger(Mirroring, Burials):
    """
    The truth about people and deliveries, over one store.

    All methods raise `redis.RedisError` when the store cannot be reached or refuses to write; then nothing was changed,
    or all of it was and a repetition changes nothing.
    """

    async def accept(
        self,
        assessment: Assessment,
        *,
        webhook_id: str,
        received_ms: int,
        answer: Literal["accepted"] | None = None,
    ) -> Acceptance:
        """
        Keep a signup and ask for its classification: one round trip; answered only when all is done.

        `webhook_id` (`signup:msg_…`) is remembered for 45 days. `answer`: the answer given already, from the spool, to
        be remembered as is. Of a person who was forgotten nothing is kept; their answer is that of somebody known.
        """
        enrollment = enrollment_id(self.campaign, assessment.email)
        repeated, line, email = await self._scripts.run(
            "accept",
            (keys.webhook(webhook_id), keys.enrollment(enrollment)),
            (
                enrollment,
                received_ms,
                REMEMBER_WEBHOOK_MS,
                answer or "",
                assessment.segment,
                self.campaign,
                assessment.email,
                codec.told(assessment),
                self.mark(assessment.email),
            ),
        )
        given, segment, first_ms, owner = line.decode().split(" ")
        return Acceptance(
            answer=given,
            repeated=bool(repeated),
            enrollment_id=EnrollmentId(owner),
            email=email.decode() or assessment.email,
            segment=Segment(segment),
            received_ms=int(first_ms),
        )

    async def enrollment(self, enrollment: str) -> Enrollment | None:
        """What is known of one enrollment."""
        fields = texts(await self._scripts.read(lambda: self.client.hgetall(keys.enrollment(enrollment))))
        return codec.read_enrollment(enrollment, fields) if fields else None

    async def enroll(self, enrollment: Enrollment, *, now_ms: int, announce: bool) -> Status | None:
        """Open the way of an accepted enrollment: step 1 is due at its instant. Repeating changes nothing."""
        status = texts(
            await self._scripts.run(
                "enroll",
                [keys.enrollment(enrollment.id)],
                [enrollment.id, now_ms, self.cadence.due_ms(anchor_ms=enrollment.anchor_ms, step=1), int(announce)],
            )
        )
        return Status(status) if status else None

    async def claim(self, delivery: DeliveryId, *, worker: str, now_ms: int) -> Claim | ClaimRefused:
        """The right to send one delivery, under a lease; see `claim.lua` and `claim_reminder.lua` for each answer."""
        claimer = f"{worker}#{self._next_call()}"
        if is_reminder(delivery):
            return await self._reminders.claim(delivery, claimer=claimer, now_ms=now_ms)
        owner, name = split_delivery_id(delivery)
        step = step_number(name)
        asked = [codec.ANCHOR, codec.EMAIL]
        who = texts(await self._scripts.read(lambda: self.client.hmget(keys.enrollment(owner), asked)))
        if who[0] is None or not 1 <= step <= self.cadence.length:
            return ClaimRefused("unknown")
        following = self.cadence.due_ms(anchor_ms=int(who[0]), step=step + 1) if step < self.cadence.length else ""
        answer = texts(
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
        return ClaimGranted(
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

    async def freeze(self, claim: Claim, mail: str, *, now_ms: int) -> tuple[str, int] | ClaimRefused:
        """
        The last line before the provider: (the frozen mail, number of this attempt), or why it must not go.

        A mail frozen before wins over `mail`. From here the outcome is unknown until `settle`.
        """
        if isinstance(claim, ReminderClaimGranted):
            return await self._reminders.freeze(claim, mail, now_ms=now_ms)
        enrollment = claim.enrollment
        answer = texts(
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
        if isinstance(claim, ReminderClaimGranted):
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
        self,
        provider: str,
        *,
        whose: str,
        reason: str,
        provider_wide: bool,
        now_ms: int,
        at_least_ms: int | None = None,
    ) -> Trouble | None:
        """A request failed: until when everybody waits for this provider, None when nobody need to."""
        until_ms, news = await self.run_script(
            "trouble",
            [keys.circuit(provider)],
            [now_ms, whose, reason, int(provider_wide), at_least_ms or 0],
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

    async def sweep(self, cursor: str, *, now_ms: int, batch: int = 500) -> tuple[str, list[str]]:
        """Heal one page of the schedule: (cursor of the next page or `0`, the jobs that were scheduled again)."""
        following, *healed = texts(
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

    def deliveries(self, enrollment: EnrollmentId) -> list[DeliveryId]:
        """The deliveries of one enrollment, in order."""
        return [step_delivery_id(enrollment, step) for step in range(1, self.cadence.length + 1)]
