"""`/api/openapi.json`: the description of the console's API (OpenAPI 3.1), generated from its operations and models."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.console.api import campaign_models, campaigns, handlers, models, trouble
from services.console.api.operation import PAGED, Operation

_PEOPLE: Final = (
    *("q", "campaign", "segment", "status", "language", "step", "booked", "dead", "paused", "suppressed"),
    *("since", "until", "due_from", "due_until", "sort"),
)


CAMPAIGN_OPERATIONS: Final = (
    Operation(
        method="get",
        path="/api/campaigns",
        handler=campaigns.campaigns,
        summary="The campaigns that run here.",
        answer=campaign_models.Campaigns,
    ),
    Operation(
        method="get",
        path="/api/campaigns/{name}",
        handler=campaigns.campaign,
        summary="One campaign: version in force, cadence, people by step and segment, delivery rates.",
        answer=campaign_models.CampaignDetails,
    ),
    Operation(
        method="get",
        path="/api/campaigns/{name}/mails",
        handler=campaigns.gallery,
        summary="The campaign's mails for a sample reader or one person, from the version in force or the files.",
        answer=campaign_models.Gallery,
        query=("mail", "segment", "language", "reader", "person", "version"),
    ),
    Operation(
        method="get",
        path="/api/campaigns/{name}/plan",
        handler=campaigns.plan,
        summary="What the files, or with action=rollback the previous version, would change, and for how many people.",
        answer=campaign_models.VersionPlan,
        query=("action", "late"),
    ),
    Operation(
        method="post",
        path="/api/campaigns/{name}/{action}",
        handler=campaigns.change,
        summary="apply the files, or rollback to the previous version.",
        answer=models.DecisionResult,
        body=campaign_models.VersionChoice,
    ),
    Operation(
        method="get",
        path="/api/unread-bookings",
        handler=campaigns.unread,
        summary="Booking events of Cal.com that could not be read, newest first.",
        answer=campaign_models.UnreadBookings,
        query=PAGED,
    ),
    Operation(
        method="post",
        path="/api/unread-bookings/discard",
        handler=campaigns.discard_unread,
        summary="Discard some unread booking events.",
        answer=campaign_models.Discarded,
        body=campaign_models.UnreadBookingChoice,
    ),
)

OPERATIONS: Final = (
    Operation(
        method="get",
        path="/api/people",
        handler=handlers.people,
        summary="People, searched, filtered and sorted, a page at a time.",
        answer=models.People,
        query=(*_PEOPLE, *PAGED),
    ),
    Operation(
        method="get",
        path="/api/people/{id}",
        handler=handlers.person,
        summary="One person: what happened, and every mail with its state and the reason.",
        answer=models.PersonDetails,
    ),
    Operation(
        method="post",
        path="/api/people/{id}/{action}",
        handler=handlers.decide,
        summary="pause, resume, skip, send-now, suppress, unsuppress or forget one person.",
        answer=models.DecisionResult,
        body=models.Decision,
    ),
    Operation(
        method="get",
        path="/api/dead-letters",
        handler=handlers.dead_letters,
        summary="Dead letters by reason, and the newest of them.",
        answer=models.DeadLetters,
        query=PAGED,
    ),
    Operation(
        method="post",
        path="/api/dead-letters/replay",
        handler=handlers.replay,
        summary="Replay some dead letters, all of one reason, or all.",
        answer=models.DeadLetterResult,
        body=models.DeadLetterChoice,
    ),
    Operation(
        method="post",
        path="/api/dead-letters/discard",
        handler=handlers.discard,
        summary="Discard some dead letters, all of one reason, or all.",
        answer=models.DeadLetterResult,
        body=models.DeadLetterChoice,
    ),
    Operation(
        method="get",
        path="/api/actions",
        handler=handlers.actions,
        summary="The action log: who did what, newest first.",
        answer=models.Actions,
        query=("by", "via", "what", "on", *PAGED),
    ),
    Operation(
        method="get",
        path="/api/schedule",
        handler=handlers.schedule,
        summary="Number of mails in the next 24 hours and 14 days, by campaign and segment.",
        answer=models.ScheduleOverview,
        query=("campaign", "segment"),
    ),
    Operation(
        method="get",
        path="/api/schedule/mails",
        handler=handlers.scheduled_mails,
        summary="The mails of a part of the schedule, a page at a time; `due_from` and `due_until` in ms.",
        answer=models.ScheduledMailList,
        query=("campaign", "segment", "due_from", "due_until", *PAGED),
    ),
    Operation(
        method="post",
        path="/api/schedule/{action}",
        handler=handlers.decide_scope,
        summary="pause or resume everybody, or a campaign.",
        answer=models.ScopeResult,
        body=models.ScopeChoice,
    ),
    Operation(
        method="post",
        path="/api/send-test",
        handler=handlers.send_test,
        summary="Have a worker send a test mail to an address.",
        answer=models.Job,
        body=models.TestMail,
    ),
    Operation(
        method="get",
        path="/api/jobs/{id}",
        handler=handlers.job,
        summary="The state of a job. Its result is kept for a short time.",
        answer=models.Job,
    ),
    *CAMPAIGN_OPERATIONS,
    *trouble.OPERATIONS,
)

ROUTES: Final = [web.route(one.method, one.path, one.handler) for one in OPERATIONS]


def describe() -> dict[str, Any]:
    """Return the description as an OpenAPI document."""
    used: list[Any] = [(one.answer, "serialization") for one in OPERATIONS]
    used += [(one.body, "validation") for one in OPERATIONS if one.body is not None]
    used.append((models.Problem, "serialization"))
    _, schemas = models_json_schema(list(dict.fromkeys(used)), ref_template="#/components/schemas/{model}")
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Advent console", "version": version("advent")},
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


async def show(_request: web.Request) -> web.Response:
    return web.json_response(describe())


def _operation(operation: Operation) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    parameters += [{"name": name, "in": "query", "schema": {"type": "string"}} for name in operation.query]
    described: dict[str, Any] = {
        "operationId": operation.handler.__name__,
        "summary": f"{operation.summary} Role: {operation.role}.",
        "parameters": parameters,
        "responses": {
            "200": {"description": "The result.", "content": {"application/json": _ref(operation.answer)}},
            "default": {
                "description": "What is wrong, and how to fix it.",
                "content": {"application/problem+json": _ref(models.Problem)},
            },
        },
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": _ref(operation.body)}}
    return described


def _ref(model: type[BaseModel]) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
