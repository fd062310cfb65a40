"""Whole enrollments: read, ended early, held, released, restored, by the terms of their campaigns."""

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
from common.ledger.mailboxes import Mailboxes, index_id
from common.ledger.store import Store

Became = Literal["restored", "merged", "known", "forgotten"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """
    One contact as they are to be restored.

    `dead`: reason by step, of what was never sent although the sequence went on. `unknown_since_ms`: by step, of what
    may have been accepted, the earliest time of that.
    """

    person: Restored
    dead: Mapping[Step, str] = field(default_factory=dict)
    unknown_since_ms: Mapping[Step, int] = field(default_factory=dict)


class Enrollments:
    """Of all campaigns. Raises as `Store.run` does; repeating a change changes nothing."""

    def __init__(self, store: Store, mailboxes: Mailboxes, campaigns: Mapping[str, CampaignTerms]) -> None:
        self._store, self._mailboxes, self._campaigns = store, mailboxes, campaigns

    async def get(self, enrollment: str) -> Enrollment | None:
        """What is known of one enrollment."""
        fields = await self._store.read_hash(keys.enrollment(enrollment))
        return codec.read_enrollment(enrollment, fields) if fields else None

    async def of_guest(self, contact: EnrollmentId, address: str) -> AsyncIterator[Enrollment]:
        """A guest's, in every campaign; read late, since a guest may sign up after booking."""
        for enrollment_id in dict.fromkeys([contact, *await self._mailboxes.in_campaigns(address)]):
            if (enrollment := await self.get(enrollment_id)) is not None:
                yield enrollment

    async def ids(self) -> AsyncIterator[EnrollmentId]:
        """Of all enrollments of which more than the id is known, in no order, each once."""
        # First those who are under way: who ends meanwhile is not missed.
        seen = set[bytes]()
        for name in (keys.UNDER_WAY, keys.ENDED):
            async for member, at_ms in self._store.client.zscan_iter(name, count=1000):
                if member not in seen and at_ms != inf:
                    seen.add(member)
                    yield EnrollmentId(member.decode())

    async def erased(self, ids: Sequence[EnrollmentId]) -> set[EnrollmentId]:
        """Those of which only the id is left, since they ended long ago."""
        found = await self._store.client.zmscore(keys.ENDED, [*ids]) if ids else []
        return {one for one, at_ms in zip(ids, found, strict=True) if at_ms == inf}

    async def exit(
        self, enrollment: EnrollmentId, reason: ExitReason, *, address_hash: str | None, now_ms: int
    ) -> bool:
        """End an enrollment early, and suppress the address behind the hash, if one is given."""
        args = [enrollment, address_hash or "", reason.value, now_ms]
        return bool(await self._store.run("enrollments.exit", [keys.enrollment(enrollment), keys.SUPPRESSED], args))

    async def unsubscribe(self, enrollment: EnrollmentId, *, address_hash: str | None, now_ms: int) -> None:
        """
        End the enrollment, if there is one, and suppress the mailbox; both may be named as a link of before names them.

        `address_hash`: None: they leave this series only.
        """
        reason = ExitReason.LEFT if address_hash is None else ExitReason.UNSUBSCRIBED
        await self.exit(enrollment, reason, address_hash=address_hash, now_ms=now_ms)

    async def is_suppressed(self, address_hash: str) -> bool:
        """Whether no mail goes to the address behind the hash, which may be that of a link of an earlier version."""
        client = self._store.client
        kept = await self._store.patiently(lambda: client.hget(keys.ALIASES, address_hash))
        return bool(await self._store.patiently(lambda: client.hexists(keys.SUPPRESSED, kept or address_hash)))

    async def hold(self, enrollment: EnrollmentId, reason: str, *, now_ms: int) -> bool:
        """Send nothing more of it until `release`; `reason` is one word, and each of several is released."""
        args = [enrollment, reason, now_ms]
        return bool(await self._store.run("enrollments.hold", [keys.enrollment(enrollment)], args))

    async def release(self, enrollment: EnrollmentId, reason: str, *, now_ms: int) -> bool:
        """Go on where `hold` stopped."""
        args = [enrollment, reason, now_ms]
        return bool(await self._store.run("enrollments.release", [keys.enrollment(enrollment)], args))

    async def restore(self, restoration: Restoration, *, now_ms: int, campaign: str | None = None) -> Became:
        """
        `campaign`: by default the first one.

        What Notion remembers becomes an enrollment again; next to what the ledger knows, it only fills gaps.

        `restored`: the ledger had nothing of them. `merged`: something was added to what it has. `known`: nothing was.
        `forgotten`: they were erased here on their wish, and stay so. The next step waits at its own due time, which
        may have passed; then it is due at once, and the minimum gap is kept.
        """
        person = restoration.person
        terms, email = terms_of(self._campaigns, campaign), person.assessment.email
        given = {
            **self._mailboxes.ids_and_hashes(email, terms.key),
            "shown_id": self._shown_id(person, terms.key),
            "now_ms": now_ms,
            "campaign": terms.key,
            "campaigns": [terms.key, terms_of(self._campaigns, None).key],
            "mailbox": index_id(email),
            "contact": self._mailboxes.calls_contact(email, terms.key),
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
        """The id that the row shows, unless somebody changed it by hand."""
        ids = self._mailboxes.ids(person.assessment.email, campaign)
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
    """The campaign of this key; None: the first one. Raises KeyError for one that is not played here."""
    return campaigns[key] if key is not None else next(iter(campaigns.values()))
