"""Every process stops on a signal within thirty seconds, and work continues after the next start."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.acceptance.http import status_of
from tests.acceptance.place import Place, gone
from tests.acceptance.process import ADVENT, surroundings
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person


def test_ctrl_c_stops_all_processes_and_the_next_start_continues_the_sequences(place: Place) -> None:
    up = place.up()
    children = [place.child(name) for name in ("gateway", "worker", "sandbox", "store")]
    place.website.post(person("Ada"), "msg_1")
    eventually(lambda: len(place.sandbox.inbox()) >= 2, "two mails")

    status, seconds = up.stop(signal.SIGINT)

    assert (status, seconds < 30) == (0, True)
    assert "nothing is lost" in up.stdout
    assert all(pid is not None and gone(pid) for pid in children)
    place.up()
    eventually(lambda: place.ask("status")["completed"], "a completed sequence")
    assert list(place.sandbox.mails_by_key().values()) == [1] * 7


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_each_process_exits_with_zero_on_a_stop_signal(place: Place, number: signal.Signals) -> None:
    processes = place.serve_all()
    place.website.post(person("Ada"), "msg_1")

    endings = [process.stop(number) for process in reversed(processes)]

    assert [status for status, _ in endings] == [0, 0, 0]
    assert all(seconds < 30 for _, seconds in endings)


def test_a_worker_that_is_stopped_in_the_middle_of_a_request_waits_for_its_answer(place: Place) -> None:
    _, _, worker = place.serve_all()
    place.sandbox.set_faults({"provider": "resend", "kind": "slow", "seconds": 2, "count": 1})
    place.website.post(person("Ada"), "msg_1")
    eventually(place.sandbox.asked_to_send, "a request under way")

    status, _ = worker.stop()

    assert status == 0
    assert place.ask("status")["sent"] == 1


def test_worker_with_a_closed_log_pipe_exits_with_zero(place: Place) -> None:
    place.own_store().start()
    place.serve("sandbox")
    worker = subprocess.Popen(
        [ADVENT, "worker"], cwd=place.folder, env={**surroundings(), **place.settings}, stderr=subprocess.PIPE
    )
    assert worker.stderr is not None
    worker.stderr.readline()
    worker.stderr.close()
    eventually(lambda: status_of(f"{place.worker_url}/ready") == 200, "a worker at work")

    worker.terminate()

    assert worker.wait(30) == 0
