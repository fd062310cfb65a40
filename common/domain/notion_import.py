"""Reads a row of Notion's Email Sequence database back into an enrollment, for a rebuild after the loss of a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from common.domain.contact import Assessment, Consent, Number
from common.domain.enrollment import ExitReason
from common.domain.ids import Step, normal_address
from common.domain.projection import ENDED_IN_ORDER, CampaignColumns

AS_NOTION_SHOWS = "as Notion shows it"
"""Stands for the provider's id when that is unknown."""

_USUAL = CampaignColumns(name="")

SYSTEMS_MOST = 8
SCORE_MOST = 100
COUNTS = ("Red Systems", "Orange Systems", "Yellow Systems", "Green Systems")


class Unreadable(ValueError):
    """The row lacks data that are needed to send mail to the contact. The text names the columns and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceRow:
    """
    One row as Notion shows it.

    `values`: the cells by our own column names: text, number, bool, aware datetime, or None. `columns`: the columns
    that the database has. `created`, `edited`: times in Notion's format, to the minute.
    """

    page_id: str
    title: str
    created: str
    edited: str
    values: Mapping[str, object]
    columns: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """
    An enrollment as read from Notion.

    `enrollment_id`: as in the row. `sent_ms`: when each step was accepted. `exit_reason`: why the enrollment ended
    early. `is_completed`: no more steps will be sent. `language`: the language of the contact's mails. `segment`: the
    segment in the row, for campaigns whose assessment does not determine it. `differs`: the row must be written again.
    """

    assessment: Assessment
    anchor_ms: int
    sent_ms: Mapping[Step, int]
    is_completed: bool
    exit_reason: ExitReason | None
    page_id: str
    created: str
    edited: str
    language: str | None = None
    segment: str | None = None
    differs: bool = False
    ids: Mapping[Step, str] = field(default_factory=dict)
    """The provider's ids of sent steps, as far as its list contains them."""
    enrollment_id: str | None = None


def read_row(row: SequenceRow, columns: CampaignColumns = _USUAL) -> Restored:
    """Read a row. `columns`: the campaign's columns. Raises Unreadable with all problems of the row."""
    problems: list[str] = []
    email = _address(row, problems)
    anchor = row.values.get("Signup Date")
    if not isinstance(anchor, datetime):
        problems.append("Signup Date is empty: enter the day of the signup")
    score = _number(row, "Assessment Score", SCORE_MOST, problems)
    if score is None and columns.has_assessment and not any("Assessment Score" in problem for problem in problems):
        problems.append("Assessment Score is empty: enter 0 to 100")
    counts = [_count(row, name, problems) for name in COUNTS]
    if sum(counts) > SYSTEMS_MOST:
        problems.append(f"the four counts of systems add up to {sum(counts)}: they may be {SYSTEMS_MOST} together")
    if problems:
        raise Unreadable("; ".join(problems))
    assert isinstance(anchor, datetime)
    return Restored(
        assessment=Assessment(
            email=email,
            first_name=_first_name(row, email),
            assessment_score=score,
            business_name=_text(row, "Business Name"),
            red_systems=counts[0],
            orange_systems=counts[1],
            yellow_systems=counts[2],
            green_systems=counts[3],
            gps_score=_optional(row, "Gps Score", SCORE_MOST),
            money_score=_optional(row, "Money Score", SCORE_MOST),
            weakest_system_1=_text(row, "Weakest System 1"),
            weakest_system_2=_text(row, "Weakest System 2"),
            revenue_leak_total=_optional(row, "Revenue Leak", None),
            timezone=_text(row, "Time Zone"),
            phone=_text(row, "Phone"),
            consent=_consent(row),
            extra=_own_fields(row, columns),
        ),
        anchor_ms=_ms(anchor),
        sent_ms=_sent(row, columns),
        is_completed=bool(row.values.get("Sequence Completed")),
        exit_reason=_exit_reason(row, columns),
        page_id=row.page_id,
        created=row.created,
        edited=row.edited,
        enrollment_id=_text(row, "Enrollment ID"),
        language=_text(row, "Language"),
        segment=_text(row, "Segment"),
    )


def merged(rows: Sequence[Restored]) -> Restored:
    """
    Combine all rows of a contact: every step that any row shows as sent, the earliest signup, any exit.

    The oldest row survives, as in `common/providers/notion/duplicates.py`. The row that was edited last provides the
    contact's data.
    """
    kept = min(rows, key=lambda row: (row.created, row.page_id))
    newest = max(rows, key=lambda row: (row.edited, row.page_id))
    if len(rows) == 1:
        return kept
    sent: dict[Step, int] = {}
    for row in rows:
        for step, ms in row.sent_ms.items():
            sent[step] = min(ms, sent.get(step, ms))
    return replace(
        kept,
        assessment=newest.assessment,
        segment=newest.segment,
        language=newest.language or kept.language,
        anchor_ms=min(row.anchor_ms for row in rows),
        sent_ms=sent,
        is_completed=any(row.is_completed for row in rows),
        exit_reason=next((row.exit_reason for row in rows if row.exit_reason), None),
        differs=True,
    )


