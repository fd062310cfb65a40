"""Deliveries of any kind and channel: claim, freeze, settle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from common.domain.cadence import Cadence
from common.domain.campaign_terms import CampaignTerms
from common.domain.delivery import Channel, Delivery, DeliveryStatus, Trigger, delivery_of
from common.domain.enrollment import ExitReason
from common.domain.follow_ups import SENT_BEFORE
from common.domain.ids import DeliveryId, EnrollmentId, Step, step_name
from common.domain.mail import AcceptedMail
from common.domain.series import BookingState
from common.ledger import keys
from common.ledger.codec import Settled, read_records, read_settled, shortened
from common.ledger.constants import PROVIDER_OF, Outcome
from common.ledger.generations import Generations
from common.ledger.owners import Owner, read_owner
from common.ledger.store import Store, pairs

DETAIL_MAX = 300
BOOKED_AGAIN = "booked again"
_CALLED_OFF = (BookingState.MOVED, BookingState.CANCELLED, BookingState.REJECTED)
_LATER_CALLS = {str(state): True for state in BookingState if state not in _CALLED_OFF}

_ENDS_EVERY_CHANNEL = {reason: True for reason in ExitReason if reason.ends_all_channels}
"""Reasons for suppressing a mail address that also end the contact's SMS."""

