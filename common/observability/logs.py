"""
Logs: one JSON object a line on stderr, from our code and from every library; on a terminal, readable text.

A line is an event name with fields (`log.info("delivery_accepted", delivery_id=…)`). Ids are bound once, at the start
of an actor or a request, with `bound(enrollment_id=…)`, so that one id finds a contact's lines in all processes.
`mask_event`, the last processor before the renderer, masks personal data and secrets.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, TextIO, cast

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars

if TYPE_CHECKING:
    from types import TracebackType

    from structlog.typing import EventDict, Processor, WrappedLogger

    from common.settings.settings import Settings

MASK = "[masked]"

_PRIVATE = (
    "address authorization api_key body booking_url business_name cookie email first_name from headers html last_name"
    " name password payload phone recipient recipients secret secret_key sender signature subject text to token"
)
PRIVATE_KEYS = frozenset(_PRIVATE.split())

# `%40` is the @ of an address in a URL.
# A match is tried once for each run of characters, and no character is read twice: otherwise a long line would take
# quadratic time.
_ADDRESS = re.compile(
    r"(?<![\w.!#$&'*+/=?^`{|}~-])[\w.!#$&'*+/=?^`{|}~-]++(?:@|%40)[\w-]++(?:\.[\w-]++)+", re.IGNORECASE
)
_SECRET = re.compile(
    r"""
    whsec_[A-Za-z0-9+/=_-]+                       # a webhook secret
    | \bre_[A-Za-z0-9]{8,}[A-Za-z0-9_]*           # a Resend key
    | \b(?:secret|ntn)_[A-Za-z0-9]{20,}           # a Notion token
    | (?<=Bearer\s)[^\s'"]+
    | (?<=://)[^/@\s:]*:[^/@\s]*(?=@)             # user and password of a URL
    | (?<=/unsubscribe/)[^\s'"?]+                 # the link itself is enough to unsubscribe
    """,
    re.VERBOSE,
)


def mask_event(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask a log line: a structlog processor, placed after the formatting of tracebacks, which may hold addresses."""
    for key, value in event.items():
        event[key] = MASK if key.lower() in PRIVATE_KEYS and value is not None else masked(value)
    return event


def masked(value: Any) -> Any:
    """Return `value` with everything masked that looks like an address or a secret, also inside lists and dicts."""
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {
            key if not isinstance(key, str) else mask_text(key): MASK
            if str(key).lower() in PRIVATE_KEYS
            else masked(item)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [masked(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return mask_text(repr(value)) if isinstance(value, BaseException) else mask_text(str(value))


def mask_text(text: str) -> str:
    return _SECRET.sub(MASK, _ADDRESS.sub("[address]", text) if "@" in text or "%40" in text else text)


bound = bound_contextvars
"""`with bound(enrollment_id=…):` adds the field to every line that is logged within it, also by libraries."""

_NOISY = ("httpx", "httpcore", "notion_client", "aiohttp.access", "asyncio", "urllib3")
"""At INFO they write a line for each request, with addresses in URLs; only their warnings are logged."""


def get_logger(name: str) -> Any:
    """Return a logger: `log = get_logger(__name__)`. Works before `setup_logs`, too."""
    return structlog.get_logger(name)


def setup_logs(service: str, settings: Settings | None = None) -> None:
    """Send every line of this process to stderr, with the field `service` (`gateway`, `worker`, `sandbox`, `up`)."""
    level = settings.log_level if settings else "INFO"
    render = _renderer(settings.log_format if settings else None)
    structlog.configure(
        processors=[_quiet, *_SHARED, *render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _SafeStream(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    _route_libraries(level, render)
    _service.name = service
    sys.excepthook = _log_crash


class _SafeStream:
    """A stream whose reader may be gone, or whose disk may be full: lines are then lost, but work continues."""

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
            # Python flushes once more at its end, and would then exit with status 120.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class _Service:
    """Adds the field `service`. Not a context variable, because a library's threads start with an empty context."""

    name = "advent"

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event.setdefault("service", self.name)
        return event


class _Quiet:
    """While `is_on`, drops all lines except accepted mails and warnings, in this process and in those that it forks."""

    is_on = False
    SHOWN = ("delivery_accepted",)
    WARNINGS = ("warning", "warn", "error", "critical", "exception", "fatal")

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if self.is_on and method not in self.WARNINGS and event.get("event") not in self.SHOWN:
            raise structlog.DropEvent
        return event


def show_mails_and_warnings() -> None:
    """Log only accepted mails and warnings, for a person at a terminal. Call this before `setup_logs`."""
    _quiet.is_on = True


_quiet = _Quiet()
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
    _set_level(root, max(logging.WARNING, logging.getLevelName(level)) if _quiet.is_on else logging.getLevelName(level))
    for name in _NOISY:
        _set_level(logging.getLogger(name), max(logging.WARNING, root.level))
    logging.captureWarnings(True)


def _set_level(logger: logging.Logger, level: int) -> None:
    """Set a level only if it differs, because that writes to every logger, whose memory forked processes share."""
    if logger.level != level:
        logger.setLevel(level)


def _log_crash(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    get_logger("advent").critical("crashed", exc_info=(kind, error, traceback))


# Until `setup_logs` is called, which most commands do not: lines go to stderr, as stdout is for the output.
structlog.configure(
    processors=[*_SHARED, *_renderer(None)],
    logger_factory=lambda *_: structlog.WriteLogger(cast("TextIO", _SafeStream(sys.stderr))),
)
