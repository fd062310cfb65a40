"""What became of a field that could not be used as it was sent. It is never a reason to lose a signup or a booking."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

Kept = str | int | float | None


class NoteKind(StrEnum):
    """Which metric counts it; `REPAIRED` is counted by none, because nothing was lost."""

    DROPPED = "dropped"
    REPAIRED = "repaired"
    RENAMED = "renamed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """
    One field of a signup or a booking. `what`: a sentence without anything that was sent but cleaned names of fields.

    `field`: the known name. `kept`: the value that is used instead; None: none. `sent_as`: for RENAMED and UNKNOWN, the
    name that was sent.
    """

    kind: NoteKind
    field: str
    what: str
    kept: Kept = None
    sent_as: str | None = None

    @property
    def is_on_timeline(self) -> bool:
        """Unknown fields are kept with the assessment, so there is nothing to report to a person about them."""
        return self.kind is not NoteKind.UNKNOWN

    def to_json(self) -> str:
        """The detail of an entry of the timeline."""
        return json.dumps({"field": self.field, "what": self.what, "kept": self.kept}, ensure_ascii=False)


def note_fields(notes: tuple[Note, ...]) -> list[dict[str, Any]]:
    """For the spool."""
    return [asdict(note) for note in notes]


def read_notes(fields: list[dict[str, Any]]) -> tuple[Note, ...]:
    """Raises TypeError or ValueError when `note_fields` did not write it."""
    return tuple(Note(**{**one, "kind": NoteKind(one["kind"])}) for one in fields)