_ENDS_FOLLOW_UPS = {
    Channel.EMAIL: {reason: True for reason in ExitReason if reason is not ExitReason.STOPPED},
    Channel.SMS: _ENDS_EVERY_CHANNEL | {ExitReason.LEFT: True, ExitReason.UNKNOWN: True},
}
"""By channel: reasons for the end of the contact's enrollment after which follow-ups are not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimGranted:
    """
    A granted claim: this worker must send the delivery.

    `fence`: identifies this claim in `freeze` and `settle`. `payload`: the payload of an earlier attempt, to be sent
    unchanged, or None. `attempts`: number of attempts that may have reached the provider; `failures`: number of failed
    attempts that count. `outcome_unknown`: an earlier attempt may have been accepted. `first_attempt_ms`: time of the
    first attempt, None before it. `owner`: the enrollment or booking guest that the delivery belongs to. `contact_id`:
    the recipient; the id that their enrollment has or would have. `campaign`: the owner's campaign.
    """

    delivery: Delivery
    fence: int
    attempts: int
    failures: int
    due_ms: int
    first_attempt_ms: int | None
    outcome_unknown: bool
    payload: str | None
    owner: Owner
    contact_id: EnrollmentId
    address: str
    campaign: str

    @property
    def id(self) -> DeliveryId:
        return self.delivery.id


@dataclass(frozen=True, slots=True)
class ClaimRefused:
    """
    A refused claim or freeze: the delivery is not sent now, or never. After a refused claim the ledger has recorded the
    consequences; after a refused freeze the caller must settle, unless the claim is `lost`.

    `reason`: `already`: it has a final status · `exited`: it must not be sent · `in hand`: another worker is processing
    it · `not yet`: it is not due, or too close to the last mail · `held`: sending is held or paused, the provider is
    failing, the address is resting, this worker does not serve the campaign, or the enrollment is held (`until_ms` is
    0); for a freeze also: another version is in force by now · `unknown`: nothing of this id is planned · `lost`:
    another worker has claimed it · `dead`: its third worker died · `another version`: the campaign's version in force
    is not the one that this ledger knows.
    """

    reason: Literal["already", "exited", "in hand", "not yet", "held", "unknown", "lost", "dead", "another version"]
    detail: str = ""
    until_ms: int | None = None


class Deliveries:
    """The deliveries of all campaigns. Raises as `Store.run` does."""

    def __init__(self, store: Store, campaigns: Mapping[str, CampaignTerms], generations: Generations) -> None:
        self._store, self._campaigns, self._generations = store, campaigns, generations
        self._calls = 0

    async def claim(self, delivery_id: DeliveryId, *, worker: str, now_ms: int) -> ClaimGranted | ClaimRefused:
        """Claim the right to send one delivery, under a lease. `claim` in `lua/deliveries.lua` explains each answer."""
        delivery = delivery_of(delivery_id)
        self._calls += 1
        seen = self._generations.seen
        given = {
            "claim_id": f"{worker}#{self._calls}",
            "generation": {"id": seen.id, "mark": seen.mark} if seen else None,
            "campaigns": {key: _claim_terms(terms, delivery) for key, terms in self._campaigns.items()},
        }
        answer = await self._run("claim", delivery, now_ms, given)
        return _granted(delivery, answer) if answer[0] == "granted" else _refused(answer)

    async def freeze(
        self,
        claim: ClaimGranted,
        payload: str,
        *,
        now_ms: int,
        version: str | None = None,
        number: str | None = None,
    ) -> int | ClaimRefused:
        """
        Make the last check before the provider is called. Return the attempt's number, or why it must not be made.

        `payload` is stored byte for byte, unless the claim brought the payload of an earlier attempt, which is already
        stored. From here until `settle` the outcome is unknown. `version`: the campaign version that rendered the
        payload; the freeze is refused if another one is in force by now. `number`: the number that an SMS goes to; the
        freeze is refused if that number has ended its SMS by now.
        """
        kept = "" if claim.payload is not None else payload
        given = {"fence": claim.fence, "version": version} | self._number_hash(number)
        answer = await self._run("freeze", claim.delivery, now_ms, given, kept)
        return int(answer[1]) if answer[0] == "granted" else _refused(answer)

    async def settle(
        self,
        claim: ClaimGranted,
        outcome: Outcome,
        detail: str,
        *,
        now_ms: int,
        due_ms: int | None = None,
        outcome_unknown: bool = False,
        sent_ms: int | None = None,
        ends: ExitReason | None = None,
        number: str | None = None,
    ) -> Settled | None:
        """
        Record the result of a claim; `settle` in `lua/deliveries.lua` explains the outcomes.

        `due_ms`: when to try again. `outcome_unknown`: the provider may nevertheless have accepted this attempt.
        `sent_ms`: time of the acceptance, if it was found out later. `ends`: for a dead letter, why nothing more can be
        sent to this address. `number`: the number that an SMS went to. Returns None, and changes nothing, if another
        worker has claimed the delivery since, unless this very acceptance is recorded already.
        """
        given = {
            "fence": claim.fence,
            "outcome": outcome,
            "detail": shortened(stored_reason(detail)),
            "due_ms": due_ms or 0,
            "outcome_unknown": outcome_unknown or None,
            "sent_ms": sent_ms,
            "ends": ends,
        } | self._number_hash(number)
        return read_settled(int(await self._run("settle", claim.delivery, now_ms, given)))

    async def renew_lease(self, claim: ClaimGranted, *, now_ms: int) -> bool:
        """Extend a claim by another lease. Return False if another worker has claimed the delivery by now."""
        args = [claim.id, claim.fence, now_ms]
        return bool(await self._store.run("deliveries.renew_lease", [keys.delivery(claim.id)], args))

    async def note_conflict(self, claim: ClaimGranted, *, since_ms: int, now_ms: int) -> bool:
        """
        Record that the provider has accepted another payload under this idempotency key, at `since_ms` or later.

        Return False if another worker has claimed the delivery since.
        """
        args = [claim.fence, since_ms, now_ms]
        return bool(await self._store.run("deliveries.note_conflict", [keys.delivery(claim.id)], args))

    async def note_unaccepted(self, claim: ClaimGranted) -> bool:
        """
        Record that the provider's list contains none of the attempts. Return whether the delivery may be sent again.

        True: the attempts were made while everything waited for the provider. The delivery then counts as never tried
        and waits for its turn. False: an operator must decide, or another worker has claimed it.
        """
        return bool(await self._store.run("deliveries.note_unaccepted", [keys.delivery(claim.id)], [claim.fence]))

    async def settle_restored(
        self,
        delivery_id: DeliveryId,
        campaign: str,
        *,
        now_ms: int,
        found: AcceptedMail | None = None,
        detail: str = "",
        unknown_since_ms: int | None = None,
    ) -> bool:
        """
        Record what became of a delivery between a backup and its restore: accepted if `found`, else a dead letter.

        `found`: the mail in the provider's list. `detail`: why it becomes a dead letter. `unknown_since_ms`: it may
        have been accepted at this time or later; None: it certainly was not. Returns False if the delivery already has
        a final status, or its owner has ended.
        """
        delivery = delivery_of(delivery_id)
        given = {
            "sent_ms": found and found.created_ms,
            "provider_id": found and shortened(found.id),
            "detail": stored_reason(detail),
            "unknown_since_ms": unknown_since_ms,
            "following": _claim_terms(self._campaigns[campaign], delivery).get("following", []),
        }
        return bool(await self._run("settle_restored", delivery, now_ms, given))

    async def unknown_outcomes(self, owner: str) -> dict[str, str]:
        """
        Return the payloads of an owner's deliveries that may have been accepted, by name; "" where none is stored.
        """
        found: dict[str, str] = {}
        for name, record in read_records(await self._store.read_hash(keys.owner(owner))).items():
            if record.status in (DeliveryStatus.PLANNED, DeliveryStatus.DEAD):
                fields = await self._store.read_hash(keys.delivery(f"{owner}/{name}"))
                if "1" in (fields.get("outcome_unknown"), fields.get("in_progress")):
                    found[name] = fields.get("payload", "")
        return found

    def _number_hash(self, number: str | None) -> dict[str, str]:
        return {"address_hash": self._store.number_hash(number)} if number else {}

    async def _run(self, entry: str, delivery: Delivery, now_ms: int, given: dict[str, Any], *more: str) -> Any:
        provider = PROVIDER_OF[delivery.channel]
        touched = [keys.owner(delivery.owner), keys.delivery(delivery.id), keys.circuit(provider)]
        return await self._store.run_json(
            f"deliveries.{entry}", touched, delivery_fields(delivery, now_ms) | given, *more
        )


def _claim_terms(terms: CampaignTerms, delivery: Delivery) -> dict[str, Any]:
    """Return what a claim needs to know of a campaign. Only the store knows which campaign the delivery belongs to."""
    cadence, step = terms.cadence, delivery.step
    fields: dict[str, Any] = {"minimum_gap_ms": cadence.minimum_gap_ms, "priority": terms.priority}
    if terms.version is not None:
        fields["version"] = terms.version
    if step is not None:
        if step not in cadence.steps:
            fields["lacks_step"] = True
        if step in cadence.needs:
            fields["needs"] = step_name(cadence.needs[step])
        fields["following"] = steps_after(cadence, step)
    return fields


def steps_after(cadence: Cadence, step: Step) -> list[dict[str, Any]]:
    """Return the steps after this one, in the form that scripts expect; `after_ms` counts from the anchor."""
    return [{"name": step_name(later), "after_ms": cadence.offset_ms(later)} for later in cadence.after(step)]


def delivery_fields(delivery: Delivery, now_ms: int) -> dict[str, Any]:
    """Return the fields of a delivery that every script expects."""
    return {
        "owner": delivery.owner,
        "name": delivery.name,
        "label": delivery.label,
        "paced": delivery.gap_applies or None,
        "expires_ms": delivery.expires_ms,
        "requires": _requires(delivery),
        "ended_by": _ENDS_EVERY_CHANNEL if delivery.channel is not Channel.EMAIL else None,
        "now_ms": now_ms,
    }


def _requires(delivery: Delivery) -> dict[str, Any] | None:
    """
    Return the conditions that the owner's call must meet; see `refusal` in `lua/lib/owners.lua`.

    A follow-up is not sent to a contact who left, who got another follow-up of this call, or who has another call that
    starts later.
    """
    if delivery.call_state is None:
        return None
    required: dict[str, Any] = {"state": delivery.call_state}
    if delivery.call_start_ms is not None:
        required["start_ms"] = delivery.call_start_ms
    if delivery.trigger is not None:
        required |= {
            "other_triggers": [str(one) for one in Trigger if one is not delivery.trigger],
            "sent_before": SENT_BEFORE,
            "since": "received_ms" if delivery.trigger is Trigger.CANCELLED else "start_ms",
            "later_calls": _LATER_CALLS,
            "booked_again": BOOKED_AGAIN,
            "left_by": _ENDS_FOLLOW_UPS[delivery.channel],
        }
    return required


def stored_reason(text: str) -> str:
    """Return a reason as it is stored: on one line, with at most DETAIL_MAX characters."""
    return " ".join(text.split())[:DETAIL_MAX]


def _granted(delivery: Delivery, answer: list[Any]) -> ClaimGranted:
    _, fence, attempts, due_ms, first_attempt_ms, failures, outcome_unknown, payload, *flat = answer
    fields = pairs(flat)
    owner, contact_id, address = read_owner(delivery.owner, fields)
    return ClaimGranted(
        delivery=delivery,
        fence=fence,
        attempts=attempts,
        failures=failures,
        due_ms=due_ms,
        first_attempt_ms=first_attempt_ms or None,
        outcome_unknown=bool(outcome_unknown),
        payload=payload or None,
        owner=owner,
        contact_id=contact_id,
        address=address,
        campaign=fields["campaign"],
    )


def _refused(answer: list[Any]) -> ClaimRefused:
    """Read a script's refusal: `[reason, detail]`, or `[reason, until_ms, detail]` for `not yet` and `held`."""
    reason, *rest = answer
    if reason in ("not yet", "held"):
        return ClaimRefused(reason, str(rest[1]) if len(rest) > 1 else "", int(rest[0]))
    return ClaimRefused(reason, str(rest[0]) if rest else "")
