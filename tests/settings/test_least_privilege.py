"""Each process reads the secrets that it needs and no other; a service reads no `.env`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from common.settings.load import load_settings
from common.settings.secret_needs import NEEDED, NOT_READ, SECRETS, SERVICES
from common.settings.settings import SETTING_NAMES, SettingsError
from tests.settings.test_rules import REAL
from tests.tidy.repository import ROOT

EVERY = {
    **REAL,
    "REDIS_URL": "redis://store:6379/0",
    "CONSOLE_TOKEN": "a token of the console, long",
    "CALCOM_API_KEY": "cal_123",
    "TWILIO_ACCOUNT_SID": "AC" + "5a" * 16,
    "TWILIO_AUTH_TOKEN": "t" * 32,
    "TWILIO_FROM": "+15005550006",
    "HOT_LEAD_WEBHOOK_URL": "https://discord.example/hook",
    "HEALTHCHECK_PING_URL": "https://ping.example/1",
}
SETTINGS_SH = ROOT / "deploy/lib/settings.sh"
NOWHERE = Path("/nowhere/.env")

each_process = pytest.mark.parametrize("process", NEEDED)


def test_every_setting_that_looks_like_a_secret_is_known_as_one() -> None:
    words = ("SECRET", "TOKEN", "_KEY")

    assert {name for name in SETTING_NAMES if any(word in name for word in words)} <= {name.upper() for name in SECRETS}


@each_process
def test_a_process_has_the_secrets_that_it_needs_and_only_knows_that_others_are_set(process: str) -> None:
    settings = load_settings(EVERY, env_file=NOWHERE, process=process)

    read = {name for name in SECRETS if getattr(settings, name) != NOT_READ}
    assert read == set(NEEDED[process])
    assert settings.resend_is_real
    assert settings.notion_is_real


@each_process
def test_a_file_with_a_secret_of_another_process_is_not_opened(process: str) -> None:
    files = {f"{name.upper()}_FILE": "/nowhere/at/all" for name in SECRETS if name not in NEEDED[process]}
    values = {name: value for name, value in EVERY.items() if name.lower() in NEEDED[process]}
    others = {name: value for name, value in EVERY.items() if name.lower() not in SECRETS}

    assert load_settings({**others, **values, **files}, env_file=NOWHERE, process=process).is_real


@each_process
def test_what_only_another_process_needs_stops_no_start(process: str) -> None:
    needed = {name: value for name, value in EVERY.items() if name.lower() in NEEDED[process]}
    sender = {} if process != "worker" else {name: REAL[name] for name in REAL if name.lower() not in SECRETS}

    load_settings({**needed, **sender}, env_file=NOWHERE, process=process)


def test_services_read_no_env_file_and_commands_do(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("LOG_LEVEL=DEBUG\n")

    levels = {process: load_settings({}, env_file=file, process=process).log_level for process in SERVICES}

    assert levels == dict.fromkeys(SERVICES, "INFO")
    assert load_settings({}, env_file=file).log_level == "DEBUG"
    assert load_settings({}, env_file=file, process="health").log_level == "DEBUG"


@pytest.mark.parametrize("missing", ["WEBHOOK_SECRET", "CALCOM_WEBHOOK_SECRET", "SECRET_KEY"])
def test_a_gateway_without_its_own_secret_is_still_refused(missing: str) -> None:
    with pytest.raises(SettingsError, match=f"^{missing}: unset"):
        load_settings({**EVERY, missing: ""}, env_file=NOWHERE, process="gateway")


# Where the store is, is no secret on one machine: it answers on a socket.
OF_ONE_MACHINE = frozenset(SECRETS) - {"redis_url"}


def _said_by_the_install_script(command: str) -> set[str]:
    script = f'. "{SETTINGS_SH}"; {command}'
    said = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout
    return {name.lower() for name in said.split()}


def test_the_install_script_takes_every_secret_out_of_the_settings() -> None:
    assert _said_by_the_install_script('echo "${secret_names[@]}"') == OF_ONE_MACHINE


@pytest.mark.parametrize(
    ("unit", "process"), [("gateway", "gateway"), ("worker", "worker"), ("console", "console"), ("watch", "health")]
)
def test_the_install_script_hands_a_unit_the_secrets_that_it_needs(unit: str, process: str) -> None:
    assert _said_by_the_install_script(f"needed_secrets {unit}") == NEEDED[process] & OF_ONE_MACHINE
