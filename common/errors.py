"""
Failures, as a small tree. Providers translate their errors into it; actors know no others.

    Failure ├── Throttled      429, 529: nothing happened                          → deferred until Retry-After; no
    attempt counted ├── Transient      may succeed later: 503, refused connection          → next attempt; if it lasts,
    the circuit opens │   └── Ambiguous    may have succeeded: timeout after the request left → next attempt, same key,
    same bytes ├── Permanent      this message will never succeed: malformed address  → dead letter └── Misconfigured
    no message will: key, domain, quota of the day      → the circuit opens, one alert

Anything else is a bug: it is not translated, and the message becomes a dead letter with its traceback.
"""

from __future__ import annotations


class Failure(Exception):
    """
    A provider did not do what was asked.

    `code` is the provider's own short name of it (`rate_limit_exceeded`), `status` the HTTP status or None when no
    answer came. Neither holds personal data: both go into logs and metrics. `detail` may; it goes into the ledger.
    """

    def __init__(self, code: str, detail: str = "", *, status: int | None = None) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.status = status
        self.provider = ""  # `resend`, `notion`, `calcom`, `announce`: set where the request is measured.

    @property
    def kind(self) -> str:
        return type(self).__name__.lower()


class Throttled(Failure):
    """Nothing happened; `retry_after_ms` says when to come back."""

    def __init__(self, code: str, detail: str = "", *, status: int | None = None, retry_after_ms: int = 1_000) -> None:
        super().__init__(code, detail, status=status)
        self.retry_after_ms = retry_after_ms


class Transient(Failure):
    """Nothing happened, and the same request may succeed later."""


class Ambiguous(Transient):
    """The request may have been carried out: repeat it only with the same key and the same bytes."""


class Permanent(Failure):
    """
    This request will never succeed, however often it is repeated.

    `is_recipient`: because of the address or number that it is for, so nothing else to it will either; `is_opt_out`:
    its owner said so to the provider.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        status: int | None = None,
        is_recipient: bool = False,
        is_opt_out: bool = False,
    ) -> None:
        super().__init__(code, detail, status=status)
        self.is_recipient, self.is_opt_out = is_recipient, is_opt_out


class Misconfigured(Failure):
    """No request will succeed until a person changes something, or `retry_after_ms` (a quota's reset) has passed."""

    def __init__(
        self, code: str, detail: str = "", *, status: int | None = None, retry_after_ms: int | None = None
    ) -> None:
        super().__init__(code, detail, status=status)
        self.retry_after_ms = retry_after_ms
