"""
Records ↔ store. An enrollment is one HASH, small enough for the store's compact encoding.

| field | content |
| --- | --- |
| `campaign`, `email`, `address_hash` | who |
| `assessment` | the newest one, as one list: as many fields would take twice the memory |
| `first_name` | the name that was given first, where a later signup gave another one or none |
| `consent` | what the person agreed to, JSON, of the newest signup that said so |
| `sms_consent` | likewise, of SMS: yes or no, the number, source and time |
| `segment`, `status`, `exit_reason` | CRITICAL…; held, accepted…; why it ended early |
| `language` | in which it is written to; absent: the campaign's default |
| `anchor_ms`, `assessed_ms` | time of the first signup, and of the newest one if there were several |
| `next` | the step that waits in the schedule and was never claimed, `step-2` |
| `/step-1` … | the record of each delivery, see `read_record` |
| `last_sent_ms`, `sending` | time of the last mail; `step-2 ms`: of the one that is being sent |
| `revision`, `mirrored` | changes so far; the one that Notion shows |
| `page:sequence`, `page:contact` | Notion pages: `id digest`, what it shows; see `shortened` |
| `mirror_misses` | times in a row that Notion would not show this contact |
| `announced_ms` | time at which a hot lead was announced |
| `held_by` | of a held signup: the bound that it is beyond, `hour` or `source` |
| `hold` | why nothing of it is sent for now, one word each |
| `ended_ms` | time at which it was completed or ended early |
| `contact` | the id with which the person's calls are kept, where it is another one |
| `decided` | the newest decision of a person about a planned mail: `call_id detail`, see `lua/planned_deliveries.lua` |
| `versions` | of the mails that were sent, by the version of the campaign: `@a1b2c3d4e5f6 step-1 step-2` |
| `others` | the same person's enrollments in other campaigns |

What bookings add is in `booking_codec.py`.
"""

from __future__ import annotations

import binascii
import json
import re
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter

from pydantic_core import to_json

from common.domain.contact import Assessment, Consent, SmsConsent
from common.domain.delivery import DeliveryStatus, Record
from common.domain.enrollment import Enrollment, ExitReason, Status
from common.domain.ids import EnrollmentId, step_of

_PAGES = {"sequence": "page:sequence", "contact": "page:contact"}

