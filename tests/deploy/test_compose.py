"""docker-compose.yml is secure by default and configures each process correctly."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from common.settings.load import load_settings
from common.settings.process_needs import NEEDED
from common.settings.process_needs import SECRETS as SECRET_NAMES
from common.settings.settings import SETTING_NAMES
from common.store.durability import store_warnings
from common.store.embedded import server_binary
from services.cli.main import COMMANDS
from tests.acceptance.place import SECRETS
from tests.deploy.yaml_files import load, run
from tests.tidy.repository import ROOT

FILE = ROOT / "docker-compose.yml"
COMPOSE = load(FILE)
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
STORE_CONFIG = ROOT / "deploy" / "compose" / "valkey.conf"
REAL = {
    **SECRETS,
    "RESEND_API_KEY": "re_none",
    "NOTION_TOKEN": "ntn_none",
    "NOTION_EMAIL_SEQUENCE_DB_ID": "0" * 32,
    "NOTION_BUSINESSX_DB_ID": "1" * 32,
    "EMAIL_FROM": "Sarah <sarah@example.com>",
    "EMAIL_POSTAL_ADDRESS": "1 Main Street, Toronto",
    "BOOKING_URL": "https://cal.example/call",
    "PUBLIC_URL": "https://advent.example.com",
    "CONSOLE_TOKEN": "a token for nobody's console",
}

every_service = pytest.mark.parametrize("name", SERVICES)


@pytest.mark.parametrize("file", [FILE, ROOT / "deploy" / "compose" / "secrets.yml"], ids=lambda file: file.name)
def test_compose_file_matches_the_compose_specification(file: Path) -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)


@every_service
def test_compose_service_restarts_automatically_and_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"]


@every_service
def test_compose_service_has_no_privileges_and_has_resource_limits(name: str) -> None:
    service = SERVICES[name]
    limits = service["deploy"]["resources"]["limits"]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert "privileged" not in service
    assert "cap_add" not in service
    assert {"cpus", "memory", "pids"} == set(limits)
    assert {"max-size", "max-file", "tag", "labels"} == set(service["logging"]["options"])
    assert not [volume for volume in service["volumes"] if "docker.sock" in volume]
    # The log shipper runs as root because it reads root's files; it has no capabilities.
    assert service["user"].split(":")[0] != "0" or name == "alloy"


@every_service
def test_compose_ports_are_open_only_on_loopback_by_default(name: str) -> None:
    ports = SERVICES[name].get("ports", [])

    assert [port for port in ports if not port.startswith(("127.0.0.1:", "${ADVENT_BIND:-127.0.0.1}:"))] == []


@every_service
def test_compose_volumes_exist(name: str) -> None:
    sources = [volume.split(":")[0] for volume in SERVICES[name]["volumes"]]

    named = set(COMPOSE["volumes"])
    assert [source for source in sources if source.startswith("./") and not (ROOT / source).exists()] == []
    assert [source for source in sources if not source.startswith(("./", "${")) and source not in named] == []


@pytest.mark.parametrize("name", OURS)
def test_compose_service_of_advent_runs_one_command_with_time_to_drain(name: str) -> None:
    assert SERVICES[name]["command"] == [name]
    assert name in COMMANDS
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > 30


LISTENING = {name for name in SETTING_NAMES if name.endswith(("_HOST", "_PORT"))}
"""Hosts and ports have fixed values inside containers; the image sets some of them."""


@pytest.mark.parametrize("name", OURS)
def test_compose_service_gets_only_the_settings_that_its_process_needs(name: str) -> None:
    environment = OURS[name]["environment"]
    needed = {setting.upper() for setting in NEEDED[name]}
    secrets = {secret.upper() for secret in SECRET_NAMES} - {"REDIS_URL"}

    hidden = {f"{secret}_FILE": f"${{{secret}:+elsewhere}}" for secret in secrets - needed}
    assert needed - LISTENING == environment.keys() - LISTENING - hidden.keys()
    assert hidden.items() <= environment.items()
    assert environment.keys() & LISTENING <= needed
    assert "env_file" not in OURS[name]


def test_compose_services_of_advent_share_one_data_folder() -> None:
    """Keys that Advent generates when it runs with the sandbox are stored in DATA_DIR."""
    assert {str(service["volumes"]) for service in OURS.values()} == {str(["data:/data"])}
    assert {service["environment"]["DATA_DIR"] for service in OURS.values()} == {"/data"}


@every_service
def test_third_party_image_is_pinned_by_digest(name: str) -> None:
    ours, theirs = r"\$\{ADVENT_IMAGE:-advent:local\}", r"\S+:v?\d+\.\d+\.\d+(-alpine)?@sha256:[0-9a-f]{64}"

    assert re.fullmatch(f"{ours}|{theirs}", SERVICES[name]["image"])


def test_compose_store_is_only_in_an_internal_network() -> None:
    assert SERVICES["store"]["networks"] == ["inner"]
    assert COMPOSE["networks"]["inner"]["internal"] is True
    assert "ports" not in SERVICES["store"]


def test_compose_gateway_does_not_wait_for_a_healthy_store() -> None:
    assert SERVICES["gateway"]["depends_on"] == {"store": {"condition": "service_started"}}
    assert "data:/data" in SERVICES["gateway"]["volumes"]


@pytest.mark.parametrize("env", [{}, REAL], ids=["sandbox", "real"])
@pytest.mark.parametrize("name", OURS)
def test_compose_environment_is_valid_for_each_process(name: str, env: dict[str, str]) -> None:
    inside = {key: _interpolated(key, value, env) for key, value in SERVICES[name]["environment"].items()}

    assert {key.removesuffix("_FILE") for key in inside} <= set(SETTING_NAMES)
    settings = load_settings(inside, env_file=Path("/nowhere"), process=name)
    assert settings.is_real == bool(env)
    assert SERVICES[name]["environment"].get("REDIS_URL") == (
        None if name == "sandbox" else "${REDIS_URL:-redis://store:6379/0}"
    )
    own = {"gateway": settings.gateway_host, "console": settings.console_host, "sandbox": settings.sandbox_host}
    assert own.get(name, settings.metrics_host) == "0.0.0.0"


def test_compose_secrets_from_files_give_the_same_settings_as_env(tmp_path: Path) -> None:
    override = load(ROOT / "deploy" / "compose" / "secrets.yml")
    assert {"gateway", "worker", "console"} == set(override["services"])
    for process, service in override["services"].items():
        named = {name: file for name, file in service["environment"].items() if file != "elsewhere"}
        for name, file in named.items():
            (tmp_path / Path(file).name).write_text(REAL[name.removesuffix("_FILE")])
        here = {name: str(tmp_path / Path(file).name) for name, file in named.items()}
        rest = {name: value for name, value in REAL.items() if f"{name}_FILE" not in service["environment"]}

        given = load_settings({**rest, **service["environment"], **here}, env_file=Path("/nowhere"), process=process)

        assert given == load_settings(REAL, env_file=Path("/nowhere"), process=process)
        assert set(service["secrets"]) == {Path(file).name for file in named.values()}
        assert set(service["secrets"]) <= set(override["secrets"])


def test_compose_secrets_file_explains_how_to_add_the_secrets_that_it_leaves_out(tmp_path: Path) -> None:
    file = ROOT / "deploy" / "compose" / "secrets.yml"
    head = file.read_text().split("\nservices:")[0]
    covered = {name.removesuffix("_FILE") for name in load(file)["services"]["worker"]["environment"]}
    left_out = {secret.upper() for secret in SECRET_NAMES} - covered
    (tmp_path / "third.yml").write_text(re.sub("^#", "", head[head.index("#   services:") :], flags=re.MULTILINE))
    example = load(tmp_path / "third.yml")
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", tmp_path / "third.yml")

    assert [name for name in left_out if name not in head] == []
    assert {"gateway", "worker", "console"} == set(example["services"])
    (tmp_path / "calcom_api_key").write_text("cal_live_none")
    for process, service in example["services"].items():
        given = {name: value.replace("/run/secrets", str(tmp_path)) for name, value in service["environment"].items()}
        settings = load_settings({**REAL, **given}, env_file=Path("/nowhere"), process=process)
        wanted = load_settings({**REAL, "CALCOM_API_KEY": "cal_live_none"}, env_file=Path("/nowhere"), process=process)
        assert settings == wanted
        assert ("secrets" in service) == (process == "worker")
    assert example["services"]["worker"]["secrets"] == list(example["secrets"])


class Store:
    """A store with the configuration that compose mounts, except for its port, socket and directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        socket, config = folder / "s", folder / "valkey.conf"
        config.write_text(STORE_CONFIG.read_text().replace("\ndir /data\n", f"\ndir {folder}\n"))
        command = [server_binary(), str(config), "--port", "0", "--unixsocket", str(socket)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        self.client = redis.Redis(unix_socket_path=str(socket), decode_responses=True)
        deadline = time.monotonic() + 60
        while not socket.exists():
            assert time.monotonic() < deadline
            assert self._process.poll() is None, "the store refuses its configuration"
            time.sleep(0.01)

    def close(self) -> None:
        self.client.close()
        self._process.terminate()
        self._process.wait(60)


@pytest.fixture
def stores() -> Iterator[Callable[[str], Store]]:
    """Return a function that starts a store under a name."""
    started: list[Store] = []
    # The path must be short: a Unix socket path may have 107 characters, and pytest's own folders are deep.
    with tempfile.TemporaryDirectory(prefix="advent-") as place:

        def start(name: str) -> Store:
            started.append(Store(Path(place) / name))
            return started[-1]

        yield start
        for store in started:
            store.close()


@pytest.fixture
def configured(stores: Callable[[str], Store]) -> redis.Redis:
    return stores("store").client


def test_copy_of_the_append_only_file_under_load_has_all_earlier_signups(
    stores: Callable[[str], Store],
) -> None:
    """The backup of docs/deploy.md: switch off rewrites of the append-only file, then copy it."""
    store, copied = stores("store"), threading.Event()
    store.client.config_set("auto-aof-rewrite-percentage", 0)
    people: list[str] = []

    def sign_up() -> None:
        while not copied.is_set():
            store.client.hset(f"person:{len(people)}", "name", "x" * 500)
            people.append(f"person:{len(people)}")

    visitors = threading.Thread(target=sign_up)
    visitors.start()
    while len(people) < 50:
        time.sleep(0.001)
    before = list(people)
    shutil.copytree(store.folder / "appendonlydir", store.folder.parent / "restored" / "appendonlydir")
    copied.set()
    visitors.join()

    restored = stores("restored").client
    assert set(before) <= set(restored.keys())


def test_compose_store_has_durable_settings(configured: redis.Redis) -> None:
    assert store_warnings(configured) == []
    assert configured.config_get("hash-max-listpack-value") == {"hash-max-listpack-value": "1024"}


def test_compose_store_refuses_writes_before_its_container_runs_out_of_memory(configured: redis.Redis) -> None:
    limit = {"1g": 2**30}[SERVICES["store"]["deploy"]["resources"]["limits"]["memory"]]

    assert 0 < int(configured.config_get("maxmemory")["maxmemory"]) < 0.7 * limit


class TestLogShipper:
    TEXT = (ROOT / "deploy" / "alloy" / "config.alloy").read_text()

    def test_log_shipper_keeps_only_the_labels_service_level_and_event(self) -> None:
        kept = re.findall(r"stage\.label_keep \{\s*values = \[([^]]*)\]", self.TEXT)

        assert kept == ['"service", "level", "event"']
        # No label is added after that stage.
        assert "stage.labels" not in self.TEXT.split("stage.label_keep")[1]

    def test_log_message_of_a_library_becomes_no_label(self) -> None:
        template = re.search(r'source   = "event"\n\s*template = "([^"]*)"', self.TEXT)

        assert template is not None
        assert template[1].startswith("{{ if .library }}library{{ else")
        assert 'library = "logger"' in self.TEXT

    def test_log_shipper_selects_the_lines_that_compose_tags(self) -> None:
        options = SERVICES["gateway"]["logging"]["options"]

        assert f'{{tag!=\\"{options["tag"]}\\"}}' in self.TEXT
        assert f'attrs.\\"{options["labels"]}\\"' in self.TEXT

    def test_log_shipper_configuration_has_matching_braces(self) -> None:
        bare = re.sub(r'"(?:\\.|[^"\\])*"|//.*', "", self.TEXT)

        assert (bare.count("{"), bare.count("[")) == (bare.count("}"), bare.count("]"))


def _interpolated(name: str, value: object, env: Mapping[str, str]) -> str:
    """
    Return the value as compose interpolates it: `${NAME:-default}`, `${NAME:+alternative}`.

    A setting without a value gets that of `env`, which stands for `.env`.
    """
    if value is None:
        return env.get(name, "")
    text = re.sub(r"\$\{([A-Z_]+):-([^}]*)\}", lambda found: env.get(found[1]) or found[2], str(value))
    return re.sub(r"\$\{([A-Z_]+):\+([^}]*)\}", lambda found: found[2] if env.get(found[1]) else "", text)
