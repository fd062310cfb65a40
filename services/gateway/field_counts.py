"""Counts the fields of events that could not be used, or are not known."""

from __future__ import annotations

import re
from collections.abc import Iterable

from common.domain.note import Note, NoteKind
from common.normalization.fields import shown_name
from common.observability import metrics

NAMES_MAX = 50
OTHER = "other"

_LABEL = re.compile(r"[a-z0-9_ ]{1,40}")
_seen: set[str] = set()


def count_notes(notes: Iterable[Note]) -> None:
    """Of one accepted event."""
    for note in notes:
        if note.kind is NoteKind.DROPPED:
            metrics.FIELDS_DROPPED.labels(note.field).inc()
        elif note.sent_as is not None:
            metrics.FIELDS_UNKNOWN.labels(_label(note.sent_as)).inc()


def count_refused(fields: Iterable[str]) -> None:
    """Of a signup without a usable required field."""
    for field in fields:
        metrics.FIELDS_DROPPED.labels(field if _LABEL.fullmatch(field) else OTHER).inc()


def _label(name: str) -> str:
    """At most NAMES_MAX names become labels, whatever is sent."""
    shown = shown_name(name)
    if shown is None or (shown not in _seen and len(_seen) >= NAMES_MAX):
        return OTHER
    _seen.add(shown)
    return shown
