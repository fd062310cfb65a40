"""`/openapi.json`: what the gateway takes and answers (OpenAPI 3.1), made of the models it validates with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from services.gateway import shapes
from services.gateway.body import BODY_BYTES_MAX
from services.gateway.problem import CONTENT_TYPE
from services.gateway.webhooks.calcom_payload import CalcomEvent
from services.gateway.webhooks.resend_payload import ResendEvent
from services.gateway.webhooks.signup import Body
from services.gateway.webhooks.verification import CALCOM_HEADER

JSON, HTML, TEXT = "application/json", "text/html", "text/plain"
_STANDARD = ("id", "timestamp", "signature")

PROBLEMS = {
    400: "The body is not JSON, or not whole.",
    401: "The signature is missing, too old or wrong.",
    404: "The link was not made here.",
    408: "The body did not arrive in time.",
    413: f"The body is longer than {BODY_BYTES_MAX} bytes.",
    415: "The body is not said to be JSON.",
    422: "Fields are at fault; `errors` names each.",
    429: "Too many requests from there failed verification; `Retry-After` says how long to wait.",
    503: "Nothing can be made durable now; `Retry-After` says when to come again.",
}
_OF_BODIES = (400, 408, 413)
_OF_WEBHOOKS = (401, *_OF_BODIES, 422, 429, 503)


class Signup(Body):
    """A finished assessment. Unknown members are kept, up to 4 KiB; an explicit null is the same as absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    One method of one address.

    `name`: the route's. `answers`: status → (what it means, content type → its shape, None: no JSON). `problems`: those
    of `PROBLEMS`. `signed_by`: the headers that must all be there.
    """

    path: str
    method: str
    name: str
    summary: str
    answers: dict[int, tuple[str, dict[str, type[BaseModel] | None]]]
    body: type[BaseModel] | None = None
    problems: tuple[int, ...] = ()
    signed_by: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()


def _json(meaning: str, shape: type[BaseModel]) -> tuple[str, dict[str, type[BaseModel] | None]]:
    return meaning, {JSON: shape}


OPERATIONS = (
    Operation(
        path="/webhook/christmas-signup",
        method="post",
        name="signup",
        summary="A finished assessment, from the website (Standard Webhooks)",
        body=Signup,
        answers={
            202: _json("Enrolled; durable.", shapes.SignupAnswer),
            200: _json("Enrolled already; nothing starts anew.", shapes.SignupAnswer),
        },
        problems=(*_OF_WEBHOOKS, 415),
        signed_by=tuple(f"webhook-{part}" for part in _STANDARD),
    ),
    Operation(
        path="/webhook/calcom-booking",
        method="post",
        name="calcom",
        summary="What happens to a booked call, from Cal.com; its content type is not asked for",
        body=CalcomEvent,
        answers={
            202: _json("Kept; durable.", shapes.BookingAccepted),
            200: _json("PING, or an event that changes nothing here.", shapes.EventIgnored),
        },
        problems=_OF_WEBHOOKS,
        signed_by=(CALCOM_HEADER,),
    ),
    Operation(
        path="/webhook/resend",
        method="post",
        name="resend",
        summary="What became of a mail, from Resend (signed by Svix)",
        body=ResendEvent,
        answers={
            202: _json("Kept; durable.", shapes.FeedbackAccepted),
            200: _json("Not about a mail of ours, or an event that changes nothing here.", shapes.EventIgnored),
        },
        problems=_OF_WEBHOOKS,
        signed_by=tuple(f"svix-{part}" for part in _STANDARD),
    ),
    Operation(
        path="/unsubscribe/{token}",
        method="post",
        name="unsubscribe",
        summary="One click (RFC 8058): whatever the body says, it is done",
        answers={200: ("Done.", {HTML: None}), 404: (PROBLEMS[404], {HTML: None, CONTENT_TYPE: shapes.ProblemDetails})},
        problems=(*_OF_BODIES, 503),
        parameters=("token",),
    ),
    Operation(
        path="/unsubscribe/{token}",
        method="get",
        name="unsubscribe_page",
        summary="A page with the button; touches nothing",
        answers={
            200: ("The page.", {HTML: None}),
            404: (PROBLEMS[404], {HTML: None, CONTENT_TYPE: shapes.ProblemDetails}),
        },
        parameters=("token",),
    ),
    Operation(
        path="/health",
        method="get",
        name="health",
        summary="The process lives",
        answers={200: _json("It does.", shapes.Health)},
    ),
    Operation(
        path="/ready",
        method="get",
        name="ready",
        summary="A verified event can be made durable",
        answers={200: _json("By the store or the spool.", shapes.Ready), 503: _json("By neither.", shapes.Ready)},
    ),
    Operation(
        path="/metrics",
        method="get",
        name="metrics",
        summary="Figures, in Prometheus' text format",
        answers={200: ("The figures.", {TEXT: None})},
    ),
    Operation(
        path="/openapi.json",
        method="get",
        name="openapi",
        summary="This description",
        answers={200: ("OpenAPI 3.1.", {JSON: None})},
    ),
)


async def show(_request: web.Request) -> web.Response:
    return web.Response(body=_text(), content_type=JSON)


@cache
def _text() -> bytes:
    return json.dumps(describe(), ensure_ascii=False, indent=1).encode()


def describe() -> dict[str, Any]:
    """The description. It names no server: it is found where it is served."""
    references, schemas = models_json_schema(
        [(model, "validation") for model in _models()],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Plain,
    )
    write = _Writer({model: reference for (model, _), reference in references.items()})
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = write.operation(operation)
    headers = dict.fromkeys(name for operation in OPERATIONS for name in operation.signed_by)
    schemes = {name: {"type": "apiKey", "in": "header", "name": name} for name in headers}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Advent: the gateway", "version": version("advent")},
        "paths": paths,
        "components": {"schemas": schemas["$defs"], "securitySchemes": schemes},
    }


def _models() -> Iterator[type[BaseModel]]:
    yield shapes.ProblemDetails
    for operation in OPERATIONS:
        if operation.body is not None:
            yield operation.body
        for _, contents in operation.answers.values():
            yield from (shape for shape in contents.values() if shape is not None)


class _Plain(GenerateJsonSchema):
    """Without titles that only repeat a name, and without defaults that only say "nothing"."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        says_something = isinstance(schema.get("default"), int)
        return super().default_schema(schema) if says_something else self.generate_inner(schema["schema"])


@dataclass(frozen=True, slots=True)
class _Writer:
    """`references`: where each model is described."""

    references: dict[Any, dict[str, Any]]

    def operation(self, operation: Operation) -> dict[str, Any]:
        told: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary}
        if operation.signed_by:
            told["security"] = [{name: [] for name in operation.signed_by}]
        if operation.parameters:
            told["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in operation.parameters
            ]
        if operation.body is not None:
            told["requestBody"] = {"required": True, "content": self._content({JSON: operation.body})}
        answers = {status: self._answer(*answer) for status, answer in operation.answers.items()}
        for status in operation.problems:
            answers[status] = self._answer(PROBLEMS[status], {CONTENT_TYPE: shapes.ProblemDetails})
        return {**told, "responses": {str(status): answers[status] for status in sorted(answers)}}

    def _answer(self, meaning: str, contents: dict[str, type[BaseModel] | None]) -> dict[str, Any]:
        return {"description": meaning, "content": self._content(contents)}

    def _content(self, contents: Mapping[str, type[BaseModel] | None]) -> dict[str, Any]:
        return {kind: {} if shape is None else {"schema": self.references[shape]} for kind, shape in contents.items()}
