"""
Converts enrollments and delivery records to and from the store.

An enrollment is one HASH, small enough for the store's compact encoding:

| field | content |
| --- | --- |
| `campaign`, `email`, `address_hash` | the campaign and the contact |
| `assessment` | the newest assessment, as one list: separate fields would take twice the memory |
| `first_name` | the name that was given first, if a later signup gave another one or none |
| `consent` | what the contact agreed to, JSON; from the newest signup that contained it |
| `sms_consent` | the same for SMS: yes or no, the number, source and time |
| `segment`, `status`, `exit_reason` | CRITICAL…; held, accepted…; why it ended early |
| `language` | the language of its mails; absent: the campaign's default |
| `anchor_ms`, `assessed_ms` | time of the first signup, or of its release; time of the newest signup if there were several |
| `next` | the step that waits in the schedule and was never claimed, such as `step-2` |
| `/step-1` … | the record of each delivery, see `read_record` |
| `last_sent_ms`, `sending` | time of the last mail; `step-2 ms`: the mail that is being sent, and since when |
| `revision`, `mirrored` | number of changes so far; the revision that Notion shows |
| `page:sequence`, `page:contact` | Notion pages: `id digest`, with the digest of the page's content; see `shortened` |
| `mirror_misses` | how often in a row this contact could not be written to Notion |
| `announced_ms` | time at which a hot lead was announced |
| `held_by` | for a held signup: the limit that it exceeded, `hour` or `source` |
| `hold` | why nothing of it is sent for now: one or more reasons, one word each |
| `ended_ms` | time at which it was completed or ended early |
| `contact` | the id under which the contact's calls are stored, if it is another one |
| `decided` | an operator's newest decision about a planned mail: `call_id detail`, see `lua/planned_deliveries.lua` |
| `versions` | the campaign version of each sent mail: `@a1b2c3d4e5f6 step-1 step-2` |
| `others` | the same person's enrollments in other campaigns |

`booking_codec.py` does the same for bookings.
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
"""The fields that `assessment` contains, in this order; new fields must be added at the end."""


_values = attrgetter(*_ASSESSMENT)


def assessment_text(assessment: Assessment) -> str:
    """
    Return an assessment without its address, as a JSON list in the order of `_ASSESSMENT`; missing values at its end
    are left out.
    """
    values = [*_values(assessment)]
    while values[-1] is None or values[-1] == {}:
        values.pop()
    return to_json(values).decode()


def assessment_fields(assessment: Assessment) -> dict[str, str]:
    """Return the fields of an assessment in the enrollment's HASH."""
    fields = {"email": assessment.email, "assessment": assessment_text(assessment)}
    said = {"consent": assessment.consent, "sms_consent": assessment.sms_consent}
    return fields | {name: consent_text(one) for name, one in said.items() if one is not None}


def consent_text(consent: Consent | SmsConsent) -> str:
    """Return a consent as JSON, without unknown values."""
    return to_json(consent, exclude_none=True).decode()


def read_assessment(fields: Mapping[str, str]) -> Assessment:
    """Return the assessment in a HASH. Raises KeyError or ValueError if `assessment_fields` did not write it."""
    values = dict(zip(_ASSESSMENT, json.loads(fields["assessment"]), strict=False))
    if "first_name" in fields:
        values["first_name"] = fields["first_name"]
    consent = Consent(**json.loads(fields["consent"])) if "consent" in fields else None
    of_sms = SmsConsent(**json.loads(fields["sms_consent"])) if "sms_consent" in fields else None
    return Assessment(email=fields["email"], consent=consent, sms_consent=of_sms, **values)


def read_enrollment(enrollment_id: str, fields: Mapping[str, str]) -> Enrollment:
    """Return the enrollment in a HASH. Raises KeyError or ValueError if the scripts did not write it."""
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
            step_of(name): record for name, record in records.items() if record.status is not DeliveryStatus.PLANNED
        },
        revision=int(fields.get("revision", "0")),
        mirrored_revision=int(fields.get("mirrored", "0")),
        pages=read_pages(fields),
    )


