"""Claude Code through the package claude-agent-sdk: a session that is fed, with its permissions asked through genie."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from genie.adapters.providers._attending import check_way, given_prompt, read_schema, roles, sized
from genie.adapters.providers._program import (
    ARGUMENT_LIMIT,
    SESSION_VARIABLES,
    ProviderOptions,
    check_argument,
    find_program,
    guarded,
    permission_mode,
    read_version,
    refuse,
)
from genie.adapters.providers._registered import open_session
from genie.adapters.providers._skills import begun_with, skilled
from genie.adapters.providers.claude import (
    EFFORTS,
    FORMATS,
    MODELS,
    OWN,
    SKIP,
    STATES,
    carried_on,
    check_root,
    config_dir,
    find_transcript,
    need_skills,
    slug,
    told_line,
)
from genie.domain.errors import BadInput, MissingProgram, NotFound
from genie.domain.session import Launch, Session, Way
from genie.domain.words import PermissionMode, nearest
from genie.ports import Ask, Attended, Plan, Task
from genie.sdk import BOOT, INSTALL

NEW, FROM = "--session-id", "--from"
"""What the id of a session comes after: of one that begins, and of one that somebody else has begun."""
OPTIONS = "--options"
PACKAGE = "claude_agent_sdk"
LOOK = f"import importlib.util as u; s = u.find_spec({PACKAGE!r}); print(s.origin if s else '')"
TELL = "import importlib.metadata as m; print(m.version('claude-agent-sdk'))"
LOOK_SECONDS = 10.0
HELD = ("permission-prompt-tool", "max-turns", "max-budget-usd", "model", "effort", "include-partial-messages")
"""Arguments of the program that the package gives it itself."""


class ClaudeSdkProvider:
    """A program of genie's that holds the conversation, under a Python that has the package."""

    name = "claude-sdk"
    conversational = True
    ways = frozenset({Way.ONE_SHOT, Way.STREAMING})
    models = MODELS
    strip_env = SESSION_VARIABLES
    prompt_limit = ARGUMENT_LIMIT

    def __init__(self, options: ProviderOptions) -> None:
        self._options = options
        self._python = options.python or sys.executable

    def plan(self, ask: Ask) -> Plan:
        """Raises MissingProgram, BadInput, NotFound."""
        return self.attended(ask, Task(way=Way.STREAMING)).plan

    def attended(self, ask: Ask, task: Task) -> Attended:
        """Raises MissingProgram, BadInput, and NotFound for a conversation to go on with that is not there."""
        check_way(self, task)
        refuse(self.name, {"command": ask.command}, hint="leave the command out, or use --provider shell")
        python, program = self._programs(ask)
        if program:
            need_skills(self.name, program, ask)
        mode = PermissionMode.BYPASS if task.auto_approve else permission_mode(ask, self._options)
        mode = mode or PermissionMode.MANUAL
        check_root(mode, ask.env)
        resumed = _resumed(ask)
        session = (FROM, resumed) if resumed else (NEW, str(ask.session))
        options = check_argument("what the session is to be", json.dumps(self._said(ask, task, mode)))
        root = str(Path(__file__).resolve().parents[3])
        argv = (python, "-I", "-c", BOOT, root, *session, OPTIONS, options)
        plan = Plan(argv, None, (STATES,), session[1])
        prompt = _prompt(ask)
        streaming = task.way is Way.STREAMING
        if prompt is None and not streaming:
            raise BadInput(f"a one-shot session of provider {self.name} needs a prompt", hint="give it something to do")
        stdin = None if prompt is None else told_line(prompt)
        return Attended(plan=plan, form="stream-json", screen="claude", stdin=stdin, keep_open=streaming)

    def _programs(self, ask: Ask) -> tuple[str, str | None]:
        """A Python that has the package, and the claude that this will run. Raises MissingProgram."""
        found = find_program(self._python, env=ask.env, cwd=ask.cwd)
        package = _package(found) if found else None
        if found is None or package is None:
            raise MissingProgram(
                f"provider {self.name} needs the package claude-agent-sdk, which {self._python} does not have",
                hint=INSTALL,
                provider=self.name,
                program=PACKAGE,
            )
        return found, self._binary(ask) or _claude(package, env=ask.env, cwd=ask.cwd)

    def _said(self, ask: Ask, task: Task, mode: PermissionMode) -> dict[str, object]:
        """What the program is told: the options of the package by their names, and what it has to know besides."""
        role, schema = roles(ask, task), read_schema(ask, task)
        turns = task.max_turns if task.max_turns is not None else ask.sdk.get("max_turns")
        options = {
            "model": sized(self, ask, task),
            "effort": _effort(ask),
            "permission_mode": "default" if mode is PermissionMode.MANUAL else mode.value,
            "system_prompt": _system_prompt(role, replaced=ask.replace_system_prompt),
            "allowed_tools": list(ask.tools),
            "disallowed_tools": list(ask.disallowed_tools),
            "add_dirs": [str(Path(ask.cwd) / Path(one).expanduser()) for one in ask.add_dirs],
            "max_turns": _positive("--sdk-max-turns", turns),
            "max_budget_usd": _budget(ask),
            "cli_path": self._binary(ask),
            "extra_args": _extra((*self._options.extra_args, *ask.extra_args), mode),
            "output_format": {"type": "json_schema", "schema": json.loads(schema)} if schema else None,
        }
        return {
            "options": {name: value for name, value in options.items() if value not in (None, [], {})},
            "mcp": [*ask.mcp, *([task.mcp_config] if task.mcp_config else [])],
            "socket": self._options.socket,
            "patience": self._options.patience,
            "once": task.way is Way.ONE_SHOT,
        }

    def _binary(self, ask: Ask) -> str | None:
        """The claude that was configured; None for the one that comes with the package. Raises MissingProgram."""
        named = self._options.binary
        if named is None:
            return None
        found = find_program(named, env=ask.env, cwd=ask.cwd)
        if found is None:
            raise MissingProgram(f"the program '{named}' is not there", hint="set claude.binary", provider=self.name)
        return found

    def resume(self, launch: Launch, *, session: Session, env: Mapping[str, str]) -> tuple[str, ...]:
        """Raises Failed when a transcript without a message cannot be moved out of the way."""
        return carried_on(launch, session, env, flag=NEW if NEW in launch.argv else FROM)

    def tell(self, argv: tuple[str, ...], prompt: str) -> tuple[str, ...]:
        """What is new goes by its input."""
        return argv

    def can_resume(self, session: Session, *, env: Mapping[str, str]) -> bool:
        """Always: without a transcript it is a fresh start with the same id."""
        return True

    def find_session(self, session: Session, *, env: Mapping[str, str], since: datetime, pid: int) -> str | None:
        return open_session(config_dir(env), pid) or session.provider_session or str(session.id)

    def transcript(self, session: Session, *, env: Mapping[str, str]) -> tuple[str, str] | None:
        path = find_transcript(session.provider_session or str(session.id), cwd=session.launch.cwd, env=env)
        return None if path is None else (str(path), "transcript")

    def program(self) -> str | None:
        """The claude that it runs."""
        package = self._found()
        if package is None:
            return None
        if self._options.binary:
            return find_program(self._options.binary, env=os.environ, cwd=os.curdir)
        return _claude(package, env=os.environ, cwd=os.curdir)

    def version(self) -> str | None:
        """Of the package, and of the claude that it runs."""
        if self._found() is None:
            return None
        package, program = _python_says(self._python, TELL), self.program()
        claude = read_version(program) if program else None
        return ", ".join(said for said in (f"claude-agent-sdk {package or '?'}", claude) if said)

    def _found(self) -> str | None:
        python = find_program(self._python, env=os.environ, cwd=os.curdir)
        return _package(python) if python else None


