"""
Failures, as a small tree. The providers' clients translate their errors into it; actors handle no other errors.

    Failure
    ├── Throttled        429, 529: nothing happened                → deferred until Retry-After; no attempt is counted
    ├── Transient        may succeed later: refused connection     → next attempt; if it lasts, the circuit opens
    │   └── Ambiguous    may have succeeded: time-out, 503         → next attempt with the same key and the same bytes
    ├── Permanent        this message will never succeed           → dead letter
    └── Misconfigured    no message will: key, domain, day's quota → the circuit opens, one alert

Any other exception is a bug: it is not translated, and the message becomes a dead letter with its traceback.
"""

from __future__ import annotations


class Failure(Exception):
    """
    A provider did not do what was requested.

    `code`: the provider's own short name of the failure (`rate_limit_exceeded`). `status`: the HTTP status, None when
    there was no answer. Neither holds personal data: both are written to logs and metrics. `detail` may hold personal
    data; it is stored in the ledger.
    """

    def __init__(self, code: str, detail: str = "", *, status: int | None = None) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.status = status
        self.provider = ""  # `resend`, `twilio`, `notion`, `calcom`, `announce`: set where the request is measured.

    @property
    def kind(self) -> str:
        return type(self).__name__.lower()


class Throttled(Failure):
    """Nothing happened. Repeat the request after `retry_after_ms`."""

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

    `is_recipient`: the reason is the recipient's address or number, so no other message to it will succeed either.
    `is_opt_out`: the reason is that its owner opted out at the provider.
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
