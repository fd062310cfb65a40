"""Reads request bodies and builds responses for the API's handlers."""

from __future__ import annotations

from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from services.web.problem import FieldError, Problem

PAGE_SIZE_MAX = 500
PAGE_SIZE = 50

Body = TypeVar("Body", bound=BaseModel)


def limit_of(request: web.Request) -> int:
    text = request.query.get("limit", "")
    return min(max(int(text), 1), PAGE_SIZE_MAX) if text.isascii() and text.isdecimal() and len(text) < 6 else PAGE_SIZE


async def read_body(request: web.Request, model: type[Body]) -> Body:
    """Return the body as a model. Raises Problem 415 if it is not JSON, 422 with the names of invalid fields."""
    if request.content_type != "application/json":
        raise Problem(415, "Send a JSON object as application/json.", title="Not JSON")
    try:
        return model.model_validate_json(await request.read() or b"{}")
    except ValidationError as error:
        errors = tuple(
            FieldError(".".join(map(str, one["loc"])) or "body", one["msg"]) for one in error.errors(include_url=False)
        )
        raise Problem(422, "`errors` names each field that cannot be used.", errors=errors) from None


def answer(model: BaseModel) -> web.Response:
    return web.Response(text=model.model_dump_json(by_alias=True), content_type="application/json")
