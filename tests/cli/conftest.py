import http.server
import json
import threading

import pytest

from common.settings.settings import SETTING_NAMES
from services.cli.main import main


@pytest.fixture
def advent(monkeypatch, tmp_path, capsys, loads_campaign_once):
    """Run a command in an empty folder with nothing set: (exit status, stdout, stderr)."""
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


class Gateway:
    """Records what is posted, and responds with `status` and `answer`."""

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
