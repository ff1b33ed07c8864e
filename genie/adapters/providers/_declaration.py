"""Providers that a user declares: `providers/NAME.toml`, read and checked, and everything that is wrong named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from genie.adapters.providers._argv import check, names
from genie.domain.amounts import Wrong
from genie.domain.errors import BadConfig, BadInput
from genie.domain.words import check_name, nearest


def _argv(value: object) -> object:
    if not isinstance(value, list) or not all(_is_word(word) for word in value):
        raise Wrong("not a command line", 'write ["tool", "--flag", ["--model", "{model}"], "{prompt}"]')
    check(value)
    return tuple(word if isinstance(word, str) else tuple(word) for word in value)


def _is_word(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(word, str) for word in value))


def _variables(values: dict[str, str]) -> dict[str, str]:
    for name in values:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise Wrong(f"illegal name of a variable {name!r}", "letters, digits and _, no digit first")
    return values


def _pattern(value: str) -> str:
    try:
        groups = re.compile(value).groups
    except re.error as error:
        raise Wrong(f"not a regular expression: {error}") from error
    if groups != 1:
        raise Wrong("has to have one group, the session's id", "write '([0-9a-f-]{36})'")
    return value


Argv = Annotated[tuple[str | tuple[str, ...], ...], BeforeValidator(_argv)]
Texts = Annotated[list[str], Field(default_factory=list)]


class Declaration(BaseModel):
    """Every field of a declaration. `start` is the interactive program, `resume` goes on with its session; `one_shot`
    and `streaming` are run without a screen, told by stdin what their words do not hold. The id of a session is ours
    where `start` takes {session}, else what `session_pattern` finds in the name of the newest of `session_files`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    description: str = ""
    install: str = ""
    start: Argv | None = None
    resume: Argv | None = None
    one_shot: Argv | None = None
    streaming: Argv | None = None
    output: Literal["text", "ndjson"] = "text"
    auto_approve: Texts
    models: dict[Literal["small", "medium", "large"], str] = Field(default_factory=dict)
    strip_env: Texts
    env: Annotated[dict[str, str], AfterValidator(_variables)] = Field(default_factory=dict)
    session_files: str | None = None
    session_pattern: Annotated[str, AfterValidator(_pattern)] = "([^/]+?)(?:\\.[^./]*)?$"

    @model_validator(mode="after")
    def _fits_together(self) -> Declaration:
        if not (self.start or self.one_shot or self.streaming):
            raise Wrong("says no command line", "write start, one_shot or streaming")
        if self.resume:
            self._check_resume()
        used = {name for words in (self.start, self.one_shot, self.streaming) if words for name in names(words)}
        if self.auto_approve and "auto_approve" not in used:
            raise Wrong("auto_approve is used nowhere", 'put "{auto_approve}" where its words belong')
        if "auto_approve" in used and not self.auto_approve:
            raise Wrong("{auto_approve} stands for nothing", 'write auto_approve = ["--yes"]')
        return self

    def _check_resume(self) -> None:
        assert self.resume is not None  # noqa: S101 - the caller has looked
        if not self.start:
            raise Wrong("resume is nothing without start")
        if "session" in names(self.resume) and "session" not in names(self.start) and not self.session_files:
            raise Wrong("resume needs a {session} that nobody knows", "put {session} into start, or say session_files")
        *before, last = self.resume
        if "prompt" in names(before) or (isinstance(last, str) and "prompt" in names((last,))):
            raise Wrong("the prompt of a resume is its last group", 'end it with ["--", "{prompt}"]')


def read(path: Path, *, taken: tuple[str, ...]) -> Declaration | tuple[BadConfig, ...]:
    """The declaration, or everything that is wrong with it. `taken` are names of providers that genie brings."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        fields = tomllib.loads(text)
        _check_file(path, taken)
        return Declaration.model_validate(fields)
    except OSError as error:
        return (_problem(path, f"cannot be read: {error.strerror}"),)
    except UnicodeDecodeError:
        return (_problem(path, "is not UTF-8", hint="save it as UTF-8"),)
    except (BadInput, Wrong) as error:
        return (_problem(path, str(error), hint=error.hint),)
    except ValidationError as error:
        return tuple(_complaint(path, text, details) for details in error.errors(include_url=False))
    except (ValueError, RecursionError) as error:  # tomllib lets both out besides its own
        at = re.search(r"at line ([0-9]+)", str(error))
        line = int(at[1]) if at else text.rstrip().count("\n") + 1
        return (_problem(path, f"not valid TOML: {error}", line=line),)


def _check_file(path: Path, taken: tuple[str, ...]) -> None:
    check_name("provider", path.stem)
    if path.stem in taken:
        raise Wrong(f"'{path.stem}' is a provider that genie brings", "give the file another name")


def _problem(path: Path, message: str, *, line: int | None = None, field: str = "", hint: str = "") -> BadConfig:
    place = f"{path}:{line}" if line else str(path)
    said = f"field '{field}': {message}" if field else message
    return BadConfig(f"{place}: {said}", hint=hint, file=str(path), line=line, field=field or None)


_EXPECTED = {
    "string_type": "expected text in quotes",
    "list_type": "expected a list of texts",
    "dict_type": "expected a table of names and values",
}


def _complaint(path: Path, text: str, details: Any) -> BadConfig:  # noqa: ANN401 (a dict of Pydantic's)
    loc = tuple(str(part) for part in details["loc"] if part != "[key]")
    wrong = details.get("ctx", {}).get("error")
    if details["type"] == "extra_forbidden":
        message, hint = "unknown field", nearest(loc[-1], Declaration.model_fields)
    elif isinstance(wrong, Wrong):
        message, hint = str(wrong), wrong.hint
    else:
        message, hint = _EXPECTED.get(details["type"], details["msg"].replace("Input should", "must")), ""
    return _problem(path, message, line=_line_of(text, loc), field=".".join(loc), hint=hint)


def _line_of(text: str, loc: tuple[str, ...]) -> int | None:
    """Where a field is written."""
    table, first = "", None
    for number, line in enumerate(text.split("\n"), 1):
        if header := re.match(r"\s*\[\s*([\w-]+)\s*\]", line):
            table = header[1]
        found = re.match(r"\s*[\"']?([\w-]+)[\"']?\s*=", line)
        key = (table, found[1]) if found and table else (found[1],) if found else (table,) if header else ()
        if key and key == loc[: len(key)]:
            if len(key) == len(loc) or len(loc) > 2:
                return number
            first = first or number
    return first
