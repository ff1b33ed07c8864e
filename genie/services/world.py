"""What every use case is given: the ports, and the rules that configuration sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from genie.domain.resume import Policy
from genie.domain.session import Run
from genie.domain.team import Layout
from genie.domain.tree import Limits
from genie.ports import (
    Channels,
    Clock,
    Fault,
    Ids,
    Inputs,
    Launches,
    Leavings,
    NativeTeams,
    Places,
    Processes,
    Providers,
    Recordings,
    Registry,
    RunLogs,
    Secrets,
    Supplies,
    TeamFiles,
    Templates,
    Terminal,
)
from genie.services.flights import Flights
from genie.services.mail import Mail
from genie.services.scales import Scales


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Configuration, in the words of the use cases. `socket` is None for the user's default server."""

    policy: Policy = field(default_factory=Policy)
    dead_cycles: int = 2
    max_running: int = 50
    layout: Layout = Layout.MOSAIC
    socket: str | None = None
    start_timeout: timedelta = timedelta(seconds=30)
    stop_grace: timedelta = timedelta(seconds=5)
    ttl_grace: timedelta = timedelta(milliseconds=500)
    limits: Limits = field(default_factory=Limits)
    native_teams: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`rules_at` reads the rules as seen from a project's directory and a caller's environment;
    `watch` has a run's process watched for its death; `host` is this host's id, `home` the path
    of GENIE_HOME; `tokens` are those of runs that this daemon is about to release."""

    registry: Registry
    terminal: Terminal
    processes: Processes
    providers: Providers
    templates: Templates
    team_files: TeamFiles
    launches: Launches
    run_logs: RunLogs
    recordings: Recordings
    inputs: Inputs
    channels: Channels
    leavings: Leavings
    natives: NativeTeams
    places: Places
    supplies: Supplies
    clock: Clock
    ids: Ids
    secrets: Secrets
    fault: Fault
    host: str
    home: str
    rules: Rules
    rules_at: Callable[[str, Mapping[str, str]], Rules]
    watch: Callable[[Run], None]
    flights: Flights = field(default_factory=Flights)
    mail: Mail = field(default_factory=Mail)
    tokens: dict[UUID, str] = field(default_factory=dict)
    scales: Scales = field(default_factory=Scales)
