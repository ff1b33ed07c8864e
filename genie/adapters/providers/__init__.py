"""Agent programs, one file each. A module of this folder whose name does not begin with an underscore
is a provider: `claude_sdk.py` is `claude-sdk`, and its `PROVIDER` is the class to make with its options. Those that a
user has declared are files, too: `providers/NAME.toml` under GENIE_HOME, read again when they have changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from genie.adapters.providers._program import HookProgram as HookProgram
from genie.adapters.providers._program import ProviderOptions as ProviderOptions
from genie.domain.errors import BadConfig, BadInput
from genie.domain.words import nearest
from genie.ports import Provider

SUFFIX = ".toml"
Stamp = tuple[int, int, int]
Reading = Provider | tuple[BadConfig, ...]


@cache
def provider_names() -> tuple[str, ...]:
    """The providers that genie brings, from the names of the files alone: none is imported."""
    modules = iter_modules([str(Path(__file__).parent)])
    return tuple(sorted(module.name.replace("_", "-") for module in modules if not module.name.startswith("_")))


class InstalledProviders:
    """Providers of this folder, imported when they are asked for, and those that are declared in files of `declared`.
    `settings_of` maps a provider's name to its section of the configuration; one that is missing there has none."""

    def __init__(self, settings_of: Mapping[str, ProviderOptions], declared: Path | None = None) -> None:
        self._settings_of = settings_of
        self._declared = declared
        self._made: dict[str, Provider] = {}
        self._readings: dict[Path, tuple[Stamp, Reading]] = {}

    def names(self) -> tuple[str, ...]:
        """Those of genie and those that are declared, broken ones too, so that they are seen."""
        return tuple(sorted({*provider_names(), *self._files()}))

    def get(self, name: str) -> Provider:
        """Raises BadInput for an unknown one, with the nearest name, and BadConfig for one whose file is wrong."""
        if name in provider_names():
            return self._brought(name)
        path = self._files().get(name)
        if path is None:
            raise BadInput(f"unknown provider '{name}'", hint=nearest(name, self.names()))
        reading = self._reading(name, path)
        if isinstance(reading, tuple):
            raise _fresh(reading)
        return reading

    def source(self, name: str) -> str | None:
        """The file that declares it; None for one that genie brings."""
        path = None if name in provider_names() else self._files().get(name)
        return None if path is None else str(path)

    def problems(self) -> list[BadConfig]:
        """All that is wrong in the files, those that would take the name of a provider of genie's, too."""
        readings = [self._reading(name, path) for name, path in sorted(self._files().items())]
        return [bad for reading in readings if isinstance(reading, tuple) for bad in reading]

    def _brought(self, name: str) -> Provider:
        if name not in self._made:
            module = import_module(f"{__name__}.{name.replace('-', '_')}")
            self._made[name] = module.PROVIDER(self._settings_of.get(name, ProviderOptions()))
        return self._made[name]

    def _files(self) -> dict[str, Path]:
        """The files that declare providers, by name. None where the folder is not there."""
        if self._declared is None:
            return {}
        return {path.stem: path for path in self._declared.glob(f"*{SUFFIX}") if not path.name.startswith(".")}

    def _reading(self, name: str, path: Path) -> Reading:
        """What the file says now."""
        try:
            stat = path.stat()
        except OSError as error:
            return (BadConfig(f"{path}: cannot be read: {error.strerror}", file=str(path)),)
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        known = self._readings.get(path)
        if known is None or known[0] != stamp:
            known = self._readings[path] = (stamp, _read(name, path))
        return known[1]


def _read(name: str, path: Path) -> Reading:
    # Pydantic, and all that it brings, is for those who declare providers.
    from genie.adapters.providers._declaration import read
    from genie.adapters.providers._declared import DeclaredProvider

    said = read(path, taken=provider_names())
    return said if isinstance(said, tuple) else DeclaredProvider(name, said)


def _fresh(problems: tuple[BadConfig, ...]) -> BadConfig:
    """An exception of its own for this raise, with all problems of the file in its details."""
    first = problems[0]
    errors = [{**bad.details, "message": bad.message, "hint": bad.hint} for bad in problems]
    return BadConfig(first.message, hint=first.hint, **first.details, errors=errors)
