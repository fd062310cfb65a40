"""What one row of the fault matrix says, and the words for what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Provider = Literal["resend", "notion"]
Kind = Literal["Throttled", "Transient", "Ambiguous", "Permanent", "Misconfigured", "none"]
Outcome = Literal["retry", "hold", "hold all", "bury", "look", "alone", "later", "done"]

OUTCOMES: dict[Outcome, str] = {
    "retry": "up to 4 tries, 60 s apart, then a dead letter; three deliveries in a row that fail so hold all mail",
    "hold": "again when the provider says; no try spent",
    "hold all": "all mail waits, no try spent; it is probed and drains by itself",
    "bury": "a dead letter at once; the next steps go on",
    "look": "looked for in Resend's list: accepted if it is there, else a dead letter",
    "alone": "this row again after 5 s, then less often; three people in a row that fail so hold the mirror",
    "later": "this row again after 10 min; nobody else waits",
    "done": "nothing is wrong: the page that the answer names is kept",
}
"""What becomes of the delivery, or of the row in Notion. Mail never waits for Notion."""

NOTION_OUTCOMES: dict[Outcome, str] = {
    "hold": "all rows again when Notion says; nothing is lost",
    "hold all": "the mirror waits and is probed; mail flows, changes are kept and written afterwards",
}
"""The same words, where they mean rows instead of mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    One row.

    `answer`: (status, name, message) of a JSON error; (status, None, page) of one that is not the provider's; or the
    word for an answer that stays away: see `SILENCES`. `kind`, `code`: the failure it becomes; of a request that only
    reads `reading`. `sees`: what the operator is told, with the cure.
    """

    provider: Provider
    answer: tuple[int, str | None, str] | str
    kind: Kind
    code: str
    outcome: Outcome
    sees: str
    reading: Kind | None = None
    wait_ms: int | None = None
    more: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def when(self) -> str:
        """In a few words, unique within its provider."""
        if isinstance(self.answer, str):
            return SILENCES[self.answer]
        status, name, message = self.answer
        if name is None:
            return f"{status}, {message}"
        return f"{status} `{name}`" + (f": {message}" if message else "")

    @property
    def becomes(self) -> str:
        """What happens to the delivery, or the row."""
        return (NOTION_OUTCOMES if self.provider == "notion" else {}).get(self.outcome) or OUTCOMES[self.outcome]


SILENCES = {
    "refused": "the connection is refused",
    "no name": "the name cannot be resolved",
    "no tls": "the TLS handshake fails",
    "hangs": "the request left; no answer within 10 s",
    "drips": "the answer drips and is not whole within 10 s",
    "hangs up": "the request left; the connection closes without a word",
    "hangs up after": "it was carried out; the connection closes without a word",
    "breaks off": "the answer breaks off in the middle",
    "hangs after": "it was carried out; no answer within 10 s",
    "html": "200, a page of HTML",
    "broken json": "200, JSON that breaks off",
    "empty object": "200, JSON without an id",
    "not ours": "RESEND_API_URL or NOTION_BASE_URL names no web address",
}
"""Answers that stay away or say nothing, by their word."""
