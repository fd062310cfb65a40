"""
Records ↔ store. An enrollment is one HASH of short fields, so that it stays in the store's compact encoding.

| field | content |
| --- | --- |
| `campaign`, `email`, `first`, `business`, `phone`, `tz`, `locale` | who |
| `score`, `red`, `orange`, `yellow`, `green`, `gps`, `money`, `weak1`, `weak2`, `strong`, `leak`, `extra` | the newest assessment |
| `segment`, `status`, `reason` | CRITICAL…, accepted…, why it ended early |
| `anchor`, `assessed` | instants of the first and of the newest signup, ms |
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
from typing import Any

from common.domain.contact import Assessment, Number
from common.domain.delivery import Fate, Record
from common.domain.enrollment import Enrollment, ExitReason, Status
from common.domain.ids import EnrollmentId
from common.domain.segment import Segment

_TEXTS = {
    "email": "email",
    "first": "first_name",
    "business": "business_name",
    "phone": "phone",
    "tz": "timezone",
    "locale": "locale",
    "weak1": "weakest_system_1",
    "weak2": "weakest_system_2",
    "strong": "strongest_system",
}
_NUMBERS = {
    "score": "assessment_score",
    "red": "red_systems",
    "orange": "orange_systems",
    "yellow": "yellow_systems",
    "green": "green_systems",
    "gps": "gps_score",
    "money": "money_score",
    "leak": "revenue_leak_total",
}
_COUNTS = ("red", "orange", "yellow", "green")
ASSESSMENT_FIELDS = (*_TEXTS, *_NUMBERS, "extra")
"""What a newer assessment replaces."""


def assessment_fields(assessment: Assessment) -> dict[str, str]:
    """The fields of an assessment that say something; the others are absent from the HASH."""
    fields: dict[str, str] = {}
    for short, name in _TEXTS.items():
        if (text := getattr(assessment, name)) is not None:
            fields[short] = text
    for short, name in _NUMBERS.items():
        number: Number | None = getattr(assessment, name)
        if number is not None and not (number == 0 and short in _COUNTS):
            fields[short] = _number_text(number)
    if assessment.extra:
        fields["extra"] = json.dumps(assessment.extra, separators=(",", ":"), ensure_ascii=False)
    return fields


def read_assessment(fields: Mapping[str, str]) -> Assessment:
    values: dict[str, Any] = {name: fields.get(short) for short, name in _TEXTS.items()}
    for short, name in _NUMBERS.items():
        text = fields.get(short)
        values[name] = _number(text) if text is not None else (0 if short in _COUNTS else None)
    values["extra"] = json.loads(fields.get("extra", "{}"))
    return Assessment(**values)


def read_enrollment(enrollment_id: str, fields: Mapping[str, str]) -> Enrollment:
    """The enrollment in a HASH. Raises KeyError or ValueError when it was not written by the scripts."""
    return Enrollment(
        id=EnrollmentId(enrollment_id),
        campaign=fields["campaign"],
        status=Status(fields["status"]),
        segment=Segment(fields["segment"]),
        assessment=read_assessment(fields),
        anchor_ms=int(fields["anchor"]),
        assessed_ms=int(fields["assessed"]),
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


def _number(text: str) -> Number:
    return float(text) if "." in text or "e" in text else int(text)


def _number_text(number: Number) -> str:
    return str(int(number)) if number == int(number) else repr(number)
