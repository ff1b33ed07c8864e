"""Results against the JSON schema that was asked for."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

from genie.domain.errors import BadInput

_NEWEST = "https://json-schema.org/draft/2020-12/schema"
_MOST = 20
_LONGEST = 300


def check(schema: object, value: Any) -> list[str]:  # noqa: ANN401 (whatever JSON can be)
    """What is wrong with the value, a sentence each that begins with the path of the problem; empty when nothing is.
    A schema without `$schema` is one of draft 2020-12. Nothing is fetched. Raises BadInput, with where, when the schema
    itself is invalid or refers to what it does not hold."""
    validator = _validator(schema)
    try:
        found = sorted(validator.iter_errors(value), key=_place)
    except Unresolvable as error:
        raise BadInput(
            f"the JSON schema refers to '{error.ref}', which it does not hold",
            hint="put it under $defs; nothing is fetched",
        ) from error
    except RecursionError as error:
        raise BadInput("the JSON schema refers to itself without end, or the value is nested too deeply") from error
    more = [f"and {len(found) - _MOST} more problems"] if len(found) > _MOST else []
    return [_sentence(error) for error in found[:_MOST]] + more


def check_schema(schema: object) -> None:
    """Raises BadInput, with where, when the schema is invalid: to be told before anything is started."""
    _validator(schema)


def _validator(schema: object) -> Validator:
    if not isinstance(schema, (dict, bool)):
        raise BadInput(f"a JSON schema is an object, not {_kind(schema)}", hint='such as {"type": "object"}')
    known: Any = _known(schema)
    try:
        known.check_schema(schema)
    except SchemaError as error:
        raise BadInput(
            f"the JSON schema is invalid at {_where('schema', error)}: {_reason('schema', error)}"
        ) from error
    except RecursionError as error:
        raise BadInput("the JSON schema is nested too deeply") from error
    # A registry of its own: the library's would fetch a reference from the network.
    made: Validator = known(schema, registry=Registry(), format_checker=known.FORMAT_CHECKER)
    return made


def _known(schema: dict[str, object] | bool) -> type[Validator]:
    """The validator of the draft that `$schema` names. Raises BadInput for one that nobody knows."""
    dialect = schema.get("$schema") if isinstance(schema, dict) else None
    if dialect is None:
        return Draft202012Validator
    lookup: Any = validator_for  # its stub does not know that the default may be None
    found: type[Validator] | None = lookup({"$schema": dialect}, default=None) if isinstance(dialect, str) else None
    if found is None:
        raise BadInput(
            f"the JSON schema is invalid at schema['$schema']: {_short(repr(dialect))} is no known draft",
            hint=f"leave it out, or write {_NEWEST}",
        )
    return found


def _sentence(error: ValidationError) -> str:
    return f"{_where('result', error)}: {_reason('result', error)}"


def _reason(root: str, error: ValidationError | SchemaError) -> str:
    """The library's message; of alternatives also what is wrong with the one that fits furthest."""
    reason = _short(error.message)
    if not error.context:
        return reason
    nearest = max(error.context, key=lambda inner: len(inner.absolute_path))
    return f"{reason}; nearest: {_where(root, nearest)}: {_short(nearest.message)}"


def _where(root: str, error: ValidationError | SchemaError) -> str:
    """A path such as result.items[2].name; what is no plain word stands in brackets."""
    path = root
    for step in error.absolute_path:
        path += f".{step}" if isinstance(step, str) and step.isidentifier() else f"[{step!r}]"
    return path


def _place(error: ValidationError) -> tuple[list[tuple[bool, int, str]], str]:
    """For sorting: items by their number, members by their name."""
    steps = [(False, step, "") if isinstance(step, int) else (True, 0, str(step)) for step in error.absolute_path]
    return steps, error.message


def _short(message: str) -> str:
    if len(message) <= _LONGEST:
        return message
    return f"{message[: _LONGEST // 2]} … {message[-_LONGEST // 2 :]}"


def _kind(value: object) -> str:
    kinds: dict[type, str] = {list: "an array", str: "a string", int: "a number", float: "a number", type(None): "null"}
    return kinds.get(type(value), type(value).__name__)
