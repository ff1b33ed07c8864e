"""Errors as answers: one shape, and HTTP codes by the error's own."""

from __future__ import annotations

from uuid import uuid4

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from genie.daemon.api.wire import Answer
from genie.domain.errors import (
    BadInput,
    Conflict,
    GenieError,
    NotAllowed,
    NotFound,
    Refused,
    TimedOut,
    Unreachable,
)

log = structlog.get_logger("genie.api")

STATUS = {BadInput: 400, NotFound: 404, Conflict: 409, Refused: 403, NotAllowed: 422, Unreachable: 503, TimedOut: 504}


def status_of(error: GenieError) -> int:
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)


def body_of(error: GenieError) -> dict[str, object]:
    return {"code": error.code, "message": error.message, "hint": error.hint} | error.details


def install(app: FastAPI) -> None:
    """Have every error answered in the one shape."""

    @app.exception_handler(GenieError)
    def refused(_: Request, error: GenieError) -> Answer:
        return Answer({"error": body_of(error)}, status_of(error))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Answer:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return Answer({"error": {"code": "bad_input", "message": f"{where}: {first['msg']}", "hint": ""}}, 400)

    @app.exception_handler(HTTPException)
    def unknown(request: Request, error: HTTPException) -> Answer:
        message = f"{request.method} {request.url.path}: {error.detail}"
        hint = "the daemon may be of another version: genie daemon stop"
        return Answer({"error": {"code": "bad_input", "message": message, "hint": hint}}, error.status_code)

    @app.exception_handler(Exception)
    def bug(request: Request, error: Exception) -> Answer:
        mark = uuid4().hex[:8]
        log.error("bug", id=mark, path=request.url.path, exc_info=error)
        message = f"something is wrong in genie (error {mark})"
        return Answer({"error": {"code": "bug", "message": message, "hint": "genie daemon logs", "id": mark}}, 500)
