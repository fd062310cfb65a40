"""Ids say what they are and are derived from what they name: the same on every machine, and after a rebuild."""

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
"""One guest of a booking: the booking's own id, or for a seat the same with `-` and six letters or digits behind it."""

BookingId = NewType("BookingId", GuestId)
"""`bkg_` and 16 letters or digits, derived from the booking's uid; also the id of its guest where it has no seats."""

DeliveryId = NewType("DeliveryId", str)
"""
`enr_…/step-3`: one step of an enrollment; `bkg_…/1764856800000/24h`: one reminder of a meeting's start, ms;
`bkg_…/no_show/missed`: one follow-up of a call, whatever its start. One that is no mail ends with its channel,
`24h.sms`.
"""

Step = int | str
"""A step of a campaign: the number of `step-3`, else the id, such as `welcome`."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_STEP = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_NUMBERED = re.compile(r"step-([1-9]\d?)")
_ENROLLMENT = re.compile(r"enr_[a-z2-7]{16}")


def normal_address(address: str) -> str:
    """The form in which an address is stored, compared and mailed: trimmed and lower-cased."""
    return address.strip().lower()


def enrollment_id(campaign: str, address: str) -> EnrollmentId:
    """80 bits of SHA-256: with a million people the odds of one collision are 1 in 2·10¹²."""
    digest = hashlib.sha256(f"{campaign}\n{normal_address(address)}".encode()).digest()
    return EnrollmentId(f"enr_{_base32(digest)}")


def mailbox_id(mailbox: str) -> str:
    """Of the canonical form of an address, whatever the campaign."""
    return f"mbx_{_base32(hashlib.sha256(mailbox.encode()).digest())}"


def _base32(digest: bytes) -> str:
    """Its first 80 bits in lower case, ten at a time: `base64.b32encode` takes three times as long."""
    bits = int.from_bytes(digest[:10], "big")
    return "".join([_PAIRS[bits >> shift & 1023] for shift in range(70, -10, -10)])


def is_enrollment_id(text: str) -> bool:
    return _ENROLLMENT.fullmatch(text) is not None


def step_name(step: Step) -> str:
    """`step-3`, of 3; an id is its own name."""
    return f"step-{step}" if isinstance(step, int) else step


def step_of(name: str) -> Step:
    """3 of `step-3`; any other name is the step's id. Raises ValueError for what can be none."""
    if not _STEP.fullmatch(name):
        raise ValueError(f"{name} is not a step")
    match = _NUMBERED.fullmatch(name)
    return int(match[1]) if match else name


def step_order(step: Step) -> tuple[bool, int, str]:
    """Sorts the numbers before the other ids."""
    return (False, step, "") if isinstance(step, int) else (True, 0, step)


def step_delivery_id(enrollment: EnrollmentId, step: Step) -> DeliveryId:
    """The delivery of one step of an enrollment."""
    return DeliveryId(f"{enrollment}/{step_name(step)}")


def booking_id(uid: str) -> BookingId:
    """80 bits of SHA-256 of Cal.com's uid, which may hold anything."""
    return BookingId(GuestId(f"bkg_{_base32(hashlib.sha256(uid.encode()).digest())}"))


def seat_id(booking: BookingId, address: str) -> GuestId:
    """
    The guest who has a seat at this booking, by 30 bits of SHA-256 of their address.

    Only characters that an idempotency key, a mail's tag and a job's id may hold.
    """
    return GuestId(f"{booking}-{_base32(hashlib.sha256(normal_address(address).encode()).digest())[:6]}")


def booking_of(guest: GuestId) -> BookingId:
    """The booking that this is a guest of."""
    return BookingId(GuestId(guest.partition("-")[0]))


def reminder_delivery_id(guest: GuestId, *, start_ms: int, name: str) -> DeliveryId:
    """The delivery of one reminder of the meeting that starts at this instant."""
    return DeliveryId(f"{guest}/{start_ms}/{name}")


def follow_up_delivery_id(guest: GuestId, *, on: str, name: str) -> DeliveryId:
    """The delivery of one follow-up of a call; `on`: what it follows, `no_show`."""
    return DeliveryId(f"{guest}/{on}/{name}")


def is_reminder(delivery: str) -> bool:
    return delivery.startswith("bkg_")


def split_delivery_id(delivery: DeliveryId) -> tuple[str, str]:
    """(`enr_…` or `bkg_…`, `step-3` or `1764856800000/24h`)."""
    owner, _, name = delivery.partition("/")
    return owner, name


def canonical_mailbox(address: str) -> str:
    """
    `a.d.a+news@googlemail.com` → `ada@gmail.com`; `address` is repaired and lower-case already.

    A plus tag is removed everywhere; dots and *googlemail* are removed for Gmail only, where they are known to mean
    nothing (support.google.com/mail/answer/7436150). The result identifies a mailbox; mail goes to the spelling given.
    """
    local, _, domain = address.rpartition("@")
    plain = local.partition("+")[0] or local
    if domain in _GMAIL:
        return f"{plain.replace('.', '') or plain}@gmail.com"
    return f"{plain}@{domain}"


def number_hash(secret_key: str, number: str) -> str:
    """What stands for a phone number in E.164 among the suppressed addresses."""
    return address_hash(secret_key, f"tel:{number}")


def address_hash(secret_key: str, address: str) -> str:
    """32 hex digits that stand for an address in the suppression list; the address cannot be read from them."""
    return keyed_hash(secret_key, "suppression", normal_address(address))[:16].hex()


def key_fingerprint(secret_key: str) -> str:
    """32 hex digits by which a key is known again; the key cannot be read from them."""
    return keyed_hash(secret_key, "fingerprint", "")[:16].hex()


def keyed_hash(secret_key: str, purpose: str, text: str) -> bytes:
    """32 bytes that nobody can make without the key; those of one `purpose` are no use for another."""
    mac = _keyed(secret_key).copy()
    mac.update(f"{purpose}:{text}".encode())
    return mac.digest()


def signed(secret_key: str, purpose: str, *parts: str) -> str:
    """The parts and a signature, joined by dots: a path segment that nobody can make without the key."""
    text = ".".join(parts)
    return f"{text}.{_signature(secret_key, purpose, text)}"


def read_signed(token: str, secret_key: str, purpose: str) -> tuple[str, ...] | None:
    """The parts of what `signed` made with this key for this purpose; None for anything else."""
    text, _, signature = token.rpartition(".")
    if not token.isascii() or not hmac.compare_digest(signature, _signature(secret_key, purpose, text)):
        return None
    return tuple(text.split("."))


def _signature(secret_key: str, purpose: str, text: str) -> str:
    return base64.urlsafe_b64encode(keyed_hash(secret_key, purpose, text)[:18]).decode()


@lru_cache(maxsize=8)
def _keyed(secret_key: str) -> hmac.HMAC:
    """Before any text: made once, since to take in the key is half of what a hash costs, and each signup needs one."""
    return hmac.new(secret_key.encode(), digestmod=hashlib.sha256)
