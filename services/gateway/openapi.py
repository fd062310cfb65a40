"""`/openapi.json`: the gateway's API (OpenAPI 3.1), generated from the models that validate it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from services.gateway import openapi_models as models
from services.gateway.context import GatewayContext
from services.gateway.http.body import BODY_BYTES_MAX
from services.gateway.signatures import CALCOM_HEADER, TWILIO_HEADER
from services.gateway.validation.signup_shape import Signup, SignupShape
from services.gateway.webhooks.calcom_payload import CalcomEvent
from services.gateway.webhooks.resend_payload import ResendEvent
from services.web.problem import CONTENT_TYPE

JSON, HTML, TEXT, ICALENDAR, XML = "application/json", "text/html", "text/plain", "text/calendar", "text/xml"
NAMED_SIGNUP = "/webhook/signup/{campaign}"
_STANDARD = ("id", "timestamp", "signature")

PROBLEMS = {
    400: "The body is not JSON, or is incomplete.",
    401: "The signature is missing, too old or wrong.",
    404: "The unsubscribe link was not made by this gateway.",
    408: "The body did not arrive in time.",
    413: f"The body is longer than {BODY_BYTES_MAX} bytes.",
    415: "The content type is not JSON.",
    422: "Fields are invalid; `errors` names each of them.",
    429: "Too many requests from this address failed verification; `Retry-After` says how long to wait.",
    503: "The event cannot be made durable now; `Retry-After` says when to try again.",
}
_OF_BODIES = (400, 408, 413)
_OF_FORMS = (401, *_OF_BODIES, 429, 503)
_OF_WEBHOOKS = (401, *_OF_BODIES, 422, 429, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    One method of one path.

    `name`: the operation's id. `answers`: status → (meaning, content type → model; None when it is not JSON).
    `problems`: statuses of `PROBLEMS`. `signed_by`: the headers of a signature, all of them required.
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


def _json(meaning: str, model: type[BaseModel]) -> tuple[str, dict[str, type[BaseModel] | None]]:
    return meaning, {JSON: model}


OPERATIONS = (
    Operation(
        path="/webhook/christmas-signup",
        method="post",
        name="signup",
        summary="A finished assessment, posted by the website (Standard Webhooks)",
        body=Signup,
        answers={
            202: _json("The contact is enrolled; the signup is durable.", models.SignupAnswer),
            200: _json("The contact is enrolled already, or may not enrol.", models.SignupAnswer),
        },
        problems=(*_OF_WEBHOOKS, 415),
        signed_by=tuple(f"webhook-{part}" for part in _STANDARD),
    ),
    Operation(
        path=NAMED_SIGNUP,
        method="post",
        name="signup_named",
        summary="A signup for any campaign, with the fields that it declares (Standard Webhooks)",
        body=Signup,
        answers={
            202: _json("The contact is enrolled; the signup is durable.", models.SignupAnswer),
            200: _json("The contact is enrolled already, or may not enrol.", models.SignupAnswer),
            404: ("No campaign of this name accepts signups here.", {CONTENT_TYPE: models.ProblemDetails}),
        },
        problems=(*_OF_WEBHOOKS, 415),
        signed_by=tuple(f"webhook-{part}" for part in _STANDARD),
        parameters=("campaign",),
    ),
    Operation(
        path="/webhook/calcom-booking",
        method="post",
        name="calcom",
        summary="A booking event of Cal.com; its content type is not checked",
        body=CalcomEvent,
        answers={
            202: _json("The event is durable.", models.BookingAccepted),
            200: _json("A PING, or an event that has no effect here.", models.EventIgnored),
        },
        problems=_OF_WEBHOOKS,
        signed_by=(CALCOM_HEADER,),
    ),
    Operation(
        path="/webhook/resend",
        method="post",
        name="resend",
        summary="Feedback of Resend about a mail (signed by Svix)",
        body=ResendEvent,
        answers={
            202: _json("The event is durable.", models.FeedbackAccepted),
            200: _json(
                "An event about a mail of another campaign, or one that has no effect here.", models.EventIgnored
            ),
        },
        problems=_OF_WEBHOOKS,
        signed_by=tuple(f"svix-{part}" for part in _STANDARD),
    ),
    Operation(
        path="/webhook/twilio",
        method="post",
        name="twilio",
        summary="The status of an SMS, or an SMS that a phone sent (signed by Twilio over PUBLIC_URL and the form)",
        answers={200: ("The event is durable, or has no effect here; TwiML.", {XML: None})},
        problems=_OF_FORMS,
        signed_by=(TWILIO_HEADER,),
    ),
    Operation(
        path="/unsubscribe/{token}",
        method="post",
        name="unsubscribe",
        summary="One-click unsubscribe (RFC 8058) from all mail, or by the page's form from one series",
        answers={
            200: ("The contact is unsubscribed.", {HTML: None}),
            404: (PROBLEMS[404], {HTML: None, CONTENT_TYPE: models.ProblemDetails}),
        },
        problems=(*_OF_BODIES, 503),
        parameters=("token",),
    ),
    Operation(
        path="/unsubscribe/{token}",
        method="get",
        name="unsubscribe_page",
        summary="A page with the unsubscribe buttons; changes nothing",
        answers={
            200: ("The page.", {HTML: None}),
            404: (PROBLEMS[404], {HTML: None, CONTENT_TYPE: models.ProblemDetails}),
        },
        parameters=("token",),
    ),
    Operation(
        path="/calendar/{token}.ics",
        method="get",
        name="calendar",
        summary="The present state of a booked call as a calendar file (RFC 5545)",
        answers={
            200: ("The file.", {ICALENDAR: None}),
            **{
                status: (meaning, {HTML: None, CONTENT_TYPE: models.ProblemDetails})
                for status, meaning in (
                    (404, "The link was not made by this gateway."),
                    (410, "The call was cancelled, or moved to an unknown time."),
                    (503, "The store is away; `Retry-After` says when to try again."),
                )
            },
        },
        parameters=("token",),
    ),
    Operation(
        path="/health",
        method="get",
        name="health",
        summary="Liveness probe: the process runs",
        answers={200: _json("It runs.", models.Health)},
    ),
    Operation(
        path="/ready",
        method="get",
        name="ready",
        summary="Readiness probe: a verified event can be made durable",
        answers={200: _json("In the store or the spool.", models.Ready), 503: _json("In neither.", models.Ready)},
    ),
    Operation(
        path="/metrics",
        method="get",
        name="metrics",
        summary="Metrics in Prometheus' text format",
        answers={200: ("The metrics.", {TEXT: None})},
    ),
    Operation(
        path="/openapi.json",
        method="get",
        name="openapi",
        summary="This description",
        answers={200: ("OpenAPI 3.1.", {JSON: None})},
    ),
)


async def show(context: GatewayContext, _request: web.Request) -> web.Response:
    text = json.dumps(describe(context.shapes), ensure_ascii=False, indent=1)
    return web.Response(body=text.encode(), content_type=JSON)


def describe(shapes: Mapping[str, SignupShape]) -> dict[str, Any]:
    """Return the description. `shapes`: by campaign key. It names no server: clients use the one that served it."""
    bodies = [shape.model for shape in shapes.values()]
    references, schemas = models_json_schema(
        [(model, "validation") for model in (*_models(), *bodies)],
        ref_template="#/components/schemas/{model}",
        schema_generator=_PlainSchema,
    )
    writer = _Writer({model: reference for (model, _), reference in references.items()})
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = writer.operation(operation)
    writer.name_campaigns(paths[NAMED_SIGNUP]["post"], shapes)
    headers = dict.fromkeys(name for operation in OPERATIONS for name in operation.signed_by)
    schemes = {name: {"type": "apiKey", "in": "header", "name": name} for name in headers}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Advent: the gateway", "version": version("advent")},
        "paths": paths,
        "components": {"schemas": schemas["$defs"], "securitySchemes": schemes},
    }


def _models() -> Iterator[type[BaseModel]]:
    yield models.ProblemDetails
    for operation in OPERATIONS:
        if operation.body is not None:
            yield operation.body
        for _, contents in operation.answers.values():
            yield from (model for model in contents.values() if model is not None)


class _PlainSchema(GenerateJsonSchema):
    """Omits titles that repeat the field's name, and defaults that are null or empty."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> dict[str, Any]:
        is_informative = isinstance(schema.get("default"), int)
        return super().default_schema(schema) if is_informative else self.generate_inner(schema["schema"])


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the operations. `references`: model → the reference to its schema."""

    references: dict[Any, dict[str, Any]]

    def operation(self, operation: Operation) -> dict[str, Any]:
        described: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary}
        if operation.signed_by:
            described["security"] = [{name: [] for name in operation.signed_by}]
        if operation.parameters:
            described["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in operation.parameters
            ]
        if operation.body is not None:
            described["requestBody"] = {"required": True, "content": self._content({JSON: operation.body})}
        answers = {status: self._answer(*answer) for status, answer in operation.answers.items()}
        for status in operation.problems:
            answers[status] = self._answer(PROBLEMS[status], {CONTENT_TYPE: models.ProblemDetails})
        return {**described, "responses": {str(status): answers[status] for status in sorted(answers)}}

    def name_campaigns(self, described: dict[str, Any], shapes: Mapping[str, SignupShape]) -> None:
        """Add the campaigns that the path may name, and the schema of each campaign's signups."""
        described["parameters"][0]["schema"]["enum"] = [*shapes]
        alternatives = [self.references[shape.model] for shape in shapes.values()]
        described["requestBody"]["content"][JSON]["schema"] = {"anyOf": alternatives}

    def _answer(self, meaning: str, contents: dict[str, type[BaseModel] | None]) -> dict[str, Any]:
        return {"description": meaning, "content": self._content(contents)}

    def _content(self, contents: Mapping[str, type[BaseModel] | None]) -> dict[str, Any]:
        return {kind: {} if model is None else {"schema": self.references[model]} for kind, model in contents.items()}
