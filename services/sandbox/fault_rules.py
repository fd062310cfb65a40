"""
Fault rules: which requests fail, how often, and how.

    status   respond with this status and the provider's error name for it
    html     respond with an HTML page, as a proxy does (status 502, or the rule's own, even 200)
    drop     close the connection without a response
    hang     hold the connection for `seconds`, then close it
    slow     wait for `seconds`, then respond as usual; the request counts as in progress meanwhile

With `after_commit` the request takes effect first: the response is lost, the mail is not. `PRESETS` names useful
combinations; a rule's `kind` may be one of these names.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

OPERATIONS: dict[str, tuple[str, ...]] = {
    "resend": (
        "emails.send", "emails.batch", "emails.list", "emails.get", "emails.update", "emails.cancel",
        "suppressions.add", "suppressions.list", "suppressions.get", "suppressions.remove", "domains.list",
        "domains.get", "webhooks.list",
    ),
    "calcom": ("bookings.list", "webhooks.list"),
    "twilio": ("messages.create", "messages.list", "messages.get"),
    "notion": (
        "databases.retrieve", "data_sources.create", "data_sources.retrieve", "data_sources.update",
        "data_sources.query", "pages.create", "pages.retrieve", "pages.update", "users.me",
    ),
}  # fmt: skip

RESEND_NAMES: dict[str, int] = {
    "invalid_idempotency_key": 400, "validation_error": 422, "missing_api_key": 401, "restricted_api_key": 401,
    "invalid_api_key": 403, "not_found": 404, "method_not_allowed": 405, "concurrent_idempotent_requests": 409,
    "invalid_idempotent_request": 409, "invalid_attachment": 422, "invalid_from_address": 422, "invalid_access": 422,
    "invalid_parameter": 422, "invalid_region": 422, "missing_required_field": 422, "rate_limit_exceeded": 429,
    "daily_quota_exceeded": 429, "monthly_quota_exceeded": 429, "security_error": 451, "application_error": 500,
    "internal_server_error": 500, "service_unavailable": 503,
}  # fmt: skip

NOTION_NAMES: dict[str, int] = {
    "invalid_json": 400, "invalid_request_url": 400, "invalid_request": 400, "validation_error": 400,
    "missing_version": 400, "unauthorized": 401, "restricted_resource": 403, "object_not_found": 404,
    "conflict_error": 409, "rate_limited": 429, "internal_server_error": 500, "bad_gateway": 502,
    "service_unavailable": 503, "database_connection_unavailable": 503, "gateway_timeout": 504, "service_overload": 529,
}  # fmt: skip

CALCOM_NAMES: dict[str, int] = {
    "BadRequestException": 400, "UnauthorizedException": 401, "ForbiddenException": 403, "NotFoundException": 404,
    "ThrottlerException": 429, "InternalServerErrorException": 500, "ServiceUnavailableException": 503,
}  # fmt: skip

TWILIO_NAMES: dict[str, int] = {
    "20003": 401, "20404": 404, "20429": 429, "20500": 500, "20503": 503, "21211": 400, "21408": 400, "21602": 400,
    "21606": 400, "21610": 400, "21611": 429, "21612": 400, "21614": 400, "30034": 400, "60728": 429, "63038": 429,
}  # fmt: skip
"""Twilio's error names are numbers."""

NAMES = {"resend": RESEND_NAMES, "notion": NOTION_NAMES, "calcom": CALCOM_NAMES, "twilio": TWILIO_NAMES}

_DEFAULT_NAMES = {
    "resend": {400: "validation_error", 401: "missing_api_key", 403: "invalid_api_key", 404: "not_found",
               409: "concurrent_idempotent_requests", 422: "validation_error", 429: "rate_limit_exceeded",
               500: "internal_server_error", 503: "service_unavailable"},
    "notion": {400: "validation_error", 401: "unauthorized", 403: "restricted_resource", 404: "object_not_found",
               409: "conflict_error", 429: "rate_limited", 500: "internal_server_error", 502: "bad_gateway",
               503: "service_unavailable", 504: "gateway_timeout", 529: "service_overload"},
    "calcom": {status: name for name, status in CALCOM_NAMES.items()},
    "twilio": {400: "21602", 401: "20003", 404: "20404", 429: "20429", 500: "20500", 503: "20503"},
}  # fmt: skip

