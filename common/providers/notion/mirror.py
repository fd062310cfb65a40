"""The mirror: Notion shows what the ledger says of one person, in two databases, over the real SDK."""

from __future__ import annotations

from common.clock import Clock
from common.domain.contact_booking_status import Person, UnenrolledContact
from common.domain.projection import BookingStanding, Row, caller_row, contact_row, sequence_row
from common.errors import Failure, Throttled
from common.providers.budget import Budget
from common.providers.notion.api import NotionApi
from common.providers.notion.creation_guard import CreateGuard
from common.providers.notion.ids import database_id
from common.providers.notion.schema import CONTACT, SEQUENCE, Database
from common.providers.notion.table import Kept, Table
from common.providers.protocols import Mirror

_UNKEPT_MOST = 10_000


class NotionMirror(Mirror):
    """
    Both databases, or the one that is configured; nothing is asked of Notion before the first use.

    `sequence_db`, `contact_db`: an id or a pasted URL. `campaign_name`: what the `Campaign` column shows. Raises
    ValueError, naming the setting, when one of them cannot be meant.
    """

    def __init__(
        self,
        token: str,
        *,
        base_url: str,
        sequence_db: str | None,
        contact_db: str | None,
        campaign_name: str,
        budget: Budget,
        guard: CreateGuard,
        clock: Clock,
        timeout_s: float = 10,
    ) -> None:
        self.campaign_name = campaign_name
        self._api = NotionApi(token, base_url, budget=budget, timeout_s=timeout_s)
        self.tables = tuple(
            Table(self._api, database, database_id(database.setting, pasted), guard=guard, clock=clock)
            for database, pasted in ((SEQUENCE, sequence_db), (CONTACT, contact_db))
            if pasted
        )
        # Pages of a person whose other database failed: that answer never reached the ledger.
        self._unkept: dict[str, dict[str, str]] = {}

    async def show(self, person: Person, *, booking: BookingStanding | None = None) -> dict[str, str]:
        """
        See `Mirror`. The answer holds for each database, under `sequence` and `contact`, the page's id, and under
        `sequence_digest` and `contact_digest` what it shows: an unchanged row costs no request the next time.

        A failure of one database does not keep the other from being shown.
        """
        pages = {**self._unkept.get(person.id, {}), **person.pages}
        failure: Failure | None = None
        for table in self.tables:
            if isinstance(person, UnenrolledContact) and table.database is SEQUENCE:
                continue  # There is nothing of a sequence to show.
            key = table.database.key
            kept = Kept(pages.get(key, ""), pages.get(f"{key}_digest", ""))
            try:
                kept = await table.show(person.id, self._row(table.database, person, booking), kept)
            except Failure as raised:
                failure = failure or raised
                if isinstance(raised, Throttled):
                    break  # The other database shares the budget.
                continue
            pages |= {key: kept.page_id, f"{key}_digest": kept.digest}
        self._remember(person.id, pages if failure else None)
        if failure is not None:
            raise failure
        return pages

    async def close(self) -> None:
        await self._api.close()

    def _row(self, database: Database, person: Person, booking: BookingStanding | None) -> Row:
        if isinstance(person, UnenrolledContact):
            return caller_row(person.email, person.first_name, booking=booking)
        if database is SEQUENCE:
            return sequence_row(person, campaign_name=self.campaign_name)
        return contact_row(person, booking=booking)

    def _remember(self, enrollment_id: str, pages: dict[str, str] | None) -> None:
        self._unkept.pop(enrollment_id, None)
        if pages is not None:
            if len(self._unkept) >= _UNKEPT_MOST:
                self._unkept.clear()
            self._unkept[enrollment_id] = pages
