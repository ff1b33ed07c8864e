"""Ollama: `ollama run MODEL`, a model on this machine that answers with text. It keeps no conversation."""

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
    sized,
)
from genie.adapters.providers._program import (
    ARGUMENT_LIMIT,
    SESSION_VARIABLES,
    ProviderOptions,
    check_argument,
    find_program,
    need_program,
    read_version,
    refuse,
    refuse_own,
)
from genie.domain.errors import BadInput
from genie.domain.session import Launch, Session, Way
from genie.ports import Ask, Attended, Plan, Task

INSTALL = "see https://ollama.com/download"
EFFORTS = ("low", "medium", "high")
OWN = frozenset({"--", "--format", "--think", "--hidethinking"})


class OllamaProvider:
    """The prompt of its own for people to type at, or one answer to what stands on stdin. It has no tools, and no
    system prompt but that of the model, so a role goes before the prompt."""

    name = "ollama"
    conversational = False
    ways = frozenset({Way.INTERACTIVE, Way.ONE_SHOT})
    models: Mapping[str, str] = {}
    strip_env = SESSION_VARIABLES
    prompt_limit = ARGUMENT_LIMIT

    def __init__(self, options: ProviderOptions) -> None:
        self._options = options
        self._binary = options.binary or "ollama"

    def plan(self, ask: Ask) -> Plan:
        """Raises MissingProgram, BadInput."""
        refuse(
            self.name,
            {"--prompt": ask.prompt, "role prompt": roles(ask)},
            hint="it would answer and end: run it as a one-shot session",
        )
        program, extra = self._program(ask)
        model = _needed(model_name(self.name, ask.model, self.models))
        return Plan((program, "run", *_think(ask), *extra, model), None, (), None)

    def attended(self, ask: Ask, task: Task) -> Attended:
        """Raises MissingProgram, BadInput."""
        check_way(self, task)
        given = {
            "--max-turns": task.max_turns is not None,
            "--mcp-config": task.mcp_config,
            "--auto-approve": task.auto_approve,
        }
        refuse(self.name, given, hint="a model without tools answers once")
        program, extra = self._program(ask)
        model = _needed(sized(self, ask, task))
        schema = read_schema(ask, task)
        shape = (f"--format={check_argument('the schema', schema)}",) if schema else ()
        # What it thinks would stand before its answer.
        argv = (program, "run", "--hidethinking", *_think(ask), *shape, *extra, model)
        asked = need_prompt(self.name, given_prompt(ask), way=task.way)
        return Attended(plan=Plan(argv, None, (), None), form="text", screen="text", stdin=led(roles(ask, task), asked))

    def _program(self, ask: Ask) -> tuple[str, tuple[str, ...]]:
        given = {
            "command": ask.command,
            "--permission-mode": ask.permission_mode,
            "--skill": ask.skill,
            "tools": ask.tools,
            "disallowed_tools": ask.disallowed_tools,
            "mcp": ask.mcp,
            "add_dirs": ask.add_dirs,
            "prompt_mode replace": ask.replace_system_prompt,
        }
        refuse(self.name, given, hint="a model without tools knows nothing of it")
        extra = (*self._options.extra_args, *ask.extra_args)
        refuse_own(self.name, extra, OWN)
        return need_program(self.name, self._binary, ask=ask, install=INSTALL), extra

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
        return find_program(self._binary, env=os.environ, cwd=os.curdir)

    def version(self) -> str | None:
        return read_version(self._binary)


def _needed(model: str | None) -> str:
    if model is None:
        raise BadInput("provider ollama needs a model", hint="--model NAME, one of those that 'ollama list' shows")
    return model


def _think(ask: Ask) -> tuple[str, ...]:
    if ask.effort is None:
        return ()
    if ask.effort not in EFFORTS:
        raise BadInput(f"unknown effort '{ask.effort}' for provider ollama", hint=f"known: {', '.join(EFFORTS)}")
    return (f"--think={ask.effort}",)


PROVIDER = OllamaProvider
