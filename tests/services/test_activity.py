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
from genie.domain.meter import Allowance, Meter
from genie.domain.session import Attend
from genie.domain.startup import Dialog, Shown
from genie.services.activity import (
    Watched,
    begin,
    hear,
    hear_hook,
    hear_title,
    heard_in,
    read_meter,
    run_of,
    tell,
)
from genie.services.roster import explain, history
from genie.services.startup import MOVES, STEP, accept
from genie.services.status import word_of
from tests.services.bench import Bench


@dataclass
class Told:
    """A provider that tells what it is made to."""

    entry: Activity | None = None
    at: datetime | None = None
    question: str = ""
    screen: Shown | None = None
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

    def dialog(self, provider: str, *, env: Mapping[str, str], cwd: str, argv: Sequence[str]) -> Dialog | None:
        return Dialog(self.question, f"the question of {self.question}") if self.question else None

    def shown(self, provider: str, screen: str) -> Shown | None:
        return self.screen

    def meter(self, provider: str, event: str, payload: str, *, at: datetime) -> Meter | None:
        return None

    def conversation(self, provider: str, payload: str) -> str | None:
        return None

    def title(self, provider: str, title: str, *, at: datetime) -> Evidence | None:
        says = {"asks": Activity.PERMISSION, "spins": Activity.WORKING}.get(title)
        return Evidence(source=Source.TITLE, at=at, says=says, detail=title) if says else None

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


# ---- hooks of threads, titles, the status line ----------------------------------------------


def hooked(play: Play, thread: str) -> Watched:
    said = Evidence(source=Source.HOOK, at=play.bench.clock.time, says=Activity.IDLE, detail="over", thread=thread)
    return hear_hook(play.bench.world, play.watched, said)


def test_a_hook_of_another_thread_than_the_sessions_own_tells_nothing_of_it(bench: Bench, play: Play) -> None:
    own = bench.session().provider_session
    assert own is not None
    assert hooked(play, "another").known.hook is None
    assert hooked(play, own).known.hook is not None
    assert hooked(play, "").known.hook is not None


def test_the_id_of_a_session_is_learned_late(bench: Bench, play: Play) -> None:
    own = bench.session().provider_session
    assert own is not None
    play.watched = replace(play.watched, thread=None)
    assert hooked(play, "another").thread == bench.session().provider_session
    assert hooked(play, "another").known.hook is None
    with bench.registry.begin() as tx:
        tx.save_session(replace(bench.session(), provider_session=None))
    play.watched = hooked(play, "another")
    play.watched = hooked(play, own)
    assert play.watched.known.hook is None, "it may be a helper's"
    play.watched, _ = tell(bench.world, play.told, play.watched)
    assert play.watched.known.hook is None
    with bench.registry.begin() as tx:
        tx.save_session(replace(bench.session(), provider_session=own))
    play.watched, _ = tell(bench.world, play.told, play.watched)
    assert play.watched.known.hook is not None
    assert (play.watched.known.hook.thread, play.watched.early) == (own, ())


def test_a_title_is_heard_when_it_says_something_else(bench: Bench, play: Play) -> None:
    def hears(title: str) -> Activity | None:
        found = hear_title(bench.world, play.told, play.watched, title)
        if found is None:
            return None
        play.watched = found
        said = found.known.title
        assert said is not None
        return said.says

    assert hears("project") is None
    assert hears("spins") is Activity.WORKING
    assert hears("spins") is None
    assert hears("ada") is None, "genie itself has put its name there"
    assert hears("asks") is Activity.PERMISSION
    assert hears("asks") is Activity.PERMISSION, "it stands for as long as it is seen"
    assert hears("project") is Activity.IDLE


def test_what_a_status_line_tells_is_kept_and_a_limit_that_is_near_is_recorded_once(bench: Bench, play: Play) -> None:
    reset = bench.clock.time + timedelta(hours=2)

    def reads(used: float, cost: float = 1.0, until: datetime | None = reset) -> Watched:
        meter = Meter(at=bench.clock.time, cost=cost, limits=(Allowance("five_hour", used, until),))
        play.watched = read_meter(bench.world, play.watched, meter)
        return play.watched

    assert reads(50).near == ()
    assert len(reads(91).near) == 1
    assert reads(95).known.status is not None
    assert len(reads(95, until=None).near) == 2
    said = [one.payload for one in bench.events() if one.kind is Kind.LIMIT_NEAR]
    assert said == [{"limit": "five_hour", "used": 91, "until": reset.isoformat()}, {"limit": "five_hour", "used": 95}]


