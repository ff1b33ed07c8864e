"""From an order, a template and the rules to what will be run: pure but for asking the provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from genie.domain.agent import Placement, Restart
from genie.domain.amounts import Wrong, parse_duration
from genie.domain.errors import BadInput, NotFound
from genie.domain.resume import Policy
from genie.domain.session import Attend, Launch, Way
from genie.domain.team import Layout, Resolution, Team, tmux_name
from genie.domain.template import PromptMode, Template
from genie.domain.tree import Wish, read_wish
from genie.domain.words import Color, PermissionMode, check_name, one_of
from genie.ports import Ask, Attended, Plan, Provider, Task
from genie.services.kin import Kin
from genie.services.order import Assignment, Order
from genie.services.scene import Scene
from genie.services.world import Rules, World

NOT_INHERITED = (
    "TMUX",
    "TMUX_PANE",
    "GENIE_RUN_ID",
    "GENIE_SESSION_ID",
    "GENIE_AGENT_NAME",
    "GENIE_AGENT_TOKEN",
    "GENIE_TEAM",
    "GENIE_PARENT",
    "GENIE_ROOT",
    "GENIE_PROVIDER",
    "GENIE_MODEL",
    "GENIE_PROMPT_FILE",
    "GENIE_FAULT_POINT",
    "LLM_PROVIDER",
    "AGENT_GOAL",
    "SPAWN_DEPTH",
    "SPAWN_PARENT_PID",
)
"""What tells about the caller's own pane and run; a child gets its own."""

RUNS = "runs"
"""The window of sessions that are run to their end, and the team of those that no tier has an answer for."""
LONGEST_LIFE = timedelta(days=3650)
LONGEST_PROMPT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """An order whose words have been understood, over the template and the rules. `tree` are the template's and the
    order's own wishes for its spawn tree."""

    permission_mode: PermissionMode | None
    layout: Layout
    color: Color | None
    restart: Restart
    auto_resume: bool
    policy: Policy
    cwd: str
    base_env: Mapping[str, str]
    ttl: timedelta | None
    timeout: timedelta | None
    tree: tuple[Wish, ...]


def understand(world: World, order: Order, template: Template | None, rules: Rules, team: Team | None) -> Wishes:
    """Check every word of the order. Raises BadInput for the first that is wrong."""
    _check_texts(order)
    mode = _permission_mode(order) or (template.permission_mode if template and not order.command else None)
    layout = one_of("layout", order.layout, Layout) if order.layout else None
    color = one_of("colour", order.color, Color) if order.color else None
    restart = one_of("restart policy", order.restart, Restart) if order.restart else None
    asked = order.cwd or (template.cwd if template else None) or (team.repo if team else None) or "."
    return Wishes(
        permission_mode=mode,
        layout=layout or (template.layout if template else None) or (Layout(team.layout) if team else rules.layout),
        color=color or (template.color if template else None),
        restart=restart or _restart(order, template),
        auto_resume=_auto_resume(order, template),
        policy=_policy(template, rules.policy),
        cwd=world.places.directory(asked, base=order.caller.cwd),
        base_env=_inherited(order, template),
        ttl=_ttl(order, template),
        timeout=_timeout(order),
        tree=(template.spawn if template else Wish(), _limits(order)),
    )


def _restart(order: Order, template: Template | None) -> Restart:
    """What is run to its end has failed when it fails: `genie retry` is another session."""
    if order.assignment:
        return Restart.NEVER
    return (template.restart if template else None) or Restart.ON_FAILURE


def _ttl(order: Order, template: Template | None) -> timedelta | None:
    if order.ttl is None:
        return template.ttl if template else None
    return _life("--ttl", order.ttl)


def _timeout(order: Order) -> timedelta | None:
    if order.assignment is None or order.assignment.timeout is None:
        return None
    return _life("--timeout", order.assignment.timeout)


def _life(flag: str, said: object) -> timedelta:
    try:
        life = parse_duration(said)
    except Wrong as error:
        raise BadInput(f"{flag}: {error}", hint=error.hint) from error
    if not life:
        raise BadInput(f"{flag} 0 would end it at once", hint="leave it out to let it live as long as it likes")
    if life > LONGEST_LIFE:
        raise BadInput(f"{flag} {said} is too long", hint="leave it out to let it live as long as it likes")
    return life


