"""Suppressions: addresses that get no mail, and the link with which a contact unsubscribes."""

from __future__ import annotations

from dataclasses import dataclass

from common.domain.enrollment import ExitReason
from common.domain.ids import EnrollmentId, is_enrollment_id, read_signed, signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Why and since when an address gets no mail. `is_forgotten`: nothing else is stored about the contact."""

    reason: ExitReason
    since_ms: int
    is_forgotten: bool

    @classmethod
    def from_text(cls, text: str) -> Suppression:
        """Read a stored value: `unsubscribed 1764000000000` or `unsubscribed 1764000000000 forgotten`."""
        reason, since_ms, *rest = text.split(" ")
        return cls(reason=ExitReason(reason), since_ms=int(since_ms), is_forgotten=rest == ["forgotten"])


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSuppression:
    """An entry of the provider's own suppression list. `origin`: `bounce`, `complaint` or `manual`."""

    address: str
    origin: str
    created_ms: int

    @property
    def reason(self) -> ExitReason:
        return _REASONS.get(self.origin, ExitReason.SUPPRESSED)


_REASONS = {"bounce": ExitReason.BOUNCED, "complaint": ExitReason.COMPLAINED}


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """The content of an unsubscribe link: an enrollment, and the hash of its address."""

    enrollment_id: EnrollmentId
    address_hash: str

    def token(self, secret_key: str) -> str:
        """Return an opaque, unforgeable path segment, the same in all mails of one enrollment."""
        return signed(secret_key, "unsubscribe", self.enrollment_id, self.address_hash)

    @classmethod
    def from_token(cls, token: str, secret_key: str) -> Unsubscribe | None:
        """Return the link's content, or None when the token was not made with this key."""
        match read_signed(token, secret_key, "unsubscribe"):
            case (enrollment, hashed) if is_enrollment_id(enrollment):
                return cls(EnrollmentId(enrollment), hashed)
        return None
