"""The systems of an assessment, each with its advice, and the general advice for a system with another name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from pydantic import ConfigDict, with_config

from common.campaigns.errors import CampaignError
from common.campaigns.files import read_toml
from common.campaigns.wording import clean
from common.normalization.text import reason_unusable

_OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """
    The sentences about a system.

    `about`: what the system is, after a comma: "GPS, your direction and planning". `sign`: how its weakness shows.
    `quick_win`: an improvement in half an hour. `next_win`: the next improvement, for a business in good shape.
    `check`: a line of a checklist. `strength`: how to use it when it is the strongest.
    """

    name: str
    about: str
    sign: str
    quick_win: str
    next_win: str
    check: str
    strength: str


@with_config(ConfigDict(extra="forbid", str_min_length=1, str_strip_whitespace=True))
@dataclass(frozen=True, slots=True, kw_only=True)
class Advice(Sentences):
    """One table of `systems.toml`. In `[other]`, `{name}` is replaced by the contact's own word for the system."""

    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class System(Sentences):
    """A system as mails show it. `label`: for its first mention. `name`: for later ones. `about`: in plain words."""

    label: str


class SystemBook:
    """The systems in one language, from `systems.toml`: finds a system by its name in an assessment."""

    def __init__(self, advice: Mapping[str, Advice]) -> None:
        self._other = advice.get(_OTHER)
        self._known = {
            _plain(word): entry
            for key, entry in advice.items()
            if key != _OTHER
            for word in (key, entry.name, *entry.aliases)
        }

    def named(self, text: str | None) -> System | None:
        """
        Return the system with this name. `GPS`, `gps system` and `GPS (direction)` are the same one. An unknown name
        gives the advice of `[other]`.

        None: the text is empty, or must not be shown to a recipient.
        """
        name = clean(text or "")
        if not name or self._other is None:
            return None
        known = self._known.get(_plain(name)) or self._known.get(_plain(_head(name)))
        if known:
            return _known_system(known)
        return None if reason_unusable(name) else _other_system(self._other, name)


def _known_system(advice: Advice) -> System:
    return System(label=f"{advice.name}, {advice.about}", **_sentences(advice))


def _other_system(advice: Advice, name: str) -> System:
    said = {part: sentence.replace("{name}", name) for part, sentence in _sentences(advice).items()}
    return System(label=said["about"], **said | {"name": name})


def _sentences(advice: Advice) -> dict[str, str]:
    return {part.name: getattr(advice, part.name) for part in fields(Sentences)}


def read_systems(file: Path) -> Mapping[str, Advice]:
    """Read `systems.toml`. Raises CampaignError."""
    source = read_toml(file)
    if _OTHER not in source.data:
        raise CampaignError(f"{file}: [{_OTHER}] is missing; add it for systems with other names")
    return {key: source.validated(Advice, table, (key,)) for key, table in source.data.items()}


def _head(name: str) -> str:
    """Return the part before a bracket, dash, colon or slash."""
    return re.split(r"\s*[(\[:/\u2013\u2014]|\s+-", name, maxsplit=1)[0]


def _plain(name: str) -> str:
    """Return the name for comparisons, without accents, because people omit them: `Équipage` equals `equipage`."""
    letters = "".join(filter(str.isalnum, unicodedata.normalize("NFKD", name.casefold())))
    return letters.removesuffix("system") or letters
