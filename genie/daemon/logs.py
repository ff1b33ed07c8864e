"""Structured logs, one JSON object a line, rotated."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from types import TracebackType

import structlog

from genie.paths import Home
from genie.settings import Settings

LOG_NAME = "daemon.log"


def set_up(home: Home, configured: Settings) -> None:
    """Log to `logs/daemon.log`, everything of ours and warnings of the libraries'. A log that cannot be written
    (a full disk) never stops the daemon."""
    logging.raiseExceptions = False
    handler = RotatingFileHandler(
        home.logs / LOG_NAME,
        maxBytes=configured.log.max_size,
        backupCount=configured.log.keep,
        encoding="utf-8",
        errors="backslashreplace",
    )
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("genie").setLevel(configured.log.level.value.upper())
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    sys.excepthook = _last_words


def _last_words(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("genie").critical("daemon_crashed", exc_info=(kind, error, trace))
    sys.__excepthook__(kind, error, trace)
