"""What all providers have in common: finding the program, limits of a command line, words they refuse."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from genie.domain.errors import BadInput, MissingProgram
from genie.domain.words import PermissionMode, one_of
from genie.ports import Ask

ARGUMENT_LIMIT = 100_000
"""Bytes of one argument. Linux takes 131,071; the programs were measured with 104 KB."""

PROMPT_MAXIMUM = 16 * 1024 * 1024
"""Bytes of a prompt, by whatever way it goes."""

VERSION_SECONDS = 10.0

SESSION_VARIABLES = (
    "AI_AGENT",
    "CLAUDECODE",
    "CLAUDE_CODE_CHILD_NOTES_DIR",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_EXECPATH",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_CODE_SESSION_ATTENDED",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_EFFORT",
    "CLAUDE_PID",
    "CLAUDE_PROJECT_DIR",
    "CODEX_CI",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CODEX_SESSION_ID",
    "CODEX_THREAD_ID",
    "CODEX_TOOL_CALL_ID",
    "CODEX_VERSION",
    "GEMINI_CLI",
    "GEMINI_CLI_NO_RELAUNCH",
    "GENIE_RESUME",
)
"""What claude, codex and gemini put into the environment of their tools. An agent of any provider that is spawned
from there must not take itself, nor be taken, for a part of that session."""


@dataclass(frozen=True, slots=True)
class HookProgram:
    """What a provider's hooks are to run, without the event's name, and where settings that say so are kept. So many
    seconds one that asks for leave waits for an answer from outside; 0 for not at all. `line` is what its status line
    is to run, if anything."""

    command: tuple[str, ...]
    directory: str
    answer_wait: int = 0
    line: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderOptions:
    """A provider's section of the configuration: another program to run, arguments for each spawn, and
    the permission mode of agents whose template and flags name none. And what its hooks are to run, if anything;
    `hooks_allowed` where it must be made to run them unseen.
    `python` is another interpreter, for one that is a Python package, `socket` the daemon's, which it asks, and
    `patience` how many seconds it waits for an answer of a person's."""

    binary: str | None = None
    extra_args: tuple[str, ...] = ()
    permission_mode: str | None = None
    hooks: HookProgram | None = None
    hooks_allowed: bool = False
    python: str | None = None
    socket: str | None = None
    patience: float | None = None


# ---- the program ----------------------------------------------------------------------------


def find_program(name: str, *, env: Mapping[str, str], cwd: str) -> str | None:
    """The absolute path of a program as a shell in `cwd` with that environment would find it."""
    expanded = str(Path(name).expanduser()) if name.startswith("~") else name
    if "/" in expanded:
        places = [expanded]
    else:
        places = [str(Path(folder) / expanded) for folder in env.get("PATH", os.defpath).split(os.pathsep)]
    for place in places:
        path = os.path.normpath(str(Path(cwd) / place))
        if Path(path).is_file() and os.access(path, os.X_OK):
            return path
    return None


def need_program(provider: str, name: str, *, ask: Ask, install: str) -> str:
    """The same, or MissingProgram with how to install it."""
    found = find_program(name, env=ask.env, cwd=ask.cwd)
    if found is None:
        where = "which cannot be run" if "/" in name else "which is not on PATH of the caller"
        raise MissingProgram(
            f"provider {provider} needs the program '{name}', {where}", hint=install, provider=provider, program=name
        )
    return found


def read_version(name: str) -> str | None:
    """The first line that `--version` prints; None when the program is not there or does not say."""
    program = find_program(name, env=os.environ, cwd=str(Path.cwd()))
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 (the program that the user has configured)
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=VERSION_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    return lines[0] if lines else None


# ---- limits ---------------------------------------------------------------------------------


def size(text: str) -> int:
    """Bytes of a text as an argument. Raises BadInput for one that can be none."""
    if "\0" in text:
        raise BadInput("a prompt cannot hold a NUL character")
    try:
        return len(os.fsencode(text))
    except UnicodeEncodeError as error:
        raise BadInput(f"a prompt cannot be encoded: {error.reason} at character {error.start}") from error


def check_argument(what: str, text: str) -> str:
    """`text` itself when it fits into one argument. Raises BadInput with the limit."""
    length = size(text)
    if length > ARGUMENT_LIMIT:
        raise BadInput(f"{what} has {length} bytes; the limit is {ARGUMENT_LIMIT}")
    return text


def first_prompt(ask: Ask, *, limit: int = ARGUMENT_LIMIT) -> str | None:
    """The prompt for the command line: itself, or where it has more than `limit` bytes, the order to read its file.
    Raises BadInput over the limits."""
    if ask.prompt is None:
        return None
    length = size(ask.prompt)
    if length > PROMPT_MAXIMUM:
        raise BadInput(f"the prompt has {length} bytes; the limit is {PROMPT_MAXIMUM}")
    if length <= limit:
        return ask.prompt
    if ask.prompt_file is None:
        raise BadInput(f"the prompt has {length} bytes and no file; the limit is {limit}")
    return f"Your task is too long for a command line. Read the whole file {ask.prompt_file} first and do what it says."


def guarded(prompt: str, interpreted: tuple[str, ...]) -> str:
    """The prompt, kept from being taken for a command of the program: a line break goes before it
    where it begins with one of `interpreted`."""
    return f"\n{prompt}" if prompt.startswith(interpreted) else prompt


def told(argv: tuple[str, ...], prompt: str, interpreted: tuple[str, ...]) -> tuple[str, ...]:
    """argv with that prompt as its last word; after the first prompt where that is still there."""
    if "--" in argv:
        return (*argv[:-1], check_argument("the prompt", f"{argv[-1]}\n\n{prompt}"))
    return (*argv, "--", check_argument("the prompt", guarded(prompt, interpreted)))


# ---- refusals -------------------------------------------------------------------------------


def refuse(provider: str, given: Mapping[str, object], *, hint: str = "") -> None:
    """Raises BadInput naming the first of `given` (a flag or field → its value) that has a value."""
    for flag, value in given.items():
        if value:
            raise BadInput(f"provider {provider} takes no {flag}", hint=hint, provider=provider, field=flag)


def refuse_own(provider: str, arguments: Sequence[str], own: Collection[str]) -> None:
    """Raises BadInput where extra arguments say what genie says itself."""
    for argument in arguments:
        if argument.partition("=")[0] in own:
            raise BadInput(
                f"extra argument '{argument}' of provider {provider} is genie's own to give",
                hint="leave it out; genie's flags and template fields say sessions and permissions",
            )


def permission_mode(ask: Ask, options: ProviderOptions) -> PermissionMode | None:
    """What was asked for, else what the configuration says. Raises BadInput for a word that is none."""
    if ask.permission_mode or not options.permission_mode:
        return ask.permission_mode
    return one_of("permission mode", options.permission_mode, PermissionMode)
