"""Any command. It keeps no conversation: bringing it back is running it again.

The prompt is in its environment as AGENT_GOAL; a long one only in the file that GENIE_PROMPT_FILE names. A command
that is run without a screen reads it from stdin. A role prompt means nothing to a command and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from genie.adapters.providers._attending import given_prompt
from genie.adapters.providers._program import (
    ARGUMENT_LIMIT,
    PROMPT_MAXIMUM,
    SESSION_VARIABLES,
    ProviderOptions,
    check_argument,
    find_program,
    refuse,
    size,
)
from genie.domain.errors import BadInput, MissingProgram
from genie.domain.session import Launch, Session, Way
from genie.ports import Ask, Attended, Plan, Task


class ShellProvider:
    """Runs the caller's words as they are; no shell parses them."""

    name = "shell"
    conversational = False
    ways = frozenset(Way)
    models: Mapping[str, str] = {}
    strip_env = SESSION_VARIABLES
    prompt_limit = ARGUMENT_LIMIT

    def __init__(self, options: ProviderOptions) -> None:
        self._options = options

    def plan(self, ask: Ask) -> Plan:
        """Raises MissingProgram, BadInput."""
        return Plan(self._argv(ask), None, _goal(ask), None)

    def _argv(self, ask: Ask) -> tuple[str, ...]:
        if not ask.command or not ask.command[0]:
            raise BadInput("provider shell needs a command", hint=f"genie spawn {ask.name} -- CMD")
        refuse(self.name, _meaningless(ask), hint="a plain command knows no models, permissions or tools")
        program = ask.command[0]
        if find_program(program, env=ask.env, cwd=ask.cwd) is None:
            where = f"is not in {ask.cwd}" if "/" in program else "is not on PATH of the caller"
            raise MissingProgram(f"the program '{program}' {where}", hint="check its name", program=program)
        argv = (*ask.command, *self._options.extra_args, *ask.extra_args)
        for argument in argv:
            check_argument("an argument of the command", argument)
        return argv

    def attended(self, ask: Ask, task: Task) -> Attended:
        """Its output is text. A schema is for genie, which checks the result. Raises MissingProgram, BadInput."""
        given = {
            "--system-prompt": task.system_prompt,
            "--max-turns": task.max_turns is not None,
            "--mcp-config": task.mcp_config,
            "--auto-approve": task.auto_approve,
            "--size": task.size,
        }
        refuse(self.name, given, hint="a plain command knows no models, permissions or tools")
        streaming = task.way is Way.STREAMING
        prompt = given_prompt(ask)
        goal = _goal(ask) if prompt and size(prompt) <= ARGUMENT_LIMIT else ()
        plan = Plan(self._argv(ask), None, goal, None)
        return Attended(plan=plan, form="text", screen="text", stdin=prompt, keep_open=streaming)

    def resume(self, launch: Launch, *, session: Session, env: Mapping[str, str]) -> tuple[str, ...]:
        return launch.argv

    def tell(self, argv: tuple[str, ...], prompt: str) -> tuple[str, ...]:
        return argv

    def can_resume(self, session: Session, *, env: Mapping[str, str]) -> bool:
        return True

    def find_session(self, session: Session, *, env: Mapping[str, str], since: datetime, pid: int) -> str | None:
        return None

    def transcript(self, session: Session, *, env: Mapping[str, str]) -> tuple[str, str] | None:
        return None

    def program(self) -> str | None:
        return None

    def version(self) -> str | None:
        return None


def _meaningless(ask: Ask) -> dict[str, object]:
    return {
        "--model": ask.model,
        "--effort": ask.effort,
        "--permission-mode": ask.permission_mode,
        "--skill": ask.skill or ask.skills,
        "tools": ask.tools,
        "disallowed_tools": ask.disallowed_tools,
        "mcp": ask.mcp,
        "add_dirs": ask.add_dirs,
    }


def _goal(ask: Ask) -> tuple[tuple[str, str], ...]:
    added: list[tuple[str, str]] = []
    if ask.prompt is not None:
        length = size(ask.prompt)
        if length > PROMPT_MAXIMUM:
            raise BadInput(f"the prompt has {length} bytes; the limit is {PROMPT_MAXIMUM}")
        if length <= ARGUMENT_LIMIT:
            added.append(("AGENT_GOAL", ask.prompt))
        elif ask.prompt_file is None:
            raise BadInput(f"the prompt has {length} bytes and no file; the limit is {ARGUMENT_LIMIT}")
    if ask.prompt_file is not None:
        added.append(("GENIE_PROMPT_FILE", ask.prompt_file))
    return tuple(added)


PROVIDER = ShellProvider
