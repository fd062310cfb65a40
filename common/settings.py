"""Settings, read once at the entry: the environment, then `.env`, then files named by `<NAME>_FILE`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(Exception):
    """The settings do not allow a start. `problems` has one line each, naming the setting and the cure."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """Every setting of `docs/settings.md`, in its order. Names are those of the environment, in lower case."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    redis_url: str | None = None
    data_dir: Path = Path("./data")
    gateway_host: str = "127.0.0.1"
    gateway_port: int = 8000
    console_host: str = "127.0.0.1"
    console_port: int = 8001
    console_token: str | None = None
    sandbox_host: str = "127.0.0.1"
    sandbox_port: int = 8002
    metrics_host: str = "127.0.0.1"
    worker_metrics_port: int = 9191
    trusted_proxies: str = ""
    secret_key: str | None = None
    public_url: str | None = None
    campaign: str = "christmas_2025"
    campaigns_dir: Path | None = None
    testing_mode: bool = False
    testing_recipients: str = ""
    campaign_speed: float = Field(default=1.0, gt=0)
    notion_token: str | None = None
    notion_email_sequence_db_id: str | None = None
    notion_businessx_db_id: str | None = None
    notion_base_url: str = "https://api.notion.com"
    notion_requests_per_minute: int = 180
    resend_api_key: str | None = None
    resend_api_url: str = "https://api.resend.com"
    resend_requests_per_second: float = 2
    email_from: str | None = None
    email_reply_to: str | None = None
    email_postal_address: str | None = None
    booking_url: str | None = None
    webhook_secret: str | None = None
    calcom_webhook_secret: str | None = None
    resend_webhook_secret: str | None = None
    calcom_event_types: str = ""
    calcom_api_key: str | None = None
    calcom_api_url: str = "https://api.cal.com"
    allow_unsigned_webhooks: bool = False
    retry_attempts: int = Field(default=3, ge=0)
    retry_delay_seconds: float = Field(default=60, ge=0)
    hot_lead_webhook_url: str | None = None
    log_format: str | None = None
    log_level: str = "INFO"
