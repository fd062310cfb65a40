from __future__ import annotations

import pytest
import redis.asyncio

from common.clock import VirtualClock
from common.domain.cadence import Cadence
from common.domain.contact import Assessment
from common.domain.ids import EnrollmentId
from common.ledger import keys
from common.ledger.ledger import Ledger

HOUR_MS = 3_600_000


@pytest.fixture
def ada() -> Assessment:
    return Assessment(
        email="ada@example.org", first_name="Ada", assessment_score=38, red_systems=2, orange_systems=1, gps_score=40
    )


@pytest.fixture
def cadence() -> Cadence:
    return Cadence(tuple(h * HOUR_MS for h in (0, 24, 72, 120, 168, 216, 264)), 12 * HOUR_MS)


@pytest.fixture
async def ledger(store: redis.asyncio.Redis, cadence: Cadence) -> Ledger:
    # Two workers that live as long as the test: their next heartbeat is far ahead.
    await store.zadd(keys.HEARTBEATS, {"w1": 9e15, "w2": 9e15})
    return Ledger(store, campaign="christmas_2025", cadence=cadence, secret_key="s" * 32)


@pytest.fixture
async def began_ms(ledger: Ledger, ada: Assessment, clock: VirtualClock) -> int:
    """Enroll Ada now, so that her first step is due. Return the time."""
    now_ms = clock.now_ms()
    known = await ledger.signups.accept(ada, webhook_id="signup:1", received_ms=now_ms)
    enrollment = await ledger.enrollments.get(EnrollmentId(known.enrollment_id))
    assert enrollment is not None
    await ledger.signups.enroll(enrollment, now_ms=now_ms, announce=False)
    return now_ms
