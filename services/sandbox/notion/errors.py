"""Notion's errors (developers.notion.com/reference/status-codes), with the messages of the real API."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from services.sandbox.fault_rules import Rule
from services.sandbox.faults import committed_id
from services.sandbox.ids import INTEGRATION_ID, INTEGRATION_NAME, new_id

MESSAGES = {
    "invalid_json": "Error parsing JSON body.",
    "invalid_request_url": "Invalid request URL.",
    "invalid_request": "Unsupported request.",
    "unauthorized": "API token is invalid.",
    "restricted_resource": "Insufficient permissions for this endpoint.",
    "conflict_error": "Conflict occurred while saving. Please try again.",
    "rate_limited": "You have been rate limited. Please try again in a few minutes.",
    "internal_server_error": "Unexpected error occurred.",
    "bad_gateway": "Notion encountered an issue while attempting to complete this request.",
    "service_unavailable": "Notion is unavailable. Please try again later.",
    "database_connection_unavailable": "Notion's database is unavailable. Please try again later.",
    "gateway_timeout": "Notion timed out while attempting to complete this request.",
    "service_overload": "Notion is overloaded. Please try again later.",
}

UNDEFINED = object()
"""A missing member, as opposed to one that is null."""


class NotionProblem(Exception):
    """An error response in Notion's form."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str | None = None,
        *,
        retry_after: int | None = None,
        **additional_data: Any,
    ) -> None:
        self.status = status
        self.code = code
        self.message = message or MESSAGES.get(code, code)
        self.retry_after = retry_after
        self.additional_data = additional_data
        super().__init__(self.message)

    def response(self) -> web.Response:
        additional = dict(self.additional_data)
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = additional["retry_after"] = str(self.retry_after)
        body: dict[str, Any] = {"object": "error", "status": self.status, "code": self.code, "message": self.message}
        if additional:
            body["additional_data"] = additional
        return web.json_response({**body, "request_id": new_id()}, status=self.status, headers=headers)


def invalid(message: str) -> NotionProblem:
    return NotionProblem(400, "validation_error", message)


def misshapen(path: str, should: str, value: Any) -> NotionProblem:
    """Return ``body failed validation: body.properties should be defined, instead was `undefined`.``"""
    part = path.partition(".")[0]
    return invalid(f"{part} failed validation: {path} should be {should}, instead was `{_shown(value)}`.")


def not_found(kind: str, identifier: str) -> NotionProblem:
    message = (
        f"Could not find {kind} with ID: {identifier}. "
        f'Make sure the relevant pages and databases are shared with your integration "{INTEGRATION_NAME}".'
    )
    return NotionProblem(404, "object_not_found", message, integration_id=INTEGRATION_ID)


def fault_response(request: web.Request, rule: Rule, lost: web.StreamResponse | None) -> web.Response:
    """Return the response of a fault rule of kind `status`. A 503 after a commit contains the new page's id."""
    status, code = rule.error("notion")
    additional = dict(rule.additional_data or {})
    if code == "rate_limited":
        additional.setdefault("rate_limit_reason", "public_api_request_rate_limit")
    committed = committed_id(lost) if request.match_info.route.name == "pages.create" else None
    if status == 503 and committed and rule.names_committed:
        additional |= {"retry_guidance": ["read_committed_resource"], "committed_resource_id": committed}
    return NotionProblem(status, code, rule.message, retry_after=rule.retry_after, **additional).response()


def _shown(value: Any) -> str:
    if value is UNDEFINED:
        return "undefined"
    if isinstance(value, dict):
        return "{...}" if value else "{}"
    if isinstance(value, list):
        return "[...]" if value else "[]"
    return json.dumps(value, ensure_ascii=False)
