"""A dead letter is replayed: by the rule of every delivery, that what may be out is never sent blindly."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from actors.sending.reconcile import Sought, Unfound, look_for, others_of
from common.campaigns.loader import CampaignError
from common.domain.enrollment import Enrollment
from common.domain.ids import DeliveryId, EnrollmentId, is_reminder, split_delivery_id
from common.domain.mail import AcceptedMail, Mail
from common.domain.replay import Way as Way
from common.domain.replay import way_at_once
from common.errors import Failure
from common.ledger import keys
from common.ledger.answers import DeadLetter
from common.ledger.replays import refuse_replay
from common.ledger.views import dead_letter
from common.providers.patience import PatientBudget, patiently
from common.world import World

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """`why`: of what is refused. `found`: the mail that turned out to have been accepted."""

    letter: DeadLetter
    way: Way
    why: str = ""
    found: AcceptedMail | None = None


async def plan(world: World, letter: DeadLetter) -> Plan:
    """
    What a replay would do.

    1. What needs nobody's answer goes its way (`way_at_once`).
    2. The rest is looked for. If it is found, nothing is sent; if the list shows none, this explicit wish sends it.
    3. If nobody can tell, it stays a dead letter, with what to do.
    """
    way = way_at_once(
        is_reminder=is_reminder(letter.delivery_id),
        doubt=letter.doubt,
        first_ms=letter.first_ms,
        now_ms=world.clock.now_ms(),
    )
    if way is not None:
        return Plan(letter, way)
    try:
        answer = await _look(world, letter)
    except CampaignError as error:
        return Plan(letter, Way.REFUSED, f"it cannot be rendered to be looked for: {error}")
    except Failure as failure:
        return Plan(letter, Way.REFUSED, f"it cannot be looked for now ({failure.code}): try again later")
    if isinstance(answer, AcceptedMail):
        return Plan(letter, Way.FOUND, found=answer)
    return Plan(letter, Way.AGAIN) if answer.is_certain else Plan(letter, Way.REFUSED, answer.reason)


async def replay(world: World, planned: Plan) -> bool:
    """
    Carry a plan out. False when nothing was done: it was refused, or the letter is not what it was when it was planned.

    Of two who replay one letter at a time, one does it.
    """
    letter, now_ms = planned.letter, world.clock.now_ms()
    if planned.way is Way.REFUSED:
        return False
    if planned.found is not None:
        return await world.ledger.found_accepted(
            letter.delivery_id,
            planned.found.id,
            sent_ms=planned.found.created_ms,
            buried_ms=letter.buried_ms,
            now_ms=now_ms,
        )
    return await world.ledger.replay(
        letter.delivery_id,
        now_ms=now_ms,
        fresh=planned.way is Way.RENDERED,
        again=planned.way is Way.AGAIN,
        buried_ms=letter.buried_ms,
    )


async def replay_asked(world: World, job: str) -> None:
    """
    Replay a dead letter for whoever asked for it at the console.

    1. It may be none any longer: replayed by another, or discarded.
    2. Plan it, which may mean to look for it in what Resend accepted.
    3. Carry the plan out, or write down why it stays where it is.
    """
    letter = await dead_letter(world.ledger, DeliveryId(job))
    if letter is None:
        log.info("dead_letter_not_replayed", delivery_id=job, why="it is none any longer")
        return
    planned = await plan(world, letter)
    if await replay(world, planned):
        log.info("dead_letter_replayed", delivery_id=job, way=planned.way.name.lower())
        return
    why = planned.why or "it is not what it was when it was planned"
    await refuse_replay(world.ledger, letter.delivery_id, why, buried_ms=letter.buried_ms, now_ms=world.clock.now_ms())
    log.warning("dead_letter_not_replayed", delivery_id=job, why=why)


async def _look(world: World, letter: DeadLetter) -> AcceptedMail | Unfound:
    owner, _ = split_delivery_id(letter.delivery_id)
    enrollment = await world.ledger.enrollment(EnrollmentId(owner))
    if enrollment is None:
        return Unfound("nobody knows whose it is")
    frozen = (await world.ledger.read_hash(keys.delivery(letter.delivery_id))).get("frozen")
    sought = Sought(
        to=letter.address,
        subject=Mail.thawed(frozen).subject if frozen else _subject(world, letter, enrollment),
        is_frozen=frozen is not None,
        since_ms=letter.first_ms or enrollment.anchor_ms,
        others=await others_of(world, enrollment.id, enrollment),
        enrollment=enrollment,
    )
    return await patiently(lambda: look_for(world, sought, budget=PatientBudget(world.mail_budget)), tries=2)


def _subject(world: World, letter: DeadLetter, enrollment: Enrollment) -> str:
    """As it would be rendered now."""
    assert letter.step is not None, "a reminder is never looked for here"
    person, identity = enrollment.assessment, world.settings.identity
    return world.campaign.subject(letter.step, person, segment=enrollment.segment, identity=identity)
