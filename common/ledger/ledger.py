"""The ledger: one class for each noun over one store. Every change of state is one atomic script in `lua/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import redis.asyncio

from common.domain.cadence import Cadence
from common.domain.campaign_terms import CampaignTerms
from common.domain.feedback import SOFT_BOUNCE_LIMIT
from common.domain.signup_bounds import NO_BOUNDS, SignupBounds
from common.ledger import keys
from common.ledger.action_log import ActionLog
from common.ledger.bookings import Bookings
from common.ledger.circuits import Circuits
from common.ledger.console_jobs import ConsoleJobs
from common.ledger.contacts import Contacts
from common.ledger.dead_letters import DeadLetters
from common.ledger.deliveries import Deliveries
from common.ledger.enrollments import Enrollments
from common.ledger.failed_jobs import FailedJobs
from common.ledger.feedback import FeedbackLog
from common.ledger.generations import Generations
from common.ledger.held_signups import HeldSignups
from common.ledger.holds import Holds
from common.ledger.mailboxes import Mailboxes
from common.ledger.mirror import Mirror
from common.ledger.pauses import Pauses
from common.ledger.planned_deliveries import PlannedDeliveries
from common.ledger.providers_in_use import ProvidersInUse
from common.ledger.signups import Signups
from common.ledger.store import Store
from common.ledger.suppressions import Suppressions
from common.ledger.texts import Texts
from common.ledger.unmarked_calls import UnmarkedCalls
from common.ledger.unread_bookings import UnreadBookings
from common.ledger.versions import Versions


class Schedule:
    """The sweeper's checks of the schedule, and requests for comparisons of bookings. Raises as `Store.run` does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def sweep(self, page: str, *, now_ms: int, batch: int = 500) -> tuple[str, list[str]]:
        """Check one page of due work. Return (the next page or `0`, the jobs that were scheduled again)."""
        args = [page, now_ms, batch]
        following, *rescheduled = await self._store.run("sweeper.sweep", [keys.UNDER_WAY, keys.OPEN], args)
        return following, rescheduled

    async def forget_webhooks(self, *, now_ms: int, batch: int = 5_000) -> int:
        """Forget webhook ids answered more than 45 days ago, up to `batch` of each day. Return how many it forgot."""
        return int(await self._store.run("sweeper.forget_webhooks", [keys.WEBHOOK_DAYS], [now_ms, batch]))

    async def check_waits(self, cursor: str, *, now_ms: int, gap_ms: int, batch: int = 500) -> tuple[str, list[str]]:
        """
        Check one page of waiting jobs after a clock was wrong, and reschedule those deferred too far into the future.

        `gap_ms`: the minimum gap between two mails. Returns (next cursor or `0`, the rescheduled jobs).
        """
        args = [cursor, now_ms, batch, gap_ms]
        following, *rescheduled = await self._store.run("sweeper.check_waits", [keys.OPEN], args)
        return following, rescheduled

    async def take_ignored(self) -> dict[str, int]:
        """
        Return and reset the numbers of times that were ignored because they lay too far ahead, by kind of wait.
        """
        client = self._store.client

        async def take() -> Any:
            pipe = client.pipeline(transaction=True)
            pipe.hgetall(keys.IGNORED)
            pipe.delete(keys.IGNORED)
            return await pipe.execute()

        found, _ = await self._store.call(take)
        return {what.decode(): int(number) for what, number in found.items()}

    async def request_comparison(self, job: str, *, due_ms: int) -> None:
        """Schedule a comparison of the calendar's bookings with ours. Requesting the same job twice changes nothing."""
        await self._store.run("bookings.request_comparison", [keys.delayed("reconcile_bookings")], [job, due_ms])


