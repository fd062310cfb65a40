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

_ENDS_EVERY_CHANNEL = {reason: True for reason in ExitReason if reason.is_persons_word}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimGranted:
    """
    The claim is ours: send it.

    `fence` names this claim in `freeze` and `settle`. `payload`: of an earlier attempt, to be sent as it is.
    `attempts`: those that reached for the provider; `failures`: those that failed and counted. `outcome_unknown`: an
    earlier attempt may have been accepted; `first_attempt_ms`: None before the first one. `owner`: whose it is.
    `contact_id`: who gets it; the id that their enrollment has or would have. `campaign`: whose mail it is.
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
    Not now, or not any more; the ledger has done what follows from it.

    `reason`: `already` at its end · `exited`, it must not be sent · `in hand` of another worker · `not yet` due, or too
    close to the last mail · `held`, the provider is in trouble, or the enrollment is held for a reason (`until_ms` 0) ·
    `unknown` to this ledger · `lost` to another worker · `dead`: its third worker died · `another version` of the
    campaign is in force than the one that this ledger knows.
    """

    reason: Literal["already", "exited", "in hand", "not yet", "held", "unknown", "lost", "dead", "another version"]
    detail: str = ""
    until_ms: int | None = None


class Deliveries:
    """Of all campaigns. Raises as `Store.run` does."""

    def __init__(self, store: Store, campaigns: Mapping[str, CampaignTerms], generations: Generations) -> None:
        self._store, self._campaigns, self._generations = store, campaigns, generations
        self._calls = 0

    async def claim(self, delivery_id: DeliveryId, *, worker: str, now_ms: int) -> ClaimGranted | ClaimRefused:
        """The right to send one delivery, under a lease; see `claim` in `lua/deliveries.lua` for each answer."""
        delivery = delivery_of(delivery_id)
        self._calls += 1
        seen = self._generations.seen
        given = {
            "claim_id": f"{worker}#{self._calls}",
            "generation": {"id": seen.id, "mark": seen.mark} if seen else None,
            "campaigns": {key: _turn(terms, delivery) for key, terms in self._campaigns.items()},
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
        The last check before the provider: the number of this attempt, or why it must not go.

        `payload` is kept byte for byte; that of an earlier attempt, as the claim brought it, is kept already. From here
        the outcome is unknown until `settle`. `version`: of the campaign that rendered it; refused when another one is
        in force by now. `number`: of an SMS, to whom it goes; refused when that one ended it by now.
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
        Write down what became of a claim; see `settle` in `lua/deliveries.lua` for the outcomes.

        `due_ms`: when to try again. `outcome_unknown`: the provider may have accepted this attempt all the same.
        `sent_ms`: time of the acceptance, when it was found out later. `ends`: why nothing more can be sent to this
        address, of a dead letter; `number`: of an SMS, to whom it went. The answer is None when another worker has
        claimed it since, and this changes nothing.
        """
        given = {
            "fence": claim.fence,
            "outcome": outcome,
            "detail": shortened(one_line(detail)),
            "due_ms": due_ms or 0,
            "outcome_unknown": outcome_unknown or None,
            "sent_ms": sent_ms,
            "ends": ends,
        } | self._number_hash(number)
        return read_settled(int(await self._run("settle", claim.delivery, now_ms, given)))

    async def renew_lease(self, claim: ClaimGranted, *, now_ms: int) -> bool:
        """Keep a claim for another lease; False when another worker has it by now."""
        args = [claim.id, claim.fence, now_ms]
        return bool(await self._store.run("deliveries.renew_lease", [keys.delivery(claim.id)], args))

    async def note_conflict(self, claim: ClaimGranted, *, since_ms: int, now_ms: int) -> bool:
        """The provider says that it has accepted another payload under this key, at `since_ms` or later."""
        args = [claim.fence, since_ms, now_ms]
        return bool(await self._store.run("deliveries.note_conflict", [keys.delivery(claim.id)], args))

    async def note_unaccepted(self, claim: ClaimGranted) -> bool:
        """
        The provider's list shows none of the attempts of this claim: may it go as if never tried, at its turn?

        True when they were made while everything waited. False: a person decides, or another worker has claimed it.
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
        What became of a delivery between a backup and its restore: accepted, as the provider lists it, or dead.

        `unknown_since_ms`: it may have been accepted since. False: it has met its end already.
        """
        delivery = delivery_of(delivery_id)
        given = {
            "sent_ms": found and found.created_ms,
            "provider_id": found and shortened(found.id),
            "detail": one_line(detail),
            "unknown_since_ms": unknown_since_ms,
            "following": _turn(self._campaigns[campaign], delivery).get("following", []),
        }
        return bool(await self._run("settle_restored", delivery, now_ms, given))

    async def unknown_outcomes(self, owner: str) -> dict[str, str]:
        """By name, the payload of each of an owner's deliveries that may have been accepted; "" where none is kept."""
        found: dict[str, str] = {}
        for name, record in read_records(await self._store.read_hash(keys.owner(owner))).items():
            if record.final_status in (DeliveryStatus.PLANNED, DeliveryStatus.DEAD):
                fields = await self._store.read_hash(keys.delivery(f"{owner}/{name}"))
                if "1" in (fields.get("outcome_unknown"), fields.get("in_progress")):
                    found[name] = fields.get("payload", "")
        return found

    def _number_hash(self, number: str | None) -> dict[str, str]:
        return {"address_hash": self._store.number_hash(number)} if number else {}

    async def _run(self, entry: str, delivery: Delivery, now_ms: int, given: dict[str, Any], *more: str) -> Any:
        provider = PROVIDER_OF[delivery.channel]
        touched = [keys.owner(delivery.owner), keys.delivery(delivery.id), keys.circuit(provider)]
        return await self._store.run_json(f"deliveries.{entry}", touched, data(delivery, now_ms) | given, *more)


def _turn(terms: CampaignTerms, delivery: Delivery) -> dict[str, Any]:
    """What a claim has to know of a campaign; whose delivery it is, only the store can tell."""
    cadence, step = terms.cadence, delivery.step
    turn: dict[str, Any] = {"minimum_gap_ms": cadence.minimum_gap_ms, "priority": terms.priority}
    if terms.version is not None:
        turn["version"] = terms.version
    if step is not None:
        if step not in cadence.steps:
            turn["lacks_step"] = True
        if step in cadence.needs:
            turn["needs"] = step_name(cadence.needs[step])
        turn["following"] = steps_after(cadence, step)
    return turn


def steps_after(cadence: Cadence, step: Step) -> list[dict[str, Any]]:
    """As scripts take them."""
    return [{"name": step_name(later), "after_ms": cadence.offset_ms(later)} for later in cadence.after(step)]


def data(delivery: Delivery, now_ms: int) -> dict[str, Any]:
    """A delivery as it is passed to every script."""
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
    What must be so of the owner's call, see `refusal` in `lua/lib/owners.lua`.

    A follow-up is not sent to somebody who left, or who has another call that began later, or is still to come.
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
            "stays": True,
        }
    return required


def one_line(text: str) -> str:
    """A reason as it is kept."""
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
    """From `[reason, detail]`, or `[reason, until_ms, detail]` of those that wait."""
    reason, *rest = answer
    if reason in ("not yet", "held"):
        return ClaimRefused(reason, str(rest[1]) if len(rest) > 1 else "", int(rest[0]))
    return ClaimRefused(reason, str(rest[0]) if rest else "")
