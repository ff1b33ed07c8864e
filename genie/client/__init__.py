"""The Python library: `Genie` has a method for each verb of the command, and the command uses nothing else.

    from genie.client import Genie

    with Genie() as genie:
        print(genie.ask("What does this repository do?", provider="claude"))

Standard library only, and as little of it as can be: `genie ls` is mostly the time this takes to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from genie.client.api import Genie
from genie.client.asking import AnyRow as Row
from genie.client.daemon import Daemon
from genie.domain import errors
from genie.paths import Home

if TYPE_CHECKING:
    from genie.client.asks import Events, Run, Search, Spawn
    from genie.client.following import Listening
    from genie.client.rows import (
        ActRow,
        AgentRow,
        DoneRow,
        EndRow,
        EventRow,
        InputRow,
        OutputRow,
        ResultRow,
        RetryRow,
        RunRow,
        Selected,
        SessionRow,
        SpawnRow,
        StatusRow,
        SummaryRow,
        Usage,
    )
    from genie.client.waits import Wait

__all__ = [
    "ActRow",
    "AgentRow",
    "Daemon",
    "DoneRow",
    "EndRow",
    "EventRow",
    "Events",
    "Genie",
    "Home",
    "InputRow",
    "Listening",
    "OutputRow",
    "ResultRow",
    "RetryRow",
    "Row",
    "Run",
    "RunRow",
    "Search",
    "Selected",
    "SessionRow",
    "Spawn",
    "SpawnRow",
    "StatusRow",
    "SummaryRow",
    "Usage",
    "Wait",
    "errors",
]


def __getattr__(name: str) -> object:
    """Types, built when somebody asks for them."""
    if name in __all__:
        for module in ("asks", "rows", "waits", "following"):
            found = getattr(import_module(f"genie.client.{module}"), name, None)
            if found is not None:
                return found
    raise AttributeError(f"module 'genie.client' has no attribute '{name}'")
