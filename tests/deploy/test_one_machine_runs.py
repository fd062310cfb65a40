"""One machine at work: nginx in front of the gateway, good and bad upgrades, and a restore on another machine."""

from __future__ import annotations

import json
import re
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from standardwebhooks import Webhook

from common.store.format import FORMAT
from tests.acceptance.conftest import places  # noqa: F401  # the fixture
from tests.acceptance.http import request, status_of
from tests.acceptance.place import SECRETS, UNLIMITED, Place, free_ports
from tests.acceptance.waiting import eventually
from tests.acceptance.website import person
from tests.deploy.machine import Machine, copy_of_checkout, python_for_all
from tests.deploy.web import Https, Reply, start_nginx

TOOLS = ("bash", "openssl", "systemd-sysusers", "setpriv", "flock")
pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="install.sh is for Debian and Ubuntu"),
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"),
    pytest.mark.skipif(python_for_all() is None, reason="no Python of this version outside of homes, with venv"),
]
nginx_here = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not on this machine")

PACE = {"TESTING_MODE": "true", "CAMPAIGN_SPEED": "30", "RETRY_DELAY_SECONDS": "0.5", **UNLIMITED}
"""The seven mails are due at 0 … 12 s."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_checkout(tmp_path_factory.mktemp("source") / "checkout")


@pytest.fixture
def machines(checkout: Path) -> Iterator[Callable[[], Machine]]:
    made: list[Machine] = []

    def make() -> Machine:
        made.append(Machine(checkout, systemd=True))
        return made[-1]

    yield make
    for machine in made:
        sys.stderr.write(machine.lines())  # Shown when the test fails.
        machine.close()


@pytest.fixture
def place(places: Callable[[], Place]) -> Place:  # noqa: F811
    """Return a place with the simulated providers, which the machines reach like real ones."""
    place = places()
    place.settings.pop("TESTING_MODE")
    place.settings.pop("CAMPAIGN_SPEED")
    place.serve("sandbox")
    place.sandbox.lift_rate_limits()
    return place


def settings_file(place: Place, folder: Path) -> Path:
    """Write the settings that an operator would fill in, with ports that are free. Return the file."""
    file = folder / "my.env"
    lines = {**place.settings, **PACE, **SECRETS, "CONSOLE_PORT": str(free_ports(1)[0])}
    file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    return file


def install(machine: Machine, place: Place, folder: Path, *flags: str) -> None:
    done = machine.install("--env-file", str(settings_file(place, folder)), *flags)
    assert done.returncode == 0, done.stdout + done.stderr + machine.lines()


def signed(body: bytes, webhook_id: str) -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRETS["WEBHOOK_SECRET"]).sign(webhook_id, now, body.decode()),
    }


@nginx_here
def test_nginx_serves_only_public_paths_and_limits_floods(
    machines: Callable[[], Machine], place: Place, tmp_path: Path
) -> None:
    machine, (http, https) = machines(), free_ports(2)
    install(machine, place, tmp_path, "--domain", "advent.test", "--http-port", str(http), "--https-port", str(https))
    nginx = start_nginx(machine, tmp_path)
    try:
        site = Https(machine, https)
        eventually(lambda: status_of(f"http://127.0.0.1:{http}/") == 308, "nginx answers")

        def sign_up(path: str = "/webhook/christmas-signup", size: int = 0) -> Reply:
            body = json.dumps(person("Ada", note="x" * size)).encode()
            return site.ask("POST", path, body, signed(body, "msg_ada"))

        # A signup gets through TLS, and its mail is sent.
        assert sign_up().status == 202
        eventually(lambda: place.sandbox.inbox("ada@people.example"), "Ada's first mail")
        [mail] = place.sandbox.inbox("ada@people.example")[:1]
        assert "https://advent.test/unsubscribe/" in json.dumps(mail)
        assert site.ask("GET", "/health").status == 200

        # Plain HTTP only redirects to TLS, for a POST too.
        redirect = request("POST", f"http://127.0.0.1:{http}/webhook/christmas-signup", b"{}")
        assert redirect.status == 308

        # Metrics and readiness are not public.
        assert [site.ask("GET", path).status for path in ("/metrics", "/ready", "/")] == [404, 404, 404]

        # nginx refuses a large body before the gateway sees it, in the gateway's error format.
        too_large = sign_up(size=80_000)
        assert (too_large.status, too_large.headers["content-type"]) == (413, "application/problem+json")
        assert json.loads(too_large.body)["status"] == 413

        # The token in an unsubscribe link identifies a contact, so nginx does not log it.
        assert site.ask("GET", "/unsubscribe/made-up-token").status == 404
        lines = machine.root / "var/log/advent/access.log"
        eventually(lambda: "/unsubscribe/-" in lines.read_text(), "its line, which comes after the answer")
        assert "made-up-token" not in lines.read_text()

        # A client cannot choose its own address.
        forged = site.ask("POST", "/webhook/resend", b"{}", {"x-forwarded-for": "203.0.113.9"})
        assert forged.status == 401

        # While the gateway is stopped, senders are asked to retry, and then succeed.
        machine.systemctl("stop", "advent-gateway.service")
        away = sign_up()
        assert (away.status, away.headers["retry-after"]) == (503, "5")
        assert json.loads(away.body)["status"] == 503
        # nginx logs the reason, and of an unsubscribe link only that it was requested.
        assert site.ask("GET", "/unsubscribe/made-up-token").status == 503
        eventually(lambda: lines.read_text().count("/unsubscribe/-") == 2, "its second line")
        complaints = (machine.root / "var/log/advent/error.log").read_text()
        assert ("/webhook/" in complaints, "made-up-token" in complaints) == (True, False)
        machine.systemctl("start", "advent-gateway.service")
        eventually(lambda: sign_up().status == 202, "the same answer as before")

        # A flood from one address is limited.
        replies = flood(site)
        limited = [reply for reply in replies if reply.status == 429 and reply.headers.get("server") == "nginx"]
        assert limited, Counter(reply.status for reply in replies)
        assert all("retry-after" in reply.headers for reply in limited)
        assert all(json.loads(reply.body)["status"] == 429 for reply in limited)
    finally:
        nginx.terminate()
        nginx.wait(60)


def flood(site: Https) -> list[Reply]:
    """Post the signup from 20 threads, until one is refused or each has posted 250 times. Return the replies."""
    replies: list[Reply] = []

    def post() -> None:
        for _ in range(250):
            if any(reply.status == 429 for reply in replies):
                return
            body = json.dumps(person("Ada")).encode()
            replies.append(site.ask("POST", "/webhook/christmas-signup", body, signed(body, "msg_ada")))

    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return replies


def test_unhealthy_upgrade_is_rolled_back(
    machines: Callable[[], Machine], place: Place, tmp_path: Path, checkout: Path
) -> None:
    machine = machines()
    install(machine, place, tmp_path, "--no-nginx")
    first = machine.release
    assert status_of(f"{place.gateway_url}/ready") == 200

    # A new release that works replaces the first one after a backup.
    newer = shutil.copytree(checkout, tmp_path / "newer")
    main = newer / "services/gateway/__main__.py"
    main.write_text(main.read_text() + "\n# of a newer release\n")
    done = machine.install(source=newer)
    second = machine.release
    assert done.returncode == 0, done.stdout + done.stderr
    assert second != first
    assert len(machine.backups) == 1
    assert status_of(f"{place.gateway_url}/ready") == 200

    # The check of every minute runs as its unit defines: with the service's user, settings and keys.
    machine.systemctl("start", "advent-watch.service")
    assert (machine.root / "var/lib/advent/watch").read_text() == "well\n"

    # A release whose gateway does not start is replaced by the previous one, and install.sh says so.
    broken = shutil.copytree(newer, tmp_path / "broken")
    main = broken / "services/gateway/__main__.py"
    main.write_text(
        "raise SystemExit('not well')\n" + main.read_text().replace("from __future__ import annotations", "")
    )
    done = machine.install("--patience", "5", source=broken)
    assert done.returncode == 1
    assert re.search(rf"was not healthy, and {re.escape(second)} runs again", done.stderr), done.stderr
    assert machine.release == second
    assert status_of(f"{place.gateway_url}/ready") == 200

    # A release whose command cannot even start changes nothing.
    worse = shutil.copytree(newer, tmp_path / "worse")
    (worse / "services/cli/main.py").write_text("raise SystemExit('not well')\n")
    done = machine.install(source=worse)
    assert done.returncode == 1
    assert "the one in use and the settings were not changed" in done.stderr
    assert machine.release == second

    # An operator returns to the older release by installing its checkout with the same command.
    assert machine.install().returncode == 0
    assert machine.release == first
    assert status_of(f"{place.gateway_url}/ready") == 200


def in_the_next_format(release: Path) -> Path:
    """Give the checkout a store format that the previous release cannot read. Return the checkout."""
    file = release / "common/store/format.py"
    file.write_text(file.read_text().replace(f"FORMAT: Final = {FORMAT}", f"FORMAT: Final = {FORMAT + 1}"))
    with (release / "common/migration/steps.py").open("a") as steps:
        steps.write(_STEP.format(source=FORMAT))
    return release


_STEP = """

