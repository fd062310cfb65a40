"""
The campaign in virtual time: the real actors, the real scripts on a real store, and providers in this process.

The clock jumps from one due instant to the next, so eleven days take milliseconds, and a seed repeats a run exactly.
"""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio

from actors.registry import REGISTRY, ActorSpec
from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.booking import BookingEvent, BookingKind
from common.domain.contact import Assessment
from common.domain.contact_booking_status import Person
from common.domain.ids import EnrollmentId, normal_address
from common.domain.mail import AcceptedMail, Mail
from common.domain.projection import BookingStanding
from common.errors import Ambiguous, Failure, Permanent
from common.ledger import keys
from common.ledger.bookings import BookingAnswer
from common.ledger.ledger import Ledger
from common.ledger.signups import Acceptance
from common.providers.budget import Budget, Unlimited
from common.settings.settings import Settings
from common.world import World

WORKER = "simulated"

_POP = """
-- pop(KEYS = [paused, probing, schedule, …], ARGV = [limit_ms, chance 0..1, queue, …])
--   → [index of the schedule, job, due_ms] | []
-- As promote.lua does: nothing of a paused queue; of one that probes, one job a second from its instant on, first one
-- that has not failed.
local heads, from, first = {}, {}, nil
for index = 3, #KEYS do
  local queue = ARGV[index]
  from[index] = tonumber(redis.call('HGET', KEYS[2], queue) or 0)
  local head = redis.call('ZRANGE', KEYS[index], 0, 0, 'WITHSCORES')[2]
  if head and redis.call('SISMEMBER', KEYS[1], queue) == 0 then
    heads[index] = math.max(tonumber(head), from[index])
    if not first or heads[index] < first then first = heads[index] end
  end
end
if not first or (ARGV[1] ~= '+inf' and first > tonumber(ARGV[1])) then return {} end
local candidates = {}
for index = 3, #KEYS do
  if heads[index] == first and from[index] > 0 then
    local due = redis.call('ZRANGEBYSCORE', KEYS[index], '-inf', first, 'LIMIT', 0, 50)
    local probe, failed = due[1], (string.gsub(KEYS[2], '__probing__', '__failed__.' .. ARGV[index]))
    for i = #due, 1, -1 do
      if redis.call('SISMEMBER', failed, due[i]) == 0 then
        probe = due[i]
      end
    end
    candidates[#candidates + 1] = {index, probe, first}
  elseif heads[index] == first then
    local at = redis.call('ZRANGE', KEYS[index], 0, 0, 'WITHSCORES')[2]
    for _, job in ipairs(redis.call('ZRANGEBYSCORE', KEYS[index], at, at, 'LIMIT', 0, 16)) do
      candidates[#candidates + 1] = {index, job, first}
    end
  end
end
local chosen = candidates[1 + math.floor(tonumber(ARGV[2]) * #candidates)]
redis.call('ZREM', KEYS[chosen[1]], chosen[2])
redis.call('HDEL', KEYS[chosen[1]] .. '.msgs', chosen[2])
if from[chosen[1]] > 0 then redis.call('HSET', KEYS[2], ARGV[chosen[1]], string.format('%.0f', first + 1000)) end
return {chosen[1] - 2, chosen[2], chosen[3]}
"""

Trouble = Callable[[Mail], Failure | None]
"""Asked before each hand-over; the failure it answers is raised. An `Ambiguous` one is raised after the acceptance."""


