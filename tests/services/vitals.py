"""Samples in memory: what `genie.ports.Vitals` asks for, but for the roll-ups, which nothing reads back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from genie.domain.agent import Agent, Life
from genie.domain.session import Standing
from genie.domain.tree import Twig, below
from genie.domain.usage import Sample
from genie.ports import Heap, Leaf, Relative, Vital, Wanted

KEEP = timedelta(minutes=15)
FRESH = timedelta(seconds=30)


class MemorySamples:
    """Of each run, by the time they were taken."""

    def __init__(self) -> None:
        self._samples: dict[UUID, dict[datetime, Sample]] = {}

    def add(self, samples: Sequence[Sample]) -> None:
        for sample in samples:
            self._samples.setdefault(sample.run, {}).setdefault(sample.at, sample)

    def forget(self, now: datetime) -> None:
        for run, known in self._samples.items():
            self._samples[run] = {at: sample for at, sample in known.items() if at >= now - KEEP}

    def since(self, run: UUID, after: datetime) -> tuple[Sample, ...]:
        known = self._samples.get(run, {})
        return tuple(known[at] for at in sorted(known) if at > after)

    def latest(self, standing: Standing, now: datetime) -> Sample | None:
        run = standing.run
        fresh = self.since(run.id, now - FRESH) if run and run.ended_at is None else ()
        return fresh[-1] if fresh else None

    def old(self, before: datetime) -> Heap:
        count = sum(1 for known in self._samples.values() for at in known if at < before)
        return Heap(count, 50 * count)

    def drop(self, before: datetime) -> int:
        count = self.old(before).count
        for run, known in self._samples.items():
            self._samples[run] = {at: sample for at, sample in known.items() if at >= before}
        return count

    # ---- pictures ----

    def vital(self, standing: Standing, everybody: Sequence[Standing], *, since: datetime, now: datetime) -> Vital:
        """`everybody` are all agents, for the weight of the tree."""
        agent = standing.agent
        members = below(agent.id, _twigs(everybody)) | {agent.id}
        found = [self.latest(other, now) for other in everybody if other.agent.id in members]
        weighed = [sample for sample in found if sample]
        return Vital(
            standing=standing,
            parent=next((other.agent.name for other in everybody if other.agent.id == agent.parent), None),
            latest=self.latest(standing, now),
            tree_cpu=sum(sample.cpu for sample in weighed) if weighed else None,
            tree_rss=sum(sample.rss for sample in weighed) if weighed else None,
            history=self.since(standing.run.id, since) if standing.run else (),
        )

    def grove(
        self,
        everybody: Sequence[Standing],
        *,
        top: UUID | None,
        everything: bool,
        now: datetime,
        beats: Mapping[str, datetime | None],
    ) -> list[Leaf]:
        names = {one.agent.id: Relative(one.agent.name, one.agent.life) for one in everybody}
        twigs = _twigs(everybody)
        members = {twig.id for twig in twigs} if top is None else below(top, twigs) | {top}
        living = {one.agent.id for one in everybody if everything or one.agent.life is not Life.TERMINATED} & members
        shown = {id_ for id_ in members if id_ in living or id_ == top or below(id_, twigs) & living}
        found = sorted((one for one in everybody if one.agent.id in shown), key=lambda one: _born(one.agent))
        return [
            Leaf(
                standing=one,
                latest=self.latest(one, now),
                parent=names[one.agent.parent] if one.agent.parent else None,
                root=names[one.agent.root],
                beat=beats.get(one.agent.host),
            )
            for one in found
        ]


def live_on(host: str, standing: Standing, wanted: Wanted) -> bool:
    """Whether its run lives on that host and is wanted."""
    agent, run = standing.agent, standing.run
    if run is None or run.ended_at is not None or agent.host != host:
        return False
    named = not wanted.names or agent.name in wanted.names
    tagged = not wanted.tags or bool(set(wanted.tags) & set(agent.tags))
    in_life = not wanted.lives or agent.life in wanted.lives
    return named and tagged and in_life and wanted.team in (None, agent.team)


def _twigs(standings: Sequence[Standing]) -> list[Twig]:
    return [Twig(one.agent.id, one.agent.parent) for one in standings]


def _born(agent: Agent) -> tuple[datetime, UUID]:
    return agent.created_at, agent.id
