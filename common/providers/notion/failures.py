"""
The failures for Notion's error table (developers.notion.com/reference/status-codes, request-limits).

    400 validation_error, invalid_json, invalid_request(_url), missing_version   Permanent
    401 unauthorized · 403 restricted_resource                       Misconfigured
    403 without Notion's JSON: its network edge, not Notion           Transient: refused, nothing is stored
    404 object_not_found                                             Misconfigured for a database; Permanent for a page
    409 conflict_error                                               Transient: refused, nothing is stored
    429 rate_limited · 529 service_overload                          Throttled
    429 with rate_limit_reason public_api_request_blocked            Misconfigured
    500, 502, 503, 504, no answer, 200 that is not JSON              Ambiguous for a write, Transient for a read
    503 with committed_resource_id                                   no failure: the page is there
"""

from __future__ import annotations

import json
from typing import Any

from notion_client.errors import HTTPResponseError

from common.errors import Failure, Misconfigured, Transient
from common.providers.http import status_failure

_COLUMN = "`advent check` names the column"
CURES = {
    "invalid_json": _COLUMN,
    "invalid_request_url": _COLUMN,
    "invalid_request": _COLUMN,
    "missing_version": _COLUMN,
    "validation_error": _COLUMN,
    "unauthorized": "check the key: set a valid NOTION_TOKEN",
    "restricted_resource": "check the key: its integration must be allowed to write; check the block limit",
    "object_not_found": "share the database, `advent check` names it",
    "public_api_request_blocked": "ask Notion why",
    "http_301": "correct NOTION_BASE_URL",
    "unsupported_protocol": "correct NOTION_BASE_URL",
}
"""Cures by code."""

NETWORK_EDGE = "network_edge"
"""The code of a refusal by the network in front of Notion. It concerns every request, and ends on its own."""

_DETAILS = {
    401: "NOTION_TOKEN is not valid: create a new one at notion.so/my-integrations",
    403: "the integration may not do this: let it read, insert and update, and check the workspace's block limit",
}


def failure_of(error: HTTPResponseError, *, reading: bool, cure: str = "") -> Failure:
    """Return the failure for an error of the SDK. `cure`: what to do about a 404, which is then Misconfigured."""
    body = _body(error)
    code, more = body.get("code"), additional_data(error)
    detail = str(body.get("message") or "")
    if error.status == 404 and cure:
        return Misconfigured("object_not_found", cure, status=404)
    if error.status == 403 and not body:
        return Transient(NETWORK_EDGE, _edge_detail(error), status=403)
    if error.status in _DETAILS:
        return Misconfigured(_name(code, error.status), f"{_DETAILS[error.status]} ({detail})", status=error.status)
    if error.status == 409:
        return Transient(_name(code, 409), detail, status=409)
    if error.status == 429 and more.get("rate_limit_reason") == "public_api_request_blocked":
        return Misconfigured("public_api_request_blocked", detail, status=429)
    headers = dict(error.headers)
    if "retry-after" not in headers and "retry_after" in more:
        headers["retry-after"] = str(more["retry_after"])
    return status_failure(error.status, code, detail, headers=headers, reading=reading)


def _edge_detail(error: HTTPResponseError) -> str:
    ray = {name.lower(): value for name, value in dict(error.headers).items()}.get("cf-ray")
    return f"the network in front of Notion refused the request (cf-ray {ray or 'not given'}); it is tried again"


def committed_id(error: HTTPResponseError) -> str | None:
    """Return the id of a page that was created although the answer is a 503; None if the answer names none."""
    page_id = additional_data(error).get("committed_resource_id")
    return page_id if isinstance(page_id, str) and page_id else None


def additional_data(error: HTTPResponseError) -> dict[str, Any]:
    # The SDK keeps this data only for codes that it knows, and it does not know 529.
    more = error.additional_data or _body(error).get("additional_data")
    return more if isinstance(more, dict) else {}


def _body(error: HTTPResponseError) -> dict[str, Any]:
    try:
        body = json.loads(error.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _name(code: object, status: int) -> str:
    return code if isinstance(code, str) and code.isidentifier() else f"http_{status}"
