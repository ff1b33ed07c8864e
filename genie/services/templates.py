"""`genie template`: what can be seen from a directory, what is wrong with it, and what the registry keeps of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from genie.domain.agent import STOPPABLE
from genie.domain.errors import BadInput, BadTemplate, MissingProgram, NotAllowed, NotFound
from genie.domain.template import PromptMode, Scope, Template, TemplateFile
from genie.domain.words import nearest
from genie.ports import Ask, Provider, Wanted
from genie.services.order import Caller
from genie.services.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What was not in step: paths of files. `problems` are those of files that no spawn would take."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    problems: tuple[BadTemplate, ...]


# ---- looking -------------------------------------------------------------------------------


def list_templates(world: World, caller: Caller) -> list[TemplateFile]:
    """Every template file that can be seen from there, nearest first of each name, in the order of names."""
    found = [checked(world, file, caller) for file in world.templates.files(cwd=caller.cwd)]
    return sorted(found, key=lambda file: file.name)


def find_template(world: World, named: str, caller: Caller) -> TemplateFile:
    """The template file that a spawn of that name would take, broken or not; for a path, that file. Raises NotFound."""
    if "/" in named or named.endswith(".md"):
        return checked(world, world.templates.at(named, cwd=caller.cwd), caller)
    files = world.templates.files(cwd=caller.cwd)
    found = next((file for file in files if file.name == named and file.shadowed_by is None), None)
    if found is None:
        known = nearest(named, {file.name for file in files})
        raise NotFound(
            f"no template '{named}'", hint=f"{known} -- or genie template new {named}", kind="template", name=named
        )
    return checked(world, found, caller)


def shadows(world: World, source: str, *, cwd: str) -> list[TemplateFile]:
    """The files that this one is used in the place of."""
    return [file for file in world.templates.files(cwd=cwd) if file.shadowed_by == source]


def checked(world: World, file: TemplateFile, caller: Caller) -> TemplateFile:
    """The file, with what its provider will not take among its problems: a spawn would be refused."""
    if file.template is None:
        return file
    return replace(file, problems=tuple(_refusals(world, file.template, caller)))


def _refusals(world: World, template: Template, caller: Caller) -> Iterable[BadTemplate]:
    try:
        provider = world.providers.get(template.provider)
    except BadInput as error:
        yield world.templates.blame(template, "provider", error.message, hint=error.hint)
        return
    try:
        provider.plan(_ask(world, template, provider, caller))
    except MissingProgram:  # of this machine, and no fault of the file
        return
    except BadInput as error:
        yield world.templates.blame(template, _field(error), error.message, hint=error.hint)


def _field(error: BadInput) -> str:
    """The field that a provider complains about."""
    said = str(error.details.get("field"))
    if said in Template.__dataclass_fields__:
        return said
    return "extra_args" if error.message.startswith("extra argument") else "provider"


def _ask(world: World, template: Template, provider: Provider, caller: Caller) -> Ask:
    """What a spawn of it would ask for that says nothing else."""
    return Ask(
        session=world.ids.new(),
        name=template.name,
        team=template.team or template.name,
        role_prompt=template.prompt,
        replace_system_prompt=template.prompt_mode is PromptMode.REPLACE,
        prompt=None,
        prompt_file=None,
        command=() if provider.conversational else ("true",),
        cwd=caller.cwd,
        model=template.model,
        effort=template.effort,
        permission_mode=template.permission_mode,
        skill=None,
        skills=template.skills,
        tools=template.tools,
        disallowed_tools=template.disallowed_tools,
        mcp=template.mcp,
        add_dirs=template.add_dirs,
        extra_args=template.extra_args,
        env=caller.env,
    )


# ---- writing -------------------------------------------------------------------------------


def new_template(world: World, name: str, *, cwd: str, scope: Scope | None, base: str | None) -> TemplateFile:
    """Write a commented one. Raises BadInput, Conflict where it is there already, NotFound, Failed."""
    return world.templates.at(world.templates.new(name, cwd=cwd, scope=scope, base=base), cwd=cwd)


def editable(world: World, named: str, caller: Caller) -> TemplateFile:
    """The file to be edited. Raises NotFound, NotAllowed for a built-in one, which the next version would undo."""
    found = find_template(world, named, caller)
    if found.scope is Scope.BUILTIN:
        hint = f"genie template new {found.name} --from {found.name} makes one of yours, which is used in its place"
        raise NotAllowed(f"template '{found.name}' is built in", hint=hint)
    return found


# ---- the registry --------------------------------------------------------------------------


def watched(world: World) -> list[str]:
    """The directories from which templates are seen that matter now: those of live agents."""
    mine = [one.agent for one in world.registry.roster(Wanted(lives=tuple(STOPPABLE))) if one.agent.host == world.host]
    return sorted({world.home, *(agent.cwd for agent in mine)})


def sync(world: World, *, cwds: Iterable[str]) -> Synced:
    """Bring `agent_templates` in step with the files of this host: those that are seen from these directories, and
    those that were kept before. What runs keeps the launch it was spawned with. Raises RegistryAway."""
    seen = {file.source: file for cwd in cwds for file in world.templates.files(cwd=cwd)}
    kept = {one.source: one for one in world.registry.templates(world.host)}
    files = seen | {source: file for source in kept.keys() - seen.keys() if (file := _again(world, source))}
    right = {source: file.template for source, file in files.items() if file.template}
    added = sorted(right.keys() - kept.keys())
    changed = sorted(source for source in right.keys() & kept.keys() if right[source].checksum != kept[source].checksum)
    removed = sorted(kept.keys() - right.keys())
    if added or changed or removed:
        with world.registry.begin() as tx:
            for source in (*added, *changed):
                tx.keep_template(right[source], host=world.host)
            for source in removed:
                tx.forget_template(source, host=world.host)
    problems = tuple(bad for _, file in sorted(files.items()) for bad in file.problems)
    return Synced(added=tuple(added), changed=tuple(changed), removed=tuple(removed), problems=problems)


def _again(world: World, source: str) -> TemplateFile | None:
    try:
        return world.templates.at(source, cwd="/")
    except NotFound:
        return None
