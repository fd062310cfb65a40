import os
import signal
import socket
import time

import pytest
import redis

from common.processes import command_of, is_alive
from common.settings.settings import Settings
from common.store.clients import connect
from services.supervisor.run_dir import running_in
from tests.supervisor.conftest import Up, eventually

pytestmark = pytest.mark.acceptance

NAMES = ("gateway", "worker", "console", "sandbox")


def test_advent_up_prints_addresses_pace_and_the_next_step(up):
    up.start(TESTING_MODE="true", CAMPAIGN_SPEED="10")
    data = ("sandbox: no real mail", "gateway", "inbox", "Notion", "console", "pace", "advent")
    output = [up.says(words) for words in data]

    assert f"http://127.0.0.1:{up.environ['GATEWAY_PORT']}" in output[1]
    assert f"http://127.0.0.1:{up.environ['SANDBOX_PORT']}/inbox" in output[2]
    assert f"http://127.0.0.1:{up.environ['CONSOLE_PORT']} " in output[4]
    assert "eleven days in 36 seconds: e-mails at 0 s, 6 s, 12 s, 18 s, 24 s, 30 s, 36 s" in output[5]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_advent_up_stops_its_processes_in_order_and_cleanly(up, number):
    up.started()
    pids = [up.pid_of(name) for name in (*NAMES, "store")]

    status, output, errors = up.ends(number)

    assert (status, errors) == (0, "")
    assert "nothing is lost" in output
    assert (up.data_dir / "ended").read_text().split() == ["gateway", "console", "worker", "sandbox"]
    assert not any(is_alive(pid) for pid in pids)
    assert [file.name for file in (up.data_dir / "run").iterdir()] == ["up.lock"]


def test_lost_secret_key_is_not_regenerated_for_an_existing_store(up):
    up.started().ends(signal.SIGTERM)
    kept = up.data_dir / "secrets.env"
    others = [line for line in kept.read_text().splitlines(True) if not line.startswith("SECRET_KEY")]
    kept.write_text("".join(others))

    status, _, errors = up.start().ends()

    assert status == 1
    (line,) = errors.splitlines()
    assert line.startswith("advent: SECRET_KEY: not the one that this store was begun with")
    assert not (up.data_dir / "store" / "store.sock").exists()


def test_every_process_has_a_title_in_ps(up):
    up.started()

    assert [command_of(up.pid_of(name)) for name in ("up", *NAMES)] == [f"advent: {name}" for name in ("up", *NAMES)]


def test_a_killed_worker_is_started_again(up):
    up.started()
    killed = up.pid_of("worker")

    os.kill(killed, signal.SIGKILL)

    assert "the worker was killed by SIGKILL; starting it again" in up.says("worker")
    eventually(lambda: up.has_another("worker", killed))


def test_a_killed_store_is_started_again_with_its_data(up):
    up.started()
    url = running_in(Settings(data_dir=up.data_dir)).store_url
    with connect(url) as client:
        client.set("ada", "enrolled")
    killed = up.pid_of("store")

    os.kill(killed, signal.SIGKILL)

    up.says("the data store ended; starting it again")
    eventually(lambda: up.pid_of("store") != killed and answers(url))
    with connect(url) as client:
        assert client.get("ada") == b"enrolled"


def answers(url):
    try:
        with connect(url) as client:
            return client.ping()
    except redis.RedisError:
        return False


def test_store_restart_is_retried_and_the_other_processes_keep_running(up):
    up.started()
    url, killed, worker = running_in(Settings(data_dir=up.data_dir)).store_url, up.pid_of("store"), up.pid_of("worker")
    folder, elsewhere = up.data_dir / "store", up.data_dir / "elsewhere"
    folder.rename(elsewhere)
    folder.write_text("in the way, as a full disk would be")
    os.kill(killed, signal.SIGKILL)
    up.says("the data store cannot be started; trying again: DATA_DIR: ")

    folder.unlink()
    elsewhere.rename(folder)

    eventually(lambda: up.pid_of("store") != killed and answers(url))
    assert up.pid_of("worker") == worker


def test_second_advent_up_in_the_same_folder_is_refused_in_one_line(up):
    up.started()
    second = Up(up.data_dir, up.cwd)

    status, output, errors = second.start().ends()

    assert (status, output) == (1, "")
    assert errors == (
        f"advent: another `advent up` (process {up.pid_of('up')}) runs in {up.data_dir};"
        " stop it, or set DATA_DIR to another folder\n"
    )


@pytest.mark.parametrize("setting", ["GATEWAY_PORT", "SANDBOX_PORT", "WORKER_METRICS_PORT", "CONSOLE_PORT"])
def test_port_in_use_is_reported_in_one_line_with_its_setting(up, setting):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, _, errors = up.start(**{setting: str(port)}).ends()

    assert status == 1
    assert (
        errors == f"advent: {setting}: {port} on 127.0.0.1 is in use by another program; set {setting} to a free port\n"
    )


def test_advent_up_starts_again_after_kill_9(up):
    up.started()
    pids = [up.pid_of(name) for name in NAMES]
    up.ends(signal.SIGKILL)

    up.started()

    assert not any(is_alive(pid) for pid in pids)
    assert up.ends(signal.SIGTERM)[0] == 0


def test_a_child_that_is_never_ready_stops_the_start_and_is_named(up):
    status, output, _ = up.start(BROKEN="worker").ends()

    assert status == 1
    assert "the worker ended with status 7 5 times before it was ready" in output


def test_a_second_ctrl_c_stops_at_once(up):
    up.started(STUBBORN="worker", DRAIN_S="3600")  # Alone, the first one waits for the worker for an hour.
    up.process.send_signal(signal.SIGINT)
    eventually((up.data_dir / "ended").exists)
    time.sleep(1.05)  # Within a second, another signal counts as the same Ctrl-C.

    status, output, _ = up.ends(signal.SIGINT)

    assert status == 0
    assert "nothing is lost" in output
    assert "worker" not in (up.data_dir / "ended").read_text()


def test_a_closed_stdout_stops_nothing(up):
    up.started()
    up.process.stdout.close()
    killed = up.pid_of("worker")

    os.kill(killed, signal.SIGKILL)

    eventually(lambda: up.has_another("worker", killed))
    up.process.terminate()
    assert up.process.wait(60) == 0


def test_a_running_advent_up_is_found_and_an_ended_one_is_not(up):
    settings = Settings(data_dir=up.data_dir)
    up.started()

    assert running_in(settings).gateway_url == f"http://127.0.0.1:{up.environ['GATEWAY_PORT']}"
    up.ends(signal.SIGTERM)
    assert running_in(settings) is None
