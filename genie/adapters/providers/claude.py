"""Claude Code: takes a session id of ours, keeps its transcript in a file, continues by `--resume`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from genie.adapters.providers._attending import (
    check_way,
    given_prompt,
    model_name,
    need_prompt,
    read_schema,
    roles,
    sized,
)
from genie.adapters.providers._hooks import renewed, settings_flag
from genie.adapters.providers._program import (
    ARGUMENT_LIMIT,
    SESSION_VARIABLES,
    HookProgram,
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
from genie.adapters.providers._registered import open_session
from genie.adapters.providers._skills import around, begun_with, commands_in, need, skilled, skills_in, told_by
from genie.domain.errors import BadInput, Failed
from genie.domain.session import Launch, Session, Way
from genie.domain.words import PermissionMode, nearest
from genie.ports import Ask, Attended, Plan, Task

INSTALL = "npm install -g @anthropic-ai/claude-code"
MODELS = {"small": "haiku", "medium": "sonnet", "large": "opus"}
EFFORTS = ("low", "medium", "high", "xhigh", "max")
SKIP = "--dangerously-skip-permissions"
OWN = frozenset(
    {
        "--",
        "--session-id",
        "--resume",
        "-r",
        "--continue",
        "-c",
        "--fork-session",
        "--print",
        "-p",
        "--bg",
        "--background",
        "--permission-mode",
    }
)
FORMATS = frozenset({"--output-format", "--input-format"})
PRINT = ("--print", "--output-format", "stream-json", "--verbose")
STREAM = ("--input-format", "stream-json", "--replay-user-messages")
"""With the last, it says when it takes a message in: those that came during a turn are answered with it."""
STATES = ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1")
"""Makes a streaming session say when it is idle: a turn can have more than one result."""
ASIDE = ".without-message"


class ClaudeProvider:
    """The interactive program, with the first prompt on its command line; or its print mode, with all of them by
    stdin."""

    name = "claude"
    conversational = True
    ways = frozenset(Way)
    models = MODELS
    strip_env = SESSION_VARIABLES
    prompt_limit = ARGUMENT_LIMIT

    def __init__(self, options: ProviderOptions) -> None:
        self._options = options
        self._binary = options.binary or "claude"

    def plan(self, ask: Ask) -> Plan:
        """Raises MissingProgram, BadInput."""
        program = self._program(ask)
        mode = permission_mode(ask, self._options) or PermissionMode.MANUAL
        extra = self._extra(ask, mode, OWN)
        options = (
            *("--session-id", str(ask.session)),
            *settings_flag(self._options.hooks, program, extra),
            *_model(model_name(self.name, ask.model, MODELS), ask.effort),
            *self._permissions(mode, ask.env),
            *_role(ask, roles(ask)),
            *_lists(ask),
        )
        argv = (program, *options, *extra)
        prompt = _prompt(ask)
        if prompt is None:
            return Plan(argv, None, (), str(ask.session))
        # Options that take several values would eat the prompt without the double dash.
        return Plan((*argv, "--", prompt), len(argv) + 1, (), str(ask.session))

    def attended(self, ask: Ask, task: Task) -> Attended:
        """Raises MissingProgram, BadInput."""
        check_way(self, task)
        program = self._program(ask)
        mode = PermissionMode.BYPASS if task.auto_approve else permission_mode(ask, self._options)
        mode, streaming = mode or PermissionMode.MANUAL, task.way is Way.STREAMING
        options = (
            *PRINT,
            *(STREAM if streaming else ()),
            *("--session-id", str(ask.session)),
            *_model(sized(self, ask, task), ask.effort),
            *self._permissions(mode, ask.env),
            *_role(ask, roles(ask, task)),
            *_lists(ask),
            *_task(ask, task),
        )
        argv = (program, *options, *self._extra(ask, mode, OWN | FORMATS))
        plan = Plan(argv, None, (STATES,) if streaming else (), str(ask.session))
        prompt = _told(ask)
        if not streaming:
            prompt = need_prompt(self.name, prompt, way=task.way)
        elif prompt is not None:
            prompt = told_line(prompt)
        return Attended(plan=plan, form="stream-json", screen="claude", stdin=prompt, keep_open=streaming)

    def _program(self, ask: Ask) -> str:
        refuse(self.name, {"command": ask.command}, hint="leave the command out, or use --provider shell")
        program = need_program(self.name, self._binary, ask=ask, install=INSTALL)
        need_skills(self.name, program, ask)
        return program

    def _permissions(self, mode: PermissionMode, env: Mapping[str, str]) -> tuple[str, ...]:
        check_root(mode, env)
        # The interactive program's own default is `auto`; its older releases call `manual` only `default`.
        return ("--permission-mode", "default" if mode is PermissionMode.MANUAL else mode.value)

    def _extra(self, ask: Ask, mode: PermissionMode, own: frozenset[str]) -> tuple[str, ...]:
        extra = (*self._options.extra_args, *ask.extra_args)
        refuse_own(self.name, extra, own if mode is PermissionMode.BYPASS else own | {SKIP})
        return extra

    def resume(self, launch: Launch, *, session: Session, env: Mapping[str, str]) -> tuple[str, ...]:
        """Raises Failed when a transcript without a message cannot be moved out of the way."""
        return carried_on(_with_hooks(launch, self._options.hooks), session, env, flag="--session-id")

    def tell(self, argv: tuple[str, ...], prompt: str) -> tuple[str, ...]:
        """Raises BadInput over the limit of an argument."""
        return told(argv, prompt, ("/",))

    def can_resume(self, session: Session, *, env: Mapping[str, str]) -> bool:
        """Always: without a transcript it is a fresh start with the same id."""
        return True

    def find_session(self, session: Session, *, env: Mapping[str, str], since: datetime, pid: int) -> str | None:
        return open_session(config_dir(env), pid) or session.provider_session or str(session.id)

    def transcript(self, session: Session, *, env: Mapping[str, str]) -> tuple[str, str] | None:
        path = find_transcript(session.provider_session or str(session.id), cwd=session.launch.cwd, env=env)
        return None if path is None else (str(path), "transcript")

    def program(self) -> str | None:
        return find_program(self._binary, env=os.environ, cwd=os.curdir)

    def version(self) -> str | None:
        return read_version(self._binary)


# ---- options --------------------------------------------------------------------------------


def _with_hooks(launch: Launch, hooks: HookProgram | None) -> Launch:
    """The launch with its settings file in place, or without it where that cannot be."""
    argv = renewed(hooks, launch.argv)
    gone = len(launch.argv) - len(argv)
    return replace(launch, argv=argv, prompt=None if launch.prompt is None else launch.prompt - gone)


def _model(name: str | None, effort: str | None) -> tuple[str, ...]:
    if effort and effort not in EFFORTS:
        raise BadInput(f"unknown effort '{effort}' for provider claude", hint=nearest(effort, EFFORTS))
    model = ("--model", name) if name else ()
    return (*model, "--effort", effort) if effort else model


def check_root(mode: PermissionMode, env: Mapping[str, str]) -> None:
    """The program ends at once, as root, in this mode, unless it is told that it is in a sandbox."""
    if mode is not PermissionMode.BYPASS or os.geteuid() != 0:
        return
    if env.get("IS_SANDBOX") != "1" and not env.get("CLAUDE_CODE_BUBBLEWRAP"):
        raise BadInput(
            "claude refuses permission mode bypassPermissions to root outside a sandbox",
            hint="in a sandbox say so: --env IS_SANDBOX=1",
        )


def _role(ask: Ask, role: str) -> tuple[str, ...]:
    if not role:
        return ()
    flag = "--system-prompt" if ask.replace_system_prompt else "--append-system-prompt"
    # One argument, so that a role prompt that begins with a dash is no option.
    return (f"{flag}={check_argument('the role prompt', role)}",)


def _lists(ask: Ask) -> tuple[str, ...]:
    named = {
        "--allowedTools": ask.tools,
        "--disallowedTools": ask.disallowed_tools,
        "--mcp-config": ask.mcp,
        "--add-dir": ask.add_dirs,
    }
    return tuple(f"{flag}={value}" for flag, values in named.items() for value in values)


def _task(ask: Ask, task: Task) -> tuple[str, ...]:
    if task.max_turns is not None and task.max_turns < 1:
        raise BadInput(f"--max-turns {task.max_turns} would end it at once", hint="at least 1")
    turns = ("--max-turns", str(task.max_turns)) if task.max_turns else ()
    servers = (f"--mcp-config={check_argument('--mcp-config', task.mcp_config)}",) if task.mcp_config else ()
    schema = read_schema(ask, task)
    shape = (f"--json-schema={check_argument('the schema', schema)}",) if schema else ()
    return (*turns, *servers, *shape)


def _told(ask: Ask) -> str | None:
    """The prompt as it goes by stdin."""
    prompt = given_prompt(ask)
    if skills := begun_with(ask):
        return skilled("/", skills, prompt)
    return None if prompt is None else guarded(prompt, ("/",))


def told_line(text: str) -> str:
    """A line of the streaming input."""
    content = [{"type": "text", "text": text}]
    return json.dumps({"type": "user", "message": {"role": "user", "content": content}}) + "\n"


def _prompt(ask: Ask) -> str | None:
    prompt = first_prompt(ask)
    if skills := begun_with(ask):
        return skilled("/", skills, prompt)
    if prompt is None:
        return None
    # With a slash first it is a command, and an unknown one is lost.
    return guarded(prompt, ("/",))


def need_skills(provider: str, program: str, ask: Ask) -> None:
    """Raises BadInput for a skill that is not there: the program would lose the prompt that begins with it. One that is
    in no folder can be the program's own, or a plugin's: then it is asked."""
    mine = config_dir(ask.env)
    skills = [*around(ask, ".claude/skills"), mine / "skills"]
    known = {*skills_in(skills), *commands_in([*around(ask, ".claude/commands"), mine / "commands"])}
    if not {*begun_with(ask), *ask.skills} <= known:
        more = told_by(program, ask)
        if more is not None:
            need(provider, ask, {*known, *more}, where=f".claude/skills of {ask.cwd}, {mine / 'skills'} and plugins")


def carried_on(launch: Launch, session: Session, env: Mapping[str, str], *, flag: str) -> tuple[str, ...]:
    """The argv that goes on with the session, whose id comes after `flag`; that of the launch where there is no message
    yet. Raises Failed when a transcript without a message cannot be moved out of the way."""
    current = session.provider_session or str(session.id)
    transcript = find_transcript(current, cwd=launch.cwd, env=env)
    if transcript is None:
        return launch.argv
    if not holds_message(transcript):
        _set_aside(transcript)
        return launch.argv
    place = launch.argv.index(flag)
    end = len(launch.argv) if launch.prompt is None else launch.prompt - 1
    return (*launch.argv[:place], "--resume", current, *launch.argv[place + 2 : end])


# ---- transcripts ----------------------------------------------------------------------------


def find_transcript(session: str, *, cwd: str, env: Mapping[str, str]) -> Path | None:
    """The transcript of a session that was started in `cwd`; None when there is none."""
    projects = config_dir(env) / "projects"
    likely = projects / slug(os.path.realpath(cwd)) / f"{session}.jsonl"
    if likely.is_file():
        return likely
    return next(iter(projects.glob(f"*/{session}.jsonl")), None)


def config_dir(env: Mapping[str, str]) -> Path:
    named = env.get("CLAUDE_CONFIG_DIR")
    return Path(named) if named else Path(env.get("HOME") or Path.home()) / ".claude"


def slug(path: str) -> str:
    """The name of a project's folder: a dash for each UTF-16 unit that is no ASCII letter or digit.
    Names over 200 characters are cut and get a checksum by the program; they are found by session."""
    return "".join(c if c.isascii() and c.isalnum() else "-" * (2 if ord(c) > 0xFFFF else 1) for c in path)


def holds_message(transcript: Path) -> bool:
    """Whether it has a message of the user or the model: only then can the program resume it."""
    try:
        with transcript.open("rb") as lines:
            return any(_is_message(line) for line in lines)
    except OSError:
        return False


def _is_message(line: bytes) -> bool:
    if b'"user"' not in line and b'"assistant"' not in line:
        return False
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return isinstance(record, dict) and record.get("type") in ("user", "assistant")


def _set_aside(transcript: Path) -> None:
    """Rename a transcript that a crash has left without a message: the program can neither resume
    it nor start its id anew while it is there."""
    try:
        transcript.replace(transcript.with_name(transcript.name + ASIDE))
    except FileNotFoundError:
        return
    except OSError as error:
        raise Failed(f"cannot rename {transcript}: {error.strerror}", hint="remove that file") from error


PROVIDER = ClaudeProvider
