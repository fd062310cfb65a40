"""
HTTP for every provider: the failure that an answer, or the lack of one, means.

    nothing was sent: refused, DNS, TLS, no free connection           → Transient
    sent, no answer came: time-out, reset, disconnect                 → Ambiguous; Transient if it only reads
    429, 529                                                          → Throttled
    401, 402, 403, 407, 3xx                                           → Misconfigured
    408, 425                                                          → Transient
    other 4xx                                                         → Permanent
    5xx                                                               → Ambiguous; Transient if it only reads

A proxy may answer 5xx after the provider has done its work, so a 5xx means "may have happened".
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import math
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from common.clock import DateWitness
from common.errors import Ambiguous, Failure, Misconfigured, Permanent, Throttled, Transient
from common.observability import tracing
from common.observability.metrics import PROVIDER_SECONDS

RETRY_AFTER_MIN_MS = 100
RETRY_AFTER_MAX_MS = 3_600_000
DEFAULT_RETRY_AFTER_MS = 1_000

_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)
_UNUSABLE = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class DeadlineClient(httpx.AsyncClient):
    """
    A pooled client whose requests end after `total_s`, however slow the answer is; httpx limits only each read.

    `witness`: records the `Date` of every answer.
    """

    def __init__(self, *, total_s: float, witness: DateWitness | None = None) -> None:
        super().__init__(verify=_tls(), timeout=phases(total_s))
        self._total_s, self._witness = total_s, witness

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        try:
            async with asyncio.timeout(self._total_s):
                response = await super().send(request, **options)
        except TimeoutError:
            raise httpx.ReadTimeout(f"no answer within {self._total_s} s", request=request) from None
        if self._witness is not None:
            self._witness.note(response.headers)
        return response


def preload_httpx() -> None:
    """Import the modules that httpx otherwise imports with its first client and its first request."""
    import anyio  # as late as httpx does: pytest has to see it first, to load its plugin

    importlib.import_module("httpcore")
    anyio.run(anyio.sleep, 0)


def phases(total_s: float) -> httpx.Timeout:
    """Return the time-outs. Connecting gets half of the total, so that its time-out shows that nothing was sent."""
    return httpx.Timeout(total_s, connect=total_s / 2, pool=total_s / 4)


@functools.cache
def _tls() -> ssl.SSLContext:
    # Loading the root certificates takes tens of milliseconds and a megabyte: once for each process is enough.
    return httpx.create_ssl_context()


def checked_secret(setting: str, value: str) -> str:
    """Return the trimmed value, usable in a header. Raises ValueError, which names the setting but never the value."""
    text = value.strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"{setting} is empty or has characters that no key has: copy it again, on one line")
    return text


def transport_failure(error: Exception, *, reading: bool = False) -> Failure:
    """
    Return the failure for an exception of httpx. `reading`: the request changes nothing, so nothing is ambiguous.

    When no connection was made, the code is `connect` for every provider. An exception of another library is a bug and
    is raised again.
    """
    code = _snake(type(error).__name__)
    if isinstance(error, _NOT_CONNECTED):
        return Transient("connect", "nothing was sent")
    if isinstance(error, httpx.PoolTimeout):
        return Transient(code, "no connection was free, nothing was sent")
    if isinstance(error, (*_UNUSABLE, httpx.InvalidURL)):
        # The text is left out: for a header that HTTP refuses, it quotes the key.
        return Misconfigured(code, "the provider's address or key cannot be used: check the settings")
    if isinstance(error, httpx.TransportError):
        return unanswered(code, "the request was sent, no answer came", reading=reading)
    raise error


def unanswered(code: str, detail: str = "", *, status: int | None = None, reading: bool = False) -> Failure:
    """Return the failure for an unknown outcome: Ambiguous, or Transient if the request changes nothing."""
    return (Transient if reading else Ambiguous)(code, detail, status=status)


def list_of(answer: Any, name: str) -> list[Any]:
    """Return the list in a provider's answer. Raises `Transient` if there is none: that is not an empty list."""
    rows = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise unanswered("unreadable_answer", f"a success without a list of {name}", status=200, reading=True)
    return rows


@contextmanager
def readable_rows() -> Iterator[None]:
    """Raise `Transient` if a row of a provider's list lacks what is read of it: it may be the one sought."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError):
        raise unanswered(
            "unreadable_answer", "a list with a row that cannot be read", status=200, reading=True
        ) from None


def status_failure(
    status: int, code: object, detail: str = "", *, headers: Mapping[str, str] | None = None, reading: bool = False
) -> Failure:
    """Return the failure for a status, by the table above. `code`: the provider's own name of the error, if any."""
    name = code if isinstance(code, str) and _CODE.fullmatch(code) else f"http_{status}"
    if status in (429, 529):
        wait_ms = retry_after_ms(headers or {})
        return Throttled(
            name, detail, status=status, retry_after_ms=DEFAULT_RETRY_AFTER_MS if wait_ms is None else wait_ms
        )
    if status >= 500:
        return unanswered(name, detail, status=status, reading=reading)
    if status in (408, 425):
        return Transient(name, detail, status=status)
    if status in (401, 402, 403, 407) or 300 <= status < 400:
        return Misconfigured(name, detail, status=status)
    if status >= 400:
        return Permanent(name, detail, status=status)
    return unanswered(name, detail, status=status, reading=reading)


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """
    Return the wait in `Retry-After`, limited to 100 ms to an hour; None when it is missing or cannot be read.

    The header has seconds, possibly with a fraction, or an HTTP date. A date is compared with the answer's own `Date`,
    so that both times come from one clock.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    seconds = _seconds(lowered.get("retry-after", ""), lowered.get("date", ""))
    if seconds is None or seconds < 0:
        return None
    return round(min(max(seconds * 1000, RETRY_AFTER_MIN_MS), RETRY_AFTER_MAX_MS))


def _seconds(text: str, date: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return _seconds_until(text, date)
    return number if math.isfinite(number) else None


def _seconds_until(text: str, date: str) -> float | None:
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    return max(wait.total_seconds(), 0.0)


@contextmanager
def measured(provider: str) -> Iterator[None]:
    """Measure one request, by outcome: `ok`, the kind of failure, or `broken` for any other exception."""
    started = time.perf_counter()
    outcome = "broken"
    try:
        with tracing.request(provider):
            yield
        outcome = "ok"
    except Failure as failure:
        outcome, failure.provider = failure.kind, provider
        raise
    finally:
        PROVIDER_SECONDS.labels(provider, outcome).observe(time.perf_counter() - started)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
