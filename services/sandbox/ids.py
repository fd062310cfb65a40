"""The keys that the sandbox accepts, and the ids of its two initial databases."""

from __future__ import annotations

import secrets
import uuid

API_KEY = "re_sandbox"
SENDING_KEY = "re_sandbox_sending"  # may only send: listing is refused with restricted_api_key, as at Resend
NOTION_TOKEN = "ntn_sandbox"
CALCOM_KEY = "cal_sandbox"
TWILIO_SID = "AC" + "5a" * 16
TWILIO_TOKEN = "twilio_sandbox"
TWILIO_NUMBER = "+15005550006"  # the sender that Twilio's own test credentials accept

SEQUENCE_DATABASE_ID = "33333333-0000-4000-8000-000000000001"
SEQUENCE_DATA_SOURCE_ID = "22222222-0000-4000-8000-000000000001"
CONTACT_DATABASE_ID = "33333333-0000-4000-8000-000000000002"
CONTACT_DATA_SOURCE_ID = "22222222-0000-4000-8000-000000000002"

PARENT_PAGE_ID = "44444444-0000-4000-8000-000000000001"
BOT_ID = "aaaaaaaa-0000-4000-8000-000000000001"
INTEGRATION_ID = "aaaaaaaa-0000-4000-8000-000000000002"
WORKSPACE_ID = "aaaaaaaa-0000-4000-8000-000000000003"
INTEGRATION_NAME = "Advent sandbox"


def new_id() -> str:
    """Return a random UUID, like the providers' ids: nothing can be derived from it."""
    return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))


def as_uuid(text: str) -> str | None:
    """Return the dashed form of an id given with or without dashes, or None when it is not a UUID."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None
