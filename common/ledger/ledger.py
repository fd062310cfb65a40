"""The typed face of each transition. Every change of state is one atomic script in `scripts/`; nothing else writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

import redis.asyncio

from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.enrollment import Enrollment, ExitReason, Status
from common.domain.ids import DeliveryId, EnrollmentId, enrollment_id, split_delivery_id, step_delivery_id, step_number
from common.domain.segment import Segment
from common.domain.suppression import suppression_mark
from common.ledger import codec, keys
from common.ledger.answers import Acceptance, Go, No
from common.ledger.scripts import PatientScripts, Scripts

REMEMBER_WEBHOOK_MS = 45 * 86_400_000
"""A repeated webhook id is recognised for this long; senders give up after days (Svix: 28 h)."""

LEASE_MS = 60_000
"""A claim ends with its worker's heartbeat; this ends it when a living worker has forgotten it. Time-outs are 10 s."""

MAIL = "resend"
"""The provider whose circuit holds deliveries."""

MIRROR = "notion"
"""The provider whose circuit holds the mirror."""

T = TypeVar("T")
Outcome = Literal["accepted", "skipped", "dead", "retry", "hold"]


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

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Another call to the same store, with the patience of this ledger."""
        return await self._scripts.read(call)

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
                    _ASSESSMENT_FIELDS,
                    *_flat(codec.assessment_fields(assessment)),
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

    async def claim(self, delivery: DeliveryId, *, worker: str, now_ms: int) -> Go | No:
        """The right to send one delivery, under a lease; see `claim.lua` for each answer."""
        owner, name = split_delivery_id(delivery)
        step = step_number(name)
        who = _texts(await self._scripts.read(lambda: self.client.hmget(keys.enrollment(owner), ["anchor", "email"])))
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
                    f"{worker}#{self._next_call()}",
                    self.mark(who[1]),
                    LEASE_MS,
                    self.cadence.minimum_gap_ms,
                    self.cadence.length,
                    following,
                ],
            )
        )
        if answer[0] != "go":
            return _no(answer)
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

    async def freeze(self, claim: Go, mail: str, *, now_ms: int) -> tuple[str, int] | No:
        """
        The last line before the provider: (the frozen mail, number of this attempt), or why it must not go.

        A mail frozen before wins over `mail`. From here the outcome is unknown until `settle`.
        """
        enrollment = claim.enrollment
        answer = _texts(
            await self._scripts.run(
                "freeze",
                [keys.enrollment(enrollment.id), keys.delivery(claim.delivery_id), keys.circuit(MAIL)],
                [enrollment.id, claim.fence, now_ms, self.mark(enrollment.assessment.email), mail],
            )
        )
        if answer[0] != "go":
            return _no(answer)
        return answer[1], int(answer[2])

    async def settle(
        self,
        claim: Go,
        outcome: Outcome,
        detail: str,
        *,
        now_ms: int,
        due_ms: int | None = None,
        doubt: bool = False,
    ) -> bool:
        """
        Write down what became of a claim; see `settle.lua` for the outcomes.

        `due_ms`: when to try again. `doubt`: the provider may have accepted this try all the same. The answer is False
        when another worker has claimed it since, and this changes nothing.
        """
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
                " ".join(detail.split())[:300],
                due_ms or 0,
                int(doubt),
            ],
        )
        return bool(settled)

    async def trouble(
        self, provider: str, *, whose: str, reason: str, everybodys: bool, now_ms: int, at_least_ms: int | None = None
    ) -> int | None:
        """A request failed: until when everybody waits for this provider, None when nobody need to."""
        until_ms = await self._scripts.run(
            "trouble",
            [keys.circuit(provider)],
            [now_ms, whose, reason, int(everybodys), at_least_ms or 0],
        )
        return int(until_ms) or None

    async def recovered(self, provider: str) -> None:
        """A request succeeded: nobody waits for this provider any longer."""
        await self._scripts.read(lambda: self.client.delete(keys.circuit(provider)))

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

    async def unsubscribe(self, enrollment_id: EnrollmentId, *, mark: str, now_ms: int) -> None:
        """End the enrollment, if there is one, and suppress the address behind `mark`. Repeating changes nothing."""
        await self.exit(enrollment_id, ExitReason.UNSUBSCRIBED, mark=mark, now_ms=now_ms)

    async def take_changed(self, *, worker: str, now_ms: int) -> Enrollment | None:
        """The person who changed last and whom Notion does not show yet; theirs alone until `shown` or `not_shown`."""
        answer = _texts(await self._scripts.run("take_changed", [keys.CHANGED, keys.SYNCING], [worker, now_ms]))
        if not answer:
            return None
        enrollment, *fields = answer
        return codec.read_enrollment(enrollment, dict(zip(fields[::2], fields[1::2], strict=True)))

    async def shown(self, enrollment: Enrollment, pages: Mapping[str, str], *, worker: str, now_ms: int) -> None:
        """Notion shows this revision of a person, on these pages; whoever waited for Notion need not any longer."""
        await self._shown(enrollment, pages, worker=worker, now_ms=now_ms, again_ms=0, alone=False)

    async def not_shown(self, enrollment: Enrollment, *, worker: str, now_ms: int, again_ms: int, alone: bool) -> None:
        """
        Notion could not be written; the person stays changed and is taken again at `again_ms`.

        `alone`: the trouble is this person's, so nobody else waits for it.
        """
        await self._shown(enrollment, {}, worker=worker, now_ms=now_ms, again_ms=again_ms, alone=alone)

    async def _shown(
        self,
        enrollment: Enrollment,
        pages: Mapping[str, str],
        *,
        worker: str,
        now_ms: int,
        again_ms: int,
        alone: bool,
    ) -> None:
        fields = {f"page.{name}": text for name, text in pages.items()}
        await self._scripts.run(
            "shown",
            [keys.enrollment(enrollment.id), keys.CHANGED, keys.SYNCING, keys.circuit(MIRROR)],
            [enrollment.id, worker, now_ms, again_ms, int(alone), enrollment.revision, *_flat(fields)],
        )

    async def ask_mirror(self, *, due_ms: int, now_ms: int, again: EnrollmentId | None = None) -> None:
        """Have the mirror's pump come at `due_ms`; and one person be among the changed again."""
        await self._scripts.run("ask_mirror", [keys.CHANGED], [due_ms, now_ms, again or ""])

    async def sweep(self, cursor: str, *, now_ms: int, batch: int = 500) -> tuple[str, list[str]]:
        """Heal one page of the schedule: (cursor of the next page or `0`, the jobs that were scheduled again)."""
        following, *healed = _texts(
            await self._scripts.run("sweep", [keys.ENROLLED, keys.OPEN], [cursor, now_ms, batch])
        )
        return following, healed

    async def replay(self, delivery: DeliveryId, *, now_ms: int, fresh: bool) -> bool:
        """Plan a dead letter again, due at once. `fresh`: render it anew; only when it certainly was never accepted."""
        owner, name = split_delivery_id(delivery)
        done = await self._scripts.run(
            "replay",
            [keys.enrollment(owner), keys.delivery(delivery), keys.DEAD],
            [owner, step_number(name), now_ms, int(fresh)],
        )
        return bool(done)

    async def discard(self, delivery: DeliveryId, *, now_ms: int) -> bool:
        """Give a dead letter up for good."""
        owner, name = split_delivery_id(delivery)
        done = await self._scripts.run(
            "discard", [keys.delivery(delivery), keys.DEAD], [owner, step_number(name), now_ms]
        )
        return bool(done)

    def deliveries(self, enrollment: EnrollmentId) -> list[DeliveryId]:
        """The deliveries of one enrollment, in order."""
        return [step_delivery_id(enrollment, step) for step in range(1, self.cadence.length + 1)]


_ASSESSMENT_FIELDS = " ".join(codec.ASSESSMENT_FIELDS)


def _flat(fields: Mapping[str, str]) -> Iterable[str]:
    for name, text in fields.items():
        yield name
        yield text


def _no(answer: list[Any]) -> No:
    why, *rest = answer
    if why in ("not yet", "held"):
        return No(why, str(rest[1]) if len(rest) > 1 else "", int(rest[0]))
    return No(why, str(rest[0]) if rest else "")


def _texts(answer: Any) -> Any:
    """Bytes to text, all the way down."""
    if isinstance(answer, bytes):
        return answer.decode()
    if isinstance(answer, list):
        return [_texts(item) for item in answer]
    if isinstance(answer, dict):
        return {_texts(key): _texts(value) for key, value in answer.items()}
    return answer
