"""Replay dead letters by the rule of every delivery: a message that may have been sent is never sent again blindly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from actors.sending.channels import LookupResult, route_of
from actors.sending.find_accepted import NotFound
from actors.sending.render import NotSent
from common.campaigns.loader import CampaignError
from common.domain.ids import DeliveryId
from common.domain.mail import AcceptedMail
from common.domain.replay import Way as Way
from common.domain.replay import way_at_once
from common.domain.sms import AcceptedSms
from common.errors import Failure
from common.ledger import dead_letters
from common.ledger.dead_letters import DeadLetter
from common.providers.patience import PatientBudget, retry_patiently
from common.world import World

_SCRIPT_WAY: Final[Mapping[Way, dead_letters.Way]] = {
    Way.RENDERED: "fresh",
    Way.SAME: "same",
    Way.AGAIN: "again",
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay would do. `why`: the reason of a refusal. `found`: the message that was accepted already."""

    letter: DeadLetter
    way: Way
    why: str = ""
    found: AcceptedMail | AcceptedSms | None = None


async def plan(world: World, letter: DeadLetter) -> Plan:
    """
    Return what a replay would do.

    1. Some letters need no lookup (`way_at_once`).
    2. The others are searched for in the provider's list. If one is found, nothing is sent. If the list certainly lacks
       it, it is sent again, because an operator explicitly wants it.
    3. If the list does not tell, it stays a dead letter, with a reason that says what to do.
    """
    way = way_at_once(
        outcome_unknown=letter.outcome_unknown,
        first_ms=letter.first_attempt_ms,
        now_ms=world.clock.now_ms(),
        remembered_ms=letter.delivery.channel.key_remembered_ms,
    )
    if way is not None:
        return Plan(letter, way)
    try:
        answer = await _find_accepted(world, letter)
    except CampaignError as error:
        return Plan(letter, Way.REFUSED, f"it cannot be searched for, because it cannot be rendered: {error}")
    except Failure as failure:
        return Plan(letter, Way.REFUSED, f"it cannot be searched for now ({failure.code}): try again later")
    if isinstance(answer, NotFound):
        return Plan(letter, Way.AGAIN) if answer.is_certain else Plan(letter, Way.REFUSED, answer.reason)
    return Plan(letter, Way.FOUND, found=answer)


async def replay(world: World, planned: Plan) -> bool:
    """
    Carry out a plan. Return False when nothing was done: it was refused, or the letter has changed since the plan.

    If two operators replay a letter at the same time, only one succeeds.
    """
    letter, now_ms = planned.letter, world.clock.now_ms()
    if planned.way is Way.REFUSED:
        return False
    letters = world.ledger.dead_letters
    if planned.found is not None:
        return await letters.accept(
            letter.id,
            planned.found.id,
            sent_ms=planned.found.created_ms,
            dead_since_ms=letter.dead_since_ms,
            now_ms=now_ms,
        )
    way = _SCRIPT_WAY[planned.way]
    return await letters.replay(letter.id, way=way, dead_since_ms=letter.dead_since_ms, now_ms=now_ms)


async def replay_requested(world: World, job: str) -> None:
    """
    Replay a dead letter as an operator requested at the console.

    1. It may no longer be a dead letter: it was replayed or discarded meanwhile.
    2. Plan the replay, which may search the provider's list.
    3. Carry out the plan, or record why it stays a dead letter.
    """
    letter = await world.ledger.dead_letters.get(DeliveryId(job))
    if letter is None:
        log.info("dead_letter_not_replayed", delivery_id=job, why="it is none any longer")
        return
    planned = await plan(world, letter)
    if await replay(world, planned):
        log.info("dead_letter_replayed", delivery_id=job, way=planned.way.name.lower())
        return
    why = planned.why or "it is not what it was when it was planned"
    await world.ledger.dead_letters.refuse_replay(
        letter.id, why, dead_since_ms=letter.dead_since_ms, now_ms=world.clock.now_ms()
    )
    log.warning("dead_letter_not_replayed", delivery_id=job, why=why)


async def _find_accepted(world: World, letter: DeadLetter) -> LookupResult:
    try:
        route = route_of(world, letter.delivery.channel)
    except NotSent as refusal:
        return NotFound(f"it cannot be searched for: {refusal}")
    return await retry_patiently(lambda: route.find(letter, PatientBudget(route.budget)), tries=2)
