"""What the user has configured: flags over environment over the project's file over the user's file.

`load` gives frozen values, `check` everything that is wrong, `origins` where each value comes from.
The environment is an argument: nothing here looks at the process's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from enum import Enum
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from genie.domain.amounts import Wrong, parse_duration, parse_size, write_duration, write_size
from genie.domain.errors import BadConfig
from genie.domain.words import nearest
from genie.paths import Home
from genie.settings import rules
from genie.settings.model import KEYS, RULES, SECTIONS, Settings
from genie.settings.sources import USERS_OWN, Entry, Problem, expanded, from_environment, from_file, of_rules
from genie.settings.values import masked

__all__ = [
    "KEYS",
    "Problem",
    "Settings",
    "check",
    "load",
    "masked",
    "origins",
    "parse_duration",
    "parse_size",
    "write_duration",
    "write_size",
]


def load(
    home: Home, *, project: Path | None, env: Mapping[str, str], flags: Mapping[str, object] | None = None
) -> Settings:
    """The settings that hold, `flags` by key ("max_running", "tmux.socket"). Raises BadConfig, which
    names the first problem and has all of them in its details."""
    entries, problems = _gather(home, project, env, flags or {})
    if problems:
        first = problems[0]
        errors = [asdict(problem) for problem in problems]
        raise BadConfig(str(first), hint=first.hint, file=first.file, line=first.line, key=first.key, errors=errors)
    return Settings.model_validate(_nested(entries.values()))


def check(home: Home, *, project: Path | None, env: Mapping[str, str]) -> list[Problem]:
    """Everything that is wrong, in values that are overridden elsewhere too."""
    return _gather(home, project, env, {})[1]


def origins(home: Home, *, project: Path | None, env: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Each key, its value as people write it (a password masked), and where it comes from. Raises BadConfig."""
    settings = load(home, project=project, env=env)
    entries, _ = _gather(home, project, env, {})
    found = [(RULES, rules.shown(rule), rule.place) for rule in settings.on]
    return found + [
        (
            key,
            _written(key, reduce(getattr, key.split("."), settings)),
            entries[key].origin if key in entries else "default",
        )
        for key in KEYS
    ]


def _written(key: str, value: Any) -> str:  # noqa: ANN401 (the value of any setting)
    match value:
        case None:
            return "(not set)"
        case bool():
            return str(value).lower()
        case timedelta():
            return write_duration(value)
        case int() if key.endswith(("size", "memory")):
            return write_size(value)
        case Enum():
            return str(value.value)
        case tuple() | dict():
            return json.dumps(value, ensure_ascii=False)
        case str() if key == "database_url":
            return masked(value)
        case _:
            return str(value)


def _gather(
    home: Home, project: Path | None, env: Mapping[str, str], flags: Mapping[str, object]
) -> tuple[dict[str, Entry], list[Problem]]:
    """The value of each key that wins, and all that is wrong."""
    problems: list[Problem] = []
    own = from_file(home.config, problems)
    layers = [[entry for entry in own if not of_rules(entry)]]
    config = project / ".genie" / "config.toml" if project else home.config
    if config.resolve() != home.config.resolve():
        layers.append([entry for entry in from_file(config, problems) if not _refused(entry, home, problems)])
    layers.append(from_environment(env))
    layers.append([Entry(key, value, "flag") for key, value in flags.items() if value is not None])
    found = [expanded(entry, env) for layer in layers for entry in layer]
    wrong = {id(entry): problem for entry in found if (problem := _judge(entry))}
    problems.extend(wrong.values())
    said = rules.read([entry for entry in own if of_rules(entry)], env, problems)
    kept = {entry.key: entry for entry in found if id(entry) not in wrong}
    return kept | ({RULES: Entry(RULES, said, str(home.config))} if said else {}), problems


def _refused(entry: Entry, home: Home, problems: list[Problem]) -> bool:
    if entry.key not in USERS_OWN and not of_rules(entry):
        return False
    if not entry.key.startswith(f"{RULES}."):  # of a rule it is said once
        problems.append(entry.problem("a project's file may not set this", f"set it in {home.config}"))
    return True


def _judge(entry: Entry) -> Problem | None:
    """What is wrong with one value: no such key, or not a value for it."""
    if entry.key not in KEYS:
        return _unknown(entry)
    try:
        Settings.model_validate(_nested([entry]))
    except ValidationError as error:
        first = error.errors()[0]
        wrong = first.get("ctx", {}).get("error")
        if isinstance(wrong, Wrong):
            return entry.problem(str(wrong), wrong.hint)
        return entry.problem(first["msg"].replace("Input should", "must"))
    return None


def _unknown(entry: Entry) -> Problem:
    section, _, name = entry.key.partition(".")
    if entry.key in SECTIONS:
        return entry.problem("is a section, not a value", f"write it as [{section}]")
    if section in SECTIONS:
        return entry.problem("unknown key", nearest(name, SECTIONS[section].model_fields))
    return entry.problem("unknown section" if name else "unknown key", nearest(section, Settings.model_fields))


def _nested(entries: Iterable[Entry]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for entry in entries:
        section, _, name = entry.key.rpartition(".")
        (values.setdefault(section, {}) if section else values)[name] = entry.value
    return values
