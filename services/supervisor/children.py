"""Which children `advent up` has, in the order they start; they stop in `STOP_ORDER`."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable

from common.settings.settings import Settings, url_of
from common.store.clients import wait_for_store
from common.store.identity import refuse_unusable_store
from services.supervisor.child import ActorSpec
from services.supervisor.waiting_room import WaitingRoom

STOP_ORDER = ("gateway", "console", "worker", "sandbox")
"""First nothing new comes in, then what is under way is finished, while the provider it speaks to still answers."""

_MODULES = {
    "sandbox": "services.sandbox.__main__",
    "gateway": "services.gateway.__main__",
    "console": "services.console.__main__",
    "worker": "actors.worker",
}


def roles(settings: Settings, *, say: Callable[[str], None]) -> list[ActorSpec]:
    """The children these settings ask for: no sandbox when both providers are real."""
    worker_url = url_of(settings.metrics_host, settings.worker_metrics_port) if settings.worker_metrics_port else None
    found = [
        ActorSpec(
            name="gateway",
            run=lambda settings: entry("gateway")(settings),
            url=settings.gateway_url,
            ready_url=f"{settings.gateway_url}/health",
        ),
        ActorSpec(
            name="worker",
            run=lambda settings: run_worker(settings, say=say),
            url=worker_url,
            ready_url=f"{worker_url}/ready" if worker_url else None,
        ),
        ActorSpec(
            name="console",
            run=lambda settings: entry("console")(settings),
            url=settings.console_url,
            ready_url=f"{settings.console_url}/health",
        ),
    ]
    if settings.sandboxed:
        url = settings.sandbox_url
        sandbox = ActorSpec(
            name="sandbox", run=lambda settings: entry("sandbox")(settings), url=url, ready_url=f"{url}/health"
        )
        found.insert(0, sandbox)
    return found


def run_worker(settings: Settings, *, say: Callable[[str], None]) -> int:
    """
    A worker waits for its store, and says so to whoever asks; the gateway does not, it has its spool.

    Raises SettingsError for a store that it may not work on.
    """
    assert settings.redis_url is not None
    with WaitingRoom(settings) as room:

        def waits(line: str) -> None:
            room.open()
            say(line)

        wait_for_store(settings.redis_url, waits)
    refuse_unusable_store(settings)
    return entry("worker")(settings, settings.redis_url)


def entry(name: str) -> Callable[..., int]:
    """The `run` of a process; imported when asked for, so that one command does not load the others."""
    run: Callable[..., int] = importlib.import_module(_MODULES[name]).run
    return run


def preload(names: list[str]) -> None:
    """Import once what the children need, and keep the collector from touching it: pages nobody writes stay shared."""
    gc.disable()
    for name in names:
        importlib.import_module(_MODULES[name])
    gc.collect()
    gc.freeze()
