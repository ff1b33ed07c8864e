"""/v1/providers."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from genie.daemon.api.context import Context, context
from genie.daemon.api.wire import Answer
from genie.domain.errors import GenieError
from genie.domain.session import Way
from genie.ports import Providers

router = APIRouter(prefix="/v1")

Here = Annotated[Context, Depends(context)]


@router.get("/providers")
def get_providers(here: Here) -> Answer:
    """Every provider: its program and version as the daemon finds them, the ways that it knows, and what is wrong with
    the file that declares it."""
    providers = here.world.providers
    # Asking a program for its version can take a second.
    return Answer(list(here.pool.map(lambda name: _row(providers, name), providers.names())))


@router.get("/providers/problems")
def get_problems(here: Here) -> Answer:
    """All that is wrong in files that declare providers."""
    problems = here.world.providers.problems()
    return Answer([{"message": bad.message, "hint": bad.hint, **bad.details} for bad in problems])


def _row(providers: Providers, name: str) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "source": providers.source(name), "problem": None}
    try:
        one = providers.get(name)
    except GenieError as error:
        nothing: dict[str, Any] = {"program": None, "version": None, "ways": [], "models": {}, "resumes": False}
        return {**row, **nothing, "problem": error.message}
    return {
        **row,
        "program": one.program(),
        "version": one.version(),
        "ways": [way.value for way in Way if way in one.ways],
        "models": dict(one.models),
        "resumes": one.conversational,
    }
