"""
Secrets for the sandbox: generated once, stored in DATA_DIR, and used while the settings are unset.

They are used only without a real provider. With one, a process refuses to start until a person has set the secrets.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from pathlib import Path

from dotenv import dotenv_values

from common.path_errors import path_error_text
from common.settings.settings import Settings, SettingsError

FILE_NAME = "secrets.env"


def with_generated_secrets(settings: Settings) -> Settings:
    """
    Return the settings with unset secrets read from DATA_DIR/secrets.env; those missing there are generated.

    With ALLOW_UNSIGNED_WEBHOOKS this concerns only SECRET_KEY. Processes that start at the same time get the same
    secrets. Raises SettingsError when DATA_DIR cannot be written.
    """
    wanted = [name for name in _wanted(settings) if getattr(settings, name) is None]
    if not settings.is_simulated or not wanted:
        return settings
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = _read_or_generate(settings.data_dir / FILE_NAME, wanted)
    except OSError as error:
        raise SettingsError([path_error_text(settings.data_dir, error)]) from None
    return settings.model_copy(update={name: kept[name] for name in wanted})


def with_saved_secrets(settings: Settings) -> Settings:
    """
    Return the settings with unset secrets read from DATA_DIR/secrets.env. Nothing is generated or written.

    Raises SettingsError when that file exists and cannot be read.
    """
    if not settings.is_simulated:
        return settings
    try:
        kept = _read(settings.data_dir / FILE_NAME)
    except OSError as error:
        raise SettingsError(
            [f"DATA_DIR: {settings.data_dir / FILE_NAME} cannot be read ({error.strerror}); be the user who made it"]
        ) from None
    found = {name: kept[name] for name in _wanted(settings) if getattr(settings, name) is None and name in kept}
    return settings.model_copy(update=found)


def _wanted(settings: Settings) -> tuple[str, ...]:
    webhooks = ("webhook_secret", "calcom_webhook_secret", "resend_webhook_secret")
    return ("secret_key",) if settings.allow_unsigned_webhooks else ("secret_key", *webhooks)


def _read_or_generate(file: Path, names: list[str]) -> dict[str, str]:
    """Return the file's contents after adding missing secrets; one process at a time, and never half a file."""
    descriptor = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        kept = _read(file)
        missing = [name for name in names if name not in kept]
        if missing:
            kept |= {name: _generate(name) for name in missing}
            _write(file, kept)
        return kept
    finally:
        os.close(descriptor)


def _read(file: Path) -> dict[str, str]:
    return {name.lower(): value for name, value in dotenv_values(file).items() if value}


def _generate(name: str) -> str:
    if name in ("webhook_secret", "resend_webhook_secret"):
        return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(32)


def _write(file: Path, kept: dict[str, str]) -> None:
    text = "# Made by Advent for the sandbox, and used while these are not set elsewhere.\n"
    text += "".join(f"{name.upper()}={value}\n" for name, value in kept.items())
    new = file.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
