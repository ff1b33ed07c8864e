"""Where values come from: TOML files, with line numbers, and the environment."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genie.settings.model import KEYS, RULES, SECTIONS, TOP

_ALIASES = {"GENIE_TMUX_SOCKET": "tmux.socket"} | {f"GENIE_{key.upper()}": key for key in TOP}
PATHS = frozenset({"postgres_dir", "tmux.socket", "claude.binary", "claude_sdk.python", "codex.binary"})
USERS_OWN = PATHS.union(
    ("claude.accept_dialogs", "codex.hooks"),
    TOP,
    (key for key in KEYS if key.startswith(("log.", "cgroup.", "sandbox.", "notify."))),
)
"""What a project's file may not say: it comes with the project, from people who are not the user."""

TABLES = frozenset({"sandbox.images"})
"""Keys whose value is a table: all lines of it are one value."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `origin` is "FILE:LINE", "environment NAME" or "flag"."""

    origin: str
    key: str
    message: str
    hint: str = ""
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return ": ".join(part for part in (self.origin, self.key, self.message) if part)


@dataclass(frozen=True, slots=True)
class Entry:
    """One value as it was written somewhere."""

    key: str
    value: object
    origin: str
    file: str | None = None
    line: int | None = None

    def problem(self, message: str, hint: str = "") -> Problem:
        return Problem(self.origin, self.key, message, hint, self.file, self.line)


def of_rules(entry: Entry) -> bool:
    """Whether it begins an [[on]] rule, or says something of one."""
    return entry.key == RULES or entry.key.startswith(f"{RULES}.")


def from_environment(env: Mapping[str, str]) -> list[Entry]:
    """Variables that are set and not empty. GENIE_TMUX__SOCKET goes before its alias."""
    entries = {}
    for name, value in sorted(env.items()):
        nested = name.startswith("GENIE_") and "__" in name[6:]
        key = name[6:].lower().replace("__", ".") if nested else _ALIASES.get(name)
        if key and value and (nested or key not in entries):
            entries[key] = Entry(key, value, f"environment {name}")
    return list(entries.values())


def expanded(entry: Entry, env: Mapping[str, str]) -> Entry:
    """The entry with a leading `~/` of a path written out, by the HOME of that environment."""
    if entry.key in PATHS and isinstance(entry.value, str) and entry.value.startswith("~/") and env.get("HOME"):
        return replace(entry, value=f"{env['HOME']}{entry.value[1:]}")
    return entry


def from_file(path: Path, problems: list[Problem]) -> list[Entry]:
    """The entries of a file, none when it is not there."""
    file = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        problems.append(Problem(file, "", f"cannot be read: {error.strerror}", file=file))
    except UnicodeDecodeError:
        problems.append(Problem(file, "", "is not UTF-8", file=file))
    except (ValueError, RecursionError) as error:  # tomllib lets both out besides its own
        at = re.search(r"at line ([0-9]+)", str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        problems.append(Problem(f"{file}:{line}", "", f"not valid TOML: {error}", file=file, line=line))
    else:
        return _joined([Entry(key, value, f"{file}:{line}", file, line) for key, value, line in _lines(text)])
    return []


def _joined(entries: list[Entry]) -> list[Entry]:
    """With all that a file says of one table in its first entry."""
    found: dict[str, Entry] = {}
    for entry in entries:
        before = found.setdefault(entry.key, entry) if entry.key in TABLES else entry
        if before is not entry and isinstance(before.value, dict) and isinstance(entry.value, dict):
            found[entry.key] = replace(before, value={**before.value, **entry.value})
    tables = set(found)
    return [*(entry for entry in entries if entry.key not in tables), *found.values()]


def _lines(text: str) -> Iterator[tuple[str, object, int]]:
    """Keys, values and line numbers of valid TOML: a statement is complete as soon as it parses."""
    prefix: tuple[str, ...] = ()
    statement, start = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        start = start if statement else number
        statement += f"{line}\n"
        try:
            table = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            prefix = _header(table)
            several = statement.lstrip().startswith("[[")
            if ".".join(prefix) not in TABLES.union(SECTIONS) or several:
                yield ".".join(prefix), [] if several else {}, start
        elif table and ".".join(prefix) in TABLES:
            yield ".".join(prefix), table, start
        elif prefix == (RULES,):
            yield from ((f"{RULES}.{key}", value, start) for key, value in table.items())
        elif not prefix or ".".join(prefix) in SECTIONS:
            yield from ((key, value, start) for key, value in _flat(table, prefix))
        statement = ""


def _header(table: dict[str, Any]) -> tuple[str, ...]:
    for name, inner in table.items():
        return (name, *_header(inner)) if isinstance(inner, dict) else (name,)
    return ()


def _flat(table: dict[str, Any], prefix: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        key = ".".join((*prefix, name))
        if isinstance(value, dict) and key not in KEYS and (value or key in SECTIONS):
            yield from _flat(value, (*prefix, name))
        else:
            yield key, value