def test_of_an_agent_that_is_forgotten_no_limit_is_recorded(
    bench: Bench, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(bench.events())
    run = replace(play.watched.run, agent=uuid4())
    meter = Meter(at=bench.clock.time, limits=(Allowance("five_hour", 99),))
    assert read_meter(bench.world, replace(play.watched, run=run), meter).meter is meter
    assert len(bench.events()) == before


# ---- dialogs at the start -------------------------------------------------------------------

PATIENCE = timedelta(seconds=3)
UP, YES = Shown("trust", "up"), Shown("trust", "")


def steps(play: Play, *allowed: str) -> tuple[list[str], timedelta | None]:
    """What was typed by the next step, and when the one after it is due."""
    bench = play.bench
    before = len(bench.pane().typed)
    play.watched, again = accept(bench.world, play.told, play.watched, allowed, PATIENCE)
    wait = again - bench.clock.time if again else None
    return bench.pane().typed[before:], timedelta(seconds=round(wait.total_seconds(), 3)) if wait else None


@pytest.fixture
def stuck(bench: Bench, play: Play) -> Play:
    """One that stands before a dialog, for long enough."""
    play.told.question, play.told.screen = "trust", UP
    found = begin(bench.world, play.told, bench.run())
    assert found is not None
    play.watched = found
    bench.clock.advance(PATIENCE)
    return play


def test_a_dialog_is_answered_once_by_steps_that_are_looked_at(bench: Bench, stuck: Play) -> None:
    assert steps(stuck, "trust") == (["up"], STEP)
    stuck.told.screen = YES
    assert steps(stuck, "trust") == (["\r"], STEP)
    assert steps(stuck, "trust") == ([], None), "it is still said, and was answered"
    said = [one.payload for one in bench.events() if one.kind is Kind.DIALOG_ACCEPTED]
    assert said == [{"dialog": "trust"}]
    stuck.told.question, stuck.told.screen = "api-key", Shown("api-key", "")
    assert steps(stuck, "trust") == ([], None)
    assert steps(stuck, "trust", "api-key") == (["\r"], STEP)
    stuck.told.question = ""
    assert steps(stuck, "trust") == ([], None)
    assert stuck.watched.known.dialog == ""


def test_nothing_is_typed_unless_all_of_it_fits(bench: Bench, stuck: Play) -> None:
    assert steps(stuck) == ([], None)
    assert steps(stuck, "bypass") == ([], None)
    stuck.told.screen = None
    assert steps(stuck, "trust") == ([], PATIENCE)
    stuck.told.screen = Shown("api-key", "")
    assert steps(stuck, "trust", "api-key") == ([], PATIENCE)
    stuck.told.screen = UP
    whole = stuck.watched
    stuck.watched = replace(whole, run=replace(whole.run, pane=None))
    assert steps(stuck, "trust") == ([], None)
    stuck.watched = replace(whole, known=replace(whole.known, started=bench.clock.time))
    assert steps(stuck, "trust") == ([], PATIENCE)
    stuck.watched = replace(whole, moves=MOVES + 1)
    assert steps(stuck, "trust") == ([], None)
    stuck.watched = whole
    stuck.hears(Source.HOOK, Activity.IDLE)
    assert steps(stuck, "trust") == ([], None)


def test_a_runner_is_no_program_and_a_foreign_pane_not_ours(
    bench: Bench, stuck: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(bench.world.processes), "waits_for_launch", lambda *_: True)
    assert steps(stuck, "trust") == ([], STEP)
    monkeypatch.undo()
    pane = stuck.watched.run.pane
    assert pane is not None
    stuck.watched = replace(stuck.watched, run=replace(stuck.watched.run, pane=replace(pane, pid=1)))
    assert steps(stuck, "trust") == ([], PATIENCE)


def test_a_dialog_of_an_agent_that_is_forgotten_is_no_event(bench: Bench, stuck: Play) -> None:
    stuck.told.screen = YES
    stuck.watched = replace(stuck.watched, run=replace(stuck.watched.run, agent=uuid4()))
    assert steps(stuck, "trust") == (["\r"], STEP)
    assert Kind.DIALOG_ACCEPTED not in {one.kind for one in bench.events()}
