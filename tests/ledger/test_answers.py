"""What a transition returns to its caller, apart from what it writes."""

from __future__ import annotations

import pytest
import redis
import redis.asyncio

from common.domain.enrollment import ExitReason, Status
from common.domain.ids import enrollment_id
from common.ledger.ledger import Ledger
from tests.ledger.test_transitions import ADA, enrolled, go, step


async def test_enroll_returns_the_status_of_the_enrollment(ledger, ada, clock):
    now = clock.now_ms()
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now)
    known = await ledger.enrollments.get(ADA)

    assert await ledger.signups.enroll(known, now_ms=now, announce=False) is Status.ACTIVE
    await ledger.enrollments.exit(ADA, ExitReason.UNSUBSCRIBED, address_hash=None, now_ms=now)
    assert await ledger.signups.enroll(known, now_ms=now, announce=False) is Status.EXITED


async def test_contact_who_never_signed_up_cannot_be_enrolled(ledger, ada, clock):
    await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=clock.now_ms())
    known = await ledger.enrollments.get(ADA)
    await ledger.client.flushall()

    assert await ledger.signups.enroll(known, now_ms=clock.now_ms(), announce=False) is None


async def test_exit_returns_whether_it_ended_the_enrollment(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)

    assert await ledger.enrollments.exit(ADA, ExitReason.BOUNCED, address_hash=None, now_ms=now) is True
    assert await ledger.enrollments.exit(ADA, ExitReason.UNSUBSCRIBED, address_hash=None, now_ms=now) is False
    stranger = enrollment_id("christmas_2025", "nobody@example.org")
    assert await ledger.enrollments.exit(stranger, ExitReason.BOUNCED, address_hash=None, now_ms=now) is False


async def test_open_circuit_ends_when_its_wait_is_over(ledger, clock):
    now = clock.now_ms()
    assert await ledger.circuits.open_until("notion", now_ms=now) is None
    trouble = await ledger.circuits.report_failure("notion", id="a", reason="503", provider_wide=True, now_ms=now)

    assert await ledger.circuits.open_until("notion", now_ms=trouble.until_ms - 1) == trouble.until_ms
    assert await ledger.circuits.open_until("notion", now_ms=trouble.until_ms) is None
    assert await ledger.circuits.open_until("resend", now_ms=now) is None


async def test_long_dead_letter_reason_is_cut_to_300_characters_in_one_line(ledger, ada, clock):
    now = clock.now_ms()
    await enrolled(ledger, ada, now)
    claim = await go(ledger, 1, now)
    await ledger.deliveries.freeze(claim, "mail", now_ms=now)
    await ledger.deliveries.settle(claim, "dead", "line\n" + "x" * 400, now_ms=now)

    letter = await ledger.dead_letters.get(step(1))
    assert letter is not None
    assert letter.reason == "line " + "x" * 295


async def test_impatient_ledger_fails_at_once_while_the_store_is_away(cadence, tmp_path):
    client = redis.asyncio.Redis(unix_socket_path=str(tmp_path / "nobody"))
    ledger = Ledger(client, campaign="christmas_2025", cadence=cadence, secret_key="s" * 32)

    with pytest.raises(redis.ConnectionError):
        await ledger.enrollments.get(ADA)
    await client.aclose()
