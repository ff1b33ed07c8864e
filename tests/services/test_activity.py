"""The activity of an agent is written when it changes, with one event, and never decides its life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from genie.domain.activity import Evidence, Source, shown
from genie.domain.agent import Activity, Life
from genie.domain.errors import Stale
from genie.domain.events import Event, Kind
from genie.domain.session import Attend
from genie.services.activity import Watched, begin, hear, heard_in, run_of, tell
from genie.services.roster import explain, history
from genie.services.status import word_of
from tests.services.bench import Bench


@dataclass
class Told:
    """A provider that tells what it is made to."""

    entry: Activity | None = None
    at: datetime | None = None
    question: str = ""
    talks: bool = True

    def tells(self, provider: str) -> bool:
        return self.talks and provider == "claude"

    def mute(self, provider: str) -> bool:
        return provider == "codex"

    def path(self, provider: str, *, env: Mapping[str, str], pid: int) -> str | None:
        return f"/{provider}/{pid}.json"

    def look(self, provider: str, *, env: Mapping[str, str], pid: int) -> Evidence | None:
        if self.entry is None or self.at is None:
            return None
        return Evidence(source=Source.REGISTRY, at=self.at, says=self.entry, detail="entry")

    def dialog(self, provider: str, *, env: Mapping[str, str], cwd: str, argv: Sequence[str]) -> str:
        return self.question

    def hook(self, provider: str, event: str, payload: str, *, at: datetime) -> Evidence | None:
        return None


class Play:
    """A live agent that is watched."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.told = bench, Told()
        bench.spawn()
        found = begin(bench.world, self.told, bench.run())
        assert found is not None
        self.watched: Watched = found
        self.again: datetime | None = None

    def now_is(self, activity: Activity) -> None:
        self.told.entry, self.told.at = activity, self.bench.clock.time

    def hears(self, source: Source, says: Activity, **more: object) -> None:
        said = Evidence(source=source, at=self.bench.clock.time, says=says, detail="x", **more)  # type: ignore[arg-type]
        self.watched = hear(self.bench.world, self.watched, said)

    def look(self, *, after: float = 0) -> Activity:
        self.bench.clock.advance(timedelta(seconds=after))
        self.watched, self.again = tell(self.bench.world, self.told, self.watched)
        return self.bench.agent().activity

    @property
    def events(self) -> list[str]:
        found = [one for one in self.bench.events() if one.kind is Kind.ACTIVITY]
        return [str(one.payload["activity"]) for one in found]


@pytest.fixture
def play(bench: Bench) -> Play:
    return Play(bench)


def test_each_change_is_written_once_with_its_evidence(bench: Bench, play: Play) -> None:
    play.now_is(Activity.IDLE)
    assert play.look() is Activity.IDLE
    assert play.look() is Activity.IDLE
    assert bench.agent().activity_source == "registry: entry"
    play.now_is(Activity.PERMISSION)
    assert play.look() is Activity.PERMISSION, "at once: somebody must be told"
    assert play.events == ["idle", "permission"]
    assert bench.life() is Life.RUNNING
    face = bench.pane().face
    assert face is not None
    assert face.state == "running, permission"
    assert word_of(bench.agent()) == "waiting"
    assert Kind.ACTIVITY not in {one.kind for one in history(bench.world, "ada", limit=100)}
    assert "activity" not in explain(bench.world, "ada").why


def test_what_nobody_must_know_at_once_waits_for_a_second(bench: Bench, play: Play) -> None:
    assert play.look() is Activity.UNKNOWN, "it starts, and may be ready in a moment"
    assert play.again is not None
    play.now_is(Activity.IDLE)
    play.look()
    play.now_is(Activity.WORKING)
    assert play.look(after=0.5) is Activity.IDLE
    play.now_is(Activity.IDLE)
    assert play.look(after=0.1) is Activity.IDLE
    assert play.events == ["idle"]
    play.now_is(Activity.WORKING)
    assert play.look(after=1) is Activity.WORKING


