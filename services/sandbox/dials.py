"""The dials: how strict, fast and healthy the providers are. They are set on `/faults` and survive restarts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from common.clock import Clock
from services.sandbox.disk import Disk
from services.sandbox.ids import API_KEY, CALCOM_KEY, NOTION_TOKEN, SENDING_KEY, TWILIO_TOKEN


class Dials(BaseModel):
    """
    All dials. With the defaults, the providers behave like the real ones on a normal day.

    Address patterns (`bouncing`, `complaining`) are shell patterns for lower-case addresses: `*@nowhere.test`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(2025, description="seed of the random numbers for rules with a probability")
    clock_offset_seconds: float = Field(
        0, description="seconds that the sandbox's clock is ahead: 86400 expires every idempotency key"
    )

    resend_api_keys: list[str] = Field([API_KEY], description="keys with full access")
    resend_sending_keys: list[str] = Field([SENDING_KEY], description="keys that may only send")
    resend_requests_per_second: int = Field(10, ge=1, description="per team; Resend itself allows 2 to 10")
    resend_daily_quota: int | None = Field(None, ge=0, description="recipients per UTC day; empty: no quota")
    resend_monthly_quota: int | None = Field(None, ge=0, description="recipients per calendar month; empty: no quota")
    resend_verified_domains: list[str] | None = Field(
        None, description="verified sender domains; empty: every domain counts as verified"
    )
    resend_click_tracking: bool = Field(False, description="the sender domains track clicks")
    resend_open_tracking: bool = Field(False, description="the sender domains track opens")
    resend_refuses_example_addresses: bool = Field(False, description="422 for recipients at example.com and test.com")

    delivery_seconds: float = Field(0, ge=0, description="seconds from acceptance to delivery, bounce or complaint")
    bouncing: list[str] = Field([], description="address patterns that bounce")
    bounce_type: Literal["Permanent", "Transient", "Undetermined"] = Field("Permanent", description="type of bounces")
    complaining: list[str] = Field([], description="address patterns that report spam")

    webhooks: bool = Field(True, description="post signed delivery events to the gateway")
    webhook_url: str | None = Field(None, description="address to post to; empty: the gateway in the settings")
    webhook_events: list[str] | None = Field(None, description="events that Resend posts; empty: all")
    webhook_copies: int = Field(1, ge=1, le=10, description="number of times that each event is posted")
    webhook_shuffled: bool = Field(False, description="post the events of a mail in the wrong order")
    webhook_bad_signatures: bool = Field(False, description="sign with a wrong secret")

    notion_tokens: list[str] = Field([NOTION_TOKEN], description="integration tokens")
    notion_requests_per_minute: int = Field(180, ge=1, description="per token; 180, or 600 on a Business plan")
    notion_query_lag_seconds: float = Field(0, ge=0, description="seconds until queries show a write")
    notion_rows_max: int = Field(
        10_000, ge=1, description="number of rows after which a query's result is cut off and marked as incomplete"
    )
    calcom_keys: list[str] = Field([CALCOM_KEY], description="keys of Cal.com's API")
    calcom_requests_per_minute: int = Field(120, ge=1, description="per key; Cal.com itself allows 120")

    calcom_triggers: list[str] | None = Field(None, description="events that Cal.com posts; empty: all")

    twilio_tokens: list[str] = Field([TWILIO_TOKEN], description="auth tokens, in addition to the one in the settings")
    twilio_requests_per_second: int = Field(100, ge=1, description="per account")
    sms_undelivered: list[str] = Field([], description="patterns of numbers that receive no SMS: +1416*")
    sms_error_code: int = Field(30003, ge=1, description="error code of every SMS that is not delivered")

    notion_minute_dates: bool = Field(False, description="drop the seconds of dates, as Notion's date picker does")


class DialBoard:
    """The current dials."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        saved = disk.load("dials")
        self.now = Dials() if saved is None else Dials.model_validate_json(saved)

    def change(self, changes: dict[str, Any]) -> Dials:
        """Change the given dials. Raises pydantic's ValidationError, which names each invalid dial."""
        self.now = Dials.model_validate({**self.now.model_dump(), **changes})
        self._disk.save("dials", self.now.model_dump_json())
        return self.now

    def reset(self) -> None:
        """Reset every dial to its default, except the clock: time does not run backwards."""
        offset = self.now.clock_offset_seconds
        self.now = Dials(clock_offset_seconds=offset)
        self._disk.save("dials", self.now.model_dump_json())


class SandboxClock:
    """A clock that is ahead by the dial `clock_offset_seconds`."""

    def __init__(self, base: Clock, board: DialBoard) -> None:
        self._base = base
        self._board = board

    def base_ms(self) -> int:
        """Return the time without the offset, which is the time on the clock of a webhook's receiver."""
        return self._base.now_ms()

    def wall_ms(self) -> int:
        return self._base.wall_ms()

    def now_ms(self) -> int:
        return self._base.now_ms() + int(self._board.now.clock_offset_seconds * 1_000)
