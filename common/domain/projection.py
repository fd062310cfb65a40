"""The projection: an enrollment as Notion shows it, as plain values by column name. Only a rebuild reads it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from common.domain.contact import Consent
from common.domain.enrollment import Enrollment, ExitReason, Status
from common.domain.ids import Step

PHONE_CHARACTERS_MAX = 200
"""Notion's limit for a phone number."""

STEP_COLUMNS = 7
"""The sequence database has `Email 1 Sent` … `Email 7 Sent`."""

USED_COLUMNS = frozenset(
    {
        *("Email", "First Name", "Business Name", "Assessment Score"),
        *("Red Systems", "Orange Systems", "Yellow Systems", "Green Systems"),
        *("Campaign", "Segment", "Signup Date", "Assessment Completed", "Sequence Completed", "Exit Reason"),
        *("Enrollment ID", "Time Zone", "Language", "Weakest System 1", "Weakest System 2"),
        *("Gps Score", "Money Score", "Revenue Leak", "Consent", "Phone"),
        *(f"Email {step} Sent" for step in range(1, STEP_COLUMNS + 1)),
    }
)
"""Columns of the sequence database that show the same for every campaign."""

NURTURE, PRE_CALL = "Nurture Sequence", "Pre-Call Prep"
ENDED_IN_ORDER = "completed"
"""Stands for an exit reason when the last step was reached although an earlier step could not be sent."""
NOT_BOOKED, BOOKED, COMPLETED, NO_SHOW, UNMARKED = "Not Booked", "Booked", "Completed", "No-Show", "Unmarked"

Value = str | int | float | bool | datetime | None


def page_url(page_id: str) -> str:
    """Return the page's address. Notion needs only the id."""
    return f"https://www.notion.so/{page_id.replace('-', '')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One row of a database.

    `title`: the value of the title column, whatever its name. `keeps_title`: the title is written only where it is
    empty. `values`: always written; None empties the cell. `if_empty`: written only where the cell is empty, because
    other people may have entered better values. `if_lacking`: column → values that are also written if the database
    lacks that column. Times are aware UTC.
    """

    title: str
    values: Mapping[str, Value]
    if_empty: Mapping[str, Value] = field(default_factory=dict)
    if_lacking: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    keeps_title: bool = False


@dataclass(frozen=True, slots=True)
class FieldColumn:
    """The column of one of a campaign's own fields. `kind`: `rich_text`, `select`, `number` or `checkbox`."""

    name: str
    kind: str

    def shown(self, value: object) -> Value:
        """Return the value if this column can show it, otherwise None."""
        if self.kind == "checkbox":
            return value if isinstance(value, bool) else None
        if self.kind == "number":
            return value if isinstance(value, int | float) and not isinstance(value, bool) else None
        return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignColumns:
    """
    How Notion shows a campaign.

    `name`: the value in the column `Campaign`. `status`: the campaign's own column in the contact's row. `steps`: the
    column of each step's date. `has_assessment`: the contact's row shows score and segment of this campaign. `fields`:
    name of a signup's further field → its column.
    """

    name: str
    status: str = "Christmas Campaign Status"
    steps: Mapping[Step, str] = field(
        default_factory=lambda: {step: f"Email {step} Sent" for step in range(1, STEP_COLUMNS + 1)}
    )
    has_assessment: bool = True
    fields: Mapping[str, FieldColumn] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotionBookingStatus:
    """
    The status of a contact's call: an option of `Booking Status`, and the start of the call (ms), if any.

    `sms_answer`: the contact's last SMS to us, except STOP and similar words.
    """

    status: str
    meeting_ms: int | None = None
    sms_answer: str | None = None

    @property
    def campaign_status(self) -> str:
        return PRE_CALL if self.status == BOOKED else NURTURE