def test_a_start_up_dialog_is_told_and_nothing_is_typed(bench: Bench, play: Play) -> None:
    assert play.look(after=1) is Activity.STARTING
    assert play.look(after=2) is Activity.QUESTION
    assert bench.agent().activity_source.startswith("start: no sign of life within 3 s")


def test_a_limit_that_was_noted_is_told_and_not_taken_back(bench: Bench, play: Play) -> None:
    play.now_is(Activity.IDLE)
    play.look()
    until = bench.clock.time + timedelta(hours=1)
    with bench.registry.begin() as tx:
        noted = replace(bench.agent(), activity=Activity.LIMITED, activity_source="transcript", limited_until=until)
        tx.save_agent(replace(noted, activity_since=bench.clock.time))
    assert play.look(after=5) is Activity.LIMITED
    assert play.events == ["idle"]
    play.hears(Source.TRANSCRIPT, Activity.LIMITED, until=until)
    assert play.look() is Activity.LIMITED
    assert play.events == ["idle", "limited"]
    [*_, last] = [one for one in bench.events() if one.kind is Kind.ACTIVITY]
    assert last.payload["until"] == until.isoformat()
    found = begin(bench.world, play.told, bench.run())
    assert found is not None
    assert found.known.limit is not None, "the next daemon knows it"
    assert found.known.limit.until == until


def test_who_begins_to_listen_later_knows_what_was_told(bench: Bench, play: Play) -> None:
    play.hears(Source.HOOK, Activity.ERROR)
    play.look()
    found = begin(bench.world, play.told, bench.run())
    assert found is not None
    assert found.known.error is not None
    assert not found.fresh


def test_whom_nobody_watches(bench: Bench, play: Play) -> None:
    run = bench.run()
    assert begin(bench.world, Told(talks=False), run) is None
    assert begin(bench.world, play.told, replace(run, pane=None)) is None
    assert begin(bench.world, play.told, replace(run, session=uuid4())) is None
    with bench.registry.begin() as tx:
        tx.save_session(replace(bench.session(), attend=Attend(screen="claude", form="stream-json")))
    assert begin(bench.world, play.told, run) is None
    away = replace(play.watched, path=None)
    assert tell(bench.world, play.told, away)[0].told is None


def test_nothing_is_written_of_a_run_that_is_over(bench: Bench, play: Play) -> None:
    play.now_is(Activity.IDLE)
    play.look()
    bench.kill()
    before = len(bench.events())
    play.now_is(Activity.PERMISSION)
    play.look(after=5)
    assert len(bench.events()) == before
    assert word_of(bench.agent()) == "terminated"
    assert shown(bench.agent()) is Activity.UNKNOWN
    assert shown(replace(bench.agent(), activity=Activity.LIMITED)) is Activity.LIMITED


def test_others_who_change_the_agent_are_waited_for(bench: Bench, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    play.now_is(Activity.IDLE)
    fails = [Stale("changed")] * 2
    begin_tx = type(bench.registry).begin

    def stale(registry: object) -> object:
        if fails:
            raise fails.pop()
        return begin_tx(bench.registry)

    monkeypatch.setattr(bench.registry, "begin", lambda: stale(bench.registry))
    assert play.look() is Activity.IDLE
    fails.extend([Stale("changed")] * 5)
    play.now_is(Activity.PERMISSION)
    with pytest.raises(Stale):
        play.look()


def test_an_event_of_another_run_tells_nothing(bench: Bench, play: Play) -> None:
    own = Event(kind=Kind.USER_MESSAGE, at=bench.clock.time, run=bench.run().id)
    assert heard_in(own, play.watched) is not None
    assert heard_in(replace(own, run=uuid4()), play.watched) is None


def test_a_hook_is_known_by_its_token(bench: Bench) -> None:
    bench.spawn()
    run = bench.run()
    token = bench.executions()[-1].env["GENIE_AGENT_TOKEN"]
    assert run_of(bench.world, token, str(run.id)) == run.id
    assert run_of(bench.world, token, str(uuid4())) is None
    assert run_of(bench.world, "forged", str(run.id)) is None
    bench.kill()
    assert run_of(bench.world, token, str(run.id)) is None
