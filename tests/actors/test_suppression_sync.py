"""Resend's suppression list and ours agree: complaints there stop mail here, and unsubscribes here are listed there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from structlog.testing import CapturingLogger

from actors.upkeep import suppression_sync
from actors.upkeep.suppression_sync import sync_when_free
from common.domain.enrollment import ExitReason
from common.domain.ids import enrollment_id
from common.errors import Permanent
from common.ledger import keys
from common.providers.budget import Unlimited
from common.providers.resend.suppression_list import ResendSuppressionList
from services.sandbox.ids import API_KEY, SENDING_KEY
from services.simulation.engine import Simulation
from tests.ledger_reads import timeline_of
from tests.sandbox.running import RunningSandbox, running

HOUR_MS = 3_600_000
CHEN = enrollment_id("christmas_2025", "chen@example.org")


@pytest.fixture
async def resend(clock) -> AsyncIterator[RunningSandbox]:
    async with running(clock=clock) as started:
        yield started


@pytest.fixture
async def synced(simulation: Simulation, resend: RunningSandbox) -> AsyncIterator[Simulation]:
    """A simulation whose worker synchronizes the two lists over HTTP."""
    of = ResendSuppressionList(API_KEY, resend.resend_url, budget=Unlimited())
    simulation.world = replace(simulation.world, suppression_list=of)
    yield simulation
    await of.close()


async def listed(resend: RunningSandbox) -> dict[str, str]:
    _, answer, _ = await resend.resend("GET", "/suppressions?limit=100")
    return {entry["email"]: entry["origin"] for entry in answer["data"]}


def asked(resend: RunningSandbox) -> int:
    return resend.sandbox.tally.requests["resend suppressions.list"]


async def complains(resend: RunningSandbox, address: str) -> None:
    """Let a contact complain about a mail of this account; the webhook of the complaint is lost."""
    resend.sandbox.board.change({"complaining": [address], "webhooks": False})
    mail = {"from": "Sarah <sarah@example.com>", "to": [address], "subject": "Hello", "text": "Hello"}
    status, _, _ = await resend.resend("POST", "/emails", mail)
    assert (status, await listed(resend)) == (200, {address: "complaint"})


async def leave(simulation: Simulation, now_ms: int) -> None:
    hashed = simulation.ledger.store.address_hash("chen@example.org")
    await simulation.ledger.enrollments.unsubscribe(CHEN, address_hash=hashed, now_ms=now_ms)


async def test_complaint_with_a_lost_webhook_ends_the_sequence_within_the_hour(synced, resend, chen, clock):
    await synced.sign_up(chen)
    await sync_when_free(synced.world)
    await complains(resend, "chen@example.org")
    clock.advance(HOUR_MS - 1)
    await sync_when_free(synced.world)
    assert (await synced.ledger.enrollments.get(CHEN)).exit_reason is None

    clock.advance(1)
    await sync_when_free(synced.world)

    assert (await synced.ledger.enrollments.get(CHEN)).exit_reason is ExitReason.COMPLAINED
    await synced.run()
    assert synced.mailer.inbox_of("chen@example.org") == []


async def test_all_pages_of_the_list_are_read_and_later_only_new_entries(synced, resend, clock):
    for number in range(250):
        await resend.resend("POST", "/suppressions", {"email": f"p{number}@example.org"})
    clock.advance(HOUR_MS)
    await sync_when_free(synced.world)
    assert await synced.ledger.client.hlen(keys.SUPPRESSED) == 250
    assert asked(resend) == 3

    clock.advance(HOUR_MS)
    await resend.resend("POST", "/suppressions", {"email": "new@example.org"})
    await sync_when_free(synced.world)
    assert await synced.ledger.client.hlen(keys.SUPPRESSED) == 251
    assert asked(resend) == 3 + 1


async def test_a_contact_who_leaves_all_mail_is_listed_at_resend(synced, resend, chen, clock):
    await synced.sign_up(chen)
    await leave(synced, clock.now_ms())
    await sync_when_free(synced.world)

    assert await listed(resend) == {"chen@example.org": "manual"}
    assert await synced.ledger.suppressions.unlisted() == []
    clock.advance(HOUR_MS)
    await sync_when_free(synced.world)
    known = await synced.ledger.suppressions.of("chen@example.org")
    assert known.reason is ExitReason.UNSUBSCRIBED, "our own entry says nothing new"


async def test_contact_unsuppressed_at_the_console_is_removed_from_both_lists(synced, resend, chen, clock):
    await synced.sign_up(chen)
    await leave(synced, clock.now_ms())
    await sync_when_free(synced.world)
    assert await listed(resend) == {"chen@example.org": "manual"}

    await synced.ledger.suppressions.request_unsuppress(CHEN, detail="by phone")
    await sync_when_free(synced.world)

    assert await listed(resend) == {}
    assert await synced.ledger.suppressions.of("chen@example.org") is None
    assert await synced.ledger.suppressions.unsuppress_requests() == []


async def test_contact_who_complained_at_resend_cannot_be_unsuppressed_at_the_console(synced, resend, chen, clock):
    await synced.sign_up(chen)
    await complains(resend, "chen@example.org")

    await synced.ledger.suppressions.request_unsuppress(CHEN, detail="by phone")
    await sync_when_free(synced.world)

    assert await listed(resend) == {"chen@example.org": "complaint"}
    assert (await synced.ledger.suppressions.of("chen@example.org")).reason is ExitReason.COMPLAINED
    assert await synced.ledger.suppressions.unsuppress_requests() == []


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> CapturingLogger:
    captured = CapturingLogger()
    monkeypatch.setattr(suppression_sync, "log", captured)
    return captured


def refused(log: CapturingLogger) -> list[str]:
    return [line.kwargs["reason"] for line in log.calls if line.args == ("unsuppress_refused",)]


async def why_not(synced: Simulation) -> list[str]:
    """Return why Chen is still suppressed, as the timeline says it."""
    return [entry.detail for entry in await timeline_of(synced.ledger, CHEN) if entry.what == "still suppressed"]


async def test_complaint_known_only_to_the_ledger_keeps_the_contact_on_both_lists(synced, resend, chen, log, clock):
    await synced.sign_up(chen)
    suppress = synced.ledger.suppressions.suppress
    await suppress(
        "chen@example.org", ExitReason.COMPLAINED, detail="by phone", now_ms=clock.now_ms(), is_unlisted=True
    )
    await sync_when_free(synced.world)
    assert await listed(resend) == {"chen@example.org": "manual"}

    await synced.ledger.suppressions.request_unsuppress(CHEN, detail="by phone")
    await sync_when_free(synced.world)

    assert refused(log) == ["complained"]
    assert await why_not(synced) == [
        "this contact reported our mail as spam; that cannot be undone; asked for by phone"
    ]
    assert await listed(resend) == {"chen@example.org": "manual"}
    assert await synced.ledger.suppressions.unsuppress_requests() == []


async def test_unsuppress_request_for_a_forgotten_contact_is_refused_as_forgotten(synced, log):
    await synced.ledger.suppressions.request_unsuppress(CHEN, detail="by phone")
    await sync_when_free(synced.world)

    assert refused(log) == ["forgotten"]
    assert await synced.ledger.client.exists(keys.PREFIX + f"timeline:{CHEN}") == 0, "nothing is kept of them again"
    assert await synced.ledger.suppressions.unsuppress_requests() == []


@pytest.mark.parametrize("request_name", ["origin_of", "remove"])
async def test_address_that_the_list_refuses_does_not_block_the_others(
    synced, resend, chen, boris, log, clock, monkeypatch, request_name
):
    for person in (chen, boris):
        await synced.sign_up(person)
        await synced.ledger.suppressions.suppress(
            person.email, ExitReason.UNSUBSCRIBED, detail="by mail", now_ms=clock.now_ms()
        )
        who = enrollment_id("christmas_2025", person.email)
        await synced.ledger.suppressions.request_unsuppress(who, detail="by phone")
    asked_of = getattr(synced.world.suppression_list, request_name)

    async def refuses_chen(address: str) -> str | None:
        if address == chen.email:
            raise Permanent("validation_error", status=422)
        return await asked_of(address)

    monkeypatch.setattr(synced.world.suppression_list, request_name, refuses_chen)
    await sync_when_free(synced.world)

    assert refused(log) == ["validation_error"]
    assert await why_not(synced) == [
        "Resend refused to remove the address from its list (validation_error); fix that, then request it again;"
        " asked for by phone"
    ]
    assert await synced.ledger.suppressions.of(chen.email) is not None
    assert await synced.ledger.suppressions.of(boris.email) is None
    assert await synced.ledger.suppressions.unsuppress_requests() == []


async def test_no_suppression_is_lost_while_resend_is_away(synced, resend, chen, clock):
    await synced.sign_up(chen)
    await leave(synced, clock.now_ms())
    async with resend.http.post(f"{resend.url}/faults", json={"kind": "unavailable", "provider": "resend", "count": 1}):
        pass
    await sync_when_free(synced.world)
    assert (await listed(resend), len(await synced.ledger.suppressions.unlisted())) == ({}, 1)

    await synced.ledger.client.delete(keys.SUPPRESSION_LIST_WORKER)  # The lock expires after ten minutes.
    await sync_when_free(synced.world)
    assert await listed(resend) == {"chen@example.org": "manual"}


async def test_sending_only_key_changes_no_suppression(simulation, resend, chen):
    of = ResendSuppressionList(SENDING_KEY, resend.resend_url, budget=Unlimited())
    simulation.world = replace(simulation.world, suppression_list=of)
    await sync_when_free(simulation.world)
    await of.close()

    assert await simulation.ledger.store.read_hash(keys.SUPPRESSION_LIST) == {}


async def test_testing_mode_adds_nothing_to_the_list_of_a_real_resend(synced, resend, chen, clock):
    settings = synced.world.settings.model_copy(
        update={"testing_mode": True, "resend_api_key": API_KEY, "sandboxed": frozenset()}
    )
    synced.world = replace(synced.world, settings=settings)
    await synced.sign_up(chen)
    await leave(synced, clock.now_ms())
    await sync_when_free(synced.world)

    assert await listed(resend) == {}


async def test_one_worker_at_a_time_synchronizes_the_suppression_list(synced, resend):
    await synced.ledger.client.set(keys.SUPPRESSION_LIST_WORKER, "another")
    await sync_when_free(synced.world)

    assert await synced.ledger.store.read_hash(keys.SUPPRESSION_LIST) == {}


async def test_worker_that_took_too_long_does_not_release_the_next_workers_lock(synced, monkeypatch):
    async def reads_for_ten_minutes(*_: object) -> int:
        return int(await synced.ledger.client.set(keys.SUPPRESSION_LIST_WORKER, "another"))

    monkeypatch.setattr(suppression_sync, "read_when_due", reads_for_ten_minutes)
    await sync_when_free(synced.world)

    assert await synced.ledger.client.get(keys.SUPPRESSION_LIST_WORKER) == b"another"
