"""
`advent up` with stand-ins for its four children: the real supervisor and store, children of a few lines.

Run as a process: `python -m tests.supervisor.stand_ins`. Each stand-in answers on its port and notes its end in
DATA_DIR/ended. STUBBORN names one that ignores SIGTERM, BROKEN one that never works. DRAIN_S: how long a stop waits.
"""

import http.server
import os
import signal
import sys
import threading

from services.cli.main import main
from services.supervisor import child, children
from services.supervisor import up as supervisor

child.BACKOFF_S = (0.05,)
supervisor._DRAIN_S = float(os.environ.get("DRAIN_S", supervisor._DRAIN_S))


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def stand_in(name, port_of):
    def run(settings, *_):
        if os.environ.get("BROKEN") == name:
            return 7
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: None if os.environ.get("STUBBORN") == name else stop.set())
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port_of(settings)), Answers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stop.wait()
        with (settings.data_dir / "ended").open("a") as file:
            file.write(f"{name}\n")
        return 0

    return run


STAND_INS = {
    "gateway": stand_in("gateway", lambda settings: settings.gateway_port),
    "worker": stand_in("worker", lambda settings: settings.worker_metrics_port),
    "console": stand_in("console", lambda settings: settings.console_port),
    "sandbox": stand_in("sandbox", lambda settings: settings.sandbox_port),
}

if __name__ == "__main__":
    children.entry = STAND_INS.__getitem__
    children._MODULES = dict.fromkeys(STAND_INS, "json")
    sys.exit(main(["up"]))
