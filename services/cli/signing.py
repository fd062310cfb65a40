"""Webhook signatures of the three senders, for `advent try` and `advent sign`."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from common.settings.settings import Settings
from services.cli.error_lines import CommandFailed

PATHS = {"signup": "/webhook/christmas-signup", "calcom": "/webhook/calcom-booking", "resend": "/webhook/resend"}

NAMED_SIGNUP = "/webhook/signup/{campaign}"

_SECRETS = {"signup": "webhook_secret", "calcom": "calcom_webhook_secret", "resend": "resend_webhook_secret"}


def headers_for(
    kind: str, body: bytes, settings: Settings, *, now_s: int, message_id: str | None = None
) -> dict[str, str]:
    """
    Return the headers with which `kind` (`signup`, `calcom`, `resend`) posts this body, signed with the first secret.

    With ALLOW_UNSIGNED_WEBHOOKS and no secret there is no signature. Raises CommandFailed if a needed secret is unset.
    """
    secret = _secret(kind, settings)
    content_type = {"Content-Type": "application/json"}
    if kind == "calcom":
        # What Cal.com sends when its webhook has no secret.
        signature = calcom_signature(secret, body) if secret else "no-secret-provided"
        return {**content_type, "X-Cal-Signature-256": signature}
    prefix = "webhook" if kind == "signup" else "svix"
    message_id = message_id or f"msg_{secrets.token_hex(12)}"
    signed = {f"{prefix}-id": message_id, f"{prefix}-timestamp": str(now_s)}
    if secret:
        signed[f"{prefix}-signature"] = standard_signature(secret, message_id, now_s, body)
    return {**content_type, **signed}


def standard_signature(secret: str, message_id: str, now_s: int, body: bytes) -> str:
    """Return the signature of Standard Webhooks, v1: base64 of HMAC-SHA256 over `id.seconds.body`."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{now_s}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(mac.digest()).decode()}"


def calcom_signature(secret: str, body: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 of the raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _secret(kind: str, settings: Settings) -> str | None:
    name = _SECRETS[kind]
    listed: tuple[str, ...] = getattr(settings, f"{name}s")
    if not listed and not settings.allow_unsigned_webhooks:
        raise CommandFailed(
            f"{name.upper()}: unset, so nothing can be signed; set it to the gateway's value,"
            " or start `advent up`, which generates one"
        )
    return listed[0] if listed else None
