"""Reads a webhook's body and verifies its signature, the same way for every sender."""

from __future__ import annotations

from aiohttp import web

from services.gateway.context import GatewayContext
from services.gateway.http.body import read_body
from services.gateway.signatures import CalcomSignatures, StandardSignatures
from services.web.client_address import request_source
from services.web.problem import FieldError, Problem
from services.web.rate_limit import retry_after

FAILURES_PER_MINUTE = 120
"""Failed verifications of one source. Verified requests are not limited, whatever their source."""


async def read_verified(
    context: GatewayContext, request: web.BaseRequest, signatures: StandardSignatures | CalcomSignatures
) -> tuple[bytes, str | None, int]:
    """
    The body, the sender's message id (None when it sends none), and when the request was received, in UTC ms.

    Raises Problem: 401 when the signature is wrong, 429 when it was wrong too often, and those of `read_body`.
    """
    body = await read_body(request)
    received_ms = context.clock.now_ms()
    try:
        return body, signatures.verify(request.headers, body, now_ms=received_ms), received_ms
    except Problem:
        _count_failure(context, request, now_ms=received_ms)
        raise


def invalid_fields(*errors: FieldError) -> Problem:
    """The 422 that names every invalid field."""
    return Problem(422, "some fields are invalid", errors=errors)


def _count_failure(context: GatewayContext, request: web.BaseRequest, *, now_ms: int) -> None:
    source = request_source(request, context.settings.trusted_networks)
    wait_ms = context.failures.wait_ms(source, now_ms=now_ms)
    if wait_ms:
        detail = "too many requests from this address failed verification"
        raise Problem(429, detail, outcome="limited", headers=retry_after(wait_ms))
    context.failures.record_failure(source, now_ms=now_ms)