def by_person(rows: Iterable[Restored]) -> list[Restored]:
    """Return one result for each address, in the order of the addresses' first rows."""
    people: dict[str, list[Restored]] = {}
    for row in rows:
        people.setdefault(row.assessment.email, []).append(row)
    return [merged(found) for found in people.values()]


def _sent(row: SequenceRow, columns: CampaignColumns) -> dict[Step, int]:
    dates = {step: row.values.get(column) for step, column in columns.steps.items()}
    return {step: _ms(date) for step, date in dates.items() if isinstance(date, datetime)}


def _exit_reason(row: SequenceRow, columns: CampaignColumns) -> ExitReason | None:
    """
    Return why the contact left. A contact who left must not get mail again, so UNKNOWN stands for a reason that cannot
    be read.

    UNKNOWN also stands for a completed sequence without all its dates, whose end is not known, and for one with all its
    dates and *Assessment Completed* unticked: if the database has no *Exit Reason* column, `projection.py` marks a
    contact who left after the last mail in this way.
    """
    text = (_text(row, "Exit Reason") or "").lower()
    if text == ENDED_IN_ORDER:
        return None
    if text:
        return ExitReason(text) if text in {reason.value for reason in ExitReason} else ExitReason.UNKNOWN
    if not row.values.get("Sequence Completed"):
        return None
    has_all = len(_sent(row, columns)) == len(columns.steps)
    is_marked = "Exit Reason" not in row.columns and row.values.get("Assessment Completed") is False
    return None if has_all and not is_marked else ExitReason.UNKNOWN


def _address(row: SequenceRow, problems: list[str]) -> str:
    text = normal_address(_text(row, "Email") or "")
    name, at, domain = text.partition("@")
    if not (name and at and domain) or any(character.isspace() for character in text) or "@" in domain:
        problems.append(f"Email is {'empty' if not text else 'no address'}: enter the person's address")
    return text


def _text(row: SequenceRow, column: str) -> str | None:
    value = row.values.get(column)
    return value.strip() or None if isinstance(value, str) else None


def _first_name(row: SequenceRow, email: str) -> str:
    """Return the first name, or the row's title, unless the title is the business or the address."""
    title = row.title.strip()
    is_name = title not in (_text(row, "Business Name"), email)
    return _text(row, "First Name") or (title if is_name else "")


def _own_fields(row: SequenceRow, columns: CampaignColumns) -> dict[str, object]:
    """
    Return the campaign's own fields. A checkbox that is not ticked is left out, because Notion shows a missing value in
    the same way.
    """
    shown = {name: one.shown(row.values.get(one.name)) for name, one in columns.fields.items()}
    return {name: value for name, value in shown.items() if value not in (None, False)}


def _consent(row: SequenceRow) -> Consent | None:
    """Read what `consent_line` wrote. Anything else was written by hand and becomes the consent's text."""
    line = _text(row, "Consent")
    if line is None:
        return None
    parts = line.split(" | ", 2)
    if len(parts) < 3:
        return Consent(text=line)
    at, source, text = (None if part == "-" else part for part in parts)
    return Consent(text=text, source=source, at_ms=_iso_ms(at))


def _iso_ms(text: str | None) -> int | None:
    try:
        return None if text is None else _ms(datetime.fromisoformat(text))
    except ValueError:
        return None


def _count(row: SequenceRow, column: str, problems: list[str]) -> int:
    number = _number(row, column, SYSTEMS_MOST, problems) or 0
    if number != int(number):
        problems.append(f"{column} is {number:g}: enter a whole number")
    return int(number)


def _number(row: SequenceRow, column: str, most: int, problems: list[str]) -> Number | None:
    value = row.values.get(column)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    if not 0 <= value <= most:
        problems.append(f"{column} is {value:g}: enter 0 to {most}")
        return None
    return value


def _optional(row: SequenceRow, column: str, most: int | None) -> Number | None:
    """Return the number, or None if it is out of bounds: then it was entered by hand and is ignored."""
    value = row.values.get(column)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if value >= 0 and (most is None or value <= most) else None


def _ms(date: datetime) -> int:
    return round(date.timestamp() * 1000)
