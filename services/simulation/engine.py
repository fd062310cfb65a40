"""
A campaign in virtual time: the production actors and scripts on a real store, with the providers in memory.

The clock jumps from one due time to the next, so that a campaign of eleven days takes milliseconds.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis.asyncio

from actors.registry import REGISTRY
from common.campaigns.campaign import Campaign
from common.campaigns.campaigns import Campaigns
from common.clock import VirtualClock
from common.domain.booking import BookingEvent, BookingKind
from common.domain.contact import Assessment
from common.domain.ids import normal_address
from common.ledger.bookings import BookingAnswer
from common.ledger.ledger import Ledger
from common.ledger.signups import Acceptance
from common.providers.budget import Unlimited
from common.settings.settings import Settings
from common.world import World
from services.simulation.due_jobs import DueJob, DueJobs
from services.simulation.providers import InMemoryMailer, InMemoryMirror, InMemoryTexter

WORKER = "simulated"
MEETING_MS = 1_800_000

_HANDLERS = {actor.name: actor.handler for actor in REGISTRY}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUp:
    """A signup as the website reported it. `address`: as the ledger spells it."""

    at_ms: int
    campaign: str
    address: str
    locale: str | None


class Simulation:
    """
    Runs jobs ordered by due time; `seed` decides the order of jobs that are due at the same time.

    `concurrency`: how many jobs run at the same time. With 1, a seed repeats a run exactly. With more, jobs of one due
    time interleave as the store answers them, as in production.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        campaign: Campaign | Campaigns,
        settings: Settings,
        *,
        clock: VirtualClock,
        seed: int = 0,
        concurrency: int = 1,
    ) -> None:
        self.clock = clock
        self.mailer = InMemoryMailer(clock)
        self.texter = InMemoryTexter(clock)
        self.mirror = InMemoryMirror()
        campaigns = campaign if isinstance(campaign, Campaigns) else Campaigns(campaign)
        self.ledger = Ledger.of(
            client,
            campaigns.terms(settings.pace),
            secret_key=settings.secret,
            separate_spellings=settings.testing_mode,
            signup_bounds=settings.signup_bounds,
        )
        self.world = World(
            clock=clock,
            ledger=self.ledger,
            settings=settings,
            campaigns=campaigns,
            mailer=self.mailer,
            mirror=self.mirror,
            mail_budget=Unlimited(),
            mirror_budget=Unlimited(),
            texter=self.texter,
            text_budget=Unlimited(),
            worker=WORKER,
        )
        self.after_jobs: Callable[[], None] = _nothing
        """Called whenever some jobs have ended."""
        self._random = random.Random(seed)
        self._concurrency = concurrency
        self._queues = DueJobs(client, list(_HANDLERS), worker=WORKER, clock=clock)
        self._fetched: deque[DueJob] = deque()
        self._webhooks = 0
        self.reported: list[BookingEvent] = []
        """All events from Cal.com, ordered by time."""
        self.signed_up: list[SignedUp] = []
        """All signups from the website, ordered by time."""
        self.stops: dict[str, int] = {}
        """By phone number, when it first answered STOP, ms."""

    async def sign_up(
        self, assessment: Assessment, visitor: str | None = None, *, campaign: str | None = None
    ) -> Acceptance:
        """Receive one webhook of the website, under an id of its own. `campaign`: by default the first one."""
        self._webhooks += 1
        self.signed_up.append(
            SignedUp(
                at_ms=self.clock.now_ms(),
                campaign=campaign or self.world.campaigns.default.key,
                address=normal_address(assessment.email),
                locale=assessment.locale,
            )
        )
        return await self.ledger.signups.accept(
            assessment,
            webhook_id=f"signup:sim-{self._webhooks}",
            received_ms=self.clock.now_ms(),
            campaign=campaign,
            visitor=visitor,
        )

    async def book(
        self, address: str, start_ms: int, *, uid: str, kind: BookingKind = BookingKind.CREATED, **fields: Any
    ) -> BookingAnswer:
        """Receive a booking of half an hour. `fields`: further fields of the event, see `BookingEvent`."""
        known = {
            "email": normal_address(address),
            "start_ms": start_ms,
            "end_ms": start_ms + MEETING_MS,
            "title": "Strategy Call",
        }
        return await self.change_booking(kind, uid, **known | fields)

    async def reschedule(self, uid: str, *, to: str, address: str, start_ms: int, **fields: Any) -> BookingAnswer:
        """Receive the event that moves the booking `uid`; the new booking is `to`."""
        known = {"reschedule_uid": uid}
        return await self.book(address, start_ms, uid=to, kind=BookingKind.RESCHEDULED, **known | fields)

    async def cancel(self, uid: str, **fields: Any) -> BookingAnswer:
        """Receive a cancellation. It names neither guest nor time, unless `fields` do."""
        return await self.change_booking(BookingKind.CANCELLED, uid, **fields)

    async def change_booking(self, kind: BookingKind, uid: str, **fields: Any) -> BookingAnswer:
        """Receive an event that happened just now."""
        now_ms = self.clock.now_ms()
        known: dict[str, Any] = {"kind": kind, "uid": uid, "event_ms": now_ms, "received_ms": now_ms}
        return await self.receive(BookingEvent(**known | fields))

    async def receive(self, event: BookingEvent) -> BookingAnswer:
        """Receive one webhook of Cal.com, under an id of its own."""
        self._webhooks += 1
        self.reported.append(event)
        return await self.ledger.bookings.accept(event, webhook_id=f"calcom:sim-{self._webhooks}")

    async def answer_stop(self, number: str) -> None:
        """Receive STOP from a phone."""
        self._webhooks += 1
        now_ms = self.clock.now_ms()
        self.stops.setdefault(number, now_ms)
        webhook_id = f"twilio:sim-{self._webhooks}"
        await self.ledger.texts.receive(number, "stop", "STOP", webhook_id=webhook_id, now_ms=now_ms)

    async def run(self, *, until_ms: int | None = None) -> int:
        """
        Run jobs until none is left, or none is due by `until_ms`. Return how many ran.

        An exception of an actor is raised here; the jobs that were fetched with its job run in the next call.
        """
        count = 0
        self._queues.stay_alive()
        while True:
            while self._fetched:
                count += await self._run_some()
            next_due_ms = self._fetch()
            if self._fetched:
                continue
            if next_due_ms is None or (until_ms is not None and next_due_ms > until_ms):
                break
            self.clock.move_to(next_due_ms)
        if until_ms is not None:
            self.clock.move_to(until_ms)
        return count

    def _fetch(self) -> int | None:
        jobs, next_due_ms = self._queues.fetch()
        self._random.shuffle(jobs)
        self._fetched.extend(sorted(jobs, key=lambda job: job.due_ms))
        return next_due_ms

    async def _run_some(self) -> int:
        jobs = [self._fetched.popleft() for _ in range(min(self._concurrency, len(self._fetched)))]
        outcomes = await asyncio.gather(
            *(_HANDLERS[job.queue](self.world, job.argument) for job in jobs), return_exceptions=True
        )
        for job in jobs:
            self._queues.acknowledge(job)
        self.after_jobs()
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return len(jobs)


def _nothing() -> None:
    """Do nothing, because nobody follows the simulation."""
