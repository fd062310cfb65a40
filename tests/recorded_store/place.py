"""The installation to record: the real processes of this version on the sandbox, and the acts of contacts."""

from __future__ import annotations

import http.server
import json
import os
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from standardwebhooks import Webhook

from tests.acceptance.http import request
from tests.acceptance.place import Place
from tests.acceptance.waiting import eventually
from tests.acceptance.website import Website

SPEED = 3
STEP_S = 60 / SPEED
"""The time between two steps: a minute of testing mode, divided by the speed."""

PACE = {"TESTING_MODE": "true", "CAMPAIGN_SPEED": str(SPEED)}
_SETTINGS = {
    **PACE,
    "PUBLIC_URL": "https://advent.example",
    "RETRY_DELAY_SECONDS": "60",
    "RESEND_REQUESTS_PER_SECOND": "10",
    "NOTION_REQUESTS_PER_MINUTE": "600",
    "LOG_FORMAT": "json",
}


class RecordingPlace:
    """`advent up` with an announcement endpoint that can hang, and all events that `scenario.py` needs."""

    def __init__(self) -> None:
        self.endpoint = AnnouncementEndpoint()
        self.place = Place(**_SETTINGS, HOT_LEAD_WEBHOOK_URL=self.endpoint.url)
        self.sandbox = self.place.sandbox
        self.faults: list[dict[str, Any]] = []
        self._webhooks = 0

    def start(self) -> None:
        self.process = self.place.up()
        self.secrets = dotenv_values(self.place.data_dir / "secrets.env")
        self.website = Website(self.place.gateway_url, str(self.secrets["WEBHOOK_SECRET"]))
        self.sandbox.turn(notion_requests_per_minute=600)

    @property
    def store_url(self) -> str:
        return str(json.loads((self.place.data_dir / "run" / "up.json").read_text())["store_url"])

    def signs_up(self, person: dict[str, Any]) -> None:
        self._webhooks += 1
        answer = self.website.post(person, f"msg_recorded_{self._webhooks}", patience_s=10)
        assert answer.status in (200, 202), answer.body

    def unsubscribes(self, address: str) -> None:
        mail = eventually(lambda: self.sandbox.inbox(address), f"a mail to {address}")[0]
        path = mail["headers"]["List-Unsubscribe"].strip("<>").removeprefix("https://advent.example")
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = request("POST", self.place.gateway_url + path, b"List-Unsubscribe=One-Click", form)
        assert answer.status == 200, answer.body

    def hears_of_delivery(self, address: str) -> None:
        tell_delivered(self.place, str(self.secrets["RESEND_WEBHOOK_SECRET"]), self.sandbox.inbox(address)[-1])

    def calendar(self, what: str = "", **given: Any) -> dict[str, Any]:
        """Book at the sandbox's calendar, or change a booking (`/uid/cancel`). Return its row."""
        if isinstance(given.get("start"), float):
            given["start"] = iso(given["start"])
        answer = request("POST", f"{self.sandbox.url}/calcom/_bookings{what}", json.dumps(given).encode())
        assert answer.status == 200, answer.body
        row: dict[str, Any] = answer.json
        return row

    def add_fault(self, **rule: Any) -> None:
        """Add a fault rule. Rules are matched in the order in which they were added."""
        answer = request("POST", f"{self.sandbox.url}/faults.json", json.dumps(rule).encode())
        assert answer.status == 201, answer.body

    def met(self, contains: str) -> int:
        """Return how many requests the faults for this text have hit."""
        rules = request("GET", f"{self.sandbox.url}/faults.json").json["rules"]
        return sum(rule["met"] for rule in rules if rule.get("contains") == contains)

    def command(self, *arguments: str) -> None:
        process = self.place.run(*arguments)
        assert process.wait() == 0, process.stderr

    def freeze_supervisor(self) -> None:
        """Stop the supervisor, so that no process that ends is started again."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def kill(self, name: str) -> None:
        pid = self.place.child(name)
        assert pid is not None, name
        os.kill(pid, signal.SIGKILL)

    def kill_store(self) -> None:
        os.kill(int((self.place.data_dir / "store" / "store.pid").read_text()), signal.SIGKILL)

    def kill_supervisor(self) -> None:
        self.process.kill()

    @property
    def data_dir(self) -> Path:
        return self.place.data_dir

    def close(self) -> None:
        self.place.close()
        self.endpoint.close()


class AnnouncementEndpoint:
    """Accepts the announcements of hot leads. `hangs`: it no longer answers."""

    def __init__(self) -> None:
        endpoint = self
        self.hangs = False
        self._end = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                if endpoint.hangs:
                    endpoint._end.wait(60)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/announce"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._end.set()
        self._server.shutdown()


def tell_delivered(place: Place, secret: str, mail: dict[str, Any]) -> None:
    """Send the provider's webhook that a mail of the sandbox's inbox was delivered."""
    now = datetime.now(UTC)
    event = {
        "type": "email.delivered",
        "created_at": now.isoformat(),
        "data": {
            "created_at": iso(mail["accepted_at"] / 1000),
            "email_id": mail["id"],
            "to": mail["to"],
            "subject": mail["subject"],
            "tags": mail["tags"],
        },
    }
    body, message_id = json.dumps(event), f"msg_recorded_{mail['id']}"
    headers = {
        "content-type": "application/json",
        "svix-id": message_id,
        "svix-timestamp": str(int(now.timestamp())),
        "svix-signature": Webhook(secret).sign(message_id, now, body),
    }
    answer = request("POST", f"{place.gateway_url}/webhook/resend", body.encode(), headers)
    assert answer.status in (200, 202), answer.body


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now_s() -> float:
    return time.time()
