"""The children of `advent up`, in the order in which they start; they stop in `STOP_ORDER`."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable

from common.processes import limit_malloc
from common.settings.settings import Settings, url_of
from common.store.clients import wait_for_store
from common.store.identity import refuse_unusable_store
from services.supervisor.child import ProcessSpec
from services.supervisor.standby_http import StandbyServer

STOP_ORDER = ("gateway", "console", "worker", "sandbox")
"""First no more webhooks are accepted, then the worker finishes its jobs, while the sandbox still answers."""

_MODULES = {
    "sandbox": "services.sandbox.__main__",
    "gateway": "services.gateway.__main__",
    "console": "services.console.__main__",
    "worker": "actors.worker",
}


def process_specs(settings: Settings, *, say: Callable[[str], None]) -> list[ProcessSpec]:
    """Return the children that these settings need: no sandbox when Resend and Notion are real."""
    worker_url = url_of(settings.metrics_host, settings.worker_metrics_port) if settings.worker_metrics_port else None
    found = [
        ProcessSpec(
            name="gateway",
            run=lambda settings: entry("gateway")(settings),
            url=settings.gateway_url,
            ready_url=f"{settings.gateway_url}/health",
        ),
        ProcessSpec(
            name="worker",
            run=lambda settings: run_worker(settings, say=say),
            url=worker_url,
            ready_url=f"{worker_url}/ready" if worker_url else None,
        ),
        ProcessSpec(
            name="console",
            run=lambda settings: entry("console")(settings),
            url=settings.console_url,
            ready_url=f"{settings.console_url}/health",
        ),
    ]
    if settings.sandboxed:
        url = settings.sandbox_url
        sandbox = ProcessSpec(
            name="sandbox", run=lambda settings: entry("sandbox")(settings), url=url, ready_url=f"{url}/health"
        )
        found.insert(0, sandbox)
    return found


def run_worker(settings: Settings, *, say: Callable[[str], None]) -> int:
    """
    Run a worker. It first waits for its store, and answers probes meanwhile. (The gateway does not wait: it can spool.)

    Raises SettingsError for a store that it must not use.
    """
    assert settings.redis_url is not None
    with StandbyServer(settings) as standby:

        def on_wait(line: str) -> None:
            standby.open()
            say(line)

        wait_for_store(settings.redis_url, on_wait)
    refuse_unusable_store(settings)
    return entry("worker")(settings, settings.redis_url)


def entry(name: str) -> Callable[..., int]:
    """Return the `run` function of a process, imported on demand, so that one command does not load the others."""
    run: Callable[..., int] = importlib.import_module(_MODULES[name]).run
    return run


def preload(names: list[str], settings: Settings) -> None:
    """
    Import what the children need, and keep the garbage collector from writing to it: unwritten pages stay shared.

    A module's `preload(settings)`, if it has one, does so for what its process would otherwise import or build later.

    Garbage is not collected either: children would write to the freed parts of these pages, and each copy the pages.
    """
    limit_malloc()
    gc.disable()
    for name in names:
        module = importlib.import_module(_MODULES[name])
        if hasattr(module, "preload"):
            module.preload(settings)
    gc.freeze()
