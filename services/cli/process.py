"""Runs a single process, for compose, Kubernetes and systemd: the same one that `advent up` forks."""

from __future__ import annotations

import signal
import sys

from common.campaigns.campaigns import load_campaigns
from common.observability.logs import get_logger, setup_logs
from common.settings.settings import Settings, SettingsError
from common.store.identity import refuse_unusable_store
from services.console.auth.access import check_access_settings
from services.supervisor.children import entry, run_worker
from services.supervisor.ports import port_problem

log = get_logger(__name__)


def run_gateway(settings: Settings) -> int:
    _exit_on_sigterm()
    _check_port("GATEWAY", settings.gateway_host, settings.gateway_port)
    refuse_unusable_store(settings)
    return entry("gateway")(settings)


def run_one_worker(settings: Settings) -> int:
    _exit_on_sigterm()
    _check_metrics_host(settings)
    # Report an invalid campaign at once, not only when the store answers.
    load_campaigns(settings.campaign_keys, directory=settings.campaigns_dir)
    setup_logs("worker", settings)
    return run_worker(settings, say=lambda line: log.warning("worker_waits", why=line))


def run_console(settings: Settings) -> int:
    _exit_on_sigterm()
    _check_port("CONSOLE", settings.console_host, settings.console_port)
    check_access_settings(settings)
    refuse_unusable_store(settings)
    return entry("console")(settings)


def run_sandbox(settings: Settings) -> int:
    _check_port("SANDBOX", settings.sandbox_host, settings.sandbox_port)
    return entry("sandbox")(settings)


def _exit_on_sigterm() -> None:
    """Exit with 0 on SIGTERM during the start or a wait for the store, until the process sets its own handler."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _check_metrics_host(settings: Settings) -> None:
    """Check only the host: if the port is taken, the worker uses any free one."""
    problem = port_problem("METRICS", settings.metrics_host, settings.worker_metrics_port)
    if problem and problem.startswith("METRICS_HOST"):
        raise SettingsError([problem])


def _check_port(setting: str, host: str, port: int) -> None:
    if problem := port_problem(setting, host, port):
        raise SettingsError([problem])
