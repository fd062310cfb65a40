"""A broker on the real store, brokers that represent other processes, and workers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from dramatiq import Worker

from common.queue.broker import DurableRedisBroker


@contextmanager
def working(broker: DurableRedisBroker, **options: Any) -> Iterator[Worker]:
    """Run a worker in this process that notices quickly that it must stop."""
    worker = Worker(broker, **{"worker_timeout": 50, "worker_threads": 4} | options)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


@pytest.fixture
def new_broker(store_url: str) -> Iterator[Callable[..., DurableRedisBroker]]:
    """A function that makes a broker as in another process, with its own id and connections."""
    with ExitStack() as stack:

        def make(**options: Any) -> DurableRedisBroker:
            broker = DurableRedisBroker(url=store_url, **options)
            stack.callback(broker.close)
            return broker

        yield make


@pytest.fixture
def broker(new_broker: Callable[..., DurableRedisBroker]) -> DurableRedisBroker:
    return new_broker()
