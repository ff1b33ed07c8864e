"""What programs write of their conversations, as what was said: one file a provider. A module of this folder whose name
does not begin with an underscore is one, its `FORMS` are its formats: `claude.py` has `transcript` and `stream-json`.
A provider without a file of its own has the formats of `plain` and `ndjson`, as every provider has.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from genie.adapters.records._record import LineParser as LineParser
from genie.adapters.records._state import NEW as NEW
from genie.adapters.records._state import State as State
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
