"""Each process reads only the settings that it needs, and services read no `.env`."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import subprocess
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import grimp
import pytest

from common.settings.load import load_settings
from common.settings.process_needs import NEEDED, NOT_READ, SECRETS, SERVICES
from common.settings.settings import SETTING_NAMES, Settings, SettingsError
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
    assert read == NEEDED[process] & set(SECRETS)
    assert settings.resend_is_real
    assert settings.notion_is_real


@each_process
def test_a_file_with_a_secret_of_another_process_is_not_opened(process: str) -> None:
    files = {f"{name.upper()}_FILE": "/nowhere/at/all" for name in SECRETS if name not in NEEDED[process]}
    values = {name: value for name, value in EVERY.items() if name.lower() in NEEDED[process]}
    others = {name: value for name, value in EVERY.items() if name.lower() not in SECRETS}

    assert load_settings({**others, **values, **files}, env_file=NOWHERE, process=process).is_real


@each_process
def test_missing_settings_of_another_process_do_not_stop_the_start(process: str) -> None:
    needed = {name: value for name, value in EVERY.items() if name.lower() in NEEDED[process]}

    load_settings(needed, env_file=NOWHERE, process=process)


@each_process
def test_setting_of_another_process_is_not_even_validated(process: str) -> None:
    others = {name: "\N{CROSS MARK}" for name in SETTING_NAMES if name.lower() not in NEEDED[process]}
    needed = {name: value for name, value in EVERY.items() if name.lower() in NEEDED[process]}

    settings = load_settings({**needed, **others}, env_file=NOWHERE, process=process)

    assert settings.model_fields_set - set(SECRETS) == {name.lower() for name in needed} - set(SECRETS)


def test_port_of_a_process_may_be_the_default_port_of_another() -> None:
    """A process does not read the other's port, so it cannot know whether that process still uses its default."""
    moved = {"GATEWAY_PORT": "8001", "CONSOLE_PORT": "8000"}

    assert load_settings({"GATEWAY_PORT": "8001"}, env_file=NOWHERE, process="gateway").gateway_port == 8001
    assert load_settings(moved, env_file=NOWHERE, process="worker").gateway_port == 8001
    with pytest.raises(SettingsError, match=r"^CONSOLE_PORT: 8001 is also GATEWAY_PORT"):
        load_settings({"GATEWAY_PORT": "8001"}, env_file=NOWHERE, process="console")


ENTRY = {
    "gateway": "services.gateway.__main__",
    "worker": "actors.worker",
    "console": "services.console.__main__",
    "sandbox": "services.sandbox.__main__",
}
OF_EVERY_START = frozenset(
    ("data_dir", "log_format", "log_level", "resend_api_url", "notion_base_url", "allow_unsigned_webhooks")
)
"""Every process reads these at its start: where generated secrets are, how to log, and how strict the rules are."""
OF_THE_START = {"worker": frozenset(("sandbox_host", "sandbox_port"))}
"""A worker also reads at its start where the sandbox is, which replaces providers without a key."""
UNREAD = {
    # These processes read only whether the settings have values.
    "gateway": frozenset(("resend_api_key", "notion_token")),
    "console": frozenset(("resend_api_key", "notion_token", "twilio_auth_token", "calcom_api_key")),
    # Of the identity the sandbox uses only the sender's domain.
    "sandbox": frozenset(("email_reply_to", "email_postal_address", "booking_url")),
}


@pytest.mark.parametrize("process", ENTRY)
def test_a_process_needs_what_its_code_reads_and_no_more(process: str) -> None:
    """Its code is every module that its entry point imports, directly or indirectly."""
    modules = {ENTRY[process], *_imports().find_upstream_modules(ENTRY[process])}
    read = set().union(*(_read_in(module) for module in modules if not module.startswith("common.settings")))

    started = OF_EVERY_START | OF_THE_START.get(process, frozenset())
    assert NEEDED[process] == (read - UNREAD.get(process, frozenset())) | started


def test_every_setting_is_needed_by_a_process() -> None:
    assert set().union(*NEEDED.values()) == {name.lower() for name in SETTING_NAMES}


@each_process
def test_the_settings_page_says_what_a_process_reads(process: str) -> None:
    page = (ROOT / "docs/settings.md").read_text().partition("## Which process needs which setting")[2]
    rows = [re.split(r" *\| *", line)[1:3] for line in page.splitlines() if line.startswith("| ")][2:]
    read = {
        setting
        for processes, settings in rows
        if processes == "every process" or process in processes.replace("`advent health`", "health").split(", ")
        for setting in re.findall(r"`([A-Z_]+)`", settings)
    }

    assert read == {name.upper() for name in NEEDED[process]}


@cache
def _imports() -> grimp.ImportGraph:
    return grimp.build_graph("actors", "common", "services", cache_dir=None)


@cache
def _read_in(module: str) -> frozenset[str]:
    """Return the settings that a module reads as attributes of an object whose name ends with `settings`."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    named = {
        node.attr
        for node in ast.walk(ast.parse(Path(spec.origin).read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("settings")
    }
    return frozenset(field for name in named for field in _fields_of(name))


def _fields_of(name: str) -> Iterator[str]:
    """Yield the name itself if it is a setting; otherwise the settings that this property or method reads."""
    if name.upper() in SETTING_NAMES:
        yield name
    elif (member := inspect.getattr_static(Settings, name, None)) is not None:
        code: Any = member.fget if isinstance(member, property) else member
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(code)))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
                yield from _fields_of(node.attr)


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


# On one machine the address of the store is not secret: it listens on a Unix socket.
OF_ONE_MACHINE = frozenset(SECRETS) - {"redis_url"}


def _said_by_the_install_script(command: str) -> set[str]:
    script = f'. "{SETTINGS_SH}"; {command}'
    said = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True).stdout
    return {name.lower() for name in said.split()}


def test_the_install_script_takes_every_secret_out_of_the_settings() -> None:
    assert _said_by_the_install_script('echo "${secret_names[@]}"') == OF_ONE_MACHINE


each_unit = pytest.mark.parametrize(
    ("unit", "process"), [("gateway", "gateway"), ("worker", "worker"), ("console", "console"), ("watch", "health")]
)


@each_unit
def test_a_unit_hands_over_the_settings_that_its_process_needs(unit: str, process: str) -> None:
    """advent.env has all settings. Names that are no settings, such as OpenTelemetry's, are passed on."""
    lines = (ROOT / f"deploy/systemd/advent-{unit}.service").read_text().splitlines()
    said = [line.partition("=")[::2] for line in lines]
    taken_away = {name for key, value in said if key == "UnsetEnvironment" for name in value.split()}
    set_here = {value.partition("=")[0] for key, value in said if key == "Environment"}

    assert ("EnvironmentFile", "-@PREFIX@/etc/advent/advent.env") in said
    assert ("WorkingDirectory", "/") in said
    assert taken_away == {name for name in SETTING_NAMES if name.lower() not in NEEDED[process] | set(SECRETS)}
    assert not taken_away & set_here


@each_unit
def test_the_install_script_hands_a_unit_the_secrets_that_it_needs(unit: str, process: str) -> None:
    assert _said_by_the_install_script(f"needed_secrets {unit}") == NEEDED[process] & OF_ONE_MACHINE
