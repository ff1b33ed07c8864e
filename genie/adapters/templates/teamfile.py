"""Team files: YAML, checked strictly, with everything that is wrong named."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError
from ruamel.yaml.nodes import Node

from genie.adapters.templates.fields import (
    Arrangement,
    Block,
    Breach,
    Ending,
    Limits,
    Permission,
    Text,
    Texts,
    TreeMode,
    Variables,
    legal,
    word_of,
)
from genie.adapters.templates.file import UNKNOWN, Misfit, in_order, misfit, placed
from genie.adapters.templates.frontmatter import Unreadable, compose, line_of, plain
from genie.domain.errors import BadTeamFile, NotFound
from genie.domain.teamfile import Member, TeamFile, Until, flaws
from genie.domain.tree import read_wish

FIRST = 1
"""The line in which the block begins."""

AgentName = Annotated[str, AfterValidator(partial(legal, "agent"))]
TemplateName = Annotated[str, AfterValidator(partial(legal, "template"))]


class _Limits(Limits):
    """What the spawn trees in the team may grow to, and how they end."""

    mode: TreeMode | None = None
    termination: Ending | None = None
    on_breach: Breach | None = None


class _Member(Block):
    """One entry of `members`."""

    name: AgentName | None = None
    template: TemplateName | None = None
    count: Annotated[int, Field(ge=1, le=99)] | None = None
    provider: Text | None = None
    command: Texts = Field(default_factory=list)
    prompt: Text | None = None
    model: Text | None = None
    permission_mode: Permission | None = None
    tags: Texts = Field(default_factory=list)
    description: Text | None = None
    on_resume: Text | None = None
    cwd: Text | None = None
    env: Variables = Field(default_factory=dict)
    worktree: bool = False
    after: list[AgentName] = Field(default_factory=list)
    until: Annotated[Until, BeforeValidator(partial(word_of, "until", Until))] = Until.RUNNING


class _Team(Block):
    """Every field of a team file."""

    name: Annotated[str, AfterValidator(partial(legal, "team"))]
    session: Annotated[str, AfterValidator(partial(legal, "tmux session"))] | None = None
    layout: Arrangement | None = None
    lead: AgentName | None = None
    native: bool | None = None
    limits: _Limits | None = None
    members: Annotated[list[_Member], Field(min_length=1)]


MEANT: dict[object, str] = {"agents": "members", "role": "template"}
"""Names that are none here, and what they mean."""
MODELS: dict[tuple[str, ...], type[BaseModel]] = {(): _Team, ("limits",): _Limits, ("members",): _Member}


def read_team(path: Path, base: Path) -> TeamFile:
    """The team file; `base` is the directory it is about. Raises NotFound, BadTeamFile with everything that is wrong
    in `errors`."""
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"there is no team file {path}", hint="genie team up FILE, or see docs/teams.md") from error
    except OSError as error:
        raise _bad(path, None, [Misfit((), f"cannot be read: {error.strerror}", "", None)]) from error
    except UnicodeDecodeError as error:
        raise _bad(path, None, [Misfit((), "is not UTF-8", "save it as UTF-8", None)]) from error
    return _checked(path, text, base)


def _checked(path: Path, text: str, base: Path) -> TeamFile:
    try:
        node = compose(text)
        fields = plain(node) if node else {}
        said = _Team.model_validate(fields)
    except Unreadable as error:
        message, details = placed(path, str(error), line=error.line + FIRST, field="", value=None)
        raise BadTeamFile(message, **details) from error
    except ValidationError as error:
        found = [_meant(misfit(one, MODELS)) for one in error.errors(include_url=False)]
        raise _bad(path, node, in_order(found, node)) from None
    wrong = _misfits(said)
    if wrong:
        raise _bad(path, node, wrong)
    return _team(path, base, said)


def _meant(found: Misfit) -> Misfit:
    """With a hint where a field has the name that it has elsewhere."""
    named = MEANT.get(found.loc[-1]) if found.message == UNKNOWN else None
    return replace(found, hint=f"did you mean '{named}'?") if named else found


def _bad(path: Path, node: Node | None, found: list[Misfit]) -> BadTeamFile:
    """All that is wrong, the first as the message."""
    errors: list[dict[str, Any]] = []
    for one in found:
        line = line_of(node, one.loc, first=FIRST) if node else None
        message, details = placed(path, one.message, line=line, field=one.field, value=one.value)
        errors.append({**details, "message": message, "hint": one.hint})
    first = dict(errors[0])
    return BadTeamFile(first.pop("message"), hint=first.pop("hint"), **first, errors=errors)


def _misfits(said: _Team) -> list[Misfit]:
    """What the fields do not show one by one."""
    nameless = [
        Misfit(("members", at), "has neither a name nor a template", "name: NAME", None)
        for at, one in enumerate(said.members)
        if one.name is None and one.template is None
    ]
    idle = [
        Misfit(("members", at, "until"), "says nothing without 'after'", "after: [NAME]", one.until.value)
        for at, one in enumerate(said.members)
        if one.until is Until.DONE and not one.after
    ]
    both = [
        Misfit(("members", at, "command"), "does not go with another provider", "leave one of them out", one.command)
        for at, one in enumerate(said.members)
        if one.command and one.provider not in (None, "shell")
    ]
    if nameless or idle or both:
        return [*nameless, *idle, *both]
    members = [_member(one) for one in said.members]
    found = flaws(members, said.lead)
    return [Misfit(one.place, one.message, one.hint, one.value) for one in found] or _too_long(members)


def _too_long(members: list[Member]) -> list[Misfit]:
    found = []
    for at, one in enumerate(members):
        try:
            legal("agent", one.names[-1])
        except ValueError as error:
            found.append(Misfit(("members", at, "name"), str(error), "take a shorter one", one.name))
    return found


def _member(said: _Member) -> Member:
    values: dict[str, Any] = {field: getattr(said, field) for field in _Member.model_fields}
    values |= {field: tuple(value) for field, value in values.items() if isinstance(value, list)}
    return Member(**values | {"name": said.name or said.template, "env": tuple(said.env.items())})


def _team(path: Path, base: Path, said: _Team) -> TeamFile:
    limits = said.limits.model_dump(exclude_none=True) if said.limits else {}
    return TeamFile(
        name=said.name,
        source=str(path),
        base=str(base),
        session=said.session,
        layout=said.layout,
        lead=said.lead,
        native=said.native,
        limits=read_wish(limits),
        limits_said=limits,
        members=tuple(_member(one) for one in said.members),
    )
