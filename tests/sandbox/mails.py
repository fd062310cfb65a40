"""Ada's mail, and helpers that send it."""

from __future__ import annotations

from typing import Any

import pytest
import resend
from resend.exceptions import ResendError


def to_ada(**changes: Any) -> Any:
    mail = {
        "from": "Advent <hello@advent.example>",
        "to": ["Ada@Salon.example"],
        "subject": "Your results",
        "html": "<h1>Hello Zoë</h1><p>Seven &amp; more</p>",
        "text": "Hello Zoë",
        "reply_to": "team@advent.example",
        "headers": {
            "List-Unsubscribe": "<https://x.example/u/1>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "tags": [{"name": "delivery", "value": "step-1"}],
    }
    return {name: value for name, value in {**mail, **changes}.items() if value is not None}


async def send(mail: Any, key: str | None = None) -> str:
    answer = await resend.Emails.send_async(mail, {"idempotency_key": key} if key else None)
    return str(answer["id"])


async def event_of(mail: Any) -> str:
    return str((await resend.Emails.get_async(await send(mail)))["last_event"])


async def refusal(mail: Any, options: Any = None) -> ResendError:
    with pytest.raises(ResendError) as raised:
        await resend.Emails.send_async(mail, options)
    return raised.value
