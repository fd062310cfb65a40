"""What a client is told when it cannot have what it asked for: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field at fault: its name as the client wrote it, and what would be right."""

    field: str
    message: str


class Problem(Exception):
    """
    An answer that is not a 2xx.

    `detail` is read by a person and says the cure; `outcome` is the word for metrics and logs. Neither carries
    anything the client sent.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        outcome: str = "invalid",
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.outcome = outcome
        self.errors = errors
        self.headers = headers or {}
        self.close = close

    def response(self) -> web.Response:
        body: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
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


class Unavailable(Problem):
    """Nothing can be made durable now: come back. The only 503."""

    def __init__(self, detail: str = "neither the store nor the spool can keep this now; try again") -> None:
        super().__init__(503, detail, outcome="refused", headers={"Retry-After": "5"})
