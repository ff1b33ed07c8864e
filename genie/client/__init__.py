"""How a face reaches the daemon. Standard library only: `genie ls` is mostly the time this takes to import."""

from genie.client.api import Genie, Row, Spawn
from genie.client.daemon import Daemon

__all__ = ["Daemon", "Genie", "Row", "Spawn"]
