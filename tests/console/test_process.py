"""The console as a process: it starts without the store, says in one line why it cannot start, and stops on SIGTERM."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator

import pytest

from tests.acceptance.http import status_of
from tests.acceptance.place import SECRETS, Place

pytestmark = pytest.mark.acceptance


@pytest.fixture
def place() -> Iterator[Place]:
    place = Place(**SECRETS)
    yield place
    place.close()


def test_console_starts_without_the_store_and_exits_with_0_on_sigterm(place: Place) -> None:
    place.own_store()
    console = place.serve("console")

    assert status_of(f"{place.console_url}/ready") == 503
    assert status_of(f"{place.console_url}/") == 200
    status, seconds = console.stop(signal.SIGTERM)

    assert (status, seconds < 5) == (0, True)
    assert {"console_started", "store_away", "server_stopping"} <= {line["event"] for line in console.logs()}


def test_console_is_ready_with_the_store(place: Place) -> None:
    place.own_store().start()
    place.serve("console")

    assert status_of(f"{place.console_url}/ready") == 200


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"CONSOLE_HOST": "0.0.0.0"},
            "advent: CONSOLE_TOKEN: unset, and CONSOLE_HOST=0.0.0.0 is reached from elsewhere",
        ),
        ({"REDIS_URL": ""}, "advent: REDIS_URL: unset, and no `advent up`"),
        ({"CAMPAIGN": "easter"}, "advent: CAMPAIGN=easter: "),
    ],
)
def test_wrong_settings_stop_the_start_with_one_line(place: Place, settings: dict[str, str], line: str) -> None:
    place.own_store().start()
    console = place.run("console", **settings)

    assert (console.wait(), console.stderr.count("\n")) == (1, 1)
    assert console.stderr.startswith(line)


def test_console_port_in_use_is_reported_in_one_line(place: Place) -> None:
    place.own_store().start()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        console = place.run("console", CONSOLE_PORT=str(port))

    assert console.wait() == 1
    assert console.stderr == (
        f"advent: CONSOLE_PORT: {port} on 127.0.0.1 is in use by another program; set CONSOLE_PORT to a free port\n"
    )
