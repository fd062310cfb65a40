import asyncio
import http.server
import json
import threading

import pytest

from common.domain.cadence import Pace
from common.ledger.ledger import Ledger
from common.settings.settings import SETTING_NAMES
from common.store.clients import connect_async
from services.cli.main import main
from tests.acceptance.place import free_ports

SECRET_KEY = "k" * 32


@pytest.fixture
def advent(monkeypatch, tmp_path, capsys, loads_campaign_once):
    """Return a function that runs a command in an empty folder without settings: (exit status, stdout, stderr)."""
    for name in SETTING_NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.chdir(tmp_path)

    def advent(*arguments, **environ):
        for name, value in environ.items():
            monkeypatch.setenv(name, str(value))
        status = main(list(arguments))
        output = capsys.readouterr()
        return status, output.out, output.err

    return advent


@pytest.fixture
def own_ports(tmp_path):
    """Return settings of processes that start next to others: distinct free ports, and a folder of their own."""
    names = ("GATEWAY_PORT", "SANDBOX_PORT", "CONSOLE_PORT")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    return {"DATA_DIR": tmp_path / "data", "WORKER_METRICS_PORT": 0, **ports}


@pytest.fixture
def run_command(advent, store_url):
    """Return a function that runs a command with an initially empty store."""

    def run_command(*arguments):
        return advent(*arguments, REDIS_URL=store_url, SECRET_KEY=SECRET_KEY)

    return run_command


@pytest.fixture
def run_ledger(store_url, campaign):
    """Return a function that runs a coroutine function with the ledger of that store, and returns its result."""

    def does(scenario):
        async def data():
            client = connect_async(store_url)
            cadence = campaign.cadence(Pace())
            try:
                return await scenario(Ledger(client, campaign="christmas_2025", cadence=cadence, secret_key=SECRET_KEY))
            finally:
                await client.aclose()

        return asyncio.run(data())

    return does


class Gateway:
    """A stand-in for the gateway: records what is posted, and responds with `status` and `answer`."""

    def __init__(self):
        self.requests = []
        self.status, self.answer = 202, {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, dict(self.headers.items()), body))
                answer = json.dumps({**outer.answer, "email": json.loads(body).get("email")}).encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]


@pytest.fixture
def gateway():
    gateway = Gateway()
    thread = threading.Thread(target=gateway.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield gateway
    gateway.server.shutdown()
    gateway.server.server_close()
    thread.join()
