"""
Ids. An id's prefix tells its type. Ids are hashes of what they identify, so they are the same on every machine and
after a rebuild.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from functools import lru_cache
from typing import NewType

EnrollmentId = NewType("EnrollmentId", str)
"""`enr_` and 16 letters or digits, derived from campaign and address."""

GuestId = NewType("GuestId", str)
"""A booking's guest: the booking's id; where the booking has seats, followed by `-` and six letters or digits."""

BookingId = NewType("BookingId", GuestId)
"""`bkg_` and 16 letters or digits, derived from the booking's uid. Without seats, it is also the guest's id."""

DeliveryId = NewType("DeliveryId", str)
"""
`enr_…/step-3`: a step of an enrollment. `bkg_…/1764856800000/24h`: a reminder of the meeting that starts at this time
(ms). `bkg_…/no_show/missed`: a follow-up of a call, whatever its start. The id of an SMS ends with its channel:
`24h.sms`.
"""

Step = int | str
"""A step of a campaign: an integer for a name such as `step-3`, otherwise the name, such as `welcome`."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_STEP = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_NUMBERED = re.compile(r"step-([1-9]\d?)")
_ENROLLMENT = re.compile(r"enr_[a-z2-7]{16}")


def normal_address(address: str) -> str:
    """Return the form in which an address is stored, compared and mailed: trimmed and lower-cased."""
    return address.strip().lower()


def enrollment_id(campaign: str, address: str) -> EnrollmentId:
    """
    Return the id of a contact's enrollment: 80 bits of SHA-256. With a million contacts the odds of one collision are
    1 in 2·10¹².
    """
    digest = hashlib.sha256(f"{campaign}\n{normal_address(address)}".encode()).digest()
    return EnrollmentId(f"enr_{_base32(digest)}")


def mailbox_id(mailbox: str) -> str:
    """Return the id of a mailbox (the canonical form of an address). It does not depend on the campaign."""
    return f"mbx_{_base32(hashlib.sha256(mailbox.encode()).digest())}"


def _base32(digest: bytes) -> str:
    """Encode the first 80 bits in lower case, ten bits at a time: `base64.b32encode` takes three times as long."""
    bits = int.from_bytes(digest[:10], "big")
    return "".join([_PAIRS[bits >> shift & 1023] for shift in range(70, -10, -10)])


def is_enrollment_id(text: str) -> bool:
    return _ENROLLMENT.fullmatch(text) is not None


def step_name(step: Step) -> str:
    """Return `step-3` for 3. A step that is not a number is its own name."""
    return f"step-{step}" if isinstance(step, int) else step


def step_of(name: str) -> Step:
    """Return 3 for `step-3`, and any other name unchanged. Raises ValueError if the text cannot be a step's name."""
    if not _STEP.fullmatch(name):
        raise ValueError(f"{name} is not a step")
    match = _NUMBERED.fullmatch(name)
    return int(match[1]) if match else name


def step_order(step: Step) -> tuple[bool, int, str]:
    """Return a sort key that puts numbered steps before named ones."""
    return (False, step, "") if isinstance(step, int) else (True, 0, step)


def step_delivery_id(enrollment: EnrollmentId, step: Step) -> DeliveryId:
    """Return the id of the delivery of one step of an enrollment."""
    return DeliveryId(f"{enrollment}/{step_name(step)}")


def booking_id(uid: str) -> BookingId:
    """Return 80 bits of SHA-256 of Cal.com's uid, because a uid may contain any character."""
    return BookingId(GuestId(f"bkg_{_base32(hashlib.sha256(uid.encode()).digest())}"))


def seat_id(booking: BookingId, address: str) -> GuestId:
    """
    Return the id of the guest who has a seat in this booking, with 30 bits of SHA-256 of their address.

    It contains only characters that are valid in an idempotency key, a mail's tag and a job's id.
    """
    return GuestId(f"{booking}-{_base32(hashlib.sha256(normal_address(address).encode()).digest())[:6]}")


def booking_of(guest: GuestId) -> BookingId:
    """Return the guest's booking."""
    return BookingId(GuestId(guest.partition("-")[0]))


def reminder_delivery_id(guest: GuestId, *, start_ms: int, name: str) -> DeliveryId:
    """Return the id of the delivery of one reminder of the meeting that starts at `start_ms`."""
    return DeliveryId(f"{guest}/{start_ms}/{name}")


def follow_up_delivery_id(guest: GuestId, *, on: str, name: str) -> DeliveryId:
    """Return the id of the delivery of one follow-up of a call. `on`: its trigger, such as `no_show`."""
    return DeliveryId(f"{guest}/{on}/{name}")


def is_reminder(delivery: str) -> bool:
    return delivery.startswith("bkg_")


def split_delivery_id(delivery: DeliveryId) -> tuple[str, str]:
    """Return owner and name: (`enr_…` or `bkg_…`, `step-3` or `1764856800000/24h`)."""
    owner, _, name = delivery.partition("/")
    return owner, name


def canonical_mailbox(address: str) -> str:
    """
    Return the mailbox of an address: `a.d.a+news@googlemail.com` → `ada@gmail.com`.

    `address` must be repaired and in lower case. A plus tag is removed for every domain. Dots are removed, and
    *googlemail* becomes *gmail*, for Gmail only, where they are known to make no difference
    (support.google.com/mail/answer/7436150). The result identifies a mailbox; mail is sent to the address as given.
    """
    local, _, domain = address.rpartition("@")
    plain = local.partition("+")[0] or local
    if domain in _GMAIL:
        return f"{plain.replace('.', '') or plain}@gmail.com"
    return f"{plain}@{domain}"


def number_hash(secret_key: str, number: str) -> str:
    """Return the hash that represents a phone number (E.164) in the suppression list."""
    return address_hash(secret_key, f"tel:{number}")


def address_hash(secret_key: str, address: str) -> str:
    """Return the 32 hex digits that represent an address in the suppression list without revealing it."""
    return keyed_hash(secret_key, "suppression", normal_address(address))[:16].hex()


def key_fingerprint(secret_key: str) -> str:
    """Return 32 hex digits that identify a secret key without revealing it."""
    return keyed_hash(secret_key, "fingerprint", "")[:16].hex()


def keyed_hash(secret_key: str, purpose: str, text: str) -> bytes:
    """Return 32 bytes that cannot be computed without the key. A hash for one `purpose` is useless for another."""
    mac = _keyed(secret_key).copy()
    mac.update(f"{purpose}:{text}".encode())
    return mac.digest()


def signed(secret_key: str, purpose: str, *parts: str) -> str:
    """Join the parts and a signature with dots: a URL path segment that cannot be made without the key."""
    text = ".".join(parts)
    return f"{text}.{_signature(secret_key, purpose, text)}"


def read_signed(token: str, secret_key: str, purpose: str) -> tuple[str, ...] | None:
    """Return the parts of a token that `signed` made with this key for this purpose; None for any other text."""
    text, _, signature = token.rpartition(".")
    if not token.isascii() or not hmac.compare_digest(signature, _signature(secret_key, purpose, text)):
        return None
    return tuple(text.split("."))


def _signature(secret_key: str, purpose: str, text: str) -> str:
    return base64.urlsafe_b64encode(keyed_hash(secret_key, purpose, text)[:18]).decode()


@lru_cache(maxsize=8)
def _keyed(secret_key: str) -> hmac.HMAC:
    """
    Return an HMAC with the key and no text. It is cached because the key costs half the time of a hash, and each signup
    needs hashes.
    """
    return hmac.new(secret_key.encode(), digestmod=hashlib.sha256)
