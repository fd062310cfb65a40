"""The part of `advent check` for Resend: the key, the sender's domain, its tracking, and the webhook."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any

from common.providers.http import status_failure
from common.settings.settings import Settings
from services.cli.check_report import CheckReport
from services.cli.check_webhooks import Webhook, compare_webhooks, get

EVENTS = ("email.delivered", "email.bounced", "email.complained", "email.suppressed", "email.failed")
"""Without any one of these, mail would go on to addresses that receive nothing, or whose owner has complained."""


async def check_resend(settings: Settings, found: CheckReport) -> None:
    """Check that the key is valid and the sender's domain verified. A key that may only send cannot list domains."""
    domain = parseaddr(settings.identity.sender)[1].rpartition("@")[2].lower()
    answer = await get(f"{settings.resend_api_url}/domains", _headers(settings))
    if answer.status == 401 and answer.body.get("name") == "restricted_api_key":
        found.notes.append("Resend: the key may only send, so domain, tracking and webhook could not be checked")
    elif answer.status in (401, 403):
        name = answer.body.get("name", "")
        found.problems.append(f"RESEND_API_KEY: Resend answers {answer.status} {name}; set a valid key")
    elif answer.status != 200:
        raise status_failure(answer.status, answer.body.get("name"), "ask again later", headers=answer.headers)
    else:
        await _check_domain(settings, domain, answer.body.get("data", []), found)
        await _check_webhook(settings, found)


async def _check_domain(settings: Settings, domain: str, listed: list[dict[str, Any]], found: CheckReport) -> None:
    known = next((entry for entry in listed if entry["name"] == domain and entry["status"] == "verified"), None)
    if known is None:
        found.problems.append(
            f"EMAIL_FROM: {domain} is not a verified domain at Resend; verify it, or send from another"
        )
        return
    found.notes.append(f"Resend: the key is valid and {domain} is verified")
    # The list does not say what is tracked.
    answer = await get(f"{settings.resend_api_url}/domains/{known['id']}", _headers(settings))
    if answer.status != 200:
        found.notes.append(f"Resend: the tracking of {domain} could not be read ({answer.status})")
        return
    _warn_of_tracking(domain, answer.body, found)


def _warn_of_tracking(domain: str, entry: Mapping[str, Any], found: CheckReport) -> None:
    if entry.get("click_tracking"):
        found.warnings.append(
            f"Resend: click tracking is on for {domain}, which rewrites every link of a mail, the unsubscribe link"
            " too; turn it off in the settings of the domain"
        )
    if entry.get("open_tracking"):
        found.warnings.append(
            f"Resend: open tracking is on for {domain}, which adds a hidden picture to every mail and costs"
            " deliverability; turn it off in the settings of the domain"
        )


async def _check_webhook(settings: Settings, found: CheckReport) -> None:
    answer = await get(f"{settings.resend_api_url}/webhooks?limit=100", _headers(settings))
    if answer.status != 200:
        found.notes.append(f"Resend: the webhooks could not be read ({answer.status})")
        return
    listed = [
        Webhook(str(row.get("endpoint")), row.get("events") or (), row.get("status") == "enabled")
        for row in answer.body.get("data", [])
    ]
    compare_webhooks("Resend", listed, f"{settings.public_address}/webhook/resend", EVENTS, found)


def _headers(settings: Settings) -> dict[str, str]:
    return {"Authorization": f"Bearer {settings.resend_api_key}"}
