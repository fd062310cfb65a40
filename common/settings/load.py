"""Reads settings from the environment, which wins, and from `.env`; `<NAME>_FILE` names a file with the value."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from common.settings.near_names import near_names
from common.settings.process_needs import ELSEWHERE, NOT_READ, SECRETS, SERVICES, is_needed
from common.settings.rules import problems_of, reaches_a_provider
from common.settings.settings import SETTING_NAMES, Settings, SettingsError

_VALUE_BYTES_MAX = 64 * 1024


def load_settings(
    environ: Mapping[str, str] | None = None, *, env_file: Path = Path(".env"), process: str | None = None
) -> Settings:
    """
    Return the settings of this process. Raises SettingsError with one line for each problem, not only for the first.

    `process`: a key of `process_needs.NEEDED`. Such a process reads only the settings that it needs, and a service
    reads no `.env`. None: a command that needs all settings.
    """
    sources = _sources(environ, None if process in SERVICES else env_file)
    elsewhere = _elsewhere(sources)
    wanted = [name for name in SETTING_NAMES if is_needed(name.lower(), process) and name.lower() not in elsewhere]
    given, problems = _read(wanted, sources)
    try:
        settings = Settings.model_validate({name.lower(): value for name, value in given.items()})
    except ValidationError as error:
        raise SettingsError(problems + [_line(fault) for fault in error.errors(include_url=False)]) from None
    unread = {name for name in SECRETS if name.upper() not in wanted and _is_set(name.upper(), sources)}
    settings = settings.model_copy(update=dict.fromkeys(unread, NOT_READ))
    problems += problems_of(settings, process=process)
    problems += _misspelled(settings, sources)
    if problems:
        raise SettingsError(problems)
    return settings


def _sources(environ: Mapping[str, str] | None, env_file: Path | None) -> list[dict[str, str]]:
    """Return the values that are set, by name, one dict for each source. A later source wins."""
    environ = os.environ if environ is None else environ  # noqa: TID251 -- the one place that reads the environment
    file = _upper(dotenv_values(env_file)) if env_file is not None and env_file.is_file() else {}
    return [file, _upper(environ)]


def _elsewhere(sources: Iterable[Mapping[str, str]]) -> frozenset[str]:
    return frozenset(name for name in SECRETS for source in sources if source.get(f"{name.upper()}_FILE") == ELSEWHERE)


def _is_set(name: str, sources: Iterable[Mapping[str, str]]) -> bool:
    return any(form in source for source in sources for form in (name, f"{name}_FILE"))


def _misspelled(settings: Settings, sources: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """Yield a line for each misspelled setting, if a real provider is used, or would be with the correct name."""
    for name, setting in near_names((name for source in sources for name in source), SETTING_NAMES):
        if reaches_a_provider(settings) or setting.removesuffix("_FILE") in ("RESEND_API_KEY", "NOTION_TOKEN"):
            yield f"{name}: no setting, and one letter off {setting}; rename it, or remove it"


def _read(names: Iterable[str], sources: Iterable[Mapping[str, str]]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    problems: list[str] = []
    for name in names:
        for source in sources:
            try:
                value = _value_of(name, source)
            except ValueError as error:
                problems.append(str(error))
            else:
                if value:
                    values[name] = value
    return values, problems


def _upper(source: Mapping[str, str | None]) -> dict[str, str]:
    """Return non-empty values, trimmed, by upper-case name. If a name occurs in two cases, the upper-case one wins."""
    pairs = sorted(source.items(), key=lambda pair: pair[0].isupper())
    return {name.upper(): value.strip() for name, value in pairs if value and value.strip()}


def _value_of(name: str, source: Mapping[str, str]) -> str:
    file = source.get(f"{name}_FILE")
    if file is None:
        return source.get(name, "")
    if name in source:
        raise ValueError(f"{name}: both {name} and {name}_FILE are set; set only one of them")
    try:
        # Read in binary, up to a limit: a wrong path may name a disk image.
        with Path(file).open("rb") as stream:
            value = stream.read(_VALUE_BYTES_MAX).decode().strip()
    except OSError as error:
        raise ValueError(f"{name}_FILE: {file} cannot be read ({error.strerror}); name a readable file") from None
    except UnicodeDecodeError:
        raise ValueError(f"{name}_FILE: {file} is not text; name a file that holds only the value") from None
    if not value:
        raise ValueError(f"{name}_FILE: {file} is empty; write the value into it")
    return value


def _line(fault: Any) -> str:
    setting = str(fault["loc"][0]).upper()
    return f"{setting}: {fault['msg'].removeprefix('Value error, ')}"