@dataclass(slots=True)
class PostOffice:
    """A mail provider in this process: remembers keys for 24 h as Resend does, and counts what it accepted."""

    clock: VirtualClock
    trouble: Trouble = field(default=lambda _mail: None)
    accepted: dict[str, list[Mail]] = field(default_factory=lambda: defaultdict(list))
    """By idempotency key: more than one is a doubled mail."""
    delivered_ms: list[tuple[int, Mail]] = field(default_factory=list)
    list_trouble: Failure | None = None
    _known: dict[str, tuple[int, str, str]] = field(default_factory=dict)

    async def send(self, mail: Mail, *, idempotency_key: str) -> str:
        failure = self.trouble(mail)
        if failure is not None and not isinstance(failure, Ambiguous):
            raise failure
        provider_id = self._accept(mail, idempotency_key)
        if failure is not None:
            raise failure
        return provider_id

    def _accept(self, mail: Mail, key: str) -> str:
        now_ms, digest = self.clock.now_ms(), hashlib.sha256(mail.frozen().encode()).hexdigest()
        known = self._known.get(key)
        if known is not None and known[0] + 86_400_000 > now_ms:
            if known[1] != digest:
                raise Permanent("invalid_idempotent_request", status=409)
            return known[2]
        provider_id = f"sim_{len(self.delivered_ms)}"
        self._known[key] = (now_ms, digest, provider_id)
        self.accepted[key].append(mail)
        self.delivered_ms.append((now_ms, mail))
        return provider_id

    async def list_accepted(self, to: str, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        return [mail for mail in await self.list_all_accepted(since_ms, budget=budget) if to in mail.to]

    async def list_all_accepted(self, since_ms: int, *, budget: Budget | None = None) -> list[AcceptedMail]:
        """Newest first, as Resend lists them; `list_trouble` is raised when there is one."""
        if self.list_trouble is not None:
            raise self.list_trouble
        return [
            AcceptedMail(
                id=f"sim_{number}",
                to=(mail.to,),
                subject=mail.subject,
                created_ms=ms,
                last_event="sent",
                sender=mail.sender,
            )
            for number, (ms, mail) in reversed(list(enumerate(self.delivered_ms)))
            if ms >= since_ms
        ]

    def inbox_of(self, address: str) -> list[Mail]:
        return [mail for _, mail in self.delivered_ms if mail.to == address]


@dataclass(slots=True)
class Board:
    """Notion in this process: the newest state that was shown of each person, and of their calls."""

    rows: dict[EnrollmentId, Person] = field(default_factory=dict)
    bookings: dict[EnrollmentId, BookingStanding | None] = field(default_factory=dict)
    trouble: Callable[[Person], Failure | None] = field(default=lambda _person: None)

    async def show(self, person: Person, *, booking: BookingStanding | None = None) -> dict[str, str]:
        failure = self.trouble(person)
        if failure is not None:
            raise failure
        self.rows[person.id] = person
        self.bookings[person.id] = booking
        return {"sequence": f"page-{person.id}"}


class Simulation:
    """One rehearsal. Everything that is due is played in order of its instant; `seed` orders what is due together."""

    def __init__(
        self, client: redis.asyncio.Redis, campaign: Campaign, settings: Settings, *, clock: VirtualClock, seed: int = 0
    ) -> None:
        self.clock = clock
        self.post_office = PostOffice(clock)
        self.board = Board()
        self.random = random.Random(seed)
        self.ledger = Ledger(
            client, campaign=campaign.key, cadence=campaign.cadence(settings.pace), secret_key=settings.secret
        )
        self.world = World(
            clock=clock,
            ledger=self.ledger,
            settings=settings,
            campaign=campaign,
            mailer=self.post_office,
            mirror=self.board,
            mail_budget=Unlimited(),
            mirror_budget=Unlimited(),
            worker=WORKER,
        )
        self._pop = client.register_script(_POP)
        self._webhooks = 0

    async def signs_up(self, person: Assessment) -> Acceptance:
        """One webhook of the website, under an id of its own."""
        # The simulated worker lives as long as the rehearsal.
        await self.ledger.client.zadd(keys.HEARTBEATS, {WORKER: 9e15})
        self._webhooks += 1
        return await self.ledger.signups.accept(
            person, webhook_id=f"signup:sim-{self._webhooks}", received_ms=self.clock.now_ms()
        )

    async def books(
        self, address: str, start_ms: int, *, uid: str, kind: BookingKind = BookingKind.CREATED, **told: Any
    ) -> BookingAnswer:
        """A call of half an hour, told by Cal.com now; `told`: more of what the event says, see `BookingEvent`."""
        known = {
            "email": normal_address(address),
            "start_ms": start_ms,
            "end_ms": start_ms + 1_800_000,
            "title": "Strategy Call",
        }
        return await self.hears(kind, uid, **known | told)

    async def reschedules(self, uid: str, *, to: str, address: str, start_ms: int, **told: Any) -> BookingAnswer:
        """The booking `uid` becomes the booking `to`."""
        return await self.books(
            address, start_ms, uid=to, kind=BookingKind.RESCHEDULED, **{"reschedule_uid": uid, **told}
        )

    async def cancels(self, uid: str, **told: Any) -> BookingAnswer:
        """Nothing is told of who and when, unless `told` does."""
        return await self.hears(BookingKind.CANCELLED, uid, **told)

    async def hears(self, kind: BookingKind, uid: str, **told: Any) -> BookingAnswer:
        """Something happened to a booking, just now."""
        now_ms = self.clock.now_ms()
        return await self.receives(
            BookingEvent(**{"kind": kind, "uid": uid, "event_ms": now_ms, "received_ms": now_ms, **told})
        )

    async def receives(self, event: BookingEvent) -> BookingAnswer:
        """One webhook of Cal.com, under an id of its own."""
        await self.ledger.client.zadd(keys.HEARTBEATS, {WORKER: 9e15})
        self._webhooks += 1
        return await self.ledger.bookings.accept(event, webhook_id=f"calcom:sim-{self._webhooks}")

    async def run(self, *, until_ms: int | None = None) -> int:
        """Play what is due until nothing is left, or until an instant; how many jobs that were."""
        played = 0
        while (following := await self._next(until_ms)) is not None:
            due_ms, role, job = following
            self.clock.move_to(due_ms)
            await role.story(self.world, job)
            played += 1
        if until_ms is not None:
            self.clock.move_to(until_ms)
        return played

    async def _next(self, until_ms: int | None) -> tuple[int, ActorSpec, str] | None:
        """The job that is due first, taken out of its queue; among several due at one instant, the seed decides."""
        limit = str(until_ms) if until_ms is not None else "+inf"
        queues = [role.name for role in REGISTRY]
        answer = await self._pop(
            keys=[keys.PAUSED_QUEUES, keys.PROBING_QUEUES, *map(keys.delayed, queues)],
            args=[limit, self.random.random(), *queues],
        )
        if not answer:
            return None
        index, job, due_ms = answer
        return int(due_ms), REGISTRY[int(index) - 1], job.decode()
