"""What a session is supplied with before its spawn is written: attached files and results of others in its prompt, a
schema of its answer, a sandbox, a worktree, which goes again where the spawn fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self
from uuid import UUID

from genie.domain.agent import Create, Resume
from genie.domain.attach import Attachment, attached
from genie.domain.envelope import SessionResult, envelope
from genie.domain.errors import BadInput
from genie.domain.result import Bond
from genie.domain.session import Launch, Standing
from genie.ports import Plan, Sandbox
from genie.services.clear import clear_former, take_back
from genie.services.order import Assignment, Order
from genie.services.outcomes import told_so_far
from genie.services.plan import SDK, Planned, Supplied
from genie.services.world import World

NOBODY = Assignment()


class Unsupplied(Exception):
    """A spawn as it is planned now needs what is not there yet, and what takes longer than a transaction may."""

    def __init__(self, planned: Planned) -> None:
        super().__init__("not supplied")
        self.planned = planned


class Supplying:
    """The supplies of one spawn, over all its tries. At the end a worktree that no session has got goes again, and so
    does that of the session before, where the agent has begun anew."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._former: Standing | None = None
        self._key: tuple[object, ...] | None = None
        self._supplied: Supplied | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, Exception):
            self._take_back()
        if kind is None and self._former:
            clear_former(self._world, self._former)

    def onto(self, planned: Planned) -> Planned:
        """The plan with what it needs. Raises Unsupplied where that is to be fetched first."""
        anew = isinstance(planned.decision, Create) and planned.decision.anew
        self._former = planned.row if anew else None
        if self._supplied and self._key == _key(planned):
            return with_supplies(planned, self._supplied)
        if self._supplied or needs(planned):
            raise Unsupplied(planned)
        return planned

    def fetch(self, planned: Planned) -> None:
        """Raises what `supply` raises."""
        self._take_back()
        self._supplied, self._key = supply(self._world, planned), _key(planned)

    def _take_back(self) -> None:
        supplied, self._supplied = self._supplied, None
        if supplied and supplied.worktree:
            take_back(self._world, supplied.worktree)


def with_supplies(planned: Planned, supplied: Supplied) -> Planned:
    """The plan as it is carried out. What is kept of its order is the one that was given."""
    order = replace(planned.order, prompt=supplied.prompt, assignment=supplied.asked.assignment)
    return replace(planned, order=order, wishes=replace(planned.wishes, cwd=supplied.cwd), supplied=supplied)


def _key(planned: Planned) -> tuple[object, ...]:
    """What supplies are fetched for: with another plan they are others."""
    return worktree_name(planned), planned.provider.name, planned.wishes.cwd


def needs(planned: Planned) -> bool:
    wanted = planned.order.assignment or NOBODY
    asks = (wanted.files, wanted.schema is not None, wanted.sandbox is not None, wanted.network is not None)
    return any(asks) or bool(_fed_by(planned.order)) or worktree_name(planned) is not None


def _fed_by(order: Order) -> list[UUID]:
    """The sessions whose results it is given."""
    return [source for bond, source in order.bonds if bond in (Bond.CONTEXT, Bond.PIPE)]


def worktree_name(planned: Planned) -> str | None:
    """What the worktree of a spawn is to be called: as was asked, or like the agent. None where it has none: a session
    that is resumed stays where it is."""
    order = planned.order
    if isinstance(planned.decision, Resume):
        return None
    asked = order.worktree if order.assignment is None else order.assignment.worktree
    if asked is None and not planned.worktrees and not (planned.template and planned.template.worktree):
        return None
    return asked or order.name


def supply(world: World, planned: Planned, *, rehearsed: bool = False) -> Supplied:
    """Fetch all that a spawn needs, the worktree last, and not for one that is rehearsed. Raises BadInput, BadConfig
    and Refused for what cannot be had: nothing has been made then; and what `Worktrees.make` raises."""
    order, wanted, base = planned.order, planned.order.assignment or NOBODY, planned.wishes.cwd
    here = order.caller.cwd
    schema = None if wanted.schema is None else world.supplies.schemas.keep(wanted.schema, base=here)
    files = [world.supplies.attachment(path, base=here) for path in wanted.files]
    sandbox = _sandbox(world, planned, wanted)
    prompt = whole_prompt(order.prompt, results=told_so_far(world, _fed_by(order)), files=files)
    name = None if rehearsed else worktree_name(planned)
    made = None if name is None else world.supplies.worktrees.make(base, name)
    return Supplied(
        asked=order if order.assignment is None else replace(order, assignment=replace(wanted, schema=schema)),
        base=base,
        prompt=prompt,
        cwd=made.cwd if made else base,
        worktree=made,
        sandbox=sandbox,
        reads=_reads(files, schema) if sandbox else (),
    )


