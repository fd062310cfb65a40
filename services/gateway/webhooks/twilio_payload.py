"""
Reads Twilio's callbacks: the status of an SMS, and an SMS that came in.

A status has no time, and statuses arrive in any order: each is an event, and the ledger shows the most advanced one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from common.domain.delivery import Channel, Trigger, delivery_of
from common.domain.enrollment import ExitReason
from common.domain.feedback import Feedback, FeedbackKind
from common.domain.ids import DeliveryId, EnrollmentId, is_enrollment_id
from common.domain.sms import E164
from common.ledger.texts import Word
from common.providers.twilio import failures as codes
from services.gateway.events import SmsReceived

Form = Mapping[str, list[str]]
"""Each field of a form with its values."""

KIND_BY_STATUS: Final[Mapping[str, FeedbackKind]] = {
    **dict.fromkeys(("accepted", "scheduled", "queued", "sending", "sent"), FeedbackKind.SENT),
    **dict.fromkeys(("delivered", "read"), FeedbackKind.DELIVERED),
    **dict.fromkeys(("undelivered", "failed", "canceled"), FeedbackKind.BOUNCED),
}

_STOP = frozenset({"STOP", "STOPALL", "ARRET", "ARRETER", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"})
_START = frozenset({"START", "UNSTOP", "COMMENCER"})
_HELP = frozenset({"HELP", "INFO", "AIDE"})
_BY_TWILIO: Final[Mapping[str, Word]] = {"STOP": "stop", "START": "start", "HELP": "help"}

_SID = re.compile(r"(SM|MM)[0-9a-f]{32}")
_PLACE = rf"\d{{1,15}}|{'|'.join(Trigger)}"
_DELIVERY = re.compile(rf"bkg_[a-z2-7]{{16}}(-[a-z2-7]{{6}})?/({_PLACE})/[A-Za-z0-9_-]{{1,60}}\.sms")
_CODE = re.compile(r"\d{4,6}")
TEXT_CHARACTERS_MAX = 500


def status_of(texts: Mapping[str, str], query: Mapping[str, str], *, received_ms: int) -> Feedback | None:
    """
    Return the status of an SMS that Advent sent; None for any other SMS, and for a status without effect.

    `query`: the query of the callback's URL, which names the delivery and its contact; it is signed like the form.
    """
    kind = KIND_BY_STATUS.get(texts["MessageStatus"])
    sid, delivery = texts.get("MessageSid", ""), query.get("delivery", "")
    contact, number = query.get("contact", ""), texts.get("To", "")
    if kind is None or not _SID.fullmatch(sid) or not _DELIVERY.fullmatch(delivery) or not is_enrollment_id(contact):
        return None
    assert delivery_of(DeliveryId(delivery)).channel is Channel.SMS
    code = int(texts["ErrorCode"]) if _CODE.fullmatch(texts.get("ErrorCode", "")) else 0
    return Feedback(
        kind=_kind(kind, code),
        delivery_id=DeliveryId(delivery),
        contact_id=EnrollmentId(contact),
        event_ms=received_ms,
        mailed_ms=received_ms,
        received_ms=received_ms,
        provider_id=sid,
        detail=f"twilio_{code}" if code else texts["MessageStatus"],
        number=number if E164.fullmatch(number) else None,
        number_ends=_number_ends(kind, code),
    )


def inbound_of(texts: Mapping[str, str], *, received_ms: int) -> SmsReceived | None:
    """Return the SMS that a phone sent; None when the callback is not about one."""
    sid, number, body = texts.get("MessageSid", ""), texts.get("From", ""), texts.get("Body")
    if body is None or not _SID.fullmatch(sid) or not E164.fullmatch(number):
        return None
    by_twilio = _BY_TWILIO.get(texts.get("OptOutType", "").upper())
    text = " ".join("".join(each for each in body if each.isprintable() or each.isspace()).split())
    return SmsReceived(
        webhook_id=f"twilio:{sid}",
        number=number,
        word=by_twilio or word_of(body),
        text=text[:TEXT_CHARACTERS_MAX],
        is_answered=by_twilio is not None,
        received_ms=received_ms,
    )


def word_of(body: str) -> Word:
    """Return what an SMS means: `Arrêt.` counts as STOP, but a keyword within a sentence is an ordinary answer."""
    plain = unicodedata.normalize("NFKD", body).encode("ascii", "ignore").decode()
    word = re.sub(r"[^A-Z]+", " ", plain.upper()).strip()
    if word in _STOP:
        return "stop"
    if word in _START:
        return "start"
    return "help" if word in _HELP else "answer"


def _kind(kind: FeedbackKind, code: int) -> FeedbackKind:
    if kind is not FeedbackKind.BOUNCED:
        return kind
    if code == codes.FILTERED:
        return FeedbackKind.CONTENT_BOUNCED
    ours = codes.MISCONFIGURED | codes.THROTTLED | codes.LIMITS
    return FeedbackKind.FAILED if code in ours else kind


def _number_ends(kind: FeedbackKind, code: int) -> ExitReason | None:
    if kind is not FeedbackKind.BOUNCED:
        return None
    if code == codes.OPTED_OUT:
        return ExitReason.UNSUBSCRIBED
    return ExitReason.REFUSED if code in codes.OF_NUMBER else None
