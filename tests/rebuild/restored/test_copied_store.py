"""A worker notices that its store was emptied, replaced or copied before it sends anything."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import redis.asyncio

from actors.upkeep.bootstrap import Bootstrap
from actors.upkeep.generation_guard import BEAT_S
from common.domain.ids import enrollment_id, step_delivery_id
from common.domain.store_generation import COPIED, EMPTIED
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.store.witness_file import WitnessFile
from services.gateway.witness import GatewayWitness
from tests.rebuild.conftest import HOUR_MS, Installation
from tests.rebuild.restored.conftest import STEPS, backup, faster, holds, restore, with_a_first_mail


async def _copied(installation: Installation, copy: redis.asyncio.Redis) -> None:
    for key, value in (await backup(installation)).items():
        await copy.restore(key, 0, value, replace=True)
    await copy.delete(keys.GENERATION_KEEPER)


async def test_worker_without_any_witness_makes_a_first_start(installation, start_worker, ada):
    await installation.simulation.sign_up(ada)

    await start_worker()

    assert await holds(installation) == set()
    await installation.until(1)
    assert await installation.inbox(ada) == ["step-1"]


async def test_an_ordinary_restart_changes_nothing(installation, start_worker, ada):
    first = await start_worker()
    await installation.simulation.sign_up(ada)
    await first.turn()
    before = await installation.world.ledger.generations.current()
    await first.stop()

    waits: list[float] = []

    async def waiting(seconds: float) -> None:
        waits.append(seconds)

    await start_worker(sleep=waiting)

    after = await installation.world.ledger.generations.current()
    assert (after.id, after.ancestors) == (before.id, before.ancestors)
    assert await holds(installation) == set()
    assert [seconds for seconds in waits if seconds > BEAT_S] == [], "since then no copy has written to a witness"


async def test_nothing_is_sent_from_an_emptied_store_until_notion_was_read(installation, start_worker, ada, boris):
    guard = await start_worker()
    await installation.simulation.sign_up(ada)
    await installation.until(80)
    await guard.turn()
    await guard.stop()
    await installation.store.flushall()
    await installation.ask("POST", "/faults", {"kind": "status", "status": 503, "provider": "notion"})

    again = await start_worker()
    await installation.simulation.sign_up(boris)
    await installation.until(81)

    assert await holds(installation) == {EMPTIED}
    assert await installation.inbox(boris) == []
    await installation.calm()
    world = replace(again._world, suppression_list=None)
    bootstrap = Bootstrap(world, sleep=faster)
    await bootstrap.before_work()
    await again.turn()
    await bootstrap.stop()
    assert await holds(installation) == set()
    await installation.until(400)
    assert await installation.inbox(ada) == await installation.inbox(boris) == STEPS


async def test_running_worker_notices_that_its_store_was_replaced(installation, start_worker, ada):
    guard = await start_worker()
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


async def test_no_worker_gets_a_claim_after_its_store_was_replaced_between_two_heartbeats(
    installation, start_worker, ada, clock
):
    second = step_delivery_id(enrollment_id("christmas_2025", ada.email), 2)
    keeper = await start_worker("one")
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    await keeper.turn()
    saved = await backup(installation)
    await installation.until(23)
    await keeper.turn()
    other = await start_worker("two", client=installation.store)  # A separate process with its own ledger.
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


async def test_copied_store_is_held_while_the_first_is_in_use_with_only_notion_as_witness(
    installation, start_worker, ada, copy
):
    first = await with_a_first_mail(installation, start_worker, ada)
    await _copied(installation, copy)

    async def while_the_first_one_beats(seconds: float) -> None:
        for _ in range(int(seconds // BEAT_S)) if seconds > BEAT_S else ():
            await first.turn()
        await faster(seconds)

    await start_worker("two", client=copy, sleep=while_the_first_one_beats)

    assert await holds(installation) == set()
    assert await copy.hkeys(keys.HOLD_ALL) == [COPIED.encode()]


async def test_one_of_two_copied_stores_is_held_with_only_notion_as_witness(
    installation, start_worker, ada, copy, second_copy
):
    first = await with_a_first_mail(installation, start_worker, ada)
    await first.stop()
    await _copied(installation, copy)
    await _copied(installation, second_copy)
    both_have_marked = asyncio.Barrier(2)

    async def until_both_have_marked(seconds: float) -> None:
        if seconds > BEAT_S:
            await both_have_marked.wait()
        await faster(seconds)

    await asyncio.gather(
        start_worker("two", client=copy, sleep=until_both_have_marked),
        start_worker("three", client=second_copy, sleep=until_both_have_marked),
    )

    refusals = [{name.decode() for name in await each.hkeys(keys.HOLD_ALL)} for each in (copy, second_copy)]
    assert sorted(refusals, key=len) == [set(), {COPIED}]


async def test_worker_waits_for_a_generation_that_only_a_gateway_knows(installation, start_worker, ada, tmp_path):
    """The workers have no lasting DATA_DIR and no Notion."""
    (tmp_path / "gateway").mkdir()
    settings = installation.settings.model_copy(update={"data_dir": tmp_path / "gateway"})
    await installation.simulation.sign_up(ada)
    first = await start_worker("pod-1", notion=False)
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
        await faster(seconds)

    await start_worker("pod-2", notion=False, sleep=while_the_gateway_publishes)
    await installation.until(300)

    assert (await installation.world.ledger.generations.settlement()).found == 1
    assert await installation.inbox(ada) == STEPS


async def test_copied_store_is_held_although_notion_is_down_at_the_first_check(installation, start_worker, ada, copy):
    first = await with_a_first_mail(installation, start_worker, ada)
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
        await faster(seconds)

    await start_worker("two", client=copy, sleep=while_notion_is_away_once)

    assert waits == 2
    assert await copy.hkeys(keys.HOLD_ALL) == [COPIED.encode()]


async def test_copied_store_released_by_an_operator_is_held_while_the_first_is_in_use(
    installation, start_worker, ada, copy
):
    first = await with_a_first_mail(installation, start_worker, ada)

    async def while_the_first_one_beats(seconds: float) -> None:
        if seconds > BEAT_S:
            for _ in range(3):
                await first.turn()
        await faster(seconds)

    await first.stop()
    second = await start_worker("one", client=copy)
    assert await copy.hkeys(keys.HOLD_ALL) == [EMPTIED.encode()]
    first = await start_worker("one")
    second._sleep = while_the_first_one_beats
    await copy.hdel(keys.HOLD_ALL, EMPTIED)
    await second.turn()

    assert await holds(installation) == set()
    assert await copy.hkeys(keys.HOLD_ALL) == [COPIED.encode()]


async def test_witness_written_by_a_gateway_is_not_mistaken_for_a_copied_store(
    installation, start_worker, ada, tmp_path
):
    first = await start_worker(notion=False)
    await installation.simulation.sign_up(ada)
    await installation.until(1)
    await first.turn()
    await first.stop()
    file = WitnessFile(tmp_path / "one")

    async def while_a_gateway_writes(seconds: float) -> None:
        if seconds > BEAT_S:
            file.write(replace(file.read(), token=""))
        await faster(seconds)

    await start_worker(notion=False, sleep=while_a_gateway_writes)

    assert await holds(installation) == set()
