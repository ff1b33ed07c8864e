"""A provider that a user has declared in a file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from genie.adapters.providers._argv import ASKED, SPLICED, Words, filled, names
from genie.adapters.providers._attending import (
    absolute,
    check_way,
    given_prompt,
    led,
    model_name,
    read_schema,
    roles,
    shaped,
    sized,
)
from genie.adapters.providers._declaration import Declaration
from genie.adapters.providers._program import (
    SESSION_VARIABLES,
    check_argument,
    find_program,
    first_prompt,
    need_program,
    read_version,
    refuse,
)
from genie.domain.errors import BadInput
from genie.domain.session import Launch, Session, Way
from genie.ports import Ask, Attended, Plan, Task

RESUME = "GENIE_RESUME"
"""In the environment of a session: the command line that goes on with it, its id left open."""
OPEN = "\x01session\x01"


class DeclaredProvider:
    """What its file says, and nothing that its command lines have no place for."""

    prompt_limit = 65_536
    """Bytes, so that a role has room before it."""

    def __init__(self, name: str, declaration: Declaration) -> None:
        self.name = name
        self._says = declaration
        ways = {Way.INTERACTIVE: declaration.start, Way.ONE_SHOT: declaration.one_shot}
        self._lines: dict[Way, Words] = {
            way: words for way, words in (*ways.items(), (Way.STREAMING, declaration.streaming)) if words
        }
        self.ways = frozenset(self._lines)
        self.models: Mapping[str, str] = {str(size): model for size, model in declaration.models.items()}
        self.strip_env = (*SESSION_VARIABLES, *declaration.strip_env)

    @property
    def conversational(self) -> bool:
        return self._says.resume is not None

    # ---- starting ----

    def plan(self, ask: Ask) -> Plan:
        """Raises MissingProgram, BadInput."""
        check_way(self, Task(way=Way.INTERACTIVE))
        words = self._lines[Way.INTERACTIVE]
        model = model_name(self.name, ask.model, self.models)
        values = self._values(ask, Task(way=Way.INTERACTIVE), words, model)
        values["prompt"] = self._with_role(ask, None, words, first_prompt(ask, limit=self.prompt_limit))
        argv = self._filled(ask, words, values, approve=False)
        prompt = values["prompt"]
        place = next((at for at, word in enumerate(argv) if prompt and prompt in word), None)
        ours = None if self._says.session_files else str(ask.session)
        return Plan(argv, place, (*self._says.env.items(), *self._resume_line(ask, values)), ours)

    def attended(self, ask: Ask, task: Task) -> Attended:
        """Raises MissingProgram, BadInput."""
        check_way(self, task)
        words = self._lines[task.way]
        values = self._values(ask, task, words, sized(self, ask, task))
        prompt = self._with_role(ask, task, words, given_prompt(ask))
        schema = read_schema(ask, task)
        if prompt is not None and "schema" not in names(words):
            prompt = shaped(prompt, schema)
        values["prompt"] = prompt
        argv = self._filled(ask, words, values, approve=task.auto_approve)
        by_words = bool({"prompt", "prompt_file"} & names(words))
        return Attended(
            plan=Plan(argv, None, tuple(self._says.env.items()), str(ask.session)),
            form=self._says.output,
            screen=self._says.output,
            stdin=None if by_words else prompt,
            keep_open=task.way is Way.STREAMING,
        )

    def _values(self, ask: Ask, task: Task, words: Words, model: str | None) -> dict[str, str | None]:
        """What stands for the placeholders, all but the prompt. Raises BadInput for what has no place."""
        hint = f"{self.name}.toml has no place for it"
        asked = {
            "model": model,
            "effort": ask.effort,
            "permission_mode": ask.permission_mode.value if ask.permission_mode else None,
            "skill": ask.skill,
            "max_turns": None if task.max_turns is None else str(task.max_turns),
            "mcp_config": task.mcp_config,
        }
        used = names(words)
        refuse(self.name, {ASKED[name]: value for name, value in asked.items() if name not in used}, hint=hint)
        spliced = {"extra_args": ask.extra_args, "auto_approve": task.auto_approve}
        refuse(self.name, {SPLICED[name]: value for name, value in spliced.items() if name not in used}, hint=hint)
        lists = {"tools": ask.tools, "disallowed_tools": ask.disallowed_tools, "mcp": ask.mcp, "add_dirs": ask.add_dirs}
        refuse(self.name, {"command": ask.command, **lists}, hint=hint)
        context = {"session": str(ask.session), "cwd": ask.cwd, "name": ask.name, "team": ask.team}
        schema = str(absolute(task.schema, ask)) if task.schema else None
        role = roles(ask, task) or None
        return {**asked, **context, "prompt_file": ask.prompt_file, "system_prompt": role, "schema": schema}

    def _with_role(self, ask: Ask, task: Task | None, words: Words, prompt: str | None) -> str | None:
        """The prompt; where the role has no place of its own, it goes before it."""
        told = prompt if "system_prompt" in names(words) else led(roles(ask, task), prompt)
        if told is not None and task is None and not {"prompt", "prompt_file"} & names(words):
            what = "--prompt" if prompt else "role prompt"
            refuse(self.name, {what: told}, hint=f"{self.name}.toml has no place for it")
        return told

    def _filled(self, ask: Ask, words: Words, values: Mapping[str, str | None], *, approve: bool) -> tuple[str, ...]:
        program = str(words[0])
        found = need_program(self.name, program, ask=ask, install=self._says.install)
        spliced = {"extra_args": ask.extra_args, "auto_approve": tuple(self._says.auto_approve) if approve else ()}
        try:
            argv = filled(words, values, spliced)
        except KeyError as error:
            flag = ASKED.get(error.args[0], error.args[0])
            raise BadInput(f"provider {self.name} needs {flag}", hint=f"give it, or change {self.name}.toml") from error
        for argument in argv:
            check_argument("an argument of the command", argument)
        return (found, *argv[1:])

    # ---- going on ----

    def _resume_line(self, ask: Ask, values: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
        words = self._says.resume
        if words is None:
            return ()
        open_ = {**values, "session": OPEN, "prompt": None}
        return ((RESUME, json.dumps(self._filled(ask, words, open_, approve=False))),)

    def resume(self, launch: Launch, *, session: Session, env: Mapping[str, str]) -> tuple[str, ...]:
        """Without an id that is known, or for a plain command, it is a fresh start."""
        line = env.get(RESUME)
        if line is None or (session.provider_session is None and self._says.session_files):
            return launch.argv
        known = session.provider_session or str(session.id)
        return tuple(str(word).replace(OPEN, known) for word in json.loads(line))

    def tell(self, argv: tuple[str, ...], prompt: str) -> tuple[str, ...]:
        """Raises BadInput where a resume has no place for a prompt, or it is too long."""
        group = self._says.resume[-1] if self._says.resume else ()
        if isinstance(group, str) or "prompt" not in names((group,)):
            raise BadInput(f"provider {self.name} cannot be told anything at a resume", hint="send it once it runs")
        return (*argv, *filled(group, {"prompt": check_argument("the prompt", prompt)}, {}))

    def can_resume(self, session: Session, *, env: Mapping[str, str]) -> bool:
        return True

    def find_session(self, session: Session, *, env: Mapping[str, str], since: datetime, pid: int) -> str | None:
        """Its own id, or that of the only session file that was written since."""
        if session.provider_session or not self._says.session_files:
            return session.provider_session or str(session.id)
        found = [path for path in _files(self._says.session_files, env) if path.stat().st_mtime >= since.timestamp()]
        named = {match[1] for path in found if (match := re.search(self._says.session_pattern, path.as_posix()))}
        return named.pop() if len(named) == 1 else None

    def transcript(self, session: Session, *, env: Mapping[str, str]) -> tuple[str, str] | None:
        return None

    # ---- the program ----

    def program(self) -> str | None:
        return find_program(self._first(), env=os.environ, cwd=os.curdir)

    def version(self) -> str | None:
        return read_version(self._first())

    def _first(self) -> str:
        return str(next(iter(self._lines.values()))[0])


def _files(pattern: str, env: Mapping[str, str]) -> list[Path]:
    home = env.get("HOME") or str(Path.home())
    whole = Path(pattern.replace("~", home, 1) if pattern.startswith("~") else pattern)
    return [path for path in Path(whole.anchor or ".").glob(str(whole.relative_to(whole.anchor))) if path.is_file()]