PRESETS: dict[str, dict[str, Any]] = {
    "drop_before": {"kind": "drop"},
    "drop_after": {"kind": "drop", "after_commit": True},
    "timeout_before": {"kind": "hang", "seconds": 60},
    "timeout_after": {"kind": "hang", "seconds": 60, "after_commit": True},
    "error_after": {"kind": "status", "status": 500, "after_commit": True},
    "rate_limited": {"kind": "status", "status": 429, "retry_after": 1},
    "overloaded": {"kind": "status", "status": 529, "retry_after": 1, "provider": "notion"},
    "unavailable": {"kind": "status", "status": 503},
    "committed_503": {
        "kind": "status",
        "status": 503,
        "after_commit": True,
        "provider": "notion",
        "operation": "pages.create",
    },
    "unheard_503": {"kind": "status", "status": 503, "after_commit": True, "names_committed": False},
    "conflict": {"kind": "status", "status": 409, "provider": "notion"},
    "blocked": {
        "kind": "status",
        "status": 429,
        "provider": "notion",
        "additional_data": {"rate_limit_reason": "public_api_request_blocked"},
    },
    "concurrent": {"kind": "status", "name": "concurrent_idempotent_requests", "provider": "resend"},
    "other_payload": {"kind": "status", "name": "invalid_idempotent_request", "provider": "resend"},
    "daily_quota": {"kind": "status", "name": "daily_quota_exceeded", "provider": "resend"},
    "domain_unverified": {
        "kind": "status",
        "status": 403,
        "name": "validation_error",
        "message": "The example.org domain is not verified. Please, add and verify your domain on https://resend.com/domains",
        "provider": "resend",
    },
    "refused": {
        "kind": "status",
        "status": 422,
        "name": "validation_error",
        "provider": "resend",
        "operation": "emails.send",
    },
    "html_502": {"kind": "html", "status": 502},
    "html_200": {"kind": "html", "status": 200},
}

ABOUT: dict[str, str] = {
    "refused": "Resend rejects the mail permanently: it becomes a dead letter",
    "domain_unverified": "Resend has not verified the sender's domain: all mail waits until this is fixed",
    "daily_quota": "Resend's daily quota is used up",
    "rate_limited": "too many requests: retry after one second",
    "unavailable": "the provider is unavailable (503)",
    "timeout_before": "no response for a minute; the request had no effect",
    "timeout_after": "no response for a minute, but the request took effect",
    "drop_before": "the connection closes; the request had no effect",
    "drop_after": "the connection closes, but the request took effect",
    "error_after": "an error (500), but the request took effect",
    "html_502": "an HTML page of a proxy instead of a response (502)",
    "html_200": "an HTML page of a proxy that looks like success (200)",
    "concurrent": "Resend reports that the same mail is being sent right now",
    "other_payload": "Resend reports that this mail was sent before with different content",
    "overloaded": "Notion is overloaded (529)",
    "conflict": "Notion reports a conflict (409)",
    "blocked": "Notion blocks the integration for a while (429)",
    "committed_503": "Notion reports an error (503), but has created the row and returns its id",
    "unheard_503": "an error (503), but the request took effect and the response does not say so",
    "status": "a response with the status and error name given below",
    "html": "an HTML page instead of a response, with the status given below",
    "drop": "the connection closes without a response",
    "hang": "the connection stays open for the seconds given below, then closes without a response",
    "slow": "the response comes after the seconds given below",
}
"""The meaning of each kind, as the faults page shows it; the most likely kinds come first."""


class Rule(BaseModel):
    """
    A fault rule. Rules are tried in order. The first that matches, and that its `probability` lets through, applies.

    `operation` may be a pattern (`pages.*`). `contains` limits the rule to requests whose body contains this text, such
    as an address. `count`: the number of requests to which the rule still applies; None: until it is removed.
    `names_committed`: a 503 after the commit contains the new page's id, as Notion's does when it can
    (`additional_data.committed_resource_id`). `met`: the number of requests to which the rule has applied.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = ""
    provider: Literal["resend", "notion", "calcom", "twilio", "*"] = "*"
    operation: str = "*"
    kind: Literal["status", "html", "drop", "hang", "slow"]
    after_commit: bool = False
    probability: float = Field(1, ge=0, le=1)
    count: int | None = Field(None, ge=0)
    seconds: float = Field(0, ge=0, le=600)
    status: int | None = Field(None, ge=200, le=599)
    name: str | None = None
    message: str | None = None
    retry_after: int | None = Field(None, ge=0)
    additional_data: dict[str, Any] | None = None
    names_committed: bool = True
    contains: str | None = None
    met: int = 0

    @model_validator(mode="before")
    @classmethod
    def _expand_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("kind") not in PRESETS:
            return given
        return {**PRESETS[given["kind"]], **{name: value for name, value in given.items() if name != "kind"}}

    @model_validator(mode="after")
    def _is_possible(self) -> Rule:
        providers = [self.provider] if self.provider != "*" else list(OPERATIONS)
        known = [name for provider in providers for name in OPERATIONS[provider]]
        if not any(fnmatchcase(name, self.operation) for name in known):
            raise ValueError(f"operation {self.operation!r} is not one of {', '.join(known)}, nor a pattern of one")
        if self.kind == "status" and self.status is None and self.name is None:
            raise ValueError("a status rule needs a status (503) or a name (conflict_error)")
        if self.name is not None and not any(self.name in NAMES[provider] for provider in providers):
            raise ValueError(f"name {self.name!r} is not an error of {' or '.join(providers)}")
        return self

    def matches(self, provider: str, operation: str, body: str) -> bool:
        return (
            self.count != 0
            and self.provider in ("*", provider)
            and fnmatchcase(operation, self.operation)
            and (self.contains is None or self.contains in body)
        )

    def error(self, provider: str) -> tuple[int, str]:
        """Return the status and the error name with which this rule responds at a provider."""
        defaults = _DEFAULT_NAMES[provider]
        if self.name is not None:
            return self.status or NAMES[provider].get(self.name, 500), self.name
        status = self.status or 500
        return status, defaults.get(status, defaults.get(500, "internal_server_error"))
