"""Phone numbers, as people write them."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

HOME_REGION = "CA"
"""The region of numbers without a country code."""

_NO_SMS = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PAGER,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
    }
)


def mobile_number(text: str) -> str | None:
    """Return the number in E.164, `+14165550123`; None if it is no number, or one that cannot receive SMS."""
    try:
        number = phonenumbers.parse(text, HOME_REGION)
    except NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number) or phonenumbers.number_type(number) in _NO_SMS:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)
