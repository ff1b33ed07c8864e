"""What the use cases need of the world, in the domain's own words.

Every port says which errors of `genie.domain.errors` it raises; adapters let no other out.
"""

from genie.ports.chance import Clock, Fault, Ids, Secrets
from genie.ports.digests import Digest, Digests
from genie.ports.feed import Feed, Subscription
from genie.ports.files import Launches, LogPiece, Places, RunLogs, TeamFiles, Templates
from genie.ports.garbage import Archive, Heap, Leaving, Leavings, Weighed
from genie.ports.messages import Channels, Messages, MessagesTx
from genie.ports.native import NativeTeams
from genie.ports.notices import Desktop, Memory, Programs, Ran
from genie.ports.permissions import Dialogs, Permissions, PermissionsTx
from genie.ports.processes import Lineage, Processes, Rooted, Watcher
from genie.ports.providers import Ask, Attended, Plan, Provider, Providers, Task
from genie.ports.recordings import Inputs, Recordings
from genie.ports.registry import Attempt, Badge, Leaf, Registry, Relative, Stretch, Tx, Vital, Vitals, Wanted, Windows
from genie.ports.schedules import Alarms, Calendar, Schedules, SchedulesTx
from genie.ports.searching import Library
from genie.ports.supplies import (
    ReadAttachment,
    Sandbox,
    Sandboxes,
    Schemas,
    Supplies,
    Worktree,
    Worktrees,
    WorktreeState,
)
from genie.ports.terminal import Face, Onlooker, Terminal

__all__ = [
    "Alarms",
    "Archive",
    "Ask",
    "Attempt",
    "Attended",
    "Badge",
    "Calendar",
    "Channels",
    "Clock",
    "Desktop",
    "Dialogs",
    "Digest",
    "Digests",
    "Face",
    "Fault",
    "Feed",
    "Heap",
    "Ids",
    "Inputs",
    "Launches",
    "Leaf",
    "Leaving",
    "Leavings",
    "Library",
    "Lineage",
    "LogPiece",
    "Memory",
    "Messages",
    "MessagesTx",
    "NativeTeams",
    "Onlooker",
    "Permissions",
    "PermissionsTx",
    "Places",
    "Plan",
    "Processes",
    "Programs",
    "Provider",
    "Providers",
    "Ran",
    "ReadAttachment",
    "Recordings",
    "Registry",
    "Relative",
    "Rooted",
    "RunLogs",
    "Sandbox",
    "Sandboxes",
    "Schedules",
    "SchedulesTx",
    "Schemas",
    "Secrets",
    "Stretch",
    "Subscription",
    "Supplies",
    "Task",
    "TeamFiles",
    "Templates",
    "Terminal",
    "Tx",
    "Vital",
    "Vitals",
    "Wanted",
    "Watcher",
    "Weighed",
    "Windows",
    "Worktree",
    "WorktreeState",
    "Worktrees",
]
