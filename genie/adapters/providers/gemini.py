"""Gemini CLI: takes a session id of ours, keeps the conversation in a file, continues by `--resume`.

Measured with 0.61; a release that knows no `--session-id` says so and ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime

from genie.adapters.providers._attending import (
    check_way,
    given_prompt,
    led,
    model_name,
    need_prompt,
    read_schema,
    roles,
    shaped,
    sized,
)
from genie.adapters.providers._chats import chat_of, holds_message, leftovers, set_aside
from genie.adapters.providers._program import (
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
)
from genie.domain.errors import BadInput
from genie.domain.session import Launch, Session, Way
from genie.domain.words import PermissionMode
from genie.ports import Ask, Attended, Plan, Task

INSTALL = "npm install -g @google/gemini-cli"
MODELS = {"small": "flash-lite", "medium": "flash", "large": "pro"}
MODES: dict[PermissionMode | None, tuple[str, ...]] = {
    None: (),
    PermissionMode.MANUAL: ("--approval-mode", "default"),
    PermissionMode.ACCEPT_EDITS: ("--approval-mode", "auto_edit"),
    PermissionMode.PLAN: ("--approval-mode", "plan"),
    PermissionMode.BYPASS: ("--approval-mode", "yolo"),
}
OWN = frozenset(
    {
        *("--", "-p", "--prompt", "-i", "--prompt-interactive", "-r", "--resume", "--session-id", "--session-file"),
        *("-o", "--output-format", "--approval-mode", "-w", "--worktree", "--acp", "--experimental-acp"),
    }
)
STDIN_LIMIT = 8 * 1024 * 1024
"""Bytes of stdin; the program leaves out what is over."""
TELL = "--prompt-interactive="
"""The prompt goes in the same argument: one of its own is lost after a double dash, and taken for an option else."""
INTERPRETED = ("/", "!")


class GeminiProvider:
    """The interactive program with the first prompt on its command line, or its headless mode, told by stdin. It takes
    no system prompt but in a file, so a role goes before the prompt."""

    name = "gemini"
    conversational = True
    ways = frozenset({Way.INTERACTIVE, Way.ONE_SHOT})
    models = MODELS
    strip_env = SESSION_VARIABLES
    prompt_limit = 65_536
    """Bytes, so that a role has room before it."""

    def __init__(self, options: ProviderOptions) -> None:
        self._options = options
        self._binary = options.binary or "gemini"

    def plan(self, ask: Ask) -> Plan:
        """Raises MissingProgram, BadInput."""
        program = self._program(ask)
        mode = permission_mode(ask, self._options)
        options = ("--session-id", str(ask.session), *_model(model_name(self.name, ask.model, MODELS)))
        argv = (program, *options, *_permissions(mode), *_directories(ask), *self._extra(ask, mode))
        prompt = led(roles(ask), first_prompt(ask, limit=self.prompt_limit))
        if prompt is None:
            return Plan(argv, None, (), str(ask.session))
        return Plan((*argv, _telling(prompt)), len(argv), (), str(ask.session))

    def attended(self, ask: Ask, task: Task) -> Attended:
        """Raises MissingProgram, BadInput."""
        check_way(self, task)
        refuse(
            self.name,
            {"--max-turns": task.max_turns is not None, "--mcp-config": task.mcp_config},
            hint="say it in gemini's own settings.json (model.maxSessionTurns, mcpServers)",
        )
        program = self._program(ask)
        mode = PermissionMode.BYPASS if task.auto_approve else permission_mode(ask, self._options)
        options = (
            *("--output-format", "stream-json", "--session-id", str(ask.session)),
            *_model(sized(self, ask, task)),
            *_permissions(mode),
            # It does nothing by itself in a folder that is not trusted, and nobody is there to be asked.
            *(("--skip-trust",) if task.auto_approve else ()),
            *_directories(ask),
        )
        plan = Plan((program, *options, *self._extra(ask, mode)), None, (), str(ask.session))
        asked = need_prompt(self.name, given_prompt(ask, maximum=STDIN_LIMIT), way=task.way)
        prompt = shaped(led(roles(ask, task), asked) or "", read_schema(ask, task))
        return Attended(plan=plan, form="stream-json", screen="gemini", stdin=guarded(prompt, INTERPRETED))

    def _program(self, ask: Ask) -> str:
        refuse(self.name, {"command": ask.command}, hint="leave the command out, or use --provider shell")
        refuse(
            self.name,
            {"--effort": ask.effort, "--skill": ask.skill},
            hint="it chooses both itself",
        )
        refuse(
            self.name,
            {"tools": ask.tools, "disallowed_tools": ask.disallowed_tools, "mcp": ask.mcp},
            hint="say it in gemini's own settings.json",
        )
        refuse(
            self.name,
            {"prompt_mode replace": ask.replace_system_prompt},
            hint="name a file for it: --env GEMINI_SYSTEM_MD=FILE",
        )
        return need_program(self.name, self._binary, ask=ask, install=INSTALL)

    def _extra(self, ask: Ask, mode: PermissionMode | None) -> tuple[str, ...]:
        extra = (*self._options.extra_args, *ask.extra_args)
        refuse_own(self.name, extra, OWN if mode is PermissionMode.BYPASS else OWN | {"-y", "--yolo"})
        return extra

    def resume(self, launch: Launch, *, session: Session, env: Mapping[str, str]) -> tuple[str, ...]:
        """Raises Failed when a file without a message cannot be moved out of the way."""
        current = session.provider_session or str(session.id)
        chat = chat_of(current, env=env)
        if chat is None or not holds_message(chat):
            for path in leftovers(current, env=env):
                set_aside(path)
            return launch.argv
        flag = launch.argv.index("--session-id")
        end = len(launch.argv) if launch.prompt is None else launch.prompt
        return (*launch.argv[:flag], "--resume", current, *launch.argv[flag + 2 : end])

    def tell(self, argv: tuple[str, ...], prompt: str) -> tuple[str, ...]:
        """Raises BadInput over the limit of an argument."""
        if argv[-1].startswith(TELL):
            return (*argv[:-1], check_argument("the prompt", f"{argv[-1]}\n\n{prompt}"))
        return (*argv, _telling(prompt))

    def can_resume(self, session: Session, *, env: Mapping[str, str]) -> bool:
        """Always: without a conversation it is a fresh start with the same id."""
        return True

    def find_session(self, session: Session, *, env: Mapping[str, str], since: datetime, pid: int) -> str | None:
        return session.provider_session or str(session.id)

    def transcript(self, session: Session, *, env: Mapping[str, str]) -> tuple[str, str] | None:
        path = chat_of(session.provider_session or str(session.id), env=env)
        return None if path is None else (str(path), "chat")

    def program(self) -> str | None:
        return find_program(self._binary, env=os.environ, cwd=os.curdir)

    def version(self) -> str | None:
        return read_version(self._binary)


# ---- options --------------------------------------------------------------------------------


def _model(name: str | None) -> tuple[str, ...]:
    return ("--model", name) if name else ()


def _permissions(mode: PermissionMode | None) -> tuple[str, ...]:
    if mode not in MODES:
        word = mode.value if mode else ""
        raise BadInput(
            f"provider gemini has no permission mode {word}", hint="manual, acceptEdits, plan or bypassPermissions"
        )
    return MODES[mode]


def _directories(ask: Ask) -> tuple[str, ...]:
    return tuple(f"--include-directories={directory}" for directory in ask.add_dirs)


def _telling(prompt: str) -> str:
    return check_argument("the prompt", f"{TELL}{guarded(prompt, INTERPRETED)}")


PROVIDER = GeminiProvider
