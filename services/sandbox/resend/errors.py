"""Resend's errors: `{"statusCode", "name", "message"}` (resend.com/docs/api-reference/errors)."""

from __future__ import annotations

from aiohttp import web

from services.sandbox.fault_rules import Rule

MESSAGES = {
    "invalid_idempotency_key": "The key must be between 1-256 chars.",
    "validation_error": "We found an error with one or more fields in the request.",
    "missing_api_key": "Missing API key in the authorization header.",
    "restricted_api_key": "This API key is restricted to only send emails.",
    "invalid_api_key": "API key is invalid.",
    "not_found": "The requested endpoint does not exist.",
    "method_not_allowed": "Method is not allowed for the requested path.",
    "invalid_idempotent_request": "Same idempotency key used with a different request payload.",
    "concurrent_idempotent_requests": "Same idempotency key used while original request is still in progress.",
    "rate_limit_exceeded": "Too many requests. You can only make {limit} requests per second. "
    "See rate limit response headers for more information. Or contact support to increase rate limit.",
    "daily_quota_exceeded": "You have reached your daily email sending quota.",
    "monthly_quota_exceeded": "You have reached your monthly email sending quota.",
    "security_error": "We may have found a security issue with the request.",
    "application_error": "An unexpected error occurred.",
    "internal_server_error": "An unexpected error occurred.",
}


class ResendProblem(Exception):
    """An error response in Resend's form, with `headers`."""

    def __init__(
        self, status: int, name: str, message: str | None = None, *, headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        self.name = name
        self.message = message or MESSAGES.get(name, MESSAGES["validation_error"])
        self.headers = headers or {}
        super().__init__(self.message)

    def response(self) -> web.Response:
        body = {"statusCode": self.status, "name": self.name, "message": self.message}
        return web.json_response(body, status=self.status, headers=self.headers)


def invalid(message: str) -> ResendProblem:
    return ResendProblem(422, "validation_error", message)


def missing(field: str) -> ResendProblem:
    return ResendProblem(422, "missing_required_field", f"Missing `{field}` field.")


def fault_response(request: web.Request, rule: Rule, lost: web.StreamResponse | None) -> web.Response:
    """Return the response of a fault rule of kind `status` at Resend."""
    status, name = rule.error("resend")
    message = rule.message or MESSAGES.get(name, "").format(limit=2) or None
    headers = {} if rule.retry_after is None else {"retry-after": str(rule.retry_after)}
    return ResendProblem(status, name, message, headers=headers).response()
