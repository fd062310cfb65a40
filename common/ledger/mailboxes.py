"""Finds the contact that an address belongs to in each campaign, whatever its spelling."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from common.domain.ids import EnrollmentId, canonical_mailbox, enrollment_id, mailbox_id, normal_address
from common.ledger import keys
from common.ledger.store import Store, texts


def traces_id(address: str) -> str:
    """Return the id of a mailbox in `traces:<mailbox>`: the same for all spellings, even where each is a contact."""
    return mailbox_id(canonical_mailbox(normal_address(address)))


class Mailboxes:
    """
    The contact ids of mailboxes. A mailbox is one contact in each campaign; the id is derived from its canonical form.

    An enrollment that a version before 0.3 began under the id of another spelling keeps that id; see
    `lua/lib/mailbox.lua`. In TESTING_MODE each spelling is a contact of its own. `campaigns`: keys of the campaigns
    that run here; a method that is given no campaign uses the first one. Raises as `Store.run` does.
    """

    def __init__(self, store: Store, campaigns: Sequence[str]) -> None:
        self._store, self._campaigns = store, campaigns

    def new_id(self, address: str, campaign: str = "") -> EnrollmentId:
        """Return the id that a new enrollment of this mailbox gets."""
        return enrollment_id(campaign or self._campaigns[0], self._store.mailbox(address))

    def lookup_ids(self, address: str, campaign: str = "") -> dict[str, Any]:
        """Return the ids from which a script finds the contact; see `contact` in `lua/lib/mailbox.lua`."""
        return self._lookup_ids(address, self._store.mailbox(address), campaign or self._campaigns[0])

    def _lookup_ids(self, address: str, mailbox: str, campaign: str) -> dict[str, Any]:
        found: dict[str, Any] = {"id": enrollment_id(campaign, mailbox)}
        if self._store.separate_spellings:
            found["separate"] = True
        elif mailbox != address and mailbox != normal_address(address):
            found["spelled_id"] = enrollment_id(campaign, address)
        return found

    def lookup_ids_and_hashes(self, address: str, campaign: str = "") -> dict[str, Any]:
        """Return the same as `lookup_ids`, with the address hash, and the hash of the spelling where that differs."""
        mailbox = self._store.mailbox(address)
        found = self._lookup_ids(address, mailbox, campaign or self._campaigns[0])
        found["address_hash"] = self._store.spelled_hash(mailbox)
        if "spelled_id" in found:
            found["spelled_hash"] = self._store.spelled_hash(address)
        if "separate" in found and canonical_mailbox(mailbox) != mailbox:
            found["mailbox"] = traces_id(address)
        return found

    def others(self, address: str, campaign: str) -> list[dict[str, Any]]:
        """Return the contacts that this person has or would have in the other campaigns, each as `lookup_ids` does."""
        return [self.lookup_ids(address, key) for key in self._campaigns if key != campaign]

    def calls_contact_ids(self, address: str, campaign: str) -> dict[str, Any] | None:
        """
        Return the contact under which a person's calls are stored (as `lookup_ids` does), or None when that is their
        contact in this campaign.
        """
        return None if campaign == self._campaigns[0] else self.lookup_ids(address)

    async def all_ids(self, address: str) -> list[EnrollmentId]:
        """Return every id that a contact with this address may have, in any campaign that ever stored anything."""
        kept = texts(list(await self._store.client.smembers(keys.CAMPAIGNS)))
        ids = [self.lookup_ids(address, campaign) for campaign in dict.fromkeys([*self._campaigns, *kept])]
        made = [found[name] for found in ids for name in ("id", "spelled_id") if name in found]
        leads_to = texts(await self._store.client.hmget(keys.ALIASES, made))
        return list(dict.fromkeys(map(EnrollmentId, filter(None, [*made, *leads_to]))))

    async def find(self, address: str, campaign: str = "") -> EnrollmentId:
        """Return the contact's id: the id that their enrollment has or, if they have none, would have."""
        return (await self.find_all([address], campaign))[address]

    async def find_all(self, addresses: Iterable[str], campaign: str = "") -> dict[str, EnrollmentId]:
        """Return the contact id for each of several addresses, in one round trip."""
        wanted = list(dict.fromkeys(addresses))
        found = await self._find([self.lookup_ids(address, campaign) for address in wanted])
        return dict(zip(wanted, found, strict=True))

    async def in_campaigns(self, address: str) -> list[EnrollmentId]:
        """Return the contact ids that this person has or would have, one for each campaign."""
        return await self._find([self.lookup_ids(address, campaign) for campaign in self._campaigns])

    async def _find(self, ids: Sequence[dict[str, Any]]) -> list[EnrollmentId]:
        if not ids:
            return []
        found = await self._store.run_json("mailboxes.find", [keys.ALIASES], {"addresses": ids})
        return list(map(EnrollmentId, found))