def _limits(order: Order) -> Wish:
    try:
        return read_wish(order.limits)
    except Wrong as error:
        raise BadInput(f"--limit: {error}", hint=error.hint) from error


def _check_texts(order: Order) -> None:
    _check_encoding(order)
    if order.prompt and len(order.prompt.encode()) > LONGEST_PROMPT:
        raise BadInput(
            f"the prompt has {len(order.prompt)} characters; the limit is {LONGEST_PROMPT} bytes",
            hint="put it into a file and name the file in the prompt",
        )
    if order.skill is not None and not order.skill.strip():
        raise BadInput("--skill says nothing", hint="give the skill's name, or leave it out")
    for kind, name in (("window", order.window), ("tmux session", order.session)):
        if name is not None and (not name or set(name) & set(":.=@%$\n\t")):
            raise BadInput(f"{kind} '{name}' is not a plain name", hint="give the name alone, no tmux target")
    for key, value in order.env.items():
        if not key or "=" in key or "\0" in key + value:
            raise BadInput(f"--env {key!r} is not a variable", hint="--env KEY=VALUE")
    for text in (order.prompt or "", *order.command, *order.extra_args):
        if "\0" in text:
            raise BadInput("a NUL byte cannot be given to a program", hint="remove it from the prompt or command")


def _check_encoding(order: Order) -> None:
    """What the registry keeps must be text; the values of the environment need not be."""
    kept = {
        "the prompt": order.prompt or "",
        "the command": " ".join(order.command),
        "--extra-args": " ".join(order.extra_args),
        "the directory": f"{order.cwd or ''}{order.caller.cwd}",
        "--description": order.description or "",
        "--tag": " ".join(order.tags),
    }
    for what, text in kept.items():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise BadInput(f"{what} is not valid UTF-8", hint="rename or re-encode it") from error


def _permission_mode(order: Order) -> PermissionMode | None:
    if order.plan_mode and order.permission_mode not in (None, PermissionMode.PLAN.value):
        raise BadInput(f"--plan-mode and --permission-mode {order.permission_mode} contradict each other")
    if order.plan_mode:
        return PermissionMode.PLAN
    if order.permission_mode == "default":
        return PermissionMode.MANUAL
    return one_of("permission mode", order.permission_mode, PermissionMode) if order.permission_mode else None


def _auto_resume(order: Order, template: Template | None) -> bool:
    if order.assignment:
        return False
    if order.auto_resume is not None:
        return order.auto_resume
    return template is None or template.auto_resume is not False


def _policy(template: Template | None, rules: Policy) -> Policy:
    if template is None:
        return rules
    return Policy(
        max_attempts=rules.max_attempts if template.max_resume_attempts is None else template.max_resume_attempts,
        cooldown=rules.cooldown if template.cooldown is None else template.cooldown,
        stable_after=rules.stable_after if template.stable_after is None else template.stable_after,
    )


def _inherited(order: Order, template: Template | None) -> dict[str, str]:
    env = {key: value for key, value in order.caller.env.items() if key not in NOT_INHERITED}
    return env | dict(template.env if template else ()) | dict(order.env)


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """Who the new session is for."""

    session: UUID
    name: str
    team: str
    kin: Kin


def ask_of(order: Order, template: Template | None, wishes: Wishes, birth: Birth, *, prompt_file: str | None) -> Ask:
    """What the provider is asked. A command of the caller's knows nothing of a template's models and tools."""
    kept = template if not order.command else None
    return Ask(
        session=birth.session,
        name=birth.name,
        team=birth.team,
        role_prompt=template.prompt if template else "",
        replace_system_prompt=bool(template and template.prompt_mode is PromptMode.REPLACE),
        prompt=order.prompt,
        prompt_file=prompt_file,
        command=order.command,
        cwd=wishes.cwd,
        model=order.model or (kept.model if kept else None),
        effort=kept.effort if kept else None,
        permission_mode=wishes.permission_mode,
        skill=order.skill,
        skills=kept.skills if kept else (),
        tools=kept.tools if kept else (),
        disallowed_tools=kept.disallowed_tools if kept else (),
        mcp=kept.mcp if kept else (),
        add_dirs=(kept.add_dirs if kept else ()) + (order.assignment.add_dirs if order.assignment else ()),
        extra_args=(kept.extra_args if kept else ()) + order.extra_args,
        env=wishes.base_env,
        sdk=order.sdk,
    )


