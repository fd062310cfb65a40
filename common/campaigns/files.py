"""Reads a campaign's files. Errors name the file, the line, the field and the fix."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from common.campaigns.errors import CampaignError
from common.campaigns.toml_lines import line_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A TOML file. `data`: its parsed content. `text`: its source, in which the line of an error is found."""

    file: Path
    text: str
    data: Mapping[str, Any]

    def error(self, place: tuple[str | int, ...], problem: str) -> CampaignError:
        """Return the error for a problem at `place`, such as `("steps", 1, "body")`."""
        line = line_of(self.text, place)
        at = f"line {line}: " if line else ""
        return CampaignError(f"{self.file}: {at}{'.'.join(map(str, place)) or 'the file'}: {problem}")

    def validated(self, kind: type[T], data: object = None, place: tuple[str | int, ...] = ()) -> T:
        """Validate `data`, by default the whole file, as `kind`. Raises CampaignError with the first problem."""
        try:
            return _adapter(kind).validate_python(self.data if data is None else data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise self.error((*place, *first["loc"]), _cure(first["type"], first["msg"])) from None


_ADAPTERS: dict[object, TypeAdapter[Any]] = {}


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    """Return a cached validator: a new one for each file would cost megabytes."""
    return _ADAPTERS.get(kind) or _ADAPTERS.setdefault(kind, TypeAdapter(kind))


def read_text(file: Path) -> str:
    """Return the file's text. Raises CampaignError if it is missing or not UTF-8."""
    try:
        return file.read_text(encoding="utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise CampaignError(f"{file}: cannot be read ({error.strerror}); put the file there") from None
    except UnicodeDecodeError as error:
        raise CampaignError(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8") from None


def read_toml(file: Path) -> TomlFile:
    """Read a TOML file. Raises CampaignError if it is missing or not TOML."""
    text = read_text(file)
    try:
        return TomlFile(file, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CampaignError(f"{file}: not TOML: {error}; {_cure_of_syntax(text, str(error))}") from None


def _cure_of_syntax(text: str, message: str) -> str:
    """Return the fix for a syntax error. Text editors often insert typographic quotes."""
    found = re.search(r"at line (\d+)", message)
    line = text.split("\n")[int(found[1]) - 1] if found else ""
    return 'write straight quotes, "' if re.search("[“”«»]", line) else "correct the line"


def _cure(kind: str, message: str) -> str:
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return "unknown field; correct its name or remove it"
    if kind in ("missing", "missing_argument"):
        return "missing; add it"
    return message.removeprefix("Value error, ")
