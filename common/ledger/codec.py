"""
Records ↔ store. An enrollment is one HASH of short fields, so that it stays in the store's compact encoding.

A million people wait in one store, so what each of them has is named by a letter or two, here and in `lib.lua`; what
few have is written out.

| field | content |
| --- | --- |
| `c`, `e` | who: campaign and e-mail |
| `t` | the newest assessment told, as one list: as many fields would take twice the room |
| `sg`, `st`, `reason` | segment (CRITICAL…), status (accepted…), why it ended early |
| `a`, `assessed` | the anchor, instant of the first signup, and that of the newest one if there were several, ms |
| `n`, `d` | the next step, which waits in the schedule, and its instant due, ms |
| `wait` | another instant for which that step is scheduled meanwhile, ms |
| `l`, `sending` | instant of the last nurture mail, ms; `step ms` of the one under way |
| `s1` … `s7` | `fate at_ms attempts sent detail` of each step that met one, see `read_record` |
| `r`, `v` | revision: changes so far; the one that can be viewed in Notion |
| `p:s`, `p:c` | Notion pages, of the sequence and the contact: `id digest`, what it shows; see `short_ids.py` |
| `missed` | times in a row that Notion would not show this person |
| `announced` | instant at which a hot lead was announced, ms |
| `hold` | why nothing of it is sent for now, one word each; see `hold.lua` |
| `ended` | instant at which it was completed or left, ms |

What bookings add is in `booking_codec.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic_core import to_json

from common.domain.contact import Assessment
from common.domain.delivery import DeliveryStatus, Record
from common.domain.enrollment import Enrollment, ExitReason, Status
from common.domain.ids import EnrollmentId
from common.domain.segment import Segment
from common.ledger.short_ids import lengthened, shortened

CAMPAIGN, EMAIL, ASSESSED, SEGMENT, STATUS, ANCHOR = "c", "e", "t", "sg", "st", "a"
NEXT, DUE, LAST, REV, SHOWN = "n", "d", "l", "r", "v"
PAGES = {"sequence": "p:s", "contact": "p:c"}

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
"""What `t` holds, in its order; a new field goes to the end."""


def told(assessment: Assessment) -> str:
    """An assessment but its address, as a JSON list in the order of `_TOLD`; what was not told at its end is left out."""
    values = [getattr(assessment, name) for name in _TOLD]
    while values[-1] is None or values[-1] == {}:
        values.pop()
    return to_json(values).decode()


def assessment_fields(assessment: Assessment) -> dict[str, str]:
    """The fields of an assessment in the HASH."""
    return {EMAIL: assessment.email, ASSESSED: told(assessment)}


def read_assessment(fields: Mapping[str, str]) -> Assessment:
    """Raises KeyError or ValueError when `assessment_fields` did not write it."""
    values = dict(zip(_TOLD, json.loads(fields[ASSESSED]), strict=False))
    return Assessment(email=fields[EMAIL], **values)


def read_enrollment(enrollment_id: str, fields: Mapping[str, str]) -> Enrollment:
    """The enrollment in a HASH. Raises KeyError or ValueError when it was not written by the scripts."""
    return Enrollment(
        id=EnrollmentId(enrollment_id),
        campaign=fields[CAMPAIGN],
        status=Status(fields[STATUS]),
        segment=Segment(fields[SEGMENT]),
        assessment=read_assessment(fields),
        anchor_ms=int(fields[ANCHOR]),
        assessed_ms=int(fields.get("assessed", fields[ANCHOR])),
        exit_reason=ExitReason(fields["reason"]) if "reason" in fields else None,
        next_step=int(fields[NEXT]) if NEXT in fields else None,
        next_due_ms=int(fields[DUE]) if DUE in fields else None,
        records={int(name[1:]): read_record(text) for name, text in fields.items() if _is_step(name)},
        revision=int(fields.get(REV, "0")),
        mirrored_revision=int(fields.get(SHOWN, "0")),
        pages=read_pages(fields),
    )


def page_fields(pages: Mapping[str, str]) -> dict[str, str]:
    """The fields of what a mirror remembers: `sequence` and `contact`, and `…_digest` of each."""
    return {
        field: f"{shortened(pages[name])} {shortened(pages.get(f'{name}_digest', ''))}".rstrip()
        for name, field in PAGES.items()
        if name in pages
    }


def read_pages(fields: Mapping[str, str]) -> dict[str, str]:
    """What `page_fields` was given, of an enrollment or of a contact; a digest that is not there is left out."""
    pages: dict[str, str] = {}
    for name, field in PAGES.items():
        page, _, digest = fields.get(field, "").partition(" ")
        pages |= {key: lengthened(text) for key, text in ((name, page), (f"{name}_digest", digest)) if text}
    return pages


def read_record(text: str) -> Record:
    """
    `accepted 1764000000000 1 +0 ~P1…` → Record.

    The fourth part is how much later the provider accepted it than `at_ms`, `-1500`: earlier; `0` never.
    """
    fate, at_ms, attempts, sent, detail = text.split(" ", 4)
    return Record(
        fate=DeliveryStatus(fate),
        at_ms=int(at_ms),
        attempts=int(attempts),
        sent_ms=None if sent == "0" else int(at_ms) + int(sent),
        detail=lengthened(detail),
    )


def _is_step(name: str) -> bool:
    return name.startswith("s") and name[1:].isdigit()
