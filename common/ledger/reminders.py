"""Reminders in the ledger: claim, freeze, settle as steps know them, on the booking instead of the enrollment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from common.domain.ids import DeliveryId, EnrollmentId, split_delivery_id
from common.ledger import keys
from common.ledger.answers import ClaimRefused, ReminderClaimGranted, Settled, read_no, read_settled
from common.ledger.booking_codec import read_booking
from common.ledger.scripts import Argument
from common.ledger.short_ids import shortened
from common.ledger.terms import LEASE_MS, MAIL, Outcome

Run = Callable[[str, Sequence[str], Sequence[Argument]], Awaitable[Any]]


class Reminders:
    """
    Part of the ledger, which gives it its `run`, its `read` of a HASH and its `mark` of an address.

    The methods keep the promises of their namesakes in `Ledger`.
    """

    def __init__(
        self,
        campaign: str,
        run: Run,
        read: Callable[[str], Awaitable[Mapping[str, str]]],
        mark: Callable[[str], str],
    ) -> None:
        self._campaign, self._run, self._read, self._mark = campaign, run, read, mark

    async def claim(self, delivery: DeliveryId, *, claimer: str, now_ms: int) -> ReminderClaimGranted | ClaimRefused:
        """The right to send one reminder; see `claim_reminder.lua`."""
        booking, name = split_delivery_id(delivery)
        email = (await self._read(keys.meeting(booking))).get("email")
        if email is None:
            return ClaimRefused("unknown")
        answer = await self._run(
            "claim_reminder",
            [keys.meeting(booking), keys.delivery(delivery), keys.circuit(MAIL)],
            [booking, name, now_ms, claimer, self._mark(email), LEASE_MS, self._campaign],
        )
        if answer[0] != "go":
            return read_no(answer)
        _, fence, attempts, due_ms, first_ms, failures, doubt, frozen, *flat = answer
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        return ReminderClaimGranted(
            delivery_id=delivery,
            name=name.partition("/")[2],
            fence=fence,
            attempts=attempts,
            failures=failures,
            due_ms=due_ms,
            first_ms=first_ms or None,
            doubt=bool(doubt),
            frozen=frozen or None,
            contact_id=EnrollmentId(fields["contact"]),
            booking=read_booking(booking, fields),
        )

    async def freeze(self, claim: ReminderClaimGranted, mail: str, *, now_ms: int) -> tuple[str, int] | ClaimRefused:
        booking, name = split_delivery_id(claim.delivery_id)
        answer = await self._run(
            "freeze_reminder",
            [keys.delivery(claim.delivery_id), keys.circuit(MAIL)],
            [booking, name, claim.fence, now_ms, self._mark(claim.address), mail],
        )
        return (answer[1], int(answer[2])) if answer[0] == "go" else read_no(answer)

    async def settle(
        self,
        claim: ReminderClaimGranted,
        outcome: Outcome,
        detail: str,
        *,
        now_ms: int,
        due_ms: int | None,
        doubt: bool,
        sent_ms: int | None,
    ) -> Settled | None:
        booking, name = split_delivery_id(claim.delivery_id)
        settled = await self._run(
            "settle_reminder",
            [keys.meeting(booking), keys.delivery(claim.delivery_id), keys.circuit(MAIL)],
            [booking, name, claim.fence, now_ms, outcome, shortened(detail), due_ms or 0, int(doubt), sent_ms or 0],
        )
        return read_settled(int(settled))

    async def replay(self, delivery: DeliveryId, *, way: str, buried_ms: int | None, now_ms: int) -> bool:
        return await self._dead("replay_reminder", delivery, [now_ms, way, buried_ms or 0])

    async def found_accepted(
        self, delivery: DeliveryId, provider_id: str, *, sent_ms: int, buried_ms: int, now_ms: int
    ) -> bool:
        return await self._dead("found_reminder", delivery, [now_ms, buried_ms, sent_ms, shortened(provider_id)])

    async def discard(self, delivery: DeliveryId, *, now_ms: int) -> bool:
        return await self._dead("discard_reminder", delivery, [now_ms])

    async def _dead(self, script: str, delivery: DeliveryId, args: list[Argument]) -> bool:
        booking, name = split_delivery_id(delivery)
        dead = [keys.meeting(booking), keys.delivery(delivery), keys.DEAD]
        return bool(await self._run(script, dead, [booking, name, *args]))
