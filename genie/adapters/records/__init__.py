"""What programs write of their conversations, as what was said: one file a provider. A module of this folder whose name
does not begin with an underscore is one, its `FORMS` are its formats: `claude.py` has `transcript` and `stream-json`.
A provider without a file of its own has the formats of `plain` and `ndjson`, as every provider has.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from genie.adapters.records._record import LineParser as LineParser
from genie.adapters.records._state import NEW as NEW
from genie.adapters.records._state import State as State
from genie.domain.conversation import Said
from genie.domain.errors import BadInput
from genie.domain.words import nearest

_ANYBODY = ("plain", "ndjson")


@cache
def forms(provider: str) -> Mapping[str, type[LineParser]]:
    """The formats that there are for a provider."""
    names = [module.name for module in iter_modules([str(Path(__file__).parent)])]
    own = provider.replace("-", "_")
    found: dict[str, type[LineParser]] = {}
    for name in (*_ANYBODY, own):
        if name in names and not name.startswith("_"):
            found |= import_module(f"{__name__}.{name}").FORMS
    return found


def parser(provider: str, form: str, *, zone: tzinfo | None = None) -> LineParser:
    """The parser of one format. `zone` is where the program runs, None for here. Raises BadInput."""
    known = forms(provider)
    if form not in known:
        raise BadInput(f"unknown format '{form}' of provider {provider}", hint=nearest(form, known))
    return known[form](zone)


class Listener:
    """A parser at work: what it remembers is its `state`, which can be stored. Raises BadInput for an unknown form."""

    def __init__(self, provider: str, form: str, state: Mapping[str, object]) -> None:
        self._parser = parser(provider, form)
        self._state = State.from_json(state)

    @property
    def state(self) -> Mapping[str, object]:
        return self._state.to_json()

    def line(self, line: bytes, *, at: datetime) -> list[Said]:
        """What it says; `at` is when it was read."""
        said, self._state = self._parser.parse(line, self._state, at=at)
        return said

    def finish(self, *, at: datetime) -> list[Said]:
        """What is left to say when no line will follow."""
        said, self._state = self._parser.finish(self._state, at=at)
        return said
