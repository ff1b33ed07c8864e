"""JSON schemas of answers: private copies of them, and results judged against them.

A copy is a file under GENIE_HOME/schemas, named for what it holds: the same schema is kept once. Judging, which imports
the library, is imported where it is needed: most spawns have no schema.
"""

from __future__ import annotations

import json
import os
import tempfile
from hashlib import sha256
from pathlib import Path

from genie.domain.errors import BadInput, Failed
from genie.paths import PRIVATE, Home

LONGEST = 1024 * 1024
"""Bytes of a schema."""


class StoredSchemas:
    """`genie.ports.Schemas` in files of the user's own."""

    def __init__(self, home: Home) -> None:
        self._folder = home.root / "schemas"

    def keep(self, said: str, *, base: str) -> str:
        from genie.adapters.schemas.judging import check_schema

        schema = _read(said, base)
        check_schema(schema)
        if not isinstance(schema, dict):
            raise BadInput("the JSON schema fits everything or nothing", hint='write an object: {"type": "object"}')
        content = json.dumps(schema).encode()
        path = self._folder / f"{sha256(content).hexdigest()[:32]}.json"
        if not path.exists():
            _write(path, content)
        return str(path)

    def violations(self, path: str, value: object) -> list[str]:
        from genie.adapters.schemas.judging import check

        return check(_stored(path), value)


def _read(said: str, base: str) -> object:
    """What was said, or what is in the file of that name."""
    if said.lstrip().startswith("{"):
        what, content = "the JSON schema", said.encode("utf-8", "surrogateescape")
    else:
        what, content = f"JSON schema '{said}'", _content(said, base)
    if len(content) > LONGEST:
        raise BadInput(f"{what} has {len(content):,} bytes: more than the {LONGEST:,} that a schema may have")
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInput(f"{what} is not UTF-8") from error
    except RecursionError as error:
        raise BadInput(f"{what} is nested too deeply") from error
    except ValueError as error:
        raise BadInput(f"{what} is not JSON: {error}") from error


def _content(said: str, base: str) -> bytes:
    if not said or "\0" in said:
        raise BadInput(f"{said!r} is no path of a JSON schema", hint="name a file, or write the schema itself")
    path = Path(base) / Path(said).expanduser()
    try:
        # A FIFO without a writer would hold the open for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return file.read(LONGEST + 1)
    except OSError as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise BadInput(f"JSON schema '{said}' {reason}", hint=f"seen from {base}") from error


def _write(path: Path, content: bytes) -> None:
    hidden = ""
    try:
        path.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        descriptor, hidden = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(hidden).rename(path)
    except OSError as error:
        if hidden:
            Path(hidden).unlink(missing_ok=True)
        raise Failed(f"cannot write {path}: {error.strerror}", hint="genie doctor") from error


def _stored(path: str) -> object:
    try:
        return json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise Failed(f"the JSON schema {path} cannot be read: {error}") from error
