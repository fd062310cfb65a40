"""
The fault matrix: every documented error of a provider and every way in which its answer can be missing, one row each.

`docs/fault-matrix.md` shows it, and the tests next to this file try each row through the real SDK. Another provider
needs a module with its rows and a line in `PROVIDERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from common.providers.cures import cure_of

Kind = Literal["Throttled", "Transient", "Ambiguous", "Permanent", "Misconfigured", "none"]
Outcome = Literal["retry", "hold", "hold all", "dead", "end", "look up", "alone", "later", "done"]
"""What happens to the delivery or the row; each provider has its own words for it."""

MISSING_ANSWERS = {
    "refused": "the connection is refused",
    "no name": "the name cannot be resolved",
    "no tls": "the TLS handshake fails",
    "hangs": "the request was sent; no answer within 10 s",
    "drips": "the answer drips and is not complete within 10 s",
    "hangs up": "the request was sent; the connection closes without an answer",
    "hangs up after": "it was carried out; the connection closes without an answer",
    "breaks off": "the answer breaks off in the middle",
    "hangs after": "it was carried out; no answer within 10 s",
    "html": "200, a page of HTML",
    "broken json": "200, JSON that breaks off",
    "empty object": "200, JSON without an id",
    "not ours": "RESEND_API_URL or NOTION_BASE_URL names no web address",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    One row.

    `answer`: (status, name, message) of a JSON error; (status, None, page) of an answer that is not the provider's own;
    or a key of `MISSING_ANSWERS`. `kind`, `code`: the resulting failure; `reading`: its kind when the request only
    reads.
    """

    provider: str
    answer: tuple[int, str | None, str] | str
    kind: Kind
    code: str
    outcome: Outcome
    reading: Kind | None = None
    wait_ms: int | None = None
    more: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def when(self) -> str:
        """What went wrong, in a few words that are unique within the provider."""
        if isinstance(self.answer, str):
            return MISSING_ANSWERS[self.answer]
        status, name, message = self.answer
        if name is None:
            return f"{status}, {message}"
        return f"{status} `{name}`" + (f": {message}" if message else "")

    @property
    def cure(self) -> str:
        """The cure that the product names."""
        holds_all = self.outcome == "hold all" and not isinstance(self.answer, str)
        return cure_of(self.provider, f"{self.code} ({self.answer[0]})" if holds_all else self.code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """`what`: what the requests are about. `becomes`: what happens to it; `sees`: what the operator sees."""

    title: str
    what: str
    becomes: Mapping[Outcome, str]
    sees: Mapping[Outcome, str]
    faults: tuple[Fault, ...]


def fault(
    provider: str, answer: tuple[int, str | None, str] | str, kind: Kind, outcome: Outcome, code: str = "", **more: Any
) -> Fault:
    """Return a row; unless given, its code is the name in the answer, or the status."""
    if not code:
        assert not isinstance(answer, str)
        code = answer[1] or f"http_{answer[0]}"
    return Fault(provider=provider, answer=answer, kind=kind, code=code, outcome=outcome, **more)
