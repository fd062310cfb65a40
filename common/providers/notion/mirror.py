"""The mirror: keeps the rows of a contact in two Notion databases up to date with the ledger, over the real SDK."""

from __future__ import annotations

from collections.abc import Mapping

from common.clock import Clock, DateWitness
from common.domain.contact import Assessment
from common.domain.contact_booking_status import Person, UnenrolledContact
from common.domain.ids import EnrollmentId
from common.domain.projection import (
    CampaignColumns,
    NotionBookingStatus,
    Row,
    contact_row,
    sequence_row,
    unenrolled_contact_row,
)
from common.errors import Failure, Throttled
from common.normalization.text import if_usable, name_if_usable
from common.providers.budget import Budget
from common.providers.notion.api import NotionApi
from common.providers.notion.duplicates import CreateGuard
from common.providers.notion.schema import SEQUENCE, databases
from common.providers.notion.table import KnownRow, Table
from common.providers.protocols import Mirror

_UNSAVED_MAX = 10_000


class NotionMirror(Mirror):
    """
    Writes to both databases, or to the one that is configured. The first request is sent at the first use.

    `sequence_db`, `contact_db`: ids of databases. `campaigns`: how each campaign is shown, by key; contacts who are in
    no campaign are shown in the first one's column.
    """

    def __init__(
        self,
        token: str,
        *,
        base_url: str,
        sequence_db: str | None,
        contact_db: str | None,
        campaigns: Mapping[str, CampaignColumns],
        budget: Budget,
        guard: CreateGuard,
        clock: Clock,
        timeout_s: float = 10,
        witness: DateWitness | None = None,
    ) -> None:
        self._campaigns = campaigns
        self._api = NotionApi(token, base_url, budget=budget, timeout_s=timeout_s, witness=witness)
        self.tables = tuple(
            Table(self._api, database, database_id, guard=guard, clock=clock)
            for database, database_id in zip(databases(campaigns.values()), (sequence_db, contact_db), strict=True)
            if database_id
        )
        # Pages that were written while the other database failed, so that `show` did not return them to the ledger.
        self._unsaved: dict[str, dict[str, str]] = {}

    async def show(self, person: Person, *, booking: NotionBookingStatus | None = None) -> dict[str, str]:
        """
        See `Mirror`. The answer has for each database the id of the page (`sequence`, `contact`) and a digest of the
        row (`sequence_digest`, `contact_digest`): an unchanged row costs no request the next time.

        A failure of one database does not stop the other from being written.
        """
        pages = {**self._unsaved.get(person.id, {}), **person.pages}
        failure: Failure | None = None
        for table in self.tables:
            key = table.database.key
            if isinstance(person, UnenrolledContact) and key == SEQUENCE.key:
                continue  # A contact without an enrollment has no sequence.
            known = KnownRow(pages.get(key, ""), pages.get(f"{key}_digest", ""))
            try:
                known = await table.show(_guarded(person, key), self._row(key, person, booking), known)
            except Failure as raised:
                failure = failure or raised
                if isinstance(raised, Throttled):
                    break  # The other database shares the budget.
                continue
            pages |= {key: known.page_id, f"{key}_digest": known.digest}
        self._remember(person.id, pages if failure else None)
        if failure is not None:
            raise failure
        return pages

    def use_columns(self, campaigns: Mapping[str, CampaignColumns]) -> None:
        """Use these columns from now on; the schema is read again."""
        self._campaigns = campaigns
        for table in self.tables:
            for database in databases(campaigns.values()):
                if database.key == table.database.key:
                    table.use(database)

    async def close(self) -> None:
        await self._api.close()

    def _row(self, database: str, person: Person, booking: NotionBookingStatus | None) -> Row:
        first = next(iter(self._campaigns.values()))
        if isinstance(person, UnenrolledContact):
            title = name_if_usable(person.first_name) or person.email
            return unenrolled_contact_row(person.email, first, title=title, booking=booking)
        columns, title = self._campaigns.get(person.campaign, first), _title(person.assessment)
        if database == SEQUENCE.key:
            return sequence_row(person, columns, title=title)
        return contact_row(person, columns, title=title, booking=booking)

    def _remember(self, enrollment_id: str, pages: dict[str, str] | None) -> None:
        self._unsaved.pop(enrollment_id, None)
        if pages is not None:
            if len(self._unsaved) >= _UNSAVED_MAX:
                self._unsaved.clear()
            self._unsaved[enrollment_id] = pages


def _guarded(person: Person, database: str) -> EnrollmentId:
    """Return the id that guards creation: all campaigns of a contact share one contact row, so they share this id."""
    return person.id if database == SEQUENCE.key or isinstance(person, UnenrolledContact) else person.contact_id


def _title(assessment: Assessment) -> str:
    """Return business name, first name or address. A name that must not be shown to others is skipped."""
    return if_usable(assessment.business_name) or name_if_usable(assessment.first_name) or assessment.email