_ASSESSMENT = (
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
"""What `assessment` holds, in its order; a new field goes to the end."""


_values = attrgetter(*_ASSESSMENT)


def assessment_text(assessment: Assessment) -> str:
    """An assessment but its address, as a JSON list in the order of `_ASSESSMENT`; what is missing at its end is left out."""
    values = [*_values(assessment)]
    while values[-1] is None or values[-1] == {}:
        values.pop()
    return to_json(values).decode()


def assessment_fields(assessment: Assessment) -> dict[str, str]:
    """The fields of an assessment in the HASH."""
    fields = {"email": assessment.email, "assessment": assessment_text(assessment)}
    said = {"consent": assessment.consent, "sms_consent": assessment.sms_consent}
    return fields | {name: consent_text(one) for name, one in said.items() if one is not None}


def consent_text(consent: Consent | SmsConsent) -> str:
    """A consent as JSON, without what is not known of it."""
    return to_json(consent, exclude_none=True).decode()


def read_assessment(fields: Mapping[str, str]) -> Assessment:
    """Raises KeyError or ValueError when `assessment_fields` did not write it."""
    values = dict(zip(_ASSESSMENT, json.loads(fields["assessment"]), strict=False))
    if "first_name" in fields:
        values["first_name"] = fields["first_name"]
    consent = Consent(**json.loads(fields["consent"])) if "consent" in fields else None
    of_sms = SmsConsent(**json.loads(fields["sms_consent"])) if "sms_consent" in fields else None
    return Assessment(email=fields["email"], consent=consent, sms_consent=of_sms, **values)


def read_enrollment(enrollment_id: str, fields: Mapping[str, str]) -> Enrollment:
    """The enrollment in a HASH. Raises KeyError or ValueError when it was not written by the scripts."""
    records = read_records(fields)
    following = fields.get("next")
    return Enrollment(
        id=EnrollmentId(enrollment_id),
        campaign=fields["campaign"],
        status=Status(fields["status"]),
        segment=fields["segment"],
        assessment=read_assessment(fields),
        anchor_ms=int(fields["anchor_ms"]),
        assessed_ms=int(fields.get("assessed_ms", fields["anchor_ms"])),
        language=fields.get("language"),
        contact=EnrollmentId(fields["contact"]) if "contact" in fields else None,
        exit_reason=ExitReason(fields["exit_reason"]) if "exit_reason" in fields else None,
        next_step=step_of(following) if following else None,
        next_due_ms=records[following].at_ms if following else None,
        records={
            step_of(name): record
            for name, record in records.items()
            if record.final_status is not DeliveryStatus.PLANNED
        },
        revision=int(fields.get("revision", "0")),
        mirrored_revision=int(fields.get("mirrored", "0")),
        pages=read_pages(fields),
    )


def page_fields(pages: Mapping[str, str]) -> dict[str, str]:
    """The fields of what a mirror remembers: `sequence` and `contact`, and `…_digest` of each."""
    return {
        field: f"{shortened(pages[name])} {shortened(pages.get(f'{name}_digest', ''))}".rstrip()
        for name, field in _PAGES.items()
        if name in pages
    }


def read_pages(fields: Mapping[str, str]) -> dict[str, str]:
    """What `page_fields` was given, of an enrollment or of a contact; a digest that is not there is left out."""
    pages: dict[str, str] = {}
    for name, field in _PAGES.items():
        page, _, digest = fields.get(field, "").partition(" ")
        pages |= {key: lengthened(text) for key, text in ((name, page), (f"{name}_digest", digest)) if text}
    return pages


def read_page_ids(fields: Mapping[str, str]) -> list[str]:
    """The pages of an enrollment or of a contact, without what they show."""
    return [text for name, text in read_pages(fields).items() if name in _PAGES]


def read_records(fields: Mapping[str, str]) -> dict[str, Record]:
    """The record of each delivery in the HASH of its owner, by the delivery's name."""
    return {name[1:]: read_record(text) for name, text in fields.items() if name.startswith("/")}


def read_record(text: str) -> Record:
    """
    `accepted 1764000000000 1 +0 ~P1…` → Record; `planned 1764000000000`: due then.

    The fourth part is how much later the provider accepted it than `at_ms`, `-1500`: earlier; `0` never.
    """
    final_status, at_ms, *rest = text.split(" ", 4)
    attempts, sent, detail = rest or ("0", "0", "")
    return Record(
        final_status=DeliveryStatus(final_status),
        at_ms=int(at_ms),
        attempts=int(attempts),
        sent_ms=None if sent == "0" else int(at_ms) + int(sent),
        detail=lengthened(detail),
    )


def due_ms_of(text: str) -> int:
    """`at_ms` of such a record alone; a list of everybody needs no more of it."""
    return int(text.split(" ", 2)[1])


@dataclass(frozen=True, slots=True)
class Settled:
    """
    Written down. `troubled_since_ms`: this ended a trouble for which everything had waited since then, None: none.

    `is_reported`: not as asked for, but as accepted, because a webhook reported it while the worker had it in hand.
    """

    troubled_since_ms: int | None
    is_reported: bool = False


def read_settled(answer: int) -> Settled | None:
    """From a script's 0, 1, -1 or time since when everything had waited; None: another worker settles it."""
    return Settled(answer if answer > 1 else None, is_reported=answer < 0) if answer else None


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{16}")
_SHORT = re.compile(r"~(?:[\w-]{22}|[\w-]{11})", re.ASCII)


def shortened(text: str) -> str:
    """
    The short form of a provider's id: every person has two of Notion's, and one of Resend's for each mail.

    `~` and 22 characters stand for a UUID, `~` and 11 for a digest of 16 hexadecimal digits: the same bytes in base64
    for URLs. Any other text stays as it is; one that begins with `~` gets another `~`. A person reads one with

        printf %s 'MdX9eHFEUJqNhfIdPH0_UQ==' | basenc --base64url -d | xxd -p
    """
    if _UUID.fullmatch(text) or _DIGEST.fullmatch(text):
        return "~" + urlsafe_b64encode(binascii.unhexlify(text.replace("-", ""))).decode().rstrip("=")
    return f"~{text}" if text.startswith("~") else text


def lengthened(text: str) -> str:
    """The text that `shortened` was given."""
    if not _SHORT.fullmatch(text):
        return text.removeprefix("~") if text.startswith("~~") else text
    raw = urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))
    return str(uuid.UUID(bytes=raw)) if len(raw) == 16 else raw.hex()


def versions_of(text: str) -> dict[str, str]:
    """`@a1b2 step-1 step-2 @c3d4 step-3` → the version of each mail."""
    found: dict[str, str] = {}
    for version, names in re.findall(r"@(\w+)((?: [^@ ]+)*)", text):
        found |= dict.fromkeys(names.split(), version)
    return found