def rehearse_supplies(world: World, planned: Planned) -> Planned:
    """The plan with all that it needs but a worktree. Nothing is made; of a schema a copy is kept."""
    return with_supplies(planned, supply(world, planned, rehearsed=True)) if needs(planned) else planned


def whole_prompt(prompt: str | None, *, results: Sequence[SessionResult], files: Sequence[Attachment]) -> str | None:
    """Results of others, files, and what was asked for: what there is of them, an empty line between."""
    if not (results or files):
        return prompt
    return "\n\n".join(part for part in (envelope(results), attached(files), prompt) if part)


# ---- the sandbox ----------------------------------------------------------------------------


def _sandbox(world: World, planned: Planned, wanted: Assignment) -> Sandbox | None:
    if wanted.sandbox is None:
        if wanted.network is not None:
            raise BadInput("--network is that of a sandbox", hint="add --sandbox")
        return None
    if planned.provider.name == SDK:
        why = "it asks genie for its permissions, which is not to be reached from there"
        raise BadInput(f"provider {SDK} runs in no sandbox: {why}", hint="--provider claude")
    _check_seen(planned, wanted)
    given = planned.wishes.base_env
    return world.supplies.sandboxes.find(planned.provider.name, name=wanted.sandbox, network=wanted.network, env=given)


def _check_seen(planned: Planned, wanted: Assignment) -> None:
    """Raises BadInput for what could not be seen in the sandbox: all but the directory that the session works in."""
    seen = None if worktree_name(planned) else planned.wishes.cwd
    servers = () if wanted.mcp_config is None or wanted.mcp_config.lstrip().startswith("{") else (wanted.mcp_config,)
    of_template = planned.template.add_dirs if planned.template else ()
    said = {"--add-dir": (*wanted.add_dirs, *of_template), "--mcp-config": servers}
    for flag, paths in said.items():
        for path in paths:
            outside = path.startswith(("/", "~")) and not (seen and _within(path, seen))
            if outside or ".." in path.split("/"):
                raise BadInput(
                    f"{flag} {path} cannot be seen in the sandbox", hint=f"nothing but {seen or 'its worktree'} can"
                )


def _within(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory.rstrip('/')}/")


def _reads(files: Sequence[Attachment], schema: str | None) -> tuple[str, ...]:
    """What is given by its path: large files, and the schema for a provider that reads it itself."""
    return (*(file.path for file in files if file.text is None), *([schema] if schema else []))


def boxed(
    world: World, planned: Planned, launch: Launch, plan: Plan, *, session: UUID, environment: Mapping[str, str]
) -> Launch:
    """The launch of a session, in its sandbox where it has one. A provider's program is found by its name there."""
    supplied = planned.supplied
    if supplied is None or supplied.sandbox is None:
        return launch
    made = world.supplies.worktrees.holding(launch.cwd)
    workspace = made.path if made else launch.cwd
    program = launch.argv[0].rpartition("/")[2] if planned.provider.conversational else launch.argv[0]
    argv = world.supplies.sandboxes.wrap(
        supplied.sandbox,
        (program, *launch.argv[1:]),
        session=session,
        workspace=workspace,
        cwd=launch.cwd,
        env=sorted(_named(planned, plan, environment) | set(supplied.sandbox.env)),
        reads=[path for path in supplied.reads if not _within(path, workspace)],
    )
    return replace(launch, argv=argv)


def _named(planned: Planned, plan: Plan, environment: Mapping[str, str]) -> set[str]:
    """The variables that were said for this session, by whomever, and not only found around the caller. What is only
    good for reaching genie does not go along."""
    base, template = planned.wishes.base_env, planned.template
    own = {name for name, value in environment.items() if base.get(name) != value}
    said = {name for name, _ in (*plan.env, *(template.env if template else ()))}
    return ((own | said | set(planned.order.env)) & set(environment)) - {"GENIE_HOME"}
