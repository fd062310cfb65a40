"""A store restored from a backup sends nothing twice, and reports each contact whose mails are uncertain."""

from __future__ import annotations

from actors.dead_letters import Way, plan
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id, step_delivery_id
from common.domain.store_generation import UNSETTLED
from tests.ledger_reads import dead_letters_of
from tests.rebuild.conftest import Installation, twin
from tests.rebuild.restored.conftest import STEPS, StartWorker, backup, holds, people, restore
from tests.versions import edits


async def _with_a_step_since_the_backup(
    installation: Installation,
    start_worker: StartWorker,
    some: list[Assessment],
    *,
    notion_sees_it: bool = True,
    **how: bool,
) -> None:
    """Make a backup after everyone's first mail and restore it 30 hours later, after the second was sent."""
    for person in some:
        await installation.simulation.sign_up(person)
    guard = await start_worker(**how)
    await installation.until(1)
    await guard.turn()
    saved = await backup(installation)
    await installation.until(23)
    if not notion_sees_it:
        await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "notion"})
    await installation.until(31)
    await guard.turn()
    await guard.stop()
    await restore(installation, saved)


async def test_step_sent_after_the_backup_is_not_sent_again(installation, start_worker, run_audit):
    some = people(12)
    await _with_a_step_since_the_backup(installation, start_worker, some)

    await start_worker()

    settlement = await installation.world.ledger.generations.settlement()
    assert (settlement.merged, settlement.unknown, settlement.people) == (12, 0, ())
    assert await holds(installation) == set()
    await installation.until(300)
    assert {tuple(await installation.inbox(person)) for person in some} == {tuple(STEPS)}
    report = await run_audit()
    assert report.findings == []


async def test_list_of_the_provider_is_enough_for_a_restored_store_without_notion(installation, start_worker):
    some = people(3)
    await _with_a_step_since_the_backup(installation, start_worker, some, notion=False)

    await start_worker(notion=False)
    await installation.until(300)

    assert {tuple(await installation.inbox(person)) for person in some} == {tuple(STEPS)}
    assert (await installation.world.ledger.generations.settlement()).found == 3


async def test_restored_store_with_a_send_only_key_sends_nothing_twice_and_lists_contacts(installation, start_worker):
    some = people(3)
    await _with_a_step_since_the_backup(installation, start_worker, some, notion=False, notion_sees_it=False)
    await installation.calm()
    may_only_send(installation)

    await start_worker()

    settlement = await installation.world.ledger.generations.settlement()
    assert settlement.unknown == 3
    assert sorted(settlement.people) == [person.email for person in some]
    letters = await dead_letters_of(installation.world.ledger)
    assert sorted(letter.address for letter in letters) == [person.email for person in some]
    await installation.until(300)
    assert {tuple(await installation.inbox(person)) for person in some} == {tuple(STEPS)}


async def _with_the_third_step_since_the_backup(
    installation: Installation, start_worker: StartWorker, person: Assessment
) -> None:
    """Make a backup that contains the version in force, and restore it after the third mail was sent."""
    await installation.applies(installation.campaign.compiled)
    await installation.simulation.sign_up(person)
    guard = await start_worker(notion=False)
    await installation.until(31)
    await guard.turn()
    saved = await backup(installation)
    await installation.until(73)
    await guard.turn()
    await guard.stop()
    await restore(installation, saved)


async def test_mail_sent_early_by_an_operator_after_the_backup_is_not_sent_again(installation, start_worker, ada):
    await installation.simulation.sign_up(ada)
    guard = await start_worker(notion=False)
    await installation.until(31)
    await guard.turn()
    saved = await backup(installation)
    await installation.until(38)
    world, third = installation.world, step_delivery_id(enrollment_id("christmas_2025", ada.email), 3)
    await world.ledger.planned_deliveries.send_now(
        third, campaign="christmas_2025", ignores_gap=False, by="mia", now_ms=world.clock.now_ms()
    )
    await installation.until(39)
    await guard.turn()
    await guard.stop()
    await restore(installation, saved)

    await start_worker(notion=False)
    await installation.until(300)

    assert await installation.inbox(ada) == STEPS
    assert (await world.ledger.generations.settlement()).found == 1


async def test_restored_store_finds_a_mail_with_the_subject_of_an_earlier_version(installation, start_worker, ada):
    await _with_the_third_step_since_the_backup(installation, start_worker, ada)
    await installation.applies(edits.subject(installation.campaign.compiled, body="emails/3-turned-away.md"))

    await start_worker(notion=False)
    await installation.until(300)

    settlement = await installation.world.ledger.generations.settlement()
    assert (settlement.found, settlement.unknown) == (1, 0)
    assert await installation.inbox(ada) == STEPS


