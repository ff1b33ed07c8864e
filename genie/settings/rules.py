"""The [[on]] rules of a file: read one by one, so that what is wrong is told with its own line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from genie.domain.amounts import Wrong, write_duration
from genie.domain.words import nearest
from genie.settings.model import RULES, RuleSettings
from genie.settings.sources import Entry, Problem

KEYS = tuple(name for name in RuleSettings.model_fields if name != "place")
"""What a rule can say."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A rule as it is written: what each key says, and its line."""

    said: Mapping[str, Entry]
    head: Entry


def read(entries: list[Entry], env: Mapping[str, str], problems: list[Problem]) -> tuple[RuleSettings, ...]:
    """The rules that read, of these entries: an `on` begins one, `on.KEY` says more of it."""
    return tuple(rule for one in _written(entries, problems) if (rule := _rule(one, env, problems)))


def _written(entries: list[Entry], problems: list[Problem]) -> Iterator[_Written]:
    found: list[_Written] = []
    for entry in entries:
        if entry.key != RULES:
            found[-1:] = [_with(one, entry) for one in found[-1:]]  # of what is no rule enough was said
        elif isinstance(entry.value, list) and all(isinstance(one, dict) for one in entry.value):
            found += [_inline(entry, one) for one in entry.value or [{}]]
        else:
            problems.append(entry.problem("is a list of rules", "write each as [[on]]"))
    yield from found


def _inline(entry: Entry, table: Mapping[str, object]) -> _Written:
    """A rule of which all is said where it begins; of one that begins with [[on]] nothing is."""
    return _Written({key: replace(entry, key=f"{RULES}.{key}", value=said) for key, said in table.items()}, entry)


def _with(written: _Written, entry: Entry) -> _Written:
    return replace(written, said={**written.said, entry.key.partition(".")[2]: entry})


def _rule(written: _Written, env: Mapping[str, str], problems: list[Problem]) -> RuleSettings | None:
    head = written.head
    wrong = [entry.problem("unknown key", nearest(key, KEYS)) for key, entry in written.said.items() if key not in KEYS]
    values = {key: _expanded(entry.value, env) for key, entry in written.said.items() if key in KEYS}
    try:
        rule = RuleSettings.model_validate({**values, "place": head.origin})
    except ValidationError as error:
        wrong += [_problem(written, one) for one in error.errors()]
    if wrong:
        problems.extend(wrong)
        return None
    return rule


def _expanded(value: object, env: Mapping[str, str]) -> object:
    """With a leading `~/` written out, of the command and of the directory."""
    if isinstance(value, list):
        return [_expanded(value[0], env), *value[1:]] if value else value
    if isinstance(value, str) and value.startswith("~/") and env.get("HOME"):
        return f"{env['HOME']}{value[1:]}"
    return value


def _problem(written: _Written, error: Any) -> Problem:  # noqa: ANN401 (pydantic's own)
    key = str(error["loc"][0])
    entry = written.said.get(key)
    if entry is None:
        return replace(written.head, key=f"{RULES}.{key}").problem("is missing", f"a rule has {key} = …")
    wrong = error.get("ctx", {}).get("error")
    if isinstance(wrong, Wrong):
        return entry.problem(str(wrong), wrong.hint)
    return entry.problem(error["msg"].replace("Input should", "must"))


def shown(rule: RuleSettings) -> str:
    """A rule in one line, as `genie config show` has it."""
    said: dict[str, object] = {"event": list(rule.event)}
    said |= {key: value for key in ("agent", "team", "tag") if (value := getattr(rule, key)) is not None}
    said |= {"run": list(rule.run), "timeout": write_duration(rule.timeout), "rate": str(rule.rate)}
    if rule.cwd:
        said["cwd"] = str(rule.cwd)
    return json.dumps(said, ensure_ascii=False)
