"""What the use cases need of the world, in the domain's own words.

Every port says which errors of `genie.domain.errors` it raises; adapters let no other out.
"""

from genie.ports.chance import Clock, Fault, Ids, Secrets
from genie.ports.feed import Feed, Subscription
from genie.ports.files import Launches, LogPiece, Places, RunLogs, TeamFiles, Templates
from genie.ports.processes import Lineage, Processes, Rooted, Watcher
from genie.ports.providers import Ask, Plan, Provider, Providers
from genie.ports.registry import Attempt, Badge, Leaf, Registry, Relative, Stretch, Tx, Vital, Vitals, Wanted, Windows
from genie.ports.terminal import Face, Terminal

__all__ = [
    "Ask",
    "Attempt",
    "Badge",
    "Clock",
    "Face",
    "Fault",
    "Feed",
    "Ids",
    "Launches",
    "Leaf",
    "Lineage",
    "LogPiece",
    "Places",
    "Plan",
    "Processes",
    "Provider",
    "Providers",
    "Registry",
    "Relative",
    "Rooted",
    "RunLogs",
    "Secrets",
    "Stretch",
    "Subscription",
    "TeamFiles",
    "Templates",
    "Terminal",
    "Tx",
    "Vital",
    "Vitals",
    "Wanted",
    "Watcher",
    "Windows",
]
