"""Skills that a program is to begin with: whether they are there, and how a prompt begins with them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from genie.domain.errors import BadInput
from genie.domain.words import nearest
from genie.ports import Ask

ANSWER_SECONDS = 10.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")
_SAID = re.compile(r"^name:[ \t]*[\"']?([^\"'\r\n]+?)[\"']?[ \t]*$", re.MULTILINE)
_HEAD = 4096


def begun_with(ask: Ask) -> tuple[str, ...]:
    """The skills that a session begins with, in their order: that of the flag, and those of its template where there
    is a prompt to begin with. Raises BadInput for what can be no name."""
    wanted = tuple(dict.fromkeys((*((ask.skill,) if ask.skill else ()), *ask.skills)))
    for name in wanted:
        if not _NAME.fullmatch(name):
            raise BadInput(
                f"'{name}' is no name of a skill", hint="the name alone: --skill code-review", field="skills"
            )
    return wanted if ask.skill or ask.prompt is not None else ()


def need(provider: str, ask: Ask, known: Iterable[str], *, where: str) -> None:
    """Raises BadInput for the first skill of the session that is not among those."""
    names = set(known)
    for name in begun_with(ask) or ask.skills:
        if name not in names:
            hint = f"{nearest(name, names)}; looked in {where}" if names else f"looked in {where}"
            raise BadInput(f"{provider} has no skill '{name}'", hint=hint, field="skills", provider=provider)


def around(ask: Ask, *names: str) -> list[Path]:
    """Folders of these names in the directory of a session and in those above it."""
    here = Path(os.path.abspath(ask.cwd))  # noqa: PTH100 (as it was named, not where links lead)
    return [folder / name for folder in (here, *here.parents) for name in names]


def skills_in(folders: Iterable[Path]) -> Iterator[str]:
    """The skills in these folders, by the names of theirs and by those that they give themselves."""
    for folder in folders:
        for file in (*folder.glob("*/SKILL.md"), *folder.glob(".system/*/SKILL.md")):
            yield file.parent.name
            said = _SAID.search(_head(file))
            if said:
                yield said[1]


def _head(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as text:
            return text.read(_HEAD)
    except OSError:
        return ""


# ---- claude ---------------------------------------------------------------------------------


def commands_in(folders: Iterable[Path]) -> Iterator[str]:
    """Commands of claude in these folders, which are called as skills are."""
    for folder in folders:
        yield from (file.stem for file in folder.glob("*.md"))


def told_by(program: str, ask: Ask) -> list[str] | None:
    """What claude says that it knows for this user everywhere: its own, and those of plugins. The model is not asked,
    and nothing of a project is read, which may not be trusted. None where it does not say."""
    request = {"type": "control_request", "request_id": "skills", "request": {"subtype": "initialize"}}
    words = ("-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose")
    quiet = ("--setting-sources", "user", "--settings", '{"disableAllHooks": true}', "--no-session-persistence")
    try:
        done = subprocess.run(  # noqa: S603 (the program that the user has configured)
            [program, *words, *quiet],
            input=json.dumps(request).encode() + b"\n",
            cwd="/",
            env=dict(ask.env),
            capture_output=True,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return next((names for line in done.stdout.splitlines() if (names := _names(line)) is not None), None)


def _names(line: bytes) -> list[str] | None:
    try:
        record: Any = json.loads(line)
        commands = record["response"]["response"]["commands"]
        return [str(command["name"]) for command in commands]
    except (ValueError, KeyError, TypeError):
        return None


# ---- prompts --------------------------------------------------------------------------------


def skilled(sign: str, skills: Sequence[str], prompt: str | None) -> str:
    """A prompt that begins with skills."""
    called = " ".join(f"{sign}{skill}" for skill in skills)
    return f"{called} {prompt}" if prompt else called
