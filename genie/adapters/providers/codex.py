"""OpenAI Codex: chooses its session's id itself, keeps it in a rollout file, continues by `codex resume ID`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from genie.adapters.providers._attending import (
    absolute,
    check_way,
    given_prompt,
    model_name,
    need_prompt,
    read_schema,
    roles,
    sized,
)
from genie.adapters.providers._codex_hooks import hook_flags
from genie.adapters.providers._hooks import notify_flag
from genie.adapters.providers._program import (
    ARGUMENT_LIMIT,
    SESSION_VARIABLES,
    ProviderOptions,
    check_argument,
    find_program,
    first_prompt,
    guarded,
    need_program,
    permission_mode,
    read_version,
    refuse,
    refuse_own,
    told,
)
from genie.adapters.providers._rollouts import find_rollout, held_rollouts, new_rollouts, rollout_id
from genie.adapters.providers._skills import around, begun_with, need, skilled, skills_in
from genie.domain.errors import BadInput
from genie.domain.session import Launch, Session, Way
from genie.domain.words import PermissionMode
from genie.ports import Ask, Attended, Plan, Task

INSTALL = "npm install -g @openai/codex"
SKIP = "--dangerously-bypass-approvals-and-sandbox"
MODES: dict[PermissionMode | None, tuple[str, ...]] = {
    None: ("-a", "on-request"),
    PermissionMode.MANUAL: ("-a", "on-request", "-s", "read-only"),
    PermissionMode.ACCEPT_EDITS: ("-a", "on-request", "-s", "workspace-write"),
    PermissionMode.AUTO: ("--approve-for-me",),
    PermissionMode.DONT_ASK: ("-a", "never", "-s", "workspace-write"),
    PermissionMode.BYPASS: (SKIP,),
}
EXEC_MODES: dict[PermissionMode | None, tuple[str, ...]] = {
    None: (),
    PermissionMode.MANUAL: ("-s", "read-only"),
    PermissionMode.ACCEPT_EDITS: ("-s", "workspace-write"),
    PermissionMode.AUTO: ("--approve-for-me",),
    PermissionMode.DONT_ASK: ("-s", "workspace-write"),
    PermissionMode.BYPASS: (SKIP,),
}
"""Where nobody is asked: what the sandbox does not let it do fails."""
OWN = frozenset(
    {
        *("--", "resume", "fork", "exec", "--last", "--no-daemon", "--remote", "--approve-for-me"),
        *("-a", "--ask-for-approval", "-s", "--sandbox", "-C", "--cd", "--worktree"),
    }
)


FORMATS = frozenset({"-", "--json", "--output-schema"})


class CodexProvider:
    """The interactive program, with the first prompt on its command line, and without its shared
    background server: there, files and tools of all sessions would be one process's. Or `codex exec`, told by stdin."""

    name = "codex"
    conversational = True
    ways = frozenset({Way.INTERACTIVE, Way.ONE_SHOT})
    models: Mapping[str, str] = {}
    strip_env = SESSION_VARIABLES
    prompt_limit = ARGUMENT_LIMIT

    def __init__(self, options: ProviderOptions) -> None:
        self._options = options
        self._binary = options.binary or "codex"

    def plan(self, ask: Ask) -> Plan:
        """Raises MissingProgram, BadInput."""
        program = self._program(ask)
        mode = permission_mode(ask, self._options)
        options = (
            *_model(model_name(self.name, ask.model, self.models), ask.effort),
            *_permissions(mode, MODES),
            *_role(ask, roles(ask)),
            *_directories(ask),
        )
        extra = self._extra(ask, mode, OWN)
        notify = notify_flag(self._options.hooks, home(ask.env), extra)
        hooks = hook_flags(self._options.hooks, home(ask.env), extra) if self._options.hooks_allowed else ()
        argv = (program, "--no-daemon", *notify, *hooks, *options, *extra)
        prompt = _prompt(ask)
        if prompt is None:
            return Plan(argv, None, (), None)
        return Plan((*argv, "--", prompt), len(argv) + 1, (), None)

    def attended(self, ask: Ask, task: Task) -> Attended:
        """Raises MissingProgram, BadInput."""
        check_way(self, task)
        refuse(
            self.name,
            {"--max-turns": task.max_turns is not None},
            hint="it works until it is done: --timeout bounds it",
        )
        refuse(self.name, {"--mcp-config": task.mcp_config}, hint="say it in codex's own config.toml")
        program = self._program(ask)
        mode = PermissionMode.BYPASS if task.auto_approve else permission_mode(ask, self._options)
        options = (
            *_model(sized(self, ask, task), ask.effort),
            *_permissions(mode, EXEC_MODES),
            *_role(ask, roles(ask, task)),
            *_directories(ask),
            *_schema(ask, task),
        )
        # Without the flag it runs in Git repositories alone; the sandbox holds everywhere.
        words = (program, "exec", "--json", "--skip-git-repo-check")
        plan = Plan((*words, *options, *self._extra(ask, mode, OWN | FORMATS), "-"), None, (), None)
        prompt = given_prompt(ask)
        skills = begun_with(ask)
        told = skilled("$", skills, prompt) if skills else prompt
        return Attended(plan=plan, form="exec", screen="codex", stdin=need_prompt(self.name, told, way=task.way))

    def _program(self, ask: Ask) -> str:
        refuse(self.name, {"command": ask.command}, hint="leave the command out, or use --provider shell")
        refuse(
            self.name,
            {"tools": ask.tools, "disallowed_tools": ask.disallowed_tools, "mcp": ask.mcp},
            hint="say it in codex's own config.toml",
        )
        _need_skills(self.name, ask)
        return need_program(self.name, self._binary, ask=ask, install=INSTALL)

    def _extra(self, ask: Ask, mode: PermissionMode | None, own: frozenset[str]) -> tuple[str, ...]:
        extra = (*self._options.extra_args, *ask.extra_args)
        refuse_own(self.name, extra, own if mode is PermissionMode.BYPASS else own | {SKIP})
        return extra

    def resume(self, launch: Launch, *, session: Session, env: Mapping[str, str]) -> tuple[str, ...]:
        """A session whose id was never learned is looked for by its prompt, so that a run which died
        soon is not told twice."""
        known = session.provider_session or _by_prompt(session, env=env, since=session.created_at)
        if known is None:
            return launch.argv
        if session.attend:  # what it is told comes from stdin
            return (*launch.argv[:-1], "resume", known, "-")
        end = len(launch.argv) if launch.prompt is None else launch.prompt - 1
        return (launch.argv[0], "resume", known, *launch.argv[1:end])

    def tell(self, argv: tuple[str, ...], prompt: str) -> tuple[str, ...]:
        """Raises BadInput over the limit of an argument."""
        return told(argv, prompt, ("!",))

    def can_resume(self, session: Session, *, env: Mapping[str, str]) -> bool:
        """Always: without a rollout, nothing was said yet, and it is a fresh start."""
        return True

    def find_session(self, session: Session, *, env: Mapping[str, str], since: datetime, pid: int) -> str | None:
        """The rollout that the process holds open. Of a process that has ended, the only new one of
        that directory that begins with the session's prompt. None while that cannot be told."""
        held = held_rollouts(pid, home(env))
        if held is None:
            return _by_prompt(session, env=env, since=since)
        return rollout_id(held[0]) if len(held) == 1 else None

    def transcript(self, session: Session, *, env: Mapping[str, str]) -> tuple[str, str] | None:
        if session.provider_session is None:
            return None
        path = find_rollout(home(env), session.provider_session)
        return None if path is None else (str(path), "rollout")

    def program(self) -> str | None:
        return find_program(self._binary, env=os.environ, cwd=os.curdir)

    def version(self) -> str | None:
        return read_version(self._binary)


