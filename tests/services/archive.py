"""What is over, in memory: sums of events, old ones, and what lies on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from genie.domain.agent import ENDED
from genie.domain.conversation import FOLDED, Tokens, ToolKind, whole
from genie.domain.errors import Failed
from genie.domain.events import SAID, Event, Kind
from genie.ports import Digest, Heap, Leaving, Weighed
from tests.services.vitals import MemorySamples

if TYPE_CHECKING:
    from tests.services.registry import Store

CHANGING = (ToolKind.FILE_WRITE.value, ToolKind.FILE_EDIT.value)
TELLING = [Kind(f"session.{kind.value}") for kind in FOLDED]


class MemoryArchive:
    """The part of `genie.ports.Registry` that is about what is over."""

    store: Store
    log: list[Event]
    samples: MemorySamples

    def _answer(self) -> None:
        raise NotImplementedError

    def digests(self, sessions: Sequence[UUID], *, now: datetime) -> dict[UUID, Digest]:
        self._answer()
        return {session: self._digest(session, now) for session in sessions}

    def _digest(self, session: UUID, now: datetime) -> Digest:
        said = [event for event in self.log if event.session == session]
        calls = [event.payload for event in said if event.kind is Kind.TOOL_CALL]
        failed = {e.payload.get("call") for e in said if e.kind is Kind.TOOL_RESULT and e.payload.get("is_error")}
        tools: dict[str, int] = {}
        for call in calls:
            tools[str(call["tool"])] = tools.get(str(call["tool"]), 0) + 1
        changing = [call for call in calls if call.get("tool_kind") in CHANGING and call.get("call") not in failed]
        runs = [run for run in self.store.runs.values() if run.session == session]
        used = [Tokens.read(event.payload) for event in said if event.kind is Kind.USAGE]
        return Digest(
            tools=dict(sorted(tools.items(), key=lambda item: (-item[1], item[0]))),
            files=tuple(dict.fromkeys(str(call["path"]) for call in changing if call.get("path"))),
            turns=sum(whole(event.payload.get("turns")) for event in said),
            asked=sum(1 for e in said if e.kind is Kind.USER_MESSAGE and e.payload.get("parent") is None),
            tokens=sum(used, Tokens()),
            lived=sum((run.lived(now=now) for run in runs), timedelta(0)),
        )

    # ---- what is over ----

    def over(self, host: str, ids: Sequence[UUID], *, before: datetime) -> frozenset[UUID]:
        self._answer()
        ended = {session for session in self.store.sessions if self._is_over(session, host, before)}
        runs = {run.id for run in self.store.runs.values() if run.session in ended}
        return frozenset(ids) & (ended | runs)

    def _is_over(self, session: UUID, host: str, before: datetime) -> bool:
        agent = self.store.agents[self.store.sessions[session].agent]
        present = agent.session == session
        if agent.host != host or (present and (agent.life not in ENDED or agent.changed_at >= before)):
            return False
        result = self.store.results.get(session)
        ends = [run.ended_at for run in self.store.runs.values() if run.session == session]
        times = [self.store.sessions[session].created_at, *([result.at] if result else [])]
        return all(end is not None and end < before for end in ends) and all(time < before for time in times)

    def _old(self, host: str, before: datetime) -> list[Event]:
        over = {session for session in self.store.sessions if self._is_over(session, host, before)}
        last = {event.session: event.seq for event in self.log}
        known = {id_ for id_, result in self.store.results.items() if result.success is not None}
        return [
            event
            for event in self.log
            if event.session in over
            and event.at < before
            and event.kind in SAID
            and (event.kind not in TELLING or event.session in known)
            and event.seq != last[event.session]
        ]

    def old_events(self, host: str, *, before: datetime) -> Heap:
        self._answer()
        old = self._old(host, before)
        return Heap(len(old), sum(len(str(event.payload)) for event in old))

    def drop_events(self, host: str, *, before: datetime) -> int:
        self._answer()
        old = {event.id for event in self._old(host, before)}
        self.log[:] = [event for event in self.log if event.id not in old]
        return len(old)

    def old_samples(self, *, before: datetime) -> Heap:
        self._answer()
        return self.samples.old(before)

    def drop_samples(self, *, before: datetime) -> int:
        self._answer()
        return self.samples.drop(before)


class MemoryLeavings:
    """`genie.ports.Leavings`. `stuck` are paths that cannot be removed; `worktrees` how large and how old they are."""

    def __init__(self) -> None:
        self.there: dict[str, Leaving] = {}
        self.worktrees: dict[str, Weighed] = {}
        self.stuck: set[str] = set()

    def put(self, path: str, of: UUID, size: int = 10) -> str:
        self.there[path] = Leaving(path, size, of)
        return path

    def files(self) -> list[Leaving]:
        return list(self.there.values())

    def remove(self, leaving: Leaving) -> None:
        if leaving.path in self.stuck:
            raise Failed(f"cannot remove {leaving.path}: Permission denied")
        self.there.pop(leaving.path, None)

    def weigh(self, worktree: str) -> Weighed:
        return self.worktrees.get(worktree, Weighed(0, datetime(1970, 1, 1, tzinfo=UTC)))
