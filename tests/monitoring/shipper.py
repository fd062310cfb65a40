"""Runs lines as Docker stores them through the stages of deploy/alloy/config.alloy: what Loki gets, and its labels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.tidy.repository import ROOT

TEXT = re.sub(r"^\s*//.*\n", "", (ROOT / "deploy" / "alloy" / "config.alloy").read_text(), flags=re.MULTILINE)
_STAGE = re.compile(r"stage\.(\w+) \{( |\n.*?\n  )\}\n", re.DOTALL)
_STRING = r'"((?:\\.|[^"\\])*)"'


@dataclass
class Entry:
    """A line between two stages. `found`: values that earlier stages extracted from it."""

    line: str
    labels: dict[str, str] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)


def shipped(line: str, *, service: str, tag: str = "advent") -> Entry | None:
    """Return what Loki gets of a line that a container wrote, or None if the line is dropped."""
    attributes = {"tag": tag, "com.docker.compose.service": service}
    entry = Entry(
        json.dumps({"log": line + "\n", "stream": "stderr", "attrs": attributes, "time": "2025-12-01T00:00:00Z"})
    )
    for kind, body in _stages():
        if kind == "match" and entry.labels.get("tag") != _strings(body)[0].split('"')[1]:
            return None
        _PLAY.get(kind, lambda *_: None)(entry, body)
    return entry


def _stages() -> Iterator[tuple[str, str]]:
    """Yield (kind, body) of every stage in order. Fails for an unknown stage, which would otherwise have no effect."""
    process = TEXT[TEXT.index("loki.process") :]
    for kind, body in _STAGE.findall(process):
        assert kind in {*_PLAY, "match", "timestamp"}, f"stage.{kind} is not known here"
        yield kind, body


def _json(entry: Entry, body: str) -> None:
    try:
        reported: Any = json.loads(entry.line)
    except ValueError:
        return
    for name, path in _pairs(body, "expressions").items():
        keys = [quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|(\w+)', path or name)]
        value = reported
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            entry.found[name] = value if isinstance(value, str) else json.dumps(value)


def _labels(entry: Entry, body: str) -> None:
    for name, source in _pairs(body, "values").items():
        if value := entry.found.get(source or name):
            entry.labels[name] = value


def _docker(entry: Entry, body: str) -> None:
    entry.line = json.loads(entry.line)["log"].removesuffix("\n")


def _template(entry: Entry, body: str) -> None:
    source, template = _strings(body)
    assert template == "{{ if .library }}library{{ else if .event }}{{ .event }}{{ end }}"
    entry.found[source] = "library" if entry.found.get("library") else entry.found.get(source, "")


def _label_keep(entry: Entry, body: str) -> None:
    entry.labels = {name: value for name, value in entry.labels.items() if name in _strings(body)}


_PLAY = {"json": _json, "labels": _labels, "docker": _docker, "template": _template, "label_keep": _label_keep}


def _pairs(body: str, name: str) -> dict[str, str]:
    table = re.search(rf"{name} = \{{(.*)\}}", body)
    assert table is not None
    return {key: _plain(value) for key, value in re.findall(rf"(\w+) = {_STRING}", table[1])}


def _strings(body: str) -> list[str]:
    return [_plain(found) for found in re.findall(_STRING, body)]


def _plain(text: str) -> str:
    return text.replace('\\"', '"')