class Ledger:
    """
    The state of all campaigns in one store.

    Each attribute is a class for one noun, which says what it raises; all share `store`.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        *,
        campaign: str,
        cadence: Cadence,
        secret_key: str,
        patient: bool = False,
        campaigns: Sequence[CampaignTerms] = (),
        separate_spellings: bool = False,
        signup_bounds: SignupBounds = NO_BOUNDS,
        soft_bounce_limit: int = SOFT_BOUNCE_LIMIT,
    ) -> None:
        """
        `campaign`, `cadence`: the first campaign, to which bookings belong. `campaigns`: the terms of all campaigns;
        needed when there are several, or when a campaign has its own segments or languages. `patient`,
        `separate_spellings` (TESTING_MODE): see `Store`. `signup_bounds`, `soft_bounce_limit`: needed only by processes
        that record signups and feedback.
        """
        played = campaigns or [CampaignTerms(key=campaign, cadence=cadence)]
        self._campaigns = {terms.key: terms for terms in played}
        self.campaigns: Mapping[str, CampaignTerms] = self._campaigns
        self.client = client
        self.campaign = campaign
        self.store = store = Store(
            client, secret_key=secret_key, is_patient=patient, separate_spellings=separate_spellings
        )
        self.mailboxes = mailboxes = Mailboxes(store, [*self.campaigns])
        self.signups = Signups(store, mailboxes, self.campaigns, bounds=signup_bounds)
        self.held_signups = HeldSignups(store)
        self.enrollments = Enrollments(store, mailboxes, self.campaigns)
        self.generations = generations = Generations(store)
        self.deliveries = Deliveries(store, self.campaigns, generations)
        self.planned_deliveries = PlannedDeliveries(store, self.campaigns)
        self.dead_letters = DeadLetters(store)
        self.bookings = Bookings(store, mailboxes, campaign=campaign)
        self.contacts = Contacts(store, mailboxes, self.campaigns)
        self.feedback = FeedbackLog(store, mailboxes, soft_bounce_limit=soft_bounce_limit)
        self.texts = Texts(store)
        self.suppressions = Suppressions(store, mailboxes)
        self.unmarked_calls = UnmarkedCalls(store, self.bookings)
        self.unread_bookings = UnreadBookings(store)
        self.pauses = Pauses(store)
        self.action_log = ActionLog(store)
        self.failed_jobs = FailedJobs(store)
        self.console_jobs = ConsoleJobs(store)
        self.holds = Holds(store)
        self.mirror = Mirror(store)
        self.circuits = Circuits(store)
        self.providers_in_use = ProvidersInUse(store)
        self.schedule = Schedule(store)
        self.versions = Versions(store)

    @classmethod
    def of(
        cls,
        client: redis.asyncio.Redis,
        campaigns: Sequence[CampaignTerms],
        *,
        secret_key: str,
        patient: bool = False,
        separate_spellings: bool = False,
        signup_bounds: SignupBounds = NO_BOUNDS,
        soft_bounce_limit: int = SOFT_BOUNCE_LIMIT,
    ) -> Ledger:
        """Return the ledger of these loaded campaigns; the first one has the bookings."""
        first = campaigns[0]
        return cls(
            client,
            campaign=first.key,
            cadence=first.cadence,
            secret_key=secret_key,
            patient=patient,
            campaigns=campaigns,
            separate_spellings=separate_spellings,
            signup_bounds=signup_bounds,
            soft_bounce_limit=soft_bounce_limit,
        )

    def replace(self, terms: CampaignTerms) -> None:
        """Use these terms, of another version of a campaign, from now on."""
        self._campaigns[terms.key] = terms

    @property
    def cadence(self) -> Cadence:
        """The cadence of the first campaign."""
        return self.campaigns[self.campaign].cadence

    def terms_of(self, campaign: str) -> CampaignTerms:
        """Return the terms of a campaign, or of the first campaign if this one does not run here."""
        return self.campaigns.get(campaign, self.campaigns[self.campaign])

    def cadence_of(self, campaign: str) -> Cadence:
        """Return the cadence of a campaign, or of the first campaign if this one does not run here."""
        return self.terms_of(campaign).cadence
