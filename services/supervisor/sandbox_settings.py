"""Settings that use the sandbox in place of each provider without a key."""

from __future__ import annotations

from typing import Any

from common.settings.settings import Settings
from services.sandbox import ids


def with_sandbox(settings: Settings) -> Settings:
    """
    Return the settings, with the sandbox's addresses, keys and database ids for providers that are not real.

    Resend is real if RESEND_API_KEY is set, Notion if NOTION_TOKEN is, Twilio if TWILIO_ACCOUNT_SID is; without the
    key, the provider's address is ignored. The sandbox's calendar and phones are used only if no provider is real:
    simulated bookings must not reach real contacts.
    """
    update: dict[str, Any] = {}
    names = {name for name in ("resend", "notion") if not getattr(settings, f"{name}_is_real")}
    if not settings.resend_is_real:
        update |= {"resend_api_key": ids.API_KEY, "resend_api_url": f"{settings.sandbox_url}/resend"}
    if not settings.notion_is_real:
        update |= {
            "notion_token": ids.NOTION_TOKEN,
            "notion_email_sequence_db_id": ids.SEQUENCE_DATABASE_ID,
            "notion_businessx_db_id": ids.CONTACT_DATABASE_ID,
            "notion_base_url": f"{settings.sandbox_url}/notion",
        }
    if settings.is_simulated:
        update |= {
            "twilio_account_sid": ids.TWILIO_SID,
            "twilio_auth_token": settings.twilio_auth_token or ids.TWILIO_TOKEN,
            "twilio_from": ids.TWILIO_NUMBER,
            "twilio_api_url": f"{settings.sandbox_url}/twilio",
        }
        names.add("twilio")
    if settings.is_simulated and (settings.calcom_api_key is None or "calcom" in settings.sandboxed):
        update |= {"calcom_api_key": ids.CALCOM_KEY, "calcom_api_url": f"{settings.sandbox_url}/calcom"}
        names.add("calcom")
    return settings.model_copy(update={**update, "sandboxed": frozenset(names)})
