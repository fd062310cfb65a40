"""What Notion remembers becomes an enrollment again; beside what the ledger knows, it only fills gaps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from common.domain.enrollment import ExitReason
from common.domain.ids import enrollment_id
from common.domain.notion_import import AS_NOTION_SHOWS, Restored
from common.ledger import codec, keys
from common.ledger.ledger import Ledger
from common.ledger.short_ids import shortened

SUPPRESSING = frozenset({ExitReason.UNSUBSCRIBED, ExitReason.BOUNCED, ExitReason.COMPLAINED})

Became = Literal["restored", "merged", "known", "forgotten"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """
    One person as they are to be restored.

    `dead`: reason by step, of what was never sent although the sequence went on. `doubts`: by step, of what may have
    been accepted, the earliest instant of that, ms.
    """

    person: Restored
    dead: Mapping[int, str] = field(default_factory=dict)
    doubts: Mapping[int, int] = field(default_factory=dict)


async def restore(ledger: Ledger, restoration: Restoration, *, now_ms: int) -> Became:
    """
    `restored`: the ledger had no word of them. `merged`: something was added to what it has. `known`: nothing was.
    `forgotten`: they were erased here on their wish, and stay so.

    One script: all of it or nothing, and a repetition changes nothing. The next step waits at its own instant, which
    may have passed; then it is due at once, and the gap between two nurture mails is kept.
    """
    owner = enrollment_id(ledger.campaign, restoration.person.assessment.email)
    answer: Became = await ledger.run_script(
        "restore",
        [keys.enrollment(owner), keys.SUPPRESSED, keys.DEAD],
        [
            owner,
            now_ms,
            ledger.mark(restoration.person.assessment.email),
            ledger.cadence.length,
            json.dumps(_remembered(ledger, restoration), ensure_ascii=False),
        ],
    )
    return answer


def _remembered(ledger: Ledger, restoration: Restoration) -> dict[str, Any]:
    person = restoration.person
    steps = range(1, ledger.cadence.length + 1)
    remembered: dict[str, Any] = {
        "campaign": ledger.campaign,
        "segment": person.assessment.segment.value,
        "anchor": str(person.anchor_ms),
        "fields": codec.assessment_fields(person.assessment) | codec.page_fields({"sequence": person.page_id}),
        "due": {str(step): str(ledger.cadence.due_ms(anchor_ms=person.anchor_ms, step=step)) for step in steps},
        "sent": {
            str(step): [str(ms), shortened(person.ids.get(step, AS_NOTION_SHOWS))]
            for step, ms in person.sent_ms.items()
            if step in steps
        },
        "dead": {str(step): reason for step, reason in restoration.dead.items()},
        "doubt": {str(step): str(ms) for step, ms in restoration.doubts.items()},
        "differs": person.differs,
    }
    if person.exit_reason is not None:
        remembered |= {"reason": person.exit_reason.value, "suppress": person.exit_reason in SUPPRESSING}
    return remembered
