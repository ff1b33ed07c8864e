"""Looking at what the runs of this host use, and keeping samples of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from genie.domain.usage import Usage, sample
from genie.ports import Rooted
from genie.services.world import World


@dataclass(frozen=True, slots=True)
class Looked:
    """One look: when, and what each run used by then."""

    at: datetime
    runs: Mapping[UUID, Usage]


def take_samples(world: World, before: Looked | None) -> Looked:
    """Look at every live run, and keep a sample of each: CPU since the look before, none at a run's first.

    Raises RegistryAway.
    """
    panes = world.registry.live_panes(world.host)
    roots = [Rooted(run, pane.pid, pane.started) for run, pane in panes.items()]
    at = world.clock.now()
    now = Looked(at, world.processes.usage(roots) if roots else {})
    known, span = (before.runs, at - before.at) if before else ({}, at - at)
    if now.runs:
        world.registry.add_samples(
            [sample(run, used, known.get(run), at=at, span=span) for run, used in now.runs.items()]
        )
    return now
