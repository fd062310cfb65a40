"""One process on its own, for compose, Kubernetes and systemd: the same entries that `advent up` forks."""

from __future__ import annotations

import signal
import sys

import click

from common.settings import Settings, SettingsError
from services.supervisor.children import entry, run_worker
from services.supervisor.ports import problem_with


def run_gateway(settings: Settings) -> int:
    _check_port("GATEWAY", settings.gateway_host, settings.gateway_port)
    return entry("gateway")(settings)


def run_one_worker(settings: Settings) -> int:
    _check_port("WORKER_METRICS", settings.metrics_host, settings.worker_metrics_port)
    # Until the worker has its own handler: whoever waits for a store is stopped by SIGTERM like one at work, status 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    return run_worker(settings, say=lambda line: click.echo(line, err=True))


def run_sandbox(settings: Settings) -> int:
    _check_port("SANDBOX", settings.sandbox_host, settings.sandbox_port)
    return entry("sandbox")(settings)


def _check_port(setting: str, host: str, port: int) -> None:
    if problem := problem_with(setting, host, port):
        raise SettingsError([problem])