async def _write_marker(client: redis.asyncio.Redis, report: Report, *, secret_key: str) -> MigrationResult:
    await client.set("{{advent}}:marker", "of the next format")
    return MigrationResult(keys=1)


STEPS = (*STEPS, Step(source={source}, migrate=_write_marker))
"""


@pytest.mark.timeout(600)
def test_a_failed_upgrade_restores_the_store_and_no_signup_is_lost_or_mailed_twice(
    machines: Callable[[], Machine], place: Place, tmp_path: Path, checkout: Path
) -> None:
    machine, visitors = machines(), Visitors(place)
    install(machine, place, tmp_path, "--no-nginx")
    first = machine.release
    store = redis.Redis(unix_socket_path=str(machine.root / "run/advent-store/store.sock"), decode_responses=True)
    good = in_the_next_format(shutil.copytree(checkout, tmp_path / "good"))
    broken = shutil.copytree(good, tmp_path / "broken")
    (broken / "services/gateway/__main__.py").write_text("raise SystemExit('broken')\n")

    with visitors.coming(every_s=0.5):
        eventually(lambda: len(visitors.sent) > 5, "people sign up")
        done = machine.install("--patience", "10", source=broken)
        assert (done.returncode, machine.release) == (1, first), done.stdout + done.stderr
        assert "the store is restored from" in done.stdout
        assert (store.get("{advent}:format"), store.get("{advent}:marker")) == (str(FORMAT), None)

        done = machine.install(source=good)
        assert (done.returncode, machine.release != first) == (0, True), done.stdout + done.stderr
        assert (store.get("{advent}:format"), store.get("{advent}:marker")) == (str(FORMAT + 1), "of the next format")

    everybody = len(visitors.sent)
    eventually(lambda: len(place.sandbox.mails_by_key()) == 7 * everybody, "seven mails each", within_s=90)
    assert set(place.sandbox.mails_by_key().values()) == {1}


class Visitors:
    """A website that signs contacts up continuously and records what it sent, as a good sender does."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.sent: list[tuple[dict[str, Any], str]] = []

    @contextmanager
    def coming(self, *, every_s: float = 0.05) -> Iterator[None]:
        stop = threading.Event()

        def sign_up() -> None:
            while not stop.is_set():
                signup = (person(f"P{len(self.sent)}"), f"msg_{len(self.sent)}")
                assert self.place.website.post(*signup, patience_s=300).status == 202
                self.sent.append(signup)
                time.sleep(every_s)

        thread = threading.Thread(target=sign_up)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def test_backup_restored_on_another_machine_loses_no_contact_and_sends_no_mail_twice(
    machines: Callable[[], Machine], place: Place, tmp_path: Path
) -> None:
    machine, visitors = machines(), Visitors(place)
    install(machine, place, tmp_path, "--no-nginx")

    with visitors.coming():
        eventually(lambda: len(visitors.sent) > 20, "people come")
        before = len(visitors.sent)
        # Back up under load, as the timer does.
        machine.systemctl("start", "advent-backup.service")
        more = len(visitors.sent) + 10
        eventually(lambda: len(visitors.sent) > more, "more people come after the backup")
    machine.systemctl("kill", *machine.services)
    [backup] = machine.backups

    # Try the backup without changing anything, as an operator should before it is needed.
    tried = machine.script("restore.sh", "--try", str(backup))
    assert tried.returncode == 0, tried.stderr
    assert re.search(r"the store loads it: \d+ keys", tried.stdout)

    elsewhere = machines()
    done = elsewhere.install("--no-nginx", "--no-start")
    assert done.returncode == 0, done.stderr
    restored = elsewhere.script("restore.sh", str(backup))
    assert restored.returncode == 0, restored.stdout + restored.stderr
    # restore.sh refuses to overwrite an existing store.
    assert elsewhere.script("restore.sh", str(backup)).returncode == 1
    done = elsewhere.install()
    assert done.returncode == 0, done.stdout + done.stderr + elsewhere.lines()

    # Every signup that was answered before the backup began is there without being posted again.
    assert elsewhere.ask("status")["enrolled"] >= before
    # The website repeats the signups that it sent since then, under the same ids.
    again = visitors.place.website.post_all(visitors.sent[before:], at_once=4, patience_s=20)
    # Contacts that a worker has already rebuilt from Notion are answered as duplicates with 200.
    assert {answer.status for answer in again} <= {200, 202}

    everybody = len(visitors.sent)
    eventually(lambda: len(place.sandbox.mails_by_key()) == 7 * everybody, "seven mails each", within_s=90)
    assert set(place.sandbox.mails_by_key().values()) == {1}
    eventually(lambda: elsewhere.advent("audit").returncode == 0, "Notion shows all of it", within_s=60)
    assert "0 missing · 0 doubled · 0 unexplained" in elsewhere.advent("audit").stdout