def home(env: Mapping[str, str]) -> Path:
    named = env.get("CODEX_HOME")
    return Path(named) if named else Path(env.get("HOME") or Path.home()) / ".codex"


def _by_prompt(session: Session, *, env: Mapping[str, str], since: datetime) -> str | None:
    launch = session.launch
    if launch.prompt is None:
        return None
    found = new_rollouts(home(env), cwd=launch.cwd, since=since, prompt=launch.argv[launch.prompt])
    return rollout_id(found[0]) if len(found) == 1 else None


# ---- options --------------------------------------------------------------------------------


def _model(name: str | None, effort: str | None) -> tuple[str, ...]:
    model = ("-m", name) if name else ()
    return (*model, *_setting("model_reasoning_effort", effort)) if effort else model


def _permissions(
    mode: PermissionMode | None, modes: Mapping[PermissionMode | None, tuple[str, ...]]
) -> tuple[str, ...]:
    if mode is PermissionMode.PLAN:
        raise BadInput("provider codex has no permission mode plan", hint="manual asks before every change")
    return modes[mode]


def _schema(ask: Ask, task: Task) -> tuple[str, ...]:
    return ("--output-schema", str(absolute(task.schema, ask))) if task.schema and read_schema(ask, task) else ()


def _role(ask: Ask, role: str) -> tuple[str, ...]:
    if not role:
        return ()
    return _setting("instructions" if ask.replace_system_prompt else "developer_instructions", role)


def _setting(key: str, value: str) -> tuple[str, ...]:
    """`-c key="value"` in TOML, whose strings are JSON's but for surrogates and DEL."""
    written = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return ("-c", check_argument(f"the setting {key}", f"{key}={written}"))


def _directories(ask: Ask) -> tuple[str, ...]:
    return tuple(word for directory in ask.add_dirs for word in ("--add-dir", directory))


def _need_skills(provider: str, ask: Ask) -> None:
    """Raises BadInput for a skill that is not there. Those of plugins, which have a colon in their names, are taken at
    their word."""
    mine = home(ask.env)
    users = Path(ask.env.get("HOME") or Path.home()) / ".agents/skills"
    folders = [*around(ask, ".agents/skills", ".codex/skills"), users, mine / "skills", Path("/etc/codex/skills")]
    of_plugins = {name for name in (ask.skill, *ask.skills) if name and ":" in name}
    where = f".agents/skills of {ask.cwd}, {users} and {mine / 'skills'}"
    need(provider, ask, {*skills_in(folders), *of_plugins}, where=where)


def _prompt(ask: Ask) -> str | None:
    prompt = first_prompt(ask)
    if skills := begun_with(ask):
        return skilled("$", skills, prompt)
    if prompt is None:
        return None
    # With an exclamation mark first, a shell runs it.
    return guarded(prompt, ("!",))


PROVIDER = CodexProvider
