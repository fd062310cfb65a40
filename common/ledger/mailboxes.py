"""Which contact of a campaign an address belongs to, however it is spelled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from common.domain.ids import EnrollmentId, enrollment_id, normal_address
from common.ledger import keys
from common.ledger.store import Store


class Mailboxes:
    """
    Of one campaign. A mailbox is one contact, whose id is made of its canonical form.

    An enrollment that a version before 0.3 began under the id of another spelling keeps that id; see
    `lua/lib/mailbox.lua`. In TESTING_MODE each spelling is a contact of its own. Raises as `Store.run` does.
    """

    def __init__(self, store: Store, *, campaign: str) -> None:
        self._store, self._campaign = store, campaign

    def new_id(self, address: str) -> EnrollmentId:
        """The id that a new enrollment of this mailbox has."""
        return enrollment_id(self._campaign, self._store.mailbox(address))

    def ids(self, address: str) -> dict[str, Any]:
        """By what a script finds the contact; see `contact` in `lua/lib/mailbox.lua`."""
        return self._ids(address, self._store.mailbox(address))

    def _ids(self, address: str, mailbox: str) -> dict[str, Any]:
        found: dict[str, Any] = {"id": enrollment_id(self._campaign, mailbox)}
        if self._store.separate_spellings:
            found["separate"] = True
        elif mailbox != normal_address(address):
            found["spelled_id"] = enrollment_id(self._campaign, address)
        return found

    def ids_and_hashes(self, address: str) -> dict[str, Any]:
        """Likewise, with the address hash, and that of the spelling where it differs."""
        mailbox = self._store.mailbox(address)
        found = self._ids(address, mailbox)
        found["address_hash"] = self._store.spelled_hash(mailbox)
        if "spelled_id" in found:
            found["spelled_hash"] = self._store.spelled_hash(address)
        return found

    def all_ids(self, address: str) -> list[EnrollmentId]:
        """Every id that a contact with this address may have."""
        found = self.ids(address)
        return [found[name] for name in ("id", "spelled_id") if name in found]

    async def find(self, address: str) -> EnrollmentId:
        """The contact's id: the one that their enrollment has or, if there is none, would have."""
        return (await self.find_all([address]))[address]

    async def find_all(self, addresses: Iterable[str]) -> dict[str, EnrollmentId]:
        """Likewise for several addresses: one round trip."""
        wanted = list(dict.fromkeys(addresses))
        if not wanted:
            return {}
        given = {"addresses": [self.ids(address) for address in wanted]}
        found = await self._store.run_json("mailboxes.find", [keys.ALIASES], given)
        return dict(zip(wanted, map(EnrollmentId, found), strict=True))