async def test_mail_with_a_subject_now_used_by_another_step_is_not_sent_again(installation, start_worker, ada):
    await _with_the_third_step_since_the_backup(installation, start_worker, ada)
    await installation.applies(edits.exchanged(installation.campaign.compiled))

    await start_worker(notion=False)

    settlement = await installation.world.ledger.generations.settlement()
    assert (settlement.found, settlement.unknown, settlement.people) == (0, 1, (ada.email,))
    [letter] = await dead_letters_of(installation.world.ledger)
    assert (letter.delivery.step, letter.outcome_unknown) == (3, True)
    await installation.until(119)
    assert await installation.inbox(ada) == STEPS[:3]


async def _in_two_campaigns_of_the_same_subjects(
    installation: Installation, start_worker: StartWorker, ada: Assessment, *, backup_h: float, restored_h: float
) -> None:
    second = twin(installation.campaign)
    installation.plays_too(second)
    for key in (installation.campaign.key, second.key):
        await installation.simulation.sign_up(ada, campaign=key)
    guard = await start_worker(notion=False)
    await installation.until(backup_h)
    await guard.turn()
    saved = await backup(installation)
    await installation.calm()
    await installation.until(restored_h)
    await guard.turn()
    await guard.stop()
    await restore(installation, saved)
    await start_worker(notion=False)


async def test_mail_that_only_one_of_two_campaigns_can_have_sent_is_attributed_to_it(installation, start_worker, ada):
    await _in_two_campaigns_of_the_same_subjects(installation, start_worker, ada, backup_h=1, restored_h=13)

    settlement = await installation.world.ledger.generations.settlement()
    assert (settlement.found, settlement.unknown) == (1, 0)
    await installation.until(20)
    assert await installation.inbox(ada) == STEPS[:1] * 2


async def test_mails_that_either_of_two_campaigns_can_have_sent_are_unknown_for_both(installation, start_worker, ada):
    await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "resend"})
    await _in_two_campaigns_of_the_same_subjects(installation, start_worker, ada, backup_h=0.01, restored_h=14)

    settlement = await installation.world.ledger.generations.settlement()
    assert (settlement.found, settlement.unknown, settlement.people) == (0, 2, (ada.email,))
    await installation.until(20)
    assert await installation.inbox(ada) == STEPS[:1] * 2


async def test_replay_of_a_mail_that_either_of_two_campaigns_can_have_sent_is_refused(installation, start_worker, ada):
    await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "resend"})
    await _in_two_campaigns_of_the_same_subjects(installation, start_worker, ada, backup_h=0.01, restored_h=8)
    letters = await dead_letters_of(installation.world.ledger)

    assert len(await installation.inbox(ada)) == 1
    assert [(await plan(installation.world, letter)).way for letter in letters] == [Way.REFUSED] * 2


async def test_a_replay_finds_a_mail_with_a_subject_of_an_earlier_version(installation, start_worker, ada):
    await _with_the_third_step_since_the_backup(installation, start_worker, ada)
    full = installation.settings
    may_only_send(installation)
    await start_worker(notion=False)
    installation.settings = full
    await installation.applies(edits.subject(installation.campaign.compiled, body="emails/3-turned-away.md"))
    [letter] = await dead_letters_of(installation.world.ledger)

    planned = await plan(installation.world, letter)

    third = (await installation.ask("GET", f"/inbox.json?to={ada.email}"))[2]
    assert planned.way is Way.FOUND
    assert planned.found.id == third["id"]


async def test_restored_store_without_list_and_notion_sends_nothing_before_an_operator_releases_it(
    installation, start_worker
):
    some = people(1)
    await _with_a_step_since_the_backup(installation, start_worker, some, notion=False)
    may_only_send(installation)

    guard = await start_worker(notion=False)

    assert await holds(installation) == {UNSETTLED}
    await installation.until(100)
    assert await installation.inbox(some[0]) == STEPS[:2]
    await installation.world.ledger.holds.finish(UNSETTLED)
    await guard.turn()
    await installation.until(300)
    assert await installation.inbox(some[0]) == STEPS


async def test_contact_who_unsubscribed_after_the_backup_gets_no_mail(installation, start_worker, ada):
    await installation.simulation.sign_up(ada)
    guard = await start_worker()
    await installation.until(1)
    saved = await backup(installation)
    await installation.world.ledger.enrollments.unsubscribe(
        enrollment_id("christmas_2025", ada.email),
        address_hash=installation.world.ledger.store.address_hash(ada.email),
        now_ms=installation.clock.now_ms(),
    )
    await installation.until(3)
    await guard.turn()
    await guard.stop()
    await restore(installation, saved)

    await start_worker()
    await installation.until(300)

    assert await installation.inbox(ada) == ["step-1"]


def may_only_send(installation: Installation) -> None:
    from services.sandbox.ids import SENDING_KEY

    installation.settings = installation.settings.model_copy(update={"resend_api_key": SENDING_KEY})
    installation.simulation = installation._simulation()
