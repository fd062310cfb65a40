"""Forms into what the models check: an empty field is an absent one, a list is written with commas."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

from services.sandbox.dials import Dials


def read_rule(form: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {name: str(value).strip() for name, value in form.items() if str(value).strip()}
    given["after_commit"] = given.get("after_commit") == "on"
    return given if given["after_commit"] else {name: value for name, value in given.items() if name != "after_commit"}


def read_dials(form: Mapping[str, Any]) -> dict[str, Any]:
    """Every dial of the form; a box that is not ticked is not sent, so all boxes are looked for."""
    changes: dict[str, Any] = {}
    for name, field in Dials.model_fields.items():
        text = str(form.get(name, "")).strip()
        if field.annotation is bool:
            changes[name] = text == "on"
        elif _is_list(field.annotation):
            changes[name] = _listed(text, or_none=field.default is None)
        elif text or field.default is None:
            changes[name] = text or None
    return changes


def _is_list(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return any(_is_list(part) for part in get_args(annotation))
    return get_origin(annotation) is list


def _listed(text: str, *, or_none: bool) -> list[str] | None:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return parts or (None if or_none else [])
