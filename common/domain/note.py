"""Notes about fields that could not be used as sent. Such a field never causes the loss of a signup or a booking."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

Kept = str | int | float | None


class NoteKind(StrEnum):
    """What happened to the field. A metric counts each kind except `REPAIRED`, because nothing was lost."""

    DROPPED = "dropped"
    REPAIRED = "repaired"
    RENAMED = "renamed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """
    A note about one field of a signup or a booking.

    `field`: the name that we know. `what`: a sentence; of the text that was sent it contains only cleaned field names.
    `kept`: the value that is used instead; None for none. `sent_as`: for RENAMED and UNKNOWN, the name that was sent.
    """

    kind: NoteKind
    field: str
    what: str
    kept: Kept = None
    sent_as: str | None = None

    @property
    def is_on_timeline(self) -> bool:
        """Whether the timeline shows it. It does not for unknown fields, because the assessment stores them anyway."""
        return self.kind is not NoteKind.UNKNOWN

    def to_json(self) -> str:
        """Return the note as the detail of a timeline entry."""
        return json.dumps({"field": self.field, "what": self.what, "kept": self.kept}, ensure_ascii=False)


def note_fields(notes: tuple[Note, ...]) -> list[dict[str, Any]]:
    """Return the notes as plain values for the spool."""
    return [asdict(note) for note in notes]


def read_notes(fields: list[dict[str, Any]]) -> tuple[Note, ...]:
    """Read notes that `note_fields` wrote. Raises TypeError or ValueError for anything else."""
    return tuple(Note(**{**one, "kind": NoteKind(one["kind"])}) for one in fields)