def page_fields(pages: Mapping[str, str]) -> dict[str, str]:
    """Return the HASH fields for what a mirror remembers: page ids `sequence` and `contact`, and their `…_digest`."""
    return {
        field: f"{shortened(pages[name])} {shortened(pages.get(f'{name}_digest', ''))}".rstrip()
        for name, field in _PAGES.items()
        if name in pages
    }


def read_pages(fields: Mapping[str, str]) -> dict[str, str]:
    """Return what `page_fields` was given, from an enrollment's or a contact's HASH. A missing digest is left out."""
    pages: dict[str, str] = {}
    for name, field in _PAGES.items():
        page, _, digest = fields.get(field, "").partition(" ")
        pages |= {key: lengthened(text) for key, text in ((name, page), (f"{name}_digest", digest)) if text}
    return pages


def read_page_ids(fields: Mapping[str, str]) -> list[str]:
    """Return the Notion page ids of an enrollment or a contact, without the digests."""
    return [text for name, text in read_pages(fields).items() if name in _PAGES]


def read_records(fields: Mapping[str, str]) -> dict[str, Record]:
    """Return the delivery records in an owner's HASH, by the delivery's name."""
    return {name[1:]: read_record(text) for name, text in fields.items() if name.startswith("/")}


def read_record(text: str) -> Record:
    """
    Return the record in a text such as `accepted 1764000000000 1 +0 ~P1…`, or `planned 1764000000000`: due then.

    The parts are status, `at_ms`, attempts, acceptance and detail. Acceptance: how many ms after `at_ms` the provider
    accepted it, with a sign (`-1500`: before it); `0`: never.
    """
    status, at_ms, *rest = text.split(" ", 4)
    attempts, sent, detail = rest or ("0", "0", "")
    return Record(
        status=DeliveryStatus(status),
        at_ms=int(at_ms),
        attempts=int(attempts),
        sent_ms=None if sent == "0" else int(at_ms) + int(sent),
        detail=lengthened(detail),
    )


def due_ms_of(text: str) -> int:
    """Return only the `at_ms` of a record's text; faster than `read_record` for the list of all contacts."""
    return int(text.split(" ", 2)[1])


@dataclass(frozen=True, slots=True)
class Settled:
    """
    A result was recorded.

    `circuit_open_since_ms`: since when everything had waited for the provider, if this success closed its circuit; else
    None. `is_reported`: the delivery was recorded as accepted instead of the given outcome, because a webhook reported
    it while the worker was processing it.
    """

    circuit_open_since_ms: int | None
    is_reported: bool = False


def read_settled(answer: int) -> Settled | None:
    """
    Read a script's answer: 0 (another worker will settle it: None), 1, -1 (`is_reported`), or `circuit_open_since_ms`.
    """
    return Settled(answer if answer > 1 else None, is_reported=answer < 0) if answer else None


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{16}")
_SHORT = re.compile(r"~(?:[\w-]{22}|[\w-]{11})", re.ASCII)


def shortened(text: str) -> str:
    """
    Return the short form of a provider's id, to save memory: each contact has two ids from Notion, and one from Resend
    for each mail.

    A UUID becomes `~` and 22 characters, a digest of 16 hexadecimal digits `~` and 11: the same bytes in URL-safe
    base64. Any other text is unchanged, but one that begins with `~` gets another `~`. To read one in a shell:

        printf %s 'MdX9eHFEUJqNhfIdPH0_UQ==' | basenc --base64url -d | xxd -p
    """
    if _UUID.fullmatch(text) or _DIGEST.fullmatch(text):
        return "~" + urlsafe_b64encode(binascii.unhexlify(text.replace("-", ""))).decode().rstrip("=")
    return f"~{text}" if text.startswith("~") else text


def lengthened(text: str) -> str:
    """Return the text that `shortened` was given."""
    if not _SHORT.fullmatch(text):
        return text.removeprefix("~") if text.startswith("~~") else text
    raw = urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4))
    return str(uuid.UUID(bytes=raw)) if len(raw) == 16 else raw.hex()


def versions_of(text: str) -> dict[str, str]:
    """Return the campaign version of each mail, from a text such as `@a1b2 step-1 step-2 @c3d4 step-3`."""
    found: dict[str, str] = {}
    for version, names in re.findall(r"@(\w+)((?: [^@ ]+)*)", text):
        found |= dict.fromkeys(names.split(), version)
    return found
