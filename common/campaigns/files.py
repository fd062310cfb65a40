"""Reading a campaign's files, with errors that name the file, the field and the cure."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from common.campaigns.errors import CampaignError

Model = TypeVar("Model", bound=BaseModel)


def read_text(file: Path) -> str:
    """Raises CampaignError when it is missing or not UTF-8."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise CampaignError(f"{file}: cannot be read ({error.strerror}); put the file there") from None
    except UnicodeDecodeError as error:
        raise CampaignError(f"{file}: not UTF-8 at byte {error.start}; save it as UTF-8") from None


def read_toml(file: Path) -> dict[str, Any]:
    """Raises CampaignError."""
    try:
        return tomllib.loads(read_text(file))
    except tomllib.TOMLDecodeError as error:
        raise CampaignError(f"{file}: not TOML: {error}") from None


def validated(model: type[Model], data: object, *, file: Path, field: str = "") -> Model:
    """Raises CampaignError with the first thing that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in (*([field] if field else []), *first["loc"])) or "the file"
        raise CampaignError(f"{file}: {where}: {_cure(model, first['type'], first['msg'])}") from None


def _cure(model: type[BaseModel], kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "unknown field; correct its name or take it out"
    if kind == "missing":
        return "missing; add it"
    return message.removeprefix("Value error, ")
