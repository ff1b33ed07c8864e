"""The application: every resource, the peer's check, errors in one shape."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pkgutil import iter_modules

from fastapi import APIRouter, Depends, FastAPI

from genie import __version__, daemon
from genie.daemon import api
from genie.daemon.api import errors
from genie.daemon.api.context import Context
from genie.daemon.api.peer import check_peer
from genie.daemon.api.wire import Answer
from genie.daemon.engine import Engine

AT_ONCE = 8


def make(engine: Engine, leave: Callable[[], None]) -> FastAPI:
    """The daemon's API; OpenAPI is served at /openapi.json. `leave` ends the daemon."""
    app = FastAPI(
        title="genie",
        version=__version__,
        description=daemon.__doc__ or "",
        dependencies=[Depends(check_peer)],
        default_response_class=Answer,
        openapi_url=None,  # FastAPI's own route for it would answer anybody
    )
    app.get("/openapi.json", include_in_schema=False)(lambda: Answer(app.openapi()))
    app.state.context = Context(engine, ThreadPoolExecutor(AT_ONCE, thread_name_prefix="act"), leave)
    for router in _routers():
        app.include_router(router)
    errors.install(app)
    return app


def _routers() -> list[APIRouter]:
    """The router of every module of this folder that has one: a new resource is a new file."""
    names = [module.name for module in iter_modules(api.__path__) if module.name != "app"]
    modules = [import_module(f"{api.__name__}.{name}") for name in names]
    return [module.router for module in modules if hasattr(module, "router")]
