"""No process starts on a store of another format; each command prints one line that says why."""

import json

import pytest

from common.ledger import keys
from common.store.clients import connect

ANOTHER = "9"


@pytest.fixture
def of_another(store_url):
    with connect(store_url) as client:
        client.set(keys.FORMAT, ANOTHER)
    return store_url


@pytest.mark.parametrize(
    "command",
    [("gateway",), ("worker",), ("console",), ("up",), ("status",), ("contact", "ada@example.org"), ("audit",)],
)
def test_no_command_starts_over_a_store_of_another_format(advent, of_another, command, own_ports):
    status, output, errors = advent(*command, REDIS_URL=of_another, **own_ports)

    assert (status, output) == (1, "")
    (line,) = errors.splitlines()
    assert line.startswith("advent: the store was written in format 9, and this version reads format ")


def test_check_and_health_name_the_other_store_format(advent, of_another):
    status, output, _ = advent("check", "--json", REDIS_URL=of_another, SANDBOX_PORT=1)
    assert status == 1
    assert any("written in format 9" in problem for problem in json.loads(output)["problems"])

    status, output, errors = advent("health", REDIS_URL=of_another)
    assert status == 1
    assert "written in format 9" in output + errors
