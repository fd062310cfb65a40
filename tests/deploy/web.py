"""An nginx process with the site that install.sh rendered, its own prefix, and ports on loopback."""

from __future__ import annotations

import http.client
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.machine import Machine

_MAIN = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {root}/etc/nginx/sites-enabled/*.conf;
}}
"""


def main_file(machine: Machine, folder: Path) -> Path:
    """Write the main file that replaces /etc/nginx/nginx.conf and includes the site like it. Return its path."""
    file = folder / "nginx.conf"
    file.write_text(_MAIN.format(folder=folder, root=machine.root))
    return file


def start_nginx(machine: Machine, folder: Path) -> subprocess.Popen[bytes]:
    program = shutil.which("nginx")
    assert program
    with (folder / "said").open("wb") as said:
        return subprocess.Popen(
            [program, "-p", folder, "-c", main_file(machine, folder)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class Https:
    """A client that trusts only this machine's certificate."""

    def __init__(self, machine: Machine, port: int) -> None:
        self._context = ssl.create_default_context(cafile=str(machine.root / "etc/advent/tls/fullchain.pem"))
        self._context.check_hostname = False  # The certificate names the domain, but we connect to 127.0.0.1.
        self._port = port

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, context=self._context, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            with connection.getresponse() as answer:
                return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()
