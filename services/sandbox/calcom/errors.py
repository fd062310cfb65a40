"""Cal.com's errors: `{"status": "error", "timestamp": …, "path": …, "error": {"code", "message", "details"}}`."""

from __future__ import annotations

from aiohttp import web

from common.clock import iso
from services.sandbox.fault_rules import Rule


class CalcomProblem(Exception):
    """An error response in Cal.com's form, with `headers`."""

    def __init__(self, status: int, code: str, message: str = "", *, headers: dict[str, str] | None = None) -> None:
        self.status, self.code, self.message, self.headers = status, code, message or code, headers or {}
        super().__init__(self.message)

    def response(self, path: str, now_ms: int) -> web.Response:
        error = {"code": self.code, "message": self.message, "details": {"message": self.message}}
        body = {"status": "error", "timestamp": iso(now_ms), "path": path, "error": error}
        return web.json_response(body, status=self.status, headers=self.headers)


def fault_response(request: web.Request, rule: Rule, lost: web.StreamResponse | None) -> web.Response:
    """Return the response of a fault rule of kind `status` at Cal.com."""
    status, code = rule.error("calcom")
    headers = {} if rule.retry_after is None else {"retry-after": str(rule.retry_after)}
    return CalcomProblem(status, code, rule.message or "", headers=headers).response(request.path, 0)