# ---- the package ----------------------------------------------------------------------------


def _package(python: str) -> str | None:
    """The file of the package in that Python. Asked anew each time: it can be installed at any moment."""
    return _python_says(python, LOOK)


def _claude(package: str, *, env: Mapping[str, str], cwd: str) -> str | None:
    """The claude that the package runs where none is named."""
    bundled = Path(package).parent / "_bundled" / "claude"
    return str(bundled) if bundled.is_file() else find_program("claude", env=env, cwd=cwd)


def _python_says(python: str, what: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 (the interpreter that is configured)
            [python, "-I", "-c", what], stdin=subprocess.DEVNULL, capture_output=True, timeout=LOOK_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip() or None


# ---- options --------------------------------------------------------------------------------


def _system_prompt(role: str, *, replaced: bool) -> object:
    """Without one the package would give the model none."""
    if role and replaced:
        return role
    return {"type": "preset", "preset": "claude_code", **({"append": role} if role else {})}


def _effort(ask: Ask) -> str | None:
    effort = ask.sdk.get("effort") or ask.effort
    if effort is not None and effort not in EFFORTS:
        raise BadInput(f"unknown effort '{effort}' for provider claude-sdk", hint=nearest(str(effort), EFFORTS))
    return None if effort is None else str(effort)


def _positive(flag: str, value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadInput(f"{flag} {value} would end it at once", hint="at least 1")
    return value


def _budget(ask: Ask) -> float | None:
    value = ask.sdk.get("max_budget")
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise BadInput(f"--sdk-max-budget {value} is no amount of money", hint="dollars, such as 2.50")
    return float(value)


def _resumed(ask: Ask) -> str | None:
    """The conversation to go on with. Raises BadInput for what is no id, NotFound for one that is not there."""
    named = ask.sdk.get("resume")
    if named is None:
        return None
    try:
        found = str(UUID(str(named)))
    except ValueError as error:
        raise BadInput(f"--sdk-resume {named} is no session id", hint="the UUID that claude names it by") from error
    transcript = find_transcript(found, cwd=ask.cwd, env=ask.env)
    if transcript is None:
        raise NotFound(f"claude has no conversation {found}", hint="see the names of files in ~/.claude/projects")
    if transcript.parent.name != slug(os.path.realpath(ask.cwd))[:200] and len(transcript.parent.name) <= 200:
        raise BadInput(f"conversation {found} was held in another directory than {ask.cwd}", hint="give it: --cwd DIR")
    return found


def _extra(words: Sequence[str], mode: PermissionMode) -> dict[str, str | None]:
    """More arguments for claude, as the package takes them: each once. Raises BadInput."""
    own = {word.lstrip("-") for word in OWN | FORMATS | ({SKIP} if mode is not PermissionMode.BYPASS else set())}
    found: dict[str, str | None] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        name, sign, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise BadInput(f"extra argument '{word}' is no long option", hint="--NAME, or --NAME=VALUE")
        if name in own or name in HELD:
            raise BadInput(f"extra argument '{word}' is genie's own to give to claude-sdk", hint="leave it out")
        if name in found:
            raise BadInput(f"extra argument '--{name}' is there twice", hint="claude-agent-sdk takes each once")
        if not sign and left and not left[0].startswith("-"):
            value, sign = left.pop(0), "="
        found[name] = value if sign else None
    return found


def _prompt(ask: Ask) -> str | None:
    prompt = given_prompt(ask)
    if skills := begun_with(ask):
        return skilled("/", skills, prompt)
    return None if prompt is None else guarded(prompt, ("/",))


PROVIDER = ClaudeSdkProvider
