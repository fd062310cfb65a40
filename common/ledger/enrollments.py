"""Enrollments as a whole: read, end early, hold, release and restore them, by the terms of their campaigns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

from common.domain.cadence import Cadence
from common.domain.campaign_terms import CampaignTerms
from common.domain.enrollment import Enrollment, ExitReason
from common.domain.ids import EnrollmentId, Step, step_name
from common.domain.notion_import import AS_NOTION_SHOWS, Restored
from common.ledger import codec, keys
from common.ledger.codec import shortened
from common.ledger.mailboxes import Mailboxes, traces_id
from common.ledger.store import Store

Became = Literal["restored", "merged", "known", "forgotten"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """
    One contact, with what must be restored.

    `dead`: the reason for each step that was never sent although the sequence went on. `unknown_since_ms`: for each
    step that may have been accepted, the earliest time at which this may have happened.
    """

    person: Restored
    dead: Mapping[Step, str] = field(default_factory=dict)
    unknown_since_ms: Mapping[Step, int] = field(default_factory=dict)


class Enrollments:
    """The enrollments of all campaigns. Raises as `Store.run` does; repeating a change changes nothing."""

    def __init__(self, store: Store, mailboxes: Mailboxes, campaigns: Mapping[str, CampaignTerms]) -> None:
        self._store, self._mailboxes, self._campaigns = store, mailboxes, campaigns

    async def get(self, enrollment: str) -> Enrollment | None:
        """Return an enrollment, or None if nothing about it is stored."""
        fields = await self._store.read_hash(keys.enrollment(enrollment))
        return codec.read_enrollment(enrollment, fields) if fields else None

    async def of_guest(self, contact: EnrollmentId, address: str) -> AsyncIterator[Enrollment]:
        """Yield a guest's enrollments in every campaign. Call it late: a guest may sign up after booking."""
        for enrollment_id in dict.fromkeys([contact, *await self._mailboxes.in_campaigns(address)]):
            if (enrollment := await self.get(enrollment_id)) is not None:
                yield enrollment

    async def ids(self) -> AsyncIterator[EnrollmentId]:
        """Yield the id of each enrollment that is neither held nor erased, once, in no particular order."""
        # UNDER_WAY first: an enrollment that moves to ENDED in the meantime is not missed.
        seen = set[bytes]()
        for name in (keys.UNDER_WAY, keys.ENDED):
            async for member, at_ms in self._store.client.zscan_iter(name, count=1000):
                if member not in seen and at_ms != inf:
                    seen.add(member)
                    yield EnrollmentId(member.decode())

    async def find_erased(self, ids: Sequence[EnrollmentId]) -> set[EnrollmentId]:
        """Return those of which only the id is left, because they ended long ago."""
        found = await self._store.client.zmscore(keys.ENDED, [*ids]) if ids else []
        return {one for one, at_ms in zip(ids, found, strict=True) if at_ms == inf}

    async def exit(
        self, enrollment: EnrollmentId, reason: ExitReason, *, address_hash: str | None, now_ms: int
    ) -> bool:
        """
        End an enrollment early, and suppress the address behind the hash, if one is given.

        Returns False if the enrollment had ended before, or there is none; the address is suppressed even then.
        """
        args = [enrollment, address_hash or "", reason.value, now_ms]
        return bool(await self._store.run("enrollments.exit", [keys.enrollment(enrollment), keys.SUPPRESSED], args))

    async def unsubscribe(self, enrollment: EnrollmentId, *, address_hash: str | None, now_ms: int) -> None:
        """
        End the enrollment, if there is one, and suppress the mailbox.

        Both arguments may be those of a link that an earlier version made. `address_hash`: None if the contact leaves
        only this series; then nothing is suppressed.
        """
        reason = ExitReason.LEFT if address_hash is None else ExitReason.UNSUBSCRIBED
        await self.exit(enrollment, reason, address_hash=address_hash, now_ms=now_ms)

    async def is_suppressed(self, address_hash: str) -> bool:
        """Return whether the address behind this hash is suppressed. The hash may be from an earlier version's link."""
        client = self._store.client
        kept = await self._store.call(lambda: client.hget(keys.ALIASES, address_hash))
        return bool(await self._store.call(lambda: client.hexists(keys.SUPPRESSED, kept or address_hash)))

    async def hold(self, enrollment: EnrollmentId, reason: str, *, now_ms: int) -> bool:
        """
        Send nothing more of the enrollment until `release`. `reason`: one word; each reason must be released.

        Returns False if it was held for this reason already, or has ended.
        """
        args = [enrollment, reason, now_ms]
        return bool(await self._store.run("enrollments.hold", [keys.enrollment(enrollment)], args))

    async def release(self, enrollment: EnrollmentId, reason: str, *, now_ms: int) -> bool:
        """End the hold for this reason; after the last one, sending continues. Return False if there was none."""
        args = [enrollment, reason, now_ms]
        return bool(await self._store.run("enrollments.release", [keys.enrollment(enrollment)], args))

    async def restore(self, restoration: Restoration, *, now_ms: int, campaign: str | None = None) -> Became:
        """
        Make an enrollment of what Notion remembers, or fill the gaps of the one in the ledger. `campaign`: by default
        the first one.

        Returns `restored`: the ledger had no such enrollment; `merged`: something was added to it; `known`: nothing was
        added; `forgotten`: the contact was erased here at their request, and stays erased. The next step is planned at
        its own due time. If that has passed, it is due at once, but the minimum gap is kept.
        """
        person = restoration.person
        terms, email = terms_of(self._campaigns, campaign), person.assessment.email
        given = {
            **self._mailboxes.lookup_ids_and_hashes(email, terms.key),
            "shown_id": self._shown_id(person, terms.key),
            "now_ms": now_ms,
            "campaign": terms.key,
            "campaigns": [terms.key, terms_of(self._campaigns, None).key],
            "mailbox": traces_id(email),
            "contact": self._mailboxes.calls_contact_ids(email, terms.key),
            "others": self._mailboxes.others(email, terms.key) or None,
            "segment": person.segment or terms.segment_of(person.assessment),
            "anchor_ms": person.anchor_ms,
            "fields": {
                **codec.assessment_fields(person.assessment),
                **codec.page_fields({"sequence": person.page_id}),
                **({"language": person.language} if person.language else {}),
            },
            "steps": [_step(restoration, terms.cadence, step) for step in terms.cadence.steps],
            "differs": person.differs or None,
            "exit_reason": person.exit_reason,
            "suppress": (person.exit_reason is not None and person.exit_reason.is_suppressing) or None,
        }
        became: Became = await self._store.run_json("enrollments.restore", [keys.SUPPRESSED], given)
        return became

    def _shown_id(self, person: Restored, campaign: str) -> str | None:
        """Return the id that the Notion row shows, or None if it is no id of this address (it was edited by hand)."""
        ids = self._mailboxes.lookup_ids(person.assessment.email, campaign)
        return person.enrollment_id if person.enrollment_id in (ids["id"], ids.get("spelled_id")) else None


def _step(restoration: Restoration, cadence: Cadence, step: Step) -> dict[str, Any]:
    person = restoration.person
    known: dict[str, Any] = {
        "name": step_name(step),
        "due_ms": cadence.due_ms(anchor_ms=person.anchor_ms, step=step),
    }
    if step in person.sent_ms:
        known["sent_ms"] = person.sent_ms[step]
        known["provider_id"] = shortened(person.ids.get(step, AS_NOTION_SHOWS))
    if step in restoration.dead:
        known["dead"] = restoration.dead[step]
    if step in restoration.unknown_since_ms:
        known["unknown_since_ms"] = restoration.unknown_since_ms[step]
    return known


def terms_of(campaigns: Mapping[str, CampaignTerms], key: str | None) -> CampaignTerms:
    """Return the terms of a campaign; None stands for the first one. Raises KeyError if it does not run here."""
    return campaigns[key] if key is not None else next(iter(campaigns.values()))
