"""One process on its own, for compose, Kubernetes and systemd: the same entries that `advent up` forks."""

from __future__ import annotations

import signal
import sys

from common.campaigns.loader import load_campaign
from common.observability.logs import get_logger, setup_logs
from common.settings.settings import Settings, SettingsError
from common.store.identity import refuse_unusable_store
from services.console.door import check_door
from services.supervisor.children import entry, run_worker
from services.supervisor.ports import problem_with

log = get_logger(__name__)


def run_gateway(settings: Settings) -> int:
    _check_port("GATEWAY", settings.gateway_host, settings.gateway_port)
    refuse_unusable_store(settings)
    return entry("gateway")(settings)


def run_one_worker(settings: Settings) -> int:
    # Until the worker has its own handler: whoever waits for a store is stopped by SIGTERM like one at work, status 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _check_metrics_host(settings)
    # A wrong name is told at once, not when a store that is away has come back.
    load_campaign(settings.campaign, directory=settings.campaigns_dir)
    setup_logs("worker", settings)
    return run_worker(settings, say=lambda line: log.warning("worker_waits", why=line))


def run_console(settings: Settings) -> int:
    _check_port("CONSOLE", settings.console_host, settings.console_port)
    check_door(settings)
    refuse_unusable_store(settings)
    return entry("console")(settings)


def run_sandbox(settings: Settings) -> int:
    _check_port("SANDBOX", settings.sandbox_host, settings.sandbox_port)
    return entry("sandbox")(settings)


def _check_metrics_host(settings: Settings) -> None:
    """A port that is taken hinders nobody: the worker then listens on any free one, and says so."""
    problem = problem_with("METRICS", settings.metrics_host, settings.worker_metrics_port)
    if problem and problem.startswith("METRICS_HOST"):
        raise SettingsError([problem])


def _check_port(setting: str, host: str, port: int) -> None:
    if problem := problem_with(setting, host, port):
        raise SettingsError([problem])
