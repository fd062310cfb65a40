"""
Logs: one JSON object a line on stderr, from our code and from every library; on a terminal, text for reading.

A line is an event name with fields (`log.info("delivery_accepted", delivery_id=…)`). Ids are bound once, at the start
of an actor or a route, with `bound(enrollment_id=…)`, so that one id finds a contact's lines in all processes. Personal
data and secrets are removed by `redaction.py`, the last processor before the renderer.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars

from common.observability.redaction import mask_event

if TYPE_CHECKING:
    from types import TracebackType

    from structlog.typing import EventDict, Processor, WrappedLogger

    from common.settings.settings import Settings

bound = bound_contextvars
"""`with bound(enrollment_id=…):` adds the field to every line within, also to lines of libraries."""

_NOISY = ("httpx", "httpcore", "notion_client", "aiohttp.access", "asyncio", "urllib3")
"""At INFO they write a line for each request, with addresses in URLs; only their warnings are logged."""


def get_logger(name: str) -> Any:
    """`log = get_logger(__name__)`; works before `setup_logs`, too."""
    return structlog.get_logger(name)


def setup_logs(service: str, settings: Settings | None = None) -> None:
    """Send every line of this process to stderr, with the field `service` (`gateway`, `worker`, `sandbox`, `up`)."""
    level = settings.log_level if settings else "INFO"
    render = _renderer(settings.log_format if settings else None)
    structlog.configure(
        processors=[*_SHARED, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _SafeStream(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    _route_libraries(level, render)
    _service.name = service
    sys.excepthook = _log_crash


class _SafeStream:
    """A stream whose reader may have gone, or whose disk may be full: then lines are lost, and no work is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError) as error:
            self._discard(error)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._discard(error)

    def _discard(self, error: Exception) -> None:
        if isinstance(error, BrokenPipeError):
            # Python flushes once more when it ends, and would end with status 120.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class _Service:
    """Not a context variable: threads of a library start with an empty context, and their lines need the field, too."""

    name = "advent"

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event.setdefault("service", self.name)
        return event


_service = _Service()
_SHARED: list[Processor] = [
    merge_contextvars,
    structlog.processors.add_log_level,
    _service,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
    mask_event,
]


def _renderer(log_format: str | None) -> list[Processor]:
    if (log_format or ("console" if sys.stderr.isatty() else "json")) == "console":
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)]
    return [structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]


def _route_libraries(level: str, render: list[Processor]) -> None:
    handler = logging.StreamHandler(_SafeStream(sys.stderr))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            # A library's text becomes the event; `logger` names the library.
            foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(), *_SHARED],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, mask_event, *render],
            keep_exc_info=False,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)


def _log_crash(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    get_logger("advent").critical("crashed", exc_info=(kind, error, traceback))
