"""Check whether a port is free before the start, and whether a URL answers after it."""

from __future__ import annotations

import errno
import http.client
import socket
from urllib.parse import urlsplit


def port_problem(setting: str, host: str, port: int) -> str | None:
    """
    Return one line, with the setting to change, if no server can listen there; otherwise None.

    `setting`: such as `GATEWAY`, for GATEWAY_HOST and GATEWAY_PORT.
    """
    if port == 0:
        return None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # Servers set it too: a connection of an earlier run in TIME_WAIT must not make the port look taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        return f"{setting}_HOST: {host} cannot be resolved; set an address of this machine"
    except OSError as error:
        return _line(setting, host, port, error)
    return None


def _line(setting: str, host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{setting}_PORT: {port} on {host} is in use by another program; set {setting}_PORT to a free port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{setting}_HOST: {host} is not an address of this machine; set {setting}_HOST to one that is"
    return f"{setting}_PORT: {port} on {host} cannot be opened ({error.strerror}); set {setting}_PORT to another port"


def answers(url: str, *, timeout_s: float = 1) -> bool:
    """Return whether a GET of `url` is answered with a status below 400."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