def sequence_row(enrollment: Enrollment, columns: CampaignColumns, *, title: str) -> Row:
    """
    Return the row of the Email Sequence database.

    Sent dates and the completion are left out while unknown, so Notion never loses one that it shows: a rebuild reads
    them after the loss of a store.
    """
    assessment = enrollment.assessment
    values: dict[str, Value] = {
        "Email": assessment.email,
        "First Name": assessment.first_name,
        "Business Name": assessment.business_name,
        "Assessment Score": assessment.assessment_score,
        "Red Systems": assessment.red_systems,
        "Orange Systems": assessment.orange_systems,
        "Yellow Systems": assessment.yellow_systems,
        "Green Systems": assessment.green_systems,
        "Campaign": columns.name,
        "Segment": enrollment.segment,
        "Signup Date": _instant(enrollment.anchor_ms),
        "Assessment Completed": True,
        "Enrollment ID": str(enrollment.id),
        "Time Zone": assessment.timezone,
        "Weakest System 1": assessment.weakest_system_1,
        "Weakest System 2": assessment.weakest_system_2,
        "Gps Score": assessment.gps_score,
        "Money Score": assessment.money_score,
        "Revenue Leak": assessment.revenue_leak_total,
        "Consent": None if assessment.consent is None else consent_line(assessment.consent),
    }
    if enrollment.language is not None:
        # Only where a language was chosen, so that all other rows stay unchanged.
        values["Language"] = enrollment.language
    if assessment.phone is not None:
        values["Phone"] = assessment.phone[:PHONE_CHARACTERS_MAX]
    values |= {one.name: one.shown(assessment.extra.get(name)) for name, one in columns.fields.items()}
    sent, ending = _sent(enrollment, columns), _ending(enrollment, columns)
    # With all dates and a completed sequence, a contact who left looks like one who stayed: mark the difference.
    has_left = "Exit Reason" in ending and len(sent) == len(columns.steps)
    marked = {"Exit Reason": {"Assessment Completed": False}} if has_left else {}
    return Row(title=title, values=values | sent | ending, if_lacking=marked)


def contact_row(
    enrollment: Enrollment, columns: CampaignColumns, *, title: str, booking: NotionBookingStatus | None = None
) -> Row:
    """
    Return the row of the BusinessX Canada database, which all campaigns of a contact share. Without a known booking,
    the existing cells about bookings are not changed.
    """
    values: dict[str, Value] = {
        "email": enrollment.assessment.email,
        columns.status: NURTURE if booking is None else booking.campaign_status,
    }
    if columns.has_assessment:
        values["Assessment Score"] = enrollment.assessment.assessment_score
        values["Segment"] = enrollment.segment
    if booking is None:
        return Row(title=title, values=values, if_empty={"Booking Status": NOT_BOOKED})
    return Row(title=title, values=values | _calls(booking))


def unenrolled_contact_row(
    email: str, columns: CampaignColumns, *, title: str, booking: NotionBookingStatus | None
) -> Row:
    """Return the BusinessX Canada row of a contact who booked a call and has no assessment to show."""
    status = booking or NotionBookingStatus(status=NOT_BOOKED)
    values: dict[str, Value] = {"email": email, columns.status: status.campaign_status}
    # An existing title may contain more than a name.
    return Row(title=title, values=values | _calls(status), keeps_title=True)


def consent_line(consent: Consent) -> str:
    """Return `2026-11-29T10:00:00.000+00:00 | https://site.example/quiz | I agree`, with `-` for an unknown part."""
    at = None if consent.at_ms is None else _instant(consent.at_ms).isoformat(timespec="milliseconds")
    source = None if consent.source is None else consent.source.replace("|", "/")
    return " | ".join(part or "-" for part in (at, source, consent.text))


def _calls(booking: NotionBookingStatus) -> dict[str, Value]:
    values: dict[str, Value] = {
        "Booking Status": booking.status,
        "Diagnostic Call Date": None if booking.meeting_ms is None else _instant(booking.meeting_ms),
    }
    return values if booking.sms_answer is None else values | {"SMS Answer": booking.sms_answer}


def _sent(enrollment: Enrollment, columns: CampaignColumns) -> dict[str, Value]:
    return {
        columns.steps[step]: _instant(record.sent_ms)
        for step, record in enrollment.records.items()
        if record.sent_ms is not None and step in columns.steps
    }


def _ending(enrollment: Enrollment, columns: CampaignColumns) -> dict[str, Value]:
    """
    Return the columns about the end. An exit completes the sequence too, so that a rebuild sends no mail to a contact
    who left.

    *Sequence Completed* without *Exit Reason* means that every step was sent.
    """
    if enrollment.status is Status.EXITED:
        return {"Sequence Completed": True, "Exit Reason": str(enrollment.exit_reason or ExitReason.UNKNOWN)}
    if enrollment.status is not Status.COMPLETED:
        return {}
    if enrollment.exit_reason:
        return {"Sequence Completed": True, "Exit Reason": str(enrollment.exit_reason)}
    has_all = len(_sent(enrollment, columns)) == len(columns.steps)
    return {"Sequence Completed": True, **({} if has_all else {"Exit Reason": ENDED_IN_ORDER})}


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
