"""Processes: who lives, who ended, and the end of a whole tree."""

from genie.adapters.processes.delegation import open_cgroups
from genie.adapters.processes.system import SystemProcesses
from genie.adapters.processes.watcher import Watcher

__all__ = ["SystemProcesses", "Watcher", "open_cgroups"]
