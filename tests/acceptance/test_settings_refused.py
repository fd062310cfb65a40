"""A process with a wrong setting does not start, and says in one line what to set."""

from __future__ import annotations

import pytest

from tests.acceptance.http import status_of
from tests.acceptance.place import Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person

COMMANDS = ("up", "gateway", "worker")
READERS = {"WEBHOOK_SECRET": ("up", "gateway")}
"""The commands that read a secret: each process reads only the secrets that it needs."""


@pytest.mark.parametrize(
    ("setting", "text", "named"),
    [
        ("TESTING_MODE", "maybe", "TESTING_MODE"),
        ("WEBHOOK_SECRET", "whsec_this is not base64", "WEBHOOK_SECRET"),
        ("CAMPAIGN", "easter_1066", "CAMPAIGN"),
        ("REDIS_URL", "localhost:6379", "REDIS_URL"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(
    place: Place, setting: str, text: str, named: str
) -> None:
    refused = [
        place.start(command, **{"REDIS_URL": "redis://127.0.0.1:1", setting: text})
        for command in READERS.get(setting, COMMANDS)
    ]

    for process in refused:
        assert process.wait() in (1, 2)
        (line,) = process.stderr.splitlines()
        assert named in line
        assert "Traceback" not in process.stdout + process.stderr
    if setting == "WEBHOOK_SECRET":
        assert text not in "".join(process.stdout + process.stderr for process in refused)


def test_worker_waits_for_the_store_while_the_gateway_accepts_signups(place: Place) -> None:
    store = place.own_store()
    place.serve("sandbox")
    place.serve("gateway")
    worker = place.start("worker")
    answer = place.website.post(person("Ada"), "msg_1")
    eventually(lambda: "waiting for the data store" in worker.stderr, "a word about what is waited for")
    assert answer.status == 202
    assert worker.is_running

    store.start()

    eventually(lambda: status_of(f"{place.worker_url}/ready") == 200, "a worker at work")
    first = eventually(lambda: place.sandbox.inbox("ada@people.example"), "the first mail")[0]
    assert answer.json["enrollment_id"] in first["idempotency_key"]
    assert answer.body == place.website.post(person("Ada"), "msg_1").body


def test_a_second_up_in_the_same_folder_is_refused_and_disturbs_nothing(place: Place) -> None:
    first = place.up()

    second = place.run("up")

    assert second.wait() in (1, 2)
    (line,) = second.stderr.splitlines()
    assert str(first.pid) in line
    assert status_of(f"{place.gateway_url}/ready") == 200
