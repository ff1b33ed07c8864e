"""Flags that several commands have in common: declared once, as the fields of a dataclass."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

Command = TypeVar("Command", bound=Callable[..., Any])


def spread(bundle: type[Any]) -> Callable[[Command], Command]:
    """A command that takes `bundle` as its keyword `wanted`, shown to Typer with a flag for each of its fields in that
    place. Typer reads flags from the signature."""

    def spreading(command: Command) -> Command:
        names = [field.name for field in fields(bundle)]

        def spreaded(**given: Any) -> Any:  # noqa: ANN401
            return command(wanted=bundle(**{name: given.pop(name) for name in names}), **given)

        spreaded.__doc__ = command.__doc__
        spreaded.__signature__ = _signature(command, bundle)  # type: ignore[attr-defined]  # what `inspect` looks at first
        spreaded.__annotations__ = _hints(command, bundle)
        return spreaded  # type: ignore[return-value]  # it takes the words of the signature

    return spreading


def _signature(command: Callable[..., Any], bundle: type[Any]) -> inspect.Signature:
    hints = _hints(command, bundle)
    only = inspect.Parameter.KEYWORD_ONLY
    flags = [
        inspect.Parameter(one.name, only, default=one.default, annotation=hints[one.name]) for one in fields(bundle)
    ]
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        own = parameter.replace(kind=only, annotation=hints.get(name))
        parameters += flags if name == "wanted" else [own]
    return inspect.Signature(parameters)


def _hints(command: Callable[..., Any], bundle: type[Any]) -> dict[str, Any]:
    own = get_type_hints(command, include_extras=True)
    del own["wanted"]
    return own | get_type_hints(bundle, include_extras=True)
