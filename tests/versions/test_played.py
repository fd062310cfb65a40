"""Which version of a campaign a process plays, whatever its files contain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.campaigns.campaign import campaign_of
from common.campaigns.errors import CampaignError
from common.ledger import keys
from common.ledger.deliveries import ClaimGranted, ClaimRefused
from common.ledger.versions import AnotherVersion, LogEntry
from common.settings.settings import Settings
from common.versions.played import STALLED_MS
from tests.versions import edits
from tests.versions.conftest import KEY, Process


@pytest.fixture
def process(store, campaign, settings, clock):
    return lambda files=campaign, settings=settings: Process(store, files, settings, clock)


def edited(campaign):
    return campaign_of(edits.text(campaign.compiled))


async def test_first_start_puts_its_files_in_force_and_logs_who_did(process, campaign, clock):
    first = process()

    await first.versions.refresh()

    assert first.version == campaign.version
    (entry,) = await first.ledger.versions.log(KEY)
    assert (entry.version, entry.source, entry.action, entry.at_ms) == (
        campaign.version,
        None,
        "first start",
        clock.now_ms(),
    )
    assert entry.by


async def test_process_with_different_files_plays_the_version_in_force_and_says_so(process, campaign):
    await process().versions.refresh()
    later = process(edited(campaign))

    await later.versions.refresh()

    assert later.version == campaign.version
    assert later.versions.differing == (KEY,)
    assert [entry.action for entry in await later.ledger.versions.log(KEY)] == ["first start"]


async def test_process_with_the_files_in_force_reports_no_difference(process):
    await process().versions.refresh()
    later = process()

    await later.versions.refresh()

    assert later.versions.differing == ()


async def apply(process: Process, target, clock) -> None:
    entry = LogEntry(version=target.version, source=process.version, action="apply", by="ada", at_ms=clock.now_ms())
    applied = await process.ledger.versions.apply(KEY, entry, compiled=target.compiled.to_json(), replans=False)
    assert applied.is_done


async def test_applied_version_is_played_by_all_running_workers(process, campaign, clock):
    workers = [process(), process()]
    for worker in workers:
        await worker.versions.refresh()

    await apply(workers[0], edited(campaign), clock)
    for worker in workers:
        await worker.versions.refresh()

    assert [worker.version for worker in workers] == [edited(campaign).version] * 2


async def test_second_of_two_concurrent_applies_is_refused(process, campaign, clock):
    worker = process()
    await worker.versions.refresh()
    await apply(worker, edited(campaign), clock)
    other = campaign_of(edits.moved(campaign.compiled))
    entry = LogEntry(version=other.version, source=worker.version, action="apply", by="boris", at_ms=clock.now_ms())

    applied = await worker.ledger.versions.apply(KEY, entry, compiled=other.compiled.to_json())

    assert (applied.is_done, applied.instead) == (False, edited(campaign).version)


async def enrolled(worker: Process, ada, clock) -> str:
    accepted = await worker.ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    enrollment = await worker.ledger.enrollments.get(accepted.enrollment_id)
    await worker.ledger.signups.enroll(enrollment, now_ms=clock.now_ms(), announce=False)
    return accepted.enrollment_id


async def test_a_worker_that_plays_another_version_gets_no_claim(process, campaign, clock, ada):
    worker, stale = process(), process()
    for one in (worker, stale):
        await one.versions.refresh()
    enrollment = await enrolled(worker, ada, clock)
    await apply(worker, edited(campaign), clock)

    claim = await stale.ledger.deliveries.claim(f"{enrollment}/step-1", worker="w", now_ms=clock.now_ms())

    assert claim == ClaimRefused("another version", edited(campaign).version)


async def test_mail_rendered_with_the_previous_version_is_not_frozen(process, campaign, clock, ada):
    worker = process()
    await worker.versions.refresh()
    enrollment = await enrolled(worker, ada, clock)
    claim = await worker.ledger.deliveries.claim(f"{enrollment}/step-1", worker="w", now_ms=clock.now_ms())
    assert isinstance(claim, ClaimGranted)
    version = worker.version
    await apply(worker, edited(campaign), clock)

    frozen = await worker.ledger.deliveries.freeze(claim, "mail", now_ms=clock.now_ms(), version=version)

    assert isinstance(frozen, ClaimRefused)
    assert frozen.reason == "held"


async def test_worker_that_plays_another_version_enrolls_no_contact(process, campaign, clock, ada):
    worker, stale = process(), process()
    for one in (worker, stale):
        await one.versions.refresh()
    accepted = await stale.ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    enrollment = await stale.ledger.enrollments.get(accepted.enrollment_id)
    await apply(worker, edited(campaign), clock)

    with pytest.raises(AnotherVersion):
        await stale.ledger.signups.enroll(enrollment, now_ms=clock.now_ms(), announce=False)


async def test_each_sent_mail_remembers_its_version(process, campaign, clock, ada):
    worker = process()
    await worker.versions.refresh()
    enrollment = await enrolled(worker, ada, clock)
    claim = await worker.ledger.deliveries.claim(f"{enrollment}/step-1", worker="w", now_ms=clock.now_ms())
    await worker.ledger.deliveries.freeze(claim, "mail", now_ms=clock.now_ms(), version=worker.version)
    await worker.ledger.deliveries.settle(claim, "accepted", "id-1", now_ms=clock.now_ms())

    fields = await worker.ledger.store.read_hash(keys.enrollment(enrollment))

    assert fields["versions"] == f"@{campaign.version} step-1"


async def test_starting_process_restores_the_version_in_force_to_an_emptied_store(process, campaign, clock, store):
    worker = process()
    await worker.versions.refresh()
    await apply(worker, edited(campaign), clock)
    await worker.versions.refresh()
    await store.flushdb()
    started_again = process()

    await started_again.versions.refresh()

    assert started_again.version == edited(campaign).version
    assert [entry.action for entry in await started_again.ledger.versions.log(KEY)] == ["from DATA_DIR"]


async def test_running_worker_restores_its_version_to_an_emptied_store(process, campaign, clock, store, tmp_path):
    worker = process(settings=Settings(secret_key="s" * 32, data_dir=tmp_path / "a"))
    await worker.versions.refresh()
    await apply(worker, edited(campaign), clock)
    await worker.versions.refresh()
    await store.flushdb()

    await worker.versions.refresh()

    in_force = await worker.ledger.versions.in_force()
    assert in_force[KEY].version == edited(campaign).version


async def test_gateway_without_a_store_starts_with_its_copy_of_the_version_in_force(process, campaign, clock):
    worker = process()
    await worker.versions.refresh()
    await apply(worker, edited(campaign), clock)
    await worker.versions.refresh()
    gateway = process()

    gateway.versions.use_copies()

    assert gateway.version == edited(campaign).version


async def test_damaged_copy_of_a_version_is_ignored(process, campaign, tmp_path: Path):
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / f"{KEY}.json").write_text("{")
    gateway = process()

    gateway.versions.use_copies()
    await gateway.versions.refresh()

    assert gateway.version == campaign.version


async def test_version_in_a_later_format_stops_an_older_process_with_one_line(process, campaign, clock, store):
    worker = process()
    await worker.versions.refresh()
    later = json.loads(campaign.compiled.to_json()) | {"format": 99}
    await store.hset(keys.versions(KEY), "feed00000000", json.dumps(later))
    await store.hset(keys.IN_FORCE, KEY, "feed00000000")

    with pytest.raises(CampaignError, match="has format 99, but this Advent reads format 1; run the Advent that"):
        await worker.versions.refresh()


async def test_contacts_from_before_versions_wait_for_an_operator_to_choose_their_texts(
    process, campaign, store, tmp_path
):
    await store.set(keys.UNVERSIONED, 1)
    real = Settings(secret_key="s" * 32, data_dir=tmp_path, resend_api_key="re_1", sandboxed=frozenset({"notion"}))
    worker = process(settings=real)

    with pytest.raises(CampaignError, match="advent migrate --yes"):
        await worker.versions.refresh()

    assert await worker.ledger.versions.in_force() == {}


async def test_contacts_from_before_versions_get_the_files_automatically_in_the_sandbox(process, campaign, store):
    await store.set(keys.UNVERSIONED, 1)
    worker = process()

    await worker.versions.refresh()

    assert worker.version == campaign.version
    assert not await worker.ledger.versions.is_unversioned()


async def test_worker_replans_schedules_only_after_the_command_has_stalled(process, campaign, clock):
    worker = process()
    await worker.versions.refresh()
    target = campaign_of(edits.moved(campaign.compiled))
    entry = LogEntry(version=target.version, source=worker.version, action="apply", by="ada", at_ms=clock.now_ms())
    await worker.ledger.versions.apply(KEY, entry, compiled=target.compiled.to_json())

    clock.advance(STALLED_MS)
    await worker.versions.refresh()
    assert (await worker.ledger.versions.in_force())[KEY].replanning is not None

    clock.advance(1)
    await worker.versions.refresh()
    assert (await worker.ledger.versions.in_force())[KEY].replanning is None