def task_of(assignment: Assignment) -> Task:
    """What the provider is asked for a session that nobody types into."""
    return Task(
        way=Way.STREAMING if assignment.streaming else Way.ONE_SHOT,
        system_prompt=assignment.system_prompt,
        max_turns=assignment.max_turns,
        mcp_config=assignment.mcp_config,
        auto_approve=assignment.auto_approve,
        schema=assignment.schema,
        size=assignment.size,
    )


def is_fed(provider: Provider) -> bool:
    """Whether its agents have no screen of their own, and read what they are fed."""
    return Way.STREAMING in provider.ways and Way.INTERACTIVE not in provider.ways and provider.conversational


def held(
    provider: Provider, ask: Ask, assignment: Assignment | None, wishes: Wishes
) -> tuple[Plan, Attend | None, str | None]:
    """What is run; how it is attended to and what it reads first, where nobody types into it."""
    if assignment is None and not is_fed(provider):
        return provider.plan(ask), None, None
    attended = provider.attended(ask, task_of(assignment) if assignment else Task(way=Way.STREAMING))
    attend = attend_of(attended, assignment or Assignment(keep=True), wishes)
    return attended.plan, replace(attend, lasting=assignment is None), attended.stdin


def attend_of(attended: Attended, assignment: Assignment, wishes: Wishes) -> Attend:
    return Attend(
        screen=attended.screen,
        form=attended.form,
        keep_open=attended.keep_open,
        timeout=wishes.timeout,
        keep=assignment.keep,
        schema=assignment.schema,
        inject=assignment.inject,
    )


def environment_of(ask: Ask, plan: Plan, provider: Provider, birth: Birth, home: str) -> dict[str, str]:
    """The environment of the session: the caller's, the template's, `--env`, and genie's own names."""
    env = {key: value for key, value in ask.env.items() if key not in provider.strip_env}
    own = {
        "GENIE_HOME": home,
        "GENIE_SESSION_ID": str(birth.session),
        "GENIE_AGENT_NAME": birth.name,
        "GENIE_TEAM": birth.team,
        "GENIE_PROVIDER": provider.name,
        "LLM_PROVIDER": provider.name,
        "SPAWN_DEPTH": str(birth.kin.depth),
    }
    if ask.model:
        own["GENIE_MODEL"] = ask.model
    if ask.prompt and len(ask.prompt.encode()) <= provider.prompt_limit:
        own["AGENT_GOAL"] = ask.prompt
    if birth.kin.parent and birth.kin.root:
        own |= {"GENIE_PARENT": birth.kin.parent.name, "GENIE_ROOT": birth.kin.root.name}
    if birth.kin.pid:
        own["SPAWN_PARENT_PID"] = str(birth.kin.pid)
    return env | own | dict(plan.env)


def launch_of(plan: Plan, wishes: Wishes, environment: Mapping[str, str]) -> Launch:
    return Launch(argv=plan.argv, cwd=wishes.cwd, env_names=tuple(sorted(environment)), prompt=plan.prompt)


def placement_of(order: Order, scene: Scene, resolution: Resolution, team: Team | None, layout: Layout) -> Placement:
    """Where the pane goes, by the rules of docs/lifecycle.md. Raises NotFound for a session that is not there."""
    home = team.tmux_session if team else tmux_name(resolution.team)
    window = order.window or (order.name if order.new_window else tmux_name(resolution.team))
    if order.assignment:
        window = order.window or RUNS
    where = Placement(
        socket=scene.socket, session=home, window=window, layout=layout.value, own_window=order.new_window
    )
    if order.session:
        if order.session not in scene.sessions:
            raise NotFound(f"no tmux session '{order.session}' on {where.socket}", hint="tmux list-sessions")
        return replace(where, session=order.session)
    if order.assignment or resolution.explicit or home in scene.sessions or scene.around is None:
        return where
    if order.new_window or order.window:
        return replace(where, session=scene.around)
    return replace(where, session=scene.around, window=scene.window or window, beside=order.caller.tmux_pane)


def check_order_name(order: Order) -> None:
    """Raises BadInput for an illegal name of agent, role, team or parent."""
    check_name("agent", order.name)
    for kind, name in (("role", order.role), ("team", order.team), ("parent", order.parent)):
        if name is not None:
            check_name(kind, name)
