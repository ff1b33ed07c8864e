"""Agent programs, one file each. A module of this folder whose name does not begin with an underscore
is a provider: `claude_sdk.py` is `claude-sdk`, and its `PROVIDER` is the class to make with its options.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from genie.adapters.providers._program import ProviderOptions as ProviderOptions
from genie.domain.errors import BadInput
from genie.domain.words import nearest
from genie.ports import Provider


@cache
def provider_names() -> tuple[str, ...]:
    """The providers that there are, from the names of the files alone: none is imported."""
    modules = iter_modules([str(Path(__file__).parent)])
    return tuple(sorted(module.name.replace("_", "-") for module in modules if not module.name.startswith("_")))


class InstalledProviders:
    """Providers of this folder, imported when they are asked for. `settings_of` maps a provider's name
    to its section of the configuration; one that is missing there has none."""

    def __init__(self, settings_of: Mapping[str, ProviderOptions]) -> None:
        self._settings_of = settings_of
        self._made: dict[str, Provider] = {}

    def names(self) -> tuple[str, ...]:
        return provider_names()

    def get(self, name: str) -> Provider:
        """Raises BadInput for an unknown one, with the nearest name."""
        if name not in self._made:
            if name not in provider_names():
                raise BadInput(f"unknown provider '{name}'", hint=nearest(name, provider_names()))
            module = import_module(f"{__name__}.{name.replace('-', '_')}")
            self._made[name] = module.PROVIDER(self._settings_of.get(name, ProviderOptions()))
        return self._made[name]
