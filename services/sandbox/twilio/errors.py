"""Twilio's errors: `{"code": 21211, "message": …, "more_info": …, "status": 400}`."""

from __future__ import annotations

from aiohttp import web

from services.sandbox.fault_rules import Rule

MESSAGES = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    21211: "Invalid 'To' Phone Number",
    21212: "Invalid From Number (caller ID)",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number",
    21602: "Message body is required",
    21604: "'To' phone number is required",
    21606: "The 'From' phone number provided is not a valid, SMS-capable inbound phone number for your account",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21612: "The 'To' phone number is not currently reachable using the 'From' phone number via SMS",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
}
STATUSES = {20003: 401, 20404: 404, 20429: 429, 20500: 500, 20503: 503, 21611: 429, 60728: 429, 63038: 429}
"""The HTTP status of each code; that of any other code is 400."""

RECIPIENTS = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
SENDERS = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
"""Twilio's own magic numbers (twilio.com/docs/iam/test-credentials); +15005550006 is a sender that works."""


class TwilioProblem(Exception):
    """An error response in Twilio's form."""

    def __init__(self, code: int, *, status: int | None = None, retry_after: int | None = None) -> None:
        self.code, self.status, self.retry_after = code, status or STATUSES.get(code, 400), retry_after
        super().__init__(str(code))

    def response(self) -> web.Response:
        body = {
            "code": self.code,
            "message": MESSAGES.get(self.code, "Error"),
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return web.json_response(body, status=self.status, headers=headers)


def known_problem(error: Exception) -> TwilioProblem | None:
    """Return Twilio's error for an exception, or None for an internal error of the sandbox."""
    if isinstance(error, TwilioProblem):
        return error
    return TwilioProblem(20404) if isinstance(error, web.HTTPNotFound | web.HTTPMethodNotAllowed) else None


def fault_response(_request: web.Request, rule: Rule, _lost: web.StreamResponse | None) -> web.Response:
    """Return the response of a fault rule of kind `status` at Twilio."""
    status, name = rule.error("twilio")
    return TwilioProblem(int(name), status=status, retry_after=rule.retry_after).response()
