"""
Records ↔ store. An enrollment is one HASH of short fields, so that it stays in the store's compact encoding.

| field | content |
| --- | --- |
| `campaign`, `email` | who |
| `told` | the newest assessment, as one list: as many fields would take twice the room |
| `segment`, `status`, `reason` | CRITICAL…, accepted…, why it ended early |
| `anchor`, `assessed` | instants of the first signup, and of the newest one if there were several, ms |
| `next`, `due` | the step that waits in the schedule, and its instant, ms |
| `last`, `sending` | instant of the last nurture mail, ms; `step ms` of the one under way |
| `s1` … `s7` | `fate at_ms attempts sent_ms detail` of each step that met one |
| `rev`, `shown` | changes so far; the one that Notion shows |
| `page.*` | Notion page ids, and digests of what they show |
| `missed` | times in a row that Notion would not show this person |
| `announced` | instant at which a hot lead was announced, ms |
| `hold` | why nothing of it is sent for now, one word each; see `hold.lua` |

What bookings add is in `booking_codec.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from common.domain.contact import Assessment
from common.domain.delivery import Fate, Record
from common.domain.enrollment import Enrollment, ExitReason, Status
from common.domain.ids import EnrollmentId
from common.domain.segment import Segment

_TOLD = (
    "first_name",
    "business_name",
    "timezone",
    "locale",
    "weakest_system_1",
    "weakest_system_2",
    "strongest_system",
    "assessment_score",
    "red_systems",
    "orange_systems",
    "yellow_systems",
    "green_systems",
    "gps_score",
    "money_score",
    "revenue_leak_total",
    "phone",
    "extra",
)
"""What `told` holds, in its order; a new field goes to the end."""


def told(assessment: Assessment) -> str:
    """An assessment but its address, as a JSON list in the order of `_TOLD`; what was not told at its end is left out."""
    values = [getattr(assessment, name) for name in _TOLD]
    while values[-1] is None or values[-1] == {}:
        values.pop()
    return _dense(values)


_dense = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def assessment_fields(assessment: Assessment) -> dict[str, str]:
    """The fields of an assessment in the HASH."""
    return {"email": assessment.email, "told": told(assessment)}


def read_assessment(fields: Mapping[str, str]) -> Assessment:
    """Raises KeyError or ValueError when `assessment_fields` did not write it."""
    values = dict(zip(_TOLD, json.loads(fields["told"]), strict=False))
    return Assessment(email=fields["email"], **values)


def read_enrollment(enrollment_id: str, fields: Mapping[str, str]) -> Enrollment:
    """The enrollment in a HASH. Raises KeyError or ValueError when it was not written by the scripts."""
    return Enrollment(
        id=EnrollmentId(enrollment_id),
        campaign=fields["campaign"],
        status=Status(fields["status"]),
        segment=Segment(fields["segment"]),
        assessment=read_assessment(fields),
        anchor_ms=int(fields["anchor"]),
        assessed_ms=int(fields.get("assessed", fields["anchor"])),
        exit_reason=ExitReason(fields["reason"]) if "reason" in fields else None,
        next_step=int(fields["next"]) if "next" in fields else None,
        next_due_ms=int(fields["due"]) if "due" in fields else None,
        records={int(name[1:]): read_record(text) for name, text in fields.items() if _is_step(name)},
        revision=int(fields.get("rev", "0")),
        mirrored_revision=int(fields.get("shown", "0")),
        pages={name.removeprefix("page."): text for name, text in fields.items() if name.startswith("page.")},
    )


def read_record(text: str) -> Record:
    """`accepted 1764000000000 1 1764000000000 3f…` → Record; `sent_ms` 0 means never sent."""
    fate, at_ms, attempts, sent_ms, detail = text.split(" ", 4)
    return Record(
        fate=Fate(fate), at_ms=int(at_ms), attempts=int(attempts), sent_ms=int(sent_ms) or None, detail=detail
    )


def _is_step(name: str) -> bool:
    return name.startswith("s") and name[1:].isdigit()
