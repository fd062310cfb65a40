"""
The part of `advent check` for Cal.com: whether the webhook reports every event that a booking may have.

`GET /v2/webhooks` lists the webhooks of the key's user: `{"status": "success", "data": [{"subscriberUrl", "triggers",
"active"}]}` (cal.com/docs/api-reference/v2/webhooks). It does not list webhooks of event types and teams.
"""

from __future__ import annotations

from common.settings.settings import Settings
from services.cli.check_report import CheckReport
from services.cli.check_webhooks import Webhook, compare_webhooks, get
from services.gateway.webhooks.calcom_event import KIND_BY_TRIGGER


async def check_calcom(settings: Settings, found: CheckReport) -> None:
    """Warn about events that the webhook does not report."""
    headers = {"Authorization": f"Bearer {settings.calcom_api_key}"}
    answer = await get(f"{settings.calcom_api_url}/v2/webhooks?take=250", headers)
    if answer.status in (401, 403):
        found.problems.append(f"CALCOM_API_KEY: Cal.com answers {answer.status}; set a valid key")
        return
    if answer.status != 200:
        found.notes.append(f"Cal.com: the webhooks could not be read ({answer.status})")
        return
    listed = [
        Webhook(str(row.get("subscriberUrl")), row.get("triggers") or (), bool(row.get("active")))
        for row in answer.body.get("data", [])
    ]
    if not listed:
        found.notes.append("Cal.com: this user has no webhook; one of an event type or a team cannot be checked")
        return
    compare_webhooks(
        "Cal.com", listed, f"{settings.public_address}/webhook/calcom-booking", tuple(KIND_BY_TRIGGER), found
    )
