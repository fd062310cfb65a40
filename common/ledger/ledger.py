"""The truth about contacts and deliveries, by noun. Every change of state is one atomic script in `lua/`."""

from __future__ import annotations

import redis.asyncio

from common.domain.cadence import Cadence
from common.domain.campaign_terms import CampaignTerms
from common.ledger.bookings import Bookings
from common.ledger.circuits import Circuits
from common.ledger.contacts import Contacts
from common.ledger.dead_letters import DeadLetters
from common.ledger.deliveries import Deliveries
from common.ledger.enrollments import Enrollments
from common.ledger.feedback import FeedbackLog
from common.ledger.mirror import Mirror
from common.ledger.pauses import Pauses
from common.ledger.schedule import Schedule
from common.ledger.signups import Signups
from common.ledger.store import Store
from common.ledger.unread_bookings import UnreadBookings


class Ledger:
    """One campaign in one store. Each part says what it raises; all share `store`."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        *,
        campaign: str,
        cadence: Cadence,
        secret_key: str,
        patient: bool = False,
        terms: CampaignTerms | None = None,
    ) -> None:
        """`terms`: of the campaign, with its own segments and languages. `patient`: see `Store`."""
        terms = terms or CampaignTerms(key=campaign, cadence=cadence)
        self.client = client
        self.campaign = campaign
        self.cadence = cadence
        self.store = store = Store(client, secret_key=secret_key, is_patient=patient)
        self.signups = Signups(store, terms)
        self.enrollments = Enrollments(store, campaign=campaign, cadence=cadence)
        self.deliveries = Deliveries(store, campaign=campaign, cadence=cadence)
        self.dead_letters = DeadLetters(store)
        self.bookings = Bookings(store, self.enrollments, campaign=campaign)
        self.contacts = Contacts(store, campaign=campaign)
        self.feedback = FeedbackLog(store)
        self.unread_bookings = UnreadBookings(store)
        self.pauses = Pauses(store)
        self.mirror = Mirror(store)
        self.circuits = Circuits(store)
        self.schedule = Schedule(store)

    @classmethod
    def of(cls, client: redis.asyncio.Redis, terms: CampaignTerms, *, secret_key: str, patient: bool = False) -> Ledger:
        """The ledger of a campaign that is loaded."""
        return cls(
            client, campaign=terms.key, cadence=terms.cadence, secret_key=secret_key, patient=patient, terms=terms
        )
