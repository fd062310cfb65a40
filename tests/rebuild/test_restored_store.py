"""A store that was restored, emptied or copied doubles nobody, and leaves nobody out without saying so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import redis.asyncio

from actors.dead_letters import Way, plan
from actors.upkeep.bootstrap import Bootstrap
from actors.upkeep.generation_guard import BEAT_S, GenerationGuard
from common.domain.contact import Assessment
from common.domain.ids import enrollment_id, step_delivery_id
from common.domain.store_generation import COPIED, EMPTIED, UNSETTLED
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.ledger import Ledger
from common.store.witness_file import WitnessFile
from services.gateway.witness import GatewayWitness
from tests.ledger_reads import dead_letters_of
from tests.rebuild.conftest import HOUR_MS, Installation, twin
from tests.versions import edits

STEPS = [f"step-{step}" for step in range(1, 8)]
FASTER = 10

Start = Callable[..., Awaitable[GenerationGuard]]


async def _faster(seconds: float) -> None:
    await asyncio.sleep(seconds / FASTER)


@pytest.fixture
async def copy(installation: Installation, store_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    """A second store; here another database of the same server."""
    async with _database(store_url, 1) as client:
        yield client


@pytest.fixture
async def second_copy(installation: Installation, store_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    async with _database(store_url, 2) as client:
        yield client


@asynccontextmanager
async def _database(store_url: str, number: int) -> AsyncIterator[redis.asyncio.Redis]:
    async with redis.asyncio.from_url(store_url, db=number) as client:
        yield client
        await client.flushdb()


@pytest.fixture
async def starts(installation: Installation, tmp_path, copy, second_copy) -> AsyncIterator[Start]:
    """
    A worker checks the store, as it does before it fetches jobs; its DATA_DIR is another one for each `machine`.

    It stops before the clients of the copies are closed, which it may use.
    """
    started: list[GenerationGuard] = []

    async def starts(
        machine: str = "one", *, notion: bool = True, client: Any = None, sleep: Any = _faster
    ) -> GenerationGuard:
        (tmp_path / machine).mkdir(exist_ok=True)
        update = {"data_dir": tmp_path / machine}
        if not notion:
            update |= {"notion_email_sequence_db_id": None}
        world = installation.world
        providers = installation._opened[-1]
        world = replace(
            world,
            settings=installation.settings.model_copy(update=update),
            worker=f"{machine}-{len(started)}",
            suppression_list=providers.suppression_list,
        )
        if client is not None:
            world = replace(world, ledger=_ledger(installation, client))
        guard = GenerationGuard(world, sleep=sleep)
        started.append(guard)
        await guard.before_work()
        if guard._settling is not None:
            await guard._settling
        return guard

    yield starts
    for guard in started:
        await guard.stop()


async def backup(installation: Installation) -> dict[bytes, bytes]:
    return {key: await installation.store.dump(key) async for key in installation.store.scan_iter(count=1000)}


async def restore(installation: Installation, saved: dict[bytes, bytes]) -> None:
    await installation.store.flushall()
    for key, value in saved.items():
        if key != keys.GENERATION_KEEPER.encode():
            await installation.store.restore(key, 0, value)


async def holds(installation: Installation) -> set[str]:
    return set(await installation.world.ledger.holds.active())


def people(number: int) -> list[Assessment]:
    return [
        Assessment(
            email=f"p{i}@salon.example", first_name=f"P{i}", assessment_score=38, red_systems=2, weakest_system_1="GPS"
        )
        for i in range(number)
    ]


async def _with_a_step_since_the_backup(
    installation: Installation, starts: Start, some: list[Assessment], *, notion_sees_it: bool = True, **how: bool
) -> None:
    """Everybody got the first mail, then the backup was made; 30 hours later, the second was out and it is restored."""
    for person in some:
        await installation.simulation.sign_up(person)
    guard = await starts(**how)
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


async def test_a_step_that_went_out_after_the_backup_is_not_sent_again(installation, starts, audited):
    some = people(12)
    await _with_a_step_since_the_backup(installation, starts, some)

    await starts()

    settlement = await installation.world.ledger.generations.settlement()
    assert (settlement.merged, settlement.unknown, settlement.people) == (12, 0, ())
    assert await holds(installation) == set()
    await installation.until(300)
    assert {tuple(await installation.inbox(person)) for person in some} == {tuple(STEPS)}
    report = await audited()
    assert report.findings == []


async def test_without_notion_the_list_of_the_provider_is_enough(installation, starts):
    some = people(3)
    await _with_a_step_since_the_backup(installation, starts, some, notion=False)

    await starts(notion=False)
    await installation.until(300)

    assert {tuple(await installation.inbox(person)) for person in some} == {tuple(STEPS)}
    assert (await installation.world.ledger.generations.settlement()).found == 3


async def test_with_a_key_that_may_only_send_nobody_is_doubled_and_people_are_listed(installation, starts):
    some = people(3)
    await _with_a_step_since_the_backup(installation, starts, some, notion=False, notion_sees_it=False)
    await installation.calm()
    may_only_send(installation)

    await starts()

    settlement = await installation.world.ledger.generations.settlement()
    assert settlement.unknown == 3
    assert sorted(settlement.people) == [person.email for person in some]
    letters = await dead_letters_of(installation.world.ledger)
    assert sorted(letter.address for letter in letters) == [person.email for person in some]
    await installation.until(300)
    assert {tuple(await installation.inbox(person)) for person in some} == {tuple(STEPS)}


async def _with_a_first_mail(installation: Installation, starts: Start, person: Assessment) -> GenerationGuard:
    """The worker of a store that is alive, and that every witness knows."""
    worker = await starts("one")
    await installation.simulation.sign_up(person)
    await installation.until(1)
    await worker.turn()
    return worker


async def _with_the_third_step_since_the_backup(installation: Installation, starts: Start, person: Assessment) -> None:
    """The version in force was kept in the backup; the third mail went out after it."""
    await installation.applies(installation.campaign.compiled)
    await installation.simulation.sign_up(person)
    guard = await starts(notion=False)
    await installation.until(31)
    await guard.turn()
    saved = await backup(installation)
    await installation.until(73)
    await guard.turn()
    await guard.stop()
    await restore(installation, saved)


async def test_a_mail_that_a_person_sent_before_its_time_after_the_backup_is_not_sent_again(installation, starts, ada):
    await installation.simulation.sign_up(ada)
    guard = await starts(notion=False)
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

    await starts(notion=False)
    await installation.until(300)

    assert await installation.inbox(ada) == STEPS
    assert (await world.ledger.generations.settlement()).found == 1


async def test_a_mail_with_a_subject_of_an_earlier_version_is_found(installation, starts, ada):
    await _with_the_third_step_since_the_backup(installation, starts, ada)
    await installation.applies(edits.subject(installation.campaign.compiled, body="emails/3-turned-away.md"))

    await starts(notion=False)
    await installation.until(300)

    settlement = await installation.world.ledger.generations.settlement()
    assert (settlement.found, settlement.unknown) == (1, 0)
    assert await installation.inbox(ada) == STEPS


async def test_a_mail_with_a_subject_that_moved_to_another_step_is_sent_to_nobody_again(installation, starts, ada):
    await _with_the_third_step_since_the_backup(installation, starts, ada)
    await installation.applies(edits.exchanged(installation.campaign.compiled))

    await starts(notion=False)

    settlement = await installation.world.ledger.generations.settlement()
    assert (settlement.found, settlement.unknown, settlement.people) == (0, 1, (ada.email,))
    [letter] = await dead_letters_of(installation.world.ledger)
    assert (letter.delivery.step, letter.outcome_unknown) == (3, True)
    await installation.until(119)
    assert await installation.inbox(ada) == STEPS[:3]


async def _in_two_campaigns_of_the_same_subjects(
    installation: Installation, starts: Start, ada: Assessment, *, backup_h: float, restored_h: float
) -> None:
    second = twin(installation.campaign)
    installation.plays_too(second)
    for key in (installation.campaign.key, second.key):
        await installation.simulation.sign_up(ada, campaign=key)
    guard = await starts(notion=False)
    await installation.until(backup_h)
    await guard.turn()
    saved = await backup(installation)
    await installation.calm()
    await installation.until(restored_h)
    await guard.turn()
    await guard.stop()
    await restore(installation, saved)
    await starts(notion=False)


async def test_a_mail_that_only_one_of_two_campaigns_may_have_sent_since_is_its_own(installation, starts, ada):
    await _in_two_campaigns_of_the_same_subjects(installation, starts, ada, backup_h=1, restored_h=13)

    settlement = await installation.world.ledger.generations.settlement()
    assert (settlement.found, settlement.unknown) == (1, 0)
    await installation.until(20)
    assert await installation.inbox(ada) == STEPS[:1] * 2


async def test_mails_that_each_of_two_campaigns_may_have_sent_since_are_unknown_to_both(installation, starts, ada):
    await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "resend"})
    await _in_two_campaigns_of_the_same_subjects(installation, starts, ada, backup_h=0.01, restored_h=14)

    settlement = await installation.world.ledger.generations.settlement()
    assert (settlement.found, settlement.unknown, settlement.people) == (0, 2, (ada.email,))
    await installation.until(20)
    assert await installation.inbox(ada) == STEPS[:1] * 2


async def test_a_mail_that_may_be_of_either_of_two_campaigns_is_found_for_neither(installation, starts, ada):
    await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "resend"})
    await _in_two_campaigns_of_the_same_subjects(installation, starts, ada, backup_h=0.01, restored_h=8)
    letters = await dead_letters_of(installation.world.ledger)

    assert len(await installation.inbox(ada)) == 1
    assert [(await plan(installation.world, letter)).way for letter in letters] == [Way.REFUSED] * 2


async def test_a_replay_finds_a_mail_with_a_subject_of_an_earlier_version(installation, starts, ada):
    await _with_the_third_step_since_the_backup(installation, starts, ada)
    full = installation.settings
    may_only_send(installation)
    await starts(notion=False)
    installation.settings = full
    await installation.applies(edits.subject(installation.campaign.compiled, body="emails/3-turned-away.md"))
    [letter] = await dead_letters_of(installation.world.ledger)

    planned = await plan(installation.world, letter)

    third = (await installation.ask("GET", f"/inbox.json?to={ada.email}"))[2]
    assert planned.way is Way.FOUND
    assert planned.found.id == third["id"]


async def test_without_list_and_notion_a_person_is_asked_before_anything_is_sent(installation, starts):
    some = people(1)
    await _with_a_step_since_the_backup(installation, starts, some, notion=False)
    may_only_send(installation)

    guard = await starts(notion=False)

    assert await holds(installation) == {UNSETTLED}
    await installation.until(100)
    assert await installation.inbox(some[0]) == STEPS[:2]
    await installation.world.ledger.holds.finish(UNSETTLED)
    await guard.turn()
    await installation.until(300)
    assert await installation.inbox(some[0]) == STEPS


async def test_who_unsubscribed_after_the_backup_gets_no_mail(installation, starts, ada):
    await installation.simulation.sign_up(ada)
    guard = await starts()
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

    await starts()
    await installation.until(300)

    assert await installation.inbox(ada) == ["step-1"]


async def test_a_start_without_any_witness_is_a_first_start(installation, starts, ada):
    await installation.simulation.sign_up(ada)

    await starts()

    assert await holds(installation) == set()
    await installation.until(1)
    assert await installation.inbox(ada) == ["step-1"]


async def test_an_ordinary_restart_changes_nothing(installation, starts, ada):
    first = await starts()
    await installation.simulation.sign_up(ada)
    await first.turn()
    before = await installation.world.ledger.generations.current()
    await first.stop()

    waits: list[float] = []

    async def waiting(seconds: float) -> None:
        waits.append(seconds)

    await starts(sleep=waiting)

    after = await installation.world.ledger.generations.current()
    assert (after.id, after.ancestors) == (before.id, before.ancestors)
    assert await holds(installation) == set()
    assert [seconds for seconds in waits if seconds > BEAT_S] == [], "since then no copy has written to a witness"


async def test_an_emptied_store_sends_nothing_until_notion_was_read(installation, starts, ada, boris):
    guard = await starts()
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await guard.turn()
    await guard.stop()
    await installation.store.flushall()
    await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "notion"})

    again = await starts()
    await installation.simulation.sign_up(boris)
    await installation.until(81)

    assert await holds(installation) == {EMPTIED}
    assert await installation.inbox(boris) == []
    await installation.calm()
    world = replace(again._world, suppression_list=None)
    bootstrap = Bootstrap(world, sleep=_faster)
    await bootstrap.before_work()
    await again.turn()
    await bootstrap.stop()
    assert await holds(installation) == set()
    await installation.until(400)
    assert await installation.inbox(ada) == await installation.inbox(boris) == STEPS


async def test_a_store_that_is_replaced_under_a_running_worker_is_noticed(installation, starts, ada):
    guard = await starts()
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    await guard.turn()
    saved = await backup(installation)
    await installation.until(31)
    await guard.turn()
    await restore(installation, saved)

    await guard.turn()
    if guard._settling is not None:
        await guard._settling
    await installation.until(300)

    assert await installation.inbox(ada) == STEPS
    assert (await installation.world.ledger.generations.settlement()).merged == 1


async def test_a_store_that_is_replaced_between_two_heartbeats_gives_no_worker_a_claim(
    installation, starts, ada, clock
):
    second = step_delivery_id(enrollment_id("christmas_2025", ada.email), 2)
    keeper = await starts("one")
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    await keeper.turn()
    saved = await backup(installation)
    await installation.until(23)
    await keeper.turn()
    other = await starts("two", client=installation.store)  # A process of its own, with a ledger of its own.
    await other.turn()
    await restore(installation, saved)
    await keeper._keep_lease()
    clock.move_to(max(clock.now_ms(), installation.anchor_ms + 25 * HOUR_MS))

    ledgers = [guard._world.ledger for guard in (keeper, other)]
    for ledger in ledgers:
        refused = await ledger.deliveries.claim(second, worker="w1", now_ms=clock.now_ms())
        assert refused == ClaimRefused("held", "the store was replaced", clock.now_ms() + 1_000)
    await other.turn()
    refused = await ledgers[1].deliveries.claim(second, worker="w1", now_ms=clock.now_ms())
    assert (refused.reason, refused.detail) == ("held", "the store was replaced")

    await keeper.turn()
    if keeper._settling is not None:
        await keeper._settling
    await other.turn()
    granted = await ledgers[1].deliveries.claim(second, worker="two-1", now_ms=clock.now_ms() + 1_000)
    assert isinstance(granted, ClaimGranted)


async def test_a_copy_refuses_while_the_first_store_lives_with_notion_as_the_only_witness(
    installation, starts, ada, copy
):
    first = await _with_a_first_mail(installation, starts, ada)
    await _copied(installation, copy)

    async def while_the_first_one_beats(seconds: float) -> None:
        for _ in range(int(seconds // BEAT_S)) if seconds > BEAT_S else ():
            await first.turn()
        await _faster(seconds)

    await starts("two", client=copy, sleep=while_the_first_one_beats)

    assert await holds(installation) == set()
    assert await copy.hkeys(keys.HOLD_ALL) == [COPIED.encode()]


async def test_of_two_copies_that_start_at_once_one_refuses_with_notion_as_the_only_witness(
    installation, starts, ada, copy, second_copy
):
    first = await _with_a_first_mail(installation, starts, ada)
    await first.stop()
    await _copied(installation, copy)
    await _copied(installation, second_copy)
    both_have_marked = asyncio.Barrier(2)

    async def until_both_have_marked(seconds: float) -> None:
        if seconds > BEAT_S:
            await both_have_marked.wait()
        await _faster(seconds)

    await asyncio.gather(
        starts("two", client=copy, sleep=until_both_have_marked),
        starts("three", client=second_copy, sleep=until_both_have_marked),
    )

    refusals = [{name.decode() for name in await each.hkeys(keys.HOLD_ALL)} for each in (copy, second_copy)]
    assert sorted(refusals, key=len) == [set(), {COPIED}]


async def test_what_only_a_gateway_remembers_is_waited_for(installation, starts, ada, tmp_path):
    """Workers without a DATA_DIR that lasts, and no Notion."""
    (tmp_path / "gateway").mkdir()
    settings = installation.settings.model_copy(update={"data_dir": tmp_path / "gateway"})
    await installation.simulation.sign_up(ada)
    first = await starts("pod-1", notion=False)
    await installation.until(1)
    await first.turn()
    saved = await backup(installation)
    await installation.until(31)
    await first.turn()
    await GatewayWitness(settings, installation.world.ledger).turn()
    await first.stop()
    await restore(installation, saved)
    gateway = GatewayWitness(settings, installation.world.ledger)

    async def while_the_gateway_publishes(seconds: float) -> None:
        if seconds > BEAT_S:
            await gateway.turn()
        await _faster(seconds)

    await starts("pod-2", notion=False, sleep=while_the_gateway_publishes)
    await installation.until(300)

    assert (await installation.world.ledger.generations.settlement()).found == 1
    assert await installation.inbox(ada) == STEPS


async def test_a_copy_refuses_although_notion_does_not_answer_when_its_token_is_looked_for(
    installation, starts, ada, copy
):
    first = await _with_a_first_mail(installation, starts, ada)
    await _copied(installation, copy)
    waits = 0

    async def while_notion_is_away_once(seconds: float) -> None:
        nonlocal waits
        if seconds > BEAT_S:
            waits += 1
            for _ in range(3):
                await first.turn()
            if waits == 1:
                await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "notion"})
            else:
                await installation.calm()
                for _ in range(3):
                    await first.turn()
        await _faster(seconds)

    await starts("two", client=copy, sleep=while_notion_is_away_once)

    assert waits == 2
    assert await copy.hkeys(keys.HOLD_ALL) == [COPIED.encode()]


async def test_a_copy_that_a_person_released_looks_for_the_first_store_before_it_sends(installation, starts, ada, copy):
    first = await _with_a_first_mail(installation, starts, ada)

    async def while_the_first_one_beats(seconds: float) -> None:
        if seconds > BEAT_S:
            for _ in range(3):
                await first.turn()
        await _faster(seconds)

    await first.stop()
    second = await starts("one", client=copy)
    assert await copy.hkeys(keys.HOLD_ALL) == [EMPTIED.encode()]
    first = await starts("one")
    second._sleep = while_the_first_one_beats
    await copy.hdel(keys.HOLD_ALL, EMPTIED)
    await second.turn()

    assert await holds(installation) == set()
    assert await copy.hkeys(keys.HOLD_ALL) == [COPIED.encode()]


async def test_a_gateway_that_wrote_a_witness_last_is_no_copy(installation, starts, ada, tmp_path):
    first = await starts(notion=False)
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    await first.turn()
    await first.stop()
    file = WitnessFile(tmp_path / "one")

    async def while_a_gateway_writes(seconds: float) -> None:
        if seconds > BEAT_S:
            file.write(replace(file.read(), token=""))
        await _faster(seconds)

    await starts(notion=False, sleep=while_a_gateway_writes)

    assert await holds(installation) == set()


async def _copied(installation: Installation, copy: redis.asyncio.Redis) -> None:
    for key, value in (await backup(installation)).items():
        await copy.restore(key, 0, value, replace=True)
    await copy.delete(keys.GENERATION_KEEPER)


def _ledger(installation: Installation, client: redis.asyncio.Redis) -> Ledger:
    terms = installation.world.campaigns.terms(installation.settings.pace)
    return Ledger.of(client, terms, secret_key=installation.settings.secret)


def may_only_send(installation: Installation) -> None:
    from services.sandbox.ids import SENDING_KEY

    installation.settings = installation.settings.model_copy(update={"resend_api_key": SENDING_KEY})
    installation.simulation = installation._simulation()
