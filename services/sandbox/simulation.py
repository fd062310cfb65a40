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

import redis.asyncio

from actors.roster import ROSTER, Role
from common.campaigns.loader import Campaign
from common.clock import VirtualClock
from common.domain.contact import Assessment
from common.domain.enrollment import Enrollment
from common.domain.ids import EnrollmentId
from common.domain.mail import Mail
from common.errors import Ambiguous, Failure
from common.ledger import keys
from common.ledger.answers import Acceptance
from common.ledger.ledger import Ledger
from common.providers.budget import Unlimited
from common.settings import Settings
from common.world import World

WORKER = "simulated"

_POP = """
-- pop(KEYS = schedules, ARGV = [limit_ms, chance 0..1]) → [index of the schedule, job, due_ms] | []
local first, candidates = nil, {}
for index, schedule in ipairs(KEYS) do
  local head = redis.call('ZRANGEBYSCORE', schedule, '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, 1)
  if head[2] and (not first or tonumber(head[2]) < first) then first = tonumber(head[2]) end
end
if not first then return {} end
for index, schedule in ipairs(KEYS) do
  for _, job in ipairs(redis.call('ZRANGEBYSCORE', schedule, first, first, 'LIMIT', 0, 16)) do
    candidates[#candidates + 1] = {index, job, first}
  end
end
local chosen = candidates[1 + math.floor(tonumber(ARGV[2]) * #candidates)]
redis.call('ZREM', KEYS[chosen[1]], chosen[2])
redis.call('HDEL', KEYS[chosen[1]] .. '.msgs', chosen[2])
return chosen
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
                raise AssertionError(f"{key} was handed over again with other bytes")
            return known[2]
        provider_id = f"sim_{len(self.delivered_ms)}"
        self._known[key] = (now_ms, digest, provider_id)
        self.accepted[key].append(mail)
        self.delivered_ms.append((now_ms, mail))
        return provider_id

    def inbox_of(self, address: str) -> list[Mail]:
        return [mail for _, mail in self.delivered_ms if mail.to == address]


@dataclass(slots=True)
class Board:
    """Notion in this process: the newest state that was shown of each person."""

    rows: dict[EnrollmentId, Enrollment] = field(default_factory=dict)
    trouble: Callable[[Enrollment], Failure | None] = field(default=lambda _enrollment: None)

    async def show(self, enrollment: Enrollment) -> dict[str, str]:
        failure = self.trouble(enrollment)
        if failure is not None:
            raise failure
        self.rows[enrollment.id] = enrollment
        return {"sequence": f"page-{enrollment.id}"}


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
        return await self.ledger.accept(
            person, webhook_id=f"signup:sim-{self._webhooks}", received_ms=self.clock.now_ms()
        )

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

    async def _next(self, until_ms: int | None) -> tuple[int, Role, str] | None:
        """The job that is due first, taken out of its queue; among several due at one instant, the seed decides."""
        limit = str(until_ms) if until_ms is not None else "+inf"
        answer = await self._pop(keys=[keys.delayed(role.name) for role in ROSTER], args=[limit, self.random.random()])
        if not answer:
            return None
        index, job, due_ms = answer
        return int(due_ms), ROSTER[int(index) - 1], job.decode()
