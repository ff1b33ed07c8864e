"""/v1/templates."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from genie.daemon.api.bodies import Body, Text
from genie.daemon.api.context import Context, context
from genie.daemon.api.errors import body_of
from genie.daemon.api.wire import Answer
from genie.domain.errors import BadTemplate
from genie.domain.template import Scope, Template, TemplateFile
from genie.domain.tree import write_limits
from genie.domain.words import one_of
from genie.services.order import Caller
from genie.services.templates import (
    editable,
    find_template,
    list_templates,
    new_template,
    shadows,
    sync,
    watched,
)

router = APIRouter(prefix="/v1/templates")

Here = Annotated[Context, Depends(context)]


class NewBody(Body):
    """POST /v1/templates."""

    name: str
    cwd: Text
    base: str | None = None
    scope: str | None = None


class SyncBody(Body):
    """POST /v1/templates/sync."""

    cwd: Text


@router.get("")
def get_templates(here: Here, cwd: str) -> Answer:
    """The templates that a spawn from `cwd` would find, broken ones too, and the files that each shadows."""
    files = list_templates(here.world, _caller(cwd))
    hidden = [file for file in files if file.shadowed_by]
    return Answer(
        [
            row(file, [other for other in hidden if other.shadowed_by == file.source])
            for file in files
            if file.shadowed_by is None
        ]
    )


@router.get("/one")
def get_template(here: Here, cwd: str, name: str, edit: bool = False) -> Answer:
    """One template by its name or its path, with its fields and its prompt; with `edit` only one that can be edited."""
    look = editable if edit else find_template
    file = look(here.world, name, _caller(cwd))
    return Answer(row(file, shadows(here.world, file.source, cwd=cwd)) | _whole(file.template))


@router.post("")
def post_template(body: NewBody, here: Here) -> Answer:
    """Write a commented template."""
    scope = one_of("scope", body.scope, Scope) if body.scope else None
    return Answer(row(new_template(here.world, body.name, cwd=body.cwd, scope=scope, base=body.base), []))


@router.post("/sync")
def post_sync(body: SyncBody, here: Here) -> Answer:
    """Bring the registry in step with the files that are seen from `cwd`, and from where agents work."""
    done = sync(here.world, cwds=[*watched(here.world), body.cwd])
    return Answer(
        {
            "added": done.added,
            "changed": done.changed,
            "removed": done.removed,
            "problems": [body_of(bad) for bad in done.problems],
        }
    )


def _caller(cwd: str) -> Caller:
    return Caller(cwd=cwd, env=dict(os.environ))


def row(file: TemplateFile, hidden: Sequence[TemplateFile]) -> dict[str, Any]:
    """A template file. `state` is ok or broken."""
    said = file.template
    return {
        "name": file.name,
        "description": said.description if said else "",
        "provider": said.provider if said else None,
        "scope": file.scope,
        "source": file.source,
        "team": said.team if said else None,
        "state": "broken" if file.problems else "ok",
        "shadowed_by": file.shadowed_by,
        "shadows": [{"scope": one.scope, "source": one.source, "problems": _told(one.problems)} for one in hidden],
        "problems": _told(file.problems),
        "checksum": said.checksum if said else None,
    }


def _told(problems: Sequence[BadTemplate]) -> list[dict[str, object]]:
    return [body_of(bad) for bad in problems]


def _whole(template: Template | None) -> dict[str, Any]:
    """Every field, as it is written in the file, and the prompt."""
    if template is None:
        return {"fields": None, "prompt": None}
    fields = asdict(template)
    kept = {name: fields.pop(name) for name in ("name", "source", "scope", "checksum", "prompt")}
    fields |= {"env": dict(template.env), "spawn": write_limits(template.spawn)}
    return {"fields": fields, "prompt": kept["prompt"]}
