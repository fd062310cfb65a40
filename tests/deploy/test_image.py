"""The image: its content, its user and its health check."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.deploy.yaml_files import run
from tests.tidy.repository import ROOT
from tests.tidy.test_constraints import pinned

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LINES = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
LAST_STAGE = LINES[max(number for number, line in enumerate(LINES) if line.startswith("FROM ")) :]


def test_hadolint_reports_nothing_about_the_dockerfile() -> None:
    assert run("hadolint", ROOT / "Dockerfile") == ""


def test_image_is_built_from_all_packages_and_nothing_else() -> None:
    include = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    copied = [
        source
        for line in LINES
        if (found := re.match(r"COPY (?!--from)(.*) \S+$", line))
        for source in found[1].split()
    ]

    packages = {pattern.rstrip("*") for pattern in include}
    assert packages | {"pyproject.toml", "README.md", "deploy/constraints", "deploy/image/healthy"} == set(copied)
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_image_includes_the_packages_for_tracing() -> None:
    """The packages for traces are in the image, because its root is read-only when it runs."""
    assert any("install" in line and "deploy/constraints/run.txt" in line for line in LINES)
    assert "opentelemetry-exporter-otlp-proto-http" in pinned("run")


def test_image_ships_no_installer() -> None:
    """Image scanners report old installers first."""
    assert any(line.startswith("RUN ") and "venv --without-pip /opt/advent" in line for line in LINES)
    assert any(
        "rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip" in line
        for line in LAST_STAGE
    )


def test_build_context_has_only_the_files_that_the_image_needs() -> None:
    """A .env, the data or the history in a developer's checkout cannot end up in a layer."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert {
        "!pyproject.toml",
        "!README.md",
        "!common",
        "!actors",
        "!services",
        "!deploy/constraints",
        "!deploy/image",
    } == {rule for rule in rules if rule.startswith("!")}


def test_base_image_is_pinned_by_digest() -> None:
    [base] = [line for line in LINES if line.startswith("ARG BASE_IMAGE=")]

    assert re.fullmatch(r"ARG BASE_IMAGE=python:3\.11\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)
    assert {line.split()[1] for line in LINES if line.startswith("FROM ")} == {"${BASE_IMAGE}"}


def test_image_runs_as_a_numeric_user_other_than_root() -> None:
    users = [line for line in LAST_STAGE if line.startswith("USER ")]

    assert users == ["USER 10001:10001"]
    after = LAST_STAGE[LAST_STAGE.index(users[0]) :]
    assert not [line for line in after if line.startswith(("RUN ", "COPY "))]


def test_image_has_a_health_check_and_its_process_receives_signals() -> None:
    assert any(line.startswith("HEALTHCHECK ") and line.endswith('CMD ["healthy"]') for line in LAST_STAGE)
    # The exec form, not a shell, which would not pass on SIGTERM.
    assert 'ENTRYPOINT ["advent"]' in LAST_STAGE


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["GATEWAY_PORT", "CONSOLE_PORT", "SANDBOX_PORT", "WORKER_METRICS_PORT"])
def test_image_health_check_finds_whichever_process_is_running(name: str, port: int) -> None:
    assert _healthy({name: str(port)}) == 0


def test_image_health_check_fails_while_the_process_is_not_ready(port: int) -> None:
    assert _healthy({"WORKER_METRICS_PORT": str(port)}, "/ready") == 1


def test_a_container_in_which_nothing_answers_is_not_healthy() -> None:
    assert _healthy({}) == 1


def _healthy(ports: dict[str, str], *arguments: str) -> int:
    """Return the exit status of `healthy`. Nothing listens on the ports except for those given."""
    nowhere = {name: "1" for name in ("GATEWAY_PORT", "CONSOLE_PORT", "SANDBOX_PORT", "WORKER_METRICS_PORT")}
    command = [sys.executable, "-IS", str(ROOT / "deploy" / "image" / "healthy"), *arguments]
    return subprocess.run(command, env={**nowhere, **ports}, capture_output=True, check=False, timeout=20).returncode
