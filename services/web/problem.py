"""Error responses: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid field: its name as the client wrote it, and what would be valid."""

    field: str
    message: str


class Problem(Exception):
    """
    A response with a status of 400 or more, raised by a handler.

    `detail` is written for a person and says the cure. `title` defaults to the phrase of the status. `outcome` is the
    label for metrics and logs. None of them repeats anything that the client sent. `close`: end the connection too.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        title: str | None = None,
        outcome: str = "invalid",
        errors: tuple[FieldError, ...] = (),
        headers: Mapping[str, str] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.title = title or HTTPStatus(status).phrase
        self.outcome = outcome
        self.errors = errors
        self.headers = headers or {}
        self.close = close

    def response(self) -> web.Response:
        """Return the response as problem+json."""
        body: dict[str, object] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = [{"field": error.field, "message": error.message} for error in self.errors]
        answer = web.Response(
            status=self.status, body=json.dumps(body).encode(), content_type=CONTENT_TYPE, headers=self.headers
        )
        if self.close:
            answer.force_close()
        return answer


def problem_of(error: web.HTTPException) -> Problem:
    """Return the problem for an error response of aiohttp: 404, 405 with its `Allow` header, or another."""
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    detail = {
        404: "there is nothing at this address",
        405: f"this address allows only {headers.get('Allow')}",
        417: "the only expectation that is met is 100-continue",
    }
    return Problem(error.status, detail.get(error.status, error.reason), outcome="refused", headers=headers)
