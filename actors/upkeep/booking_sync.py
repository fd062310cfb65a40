"""Compare Cal.com's list of bookings with ours, and record the events that no webhook reported."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import structlog

from actors.upkeep.last_read import last_read_ms
from common.background import repeat
from common.domain.booking import BookingEvent
from common.domain.booking_diff import ListedBooking, unreported
from common.domain.cadence import Pace
from common.domain.ids import booking_id, seat_id
from common.domain.series import resolve
from common.errors import Failure, Misconfigured
from common.ledger import keys
from common.ledger.constants import CALENDAR
from common.providers.protocols import Calendar
from common.world import World

log = structlog.get_logger(__name__)

EVERY_MS = 300_000
EVERY_MIN_MS = 5_000
WHOLE_EVERY = 12
"""Each comparison reads what changed since the last one; every 12th also reads everything in the window."""

OVERLAP_MS = 900_000
"""Changes are read from this long before the last comparison, because clocks differ and pages shift."""

SCHEDULE_EVERY_S = 15.0

DAY_MS = 86_400_000
BACK_MS, AHEAD_MS = DAY_MS, 60 * DAY_MS


def every_ms(pace: Pace) -> int:
    """Return the interval of comparisons: 5 minutes; in TESTING_MODE divided by the speed, but at least 5 s."""
    return max(EVERY_MIN_MS, round(EVERY_MS / pace.speed)) if pace.testing else EVERY_MS


async def schedule_next(world: World) -> None:
    """Schedule the next comparison; repeating it changes nothing. Without CALCOM_API_KEY there is none."""
    if world.calendar is None:
        return
    each_ms = every_ms(world.settings.pace)
    turn = world.clock.now_ms() // each_ms + 1
    await world.ledger.schedule.request_comparison(f"poll/{turn}", due_ms=turn * each_ms)


async def run_booking_sync(world: World) -> None:
    """Schedule the next comparison again and again until cancelled, in case it was lost."""
    await repeat("booking_sync", lambda: schedule_next(world), every_s=SCHEDULE_EVERY_S)


async def reconcile_bookings(world: World, job: str) -> None:
    """
    Compare Cal.com's bookings with ours. The job is `poll/<turn>`.

    1. Schedule the next comparison, whatever the outcome of this one.
    2. Read what changed since the last time, and sometimes everything in the window.
    3. Record missing events as webhooks would have done; the series decides what they mean.
    4. A failure affects no contact: it is logged, and the next comparison starts where this one did.
    """
    calendar = world.calendar
    if calendar is None:
        return
    await schedule_next(world)
    try:
        for what, since_ms in await _questions(world):
            asked_ms = world.clock.now_ms()
            repaired = await _compare(world, _ask(calendar, since_ms, asked_ms))
            await _record_asked(world, what, asked_ms)
            log.info("bookings_compared", what=what, repaired=repaired)
    except Failure as failure:
        await _show(world, job, failure)
    else:
        await world.ledger.store.call(lambda: world.ledger.client.delete(keys.circuit(CALENDAR)))


async def _record_asked(world: World, what: str, asked_ms: int) -> None:
    """Record when this reading began: the next one starts there. Waits while the store is away."""
    calendar = keys.calendar(world.ledger.campaign)
    await world.ledger.store.call(lambda: world.ledger.client.hset(calendar, what, asked_ms))


async def _questions(world: World) -> list[tuple[str, int | None]]:
    """Return what to read now: (`all`, None) for the whole window, (`changes`, since when, ms)."""
    kept = await world.ledger.store.read_hash(keys.calendar(world.ledger.campaign))
    each_ms, now_ms = every_ms(world.settings.pace), world.clock.now_ms()
    whole_due_ms = last_read_ms(kept.get("all"), now_ms=now_ms) + WHOLE_EVERY * each_ms
    found: list[tuple[str, int | None]] = []
    if now_ms >= whole_due_ms:
        found.append(("all", None))
    last_ms = last_read_ms(kept.get("changes"), now_ms=now_ms) or now_ms - BACK_MS
    return [*found, ("changes", last_ms - OVERLAP_MS)]


def _ask(calendar: Calendar, since_ms: int | None, now_ms: int) -> AsyncIterator[Sequence[ListedBooking]]:
    if since_ms is None:
        return calendar.between(now_ms - BACK_MS, now_ms + AHEAD_MS)
    return calendar.changed_since(since_ms)


async def _compare(world: World, pages: AsyncIterator[Sequence[ListedBooking]]) -> int:
    """Record the missing events of the listed bookings. Return how many there were."""
    found = [listed async for page in pages for listed in page if listed.counts(world.settings.calcom_types)]
    # Record a move before the end of the moved booking; otherwise the contact would seem to have no call in between.
    moves_first = sorted(found, key=lambda listed: listed.moved_from is None)
    return sum([await _repair(world, listed) for listed in moves_first])


async def _repair(world: World, listed: ListedBooking) -> int:
    bookings = world.ledger.bookings
    gathered = await bookings.gather(booking_id(listed.uid))
    if gathered.campaign not in ("", *world.ledger.campaigns):
        return 0
    repaired = 0
    known = resolve(gathered.events, gathered.first_guests)
    for event in unreported(listed, known, gathered.events, now_ms=world.clock.now_ms()):
        answer = await bookings.accept(event, webhook_id=_webhook_id(event))
        if not answer.repeated:
            repaired += 1
            log.warning("booking_repaired", booking_id=booking_id(listed.uid), what=event.kind.value)
    return repaired


def _webhook_id(event: BookingEvent) -> str:
    """`calcom:poll:<booking or seat>:<time, ms>:<what>`: the same state of a booking is recorded once."""
    booking = booking_id(event.uid)
    whose = seat_id(booking, event.email) if event.is_seated and event.email else booking
    return f"calcom:poll:{whose}:{event.event_ms}:{event.kind.value}"


async def _show(world: World, job: str, failure: Failure) -> None:
    """Report a failure that a person must fix at once, and others after three failed comparisons in a row."""
    now_ms, each_ms = world.clock.now_ms(), every_ms(world.settings.pace)
    reason = f"{failure.code} ({failure.status})" if failure.status else failure.code
    log.warning("bookings_not_compared", reason=reason, kind=failure.kind)
    trouble = await world.ledger.circuits.report_failure(
        CALENDAR,
        id=job,
        reason=reason,
        provider_wide=isinstance(failure, Misconfigured),
        now_ms=now_ms,
        at_least_ms=(now_ms // each_ms + 1) * each_ms,
    )
    if trouble is not None and trouble.news:
        log.error("booking_fetch_failed", reason=reason, detail=failure.detail)
