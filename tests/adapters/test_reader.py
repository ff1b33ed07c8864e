"""The daemon's reader on real files and a real PostgreSQL: soon, in order, each once, whatever goes wrong with one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from genie.adapters.postgres.registry import PostgresRegistry
from genie.adapters.recordings import FileRecordings
from genie.adapters.records import Listener
from genie.adapters.transcripts import read
from genie.adapters.wakes import Wakes
from genie.daemon.reader import Reader
from genie.domain.agent import End, Life
from genie.domain.events import Kind
from genie.domain.session import Attend, Run, Standing
from genie.domain.tape import Tape
from genie.paths import Home
from genie.ports import Stretch
from genie.services.world import World
from tests.adapters.test_recordings import append, message
from tests.contract.values import HOST, NOW, a_pane, a_run, a_session, an_agent, write
from tests.fixtures.tmux import until
from tests.services.bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def world(bench: Bench, registry: PostgresRegistry, tmp_path: Path) -> World:
    registry.join_host(HOST, name="box", boot="b", at=NOW)
    home = Home(tmp_path / "home")
    recordings = FileRecordings(home=home, read=read, listen=Listener, now=lambda: datetime.now(UTC))
    return replace(bench.world, registry=registry, recordings=recordings)


@contextmanager
def reading(world: World) -> Iterator[Reader]:
    """A reader that works, and is stopped."""
    reader = Reader(world, Wakes(poll=0.5))
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()


@pytest.fixture
def reader(world: World) -> Iterator[Reader]:
    with reading(world) as found:
        yield found


def begin(world: World, name: str, *, attend: bool = True, provider: str = "claude") -> Run:
    """An agent with a live run in a pane, as a start leaves it."""
    agent = an_agent(name, life=Life.RUNNING, host=world.host)
    how = Attend(screen="claude", form="stream-json") if attend else None
    session = a_session(agent.id, attend=how, provider=provider)
    run = a_run(session)
    run = replace(run, pane=a_pane(run.id), live_at=NOW)
    with world.registry.begin() as tx:
        write(tx, Standing(agent, session, run))
    return run


def log_of(world: World, run: Run) -> Path:
    return Path(world.recordings.path(run.session))


def texts(world: World, run: Run) -> list[object]:
    events = world.registry.stretch(Stretch(session=run.session))
    return [event.payload.get("text") for event in events if event.kind.value.startswith("session.")]


def heard(world: World, run: Run, *expected: object) -> None:
    def all_of_it() -> bool:
        return texts(world, run) == list(expected)

    until(all_of_it, what=f"{expected}, not {texts(world, run)}")


def test_what_is_written_is_heard_at_once(world: World, reader: Reader) -> None:
    """Before the run is watched, while it is, and in a file that comes later."""
    early, late = begin(world, "early"), begin(world, "late")
    append(log_of(world, early), message("one"))
    for _ in range(3):
        reader.watch(early)
        reader.watch(late)
    heard(world, early, "one")
    append(log_of(world, late), message("first") + message("second")[:20])
    heard(world, late, "first")
    append(log_of(world, late), message("second")[20:])
    append(log_of(world, early), message("two"))
    heard(world, late, "first", "second")
    heard(world, early, "one", "two")


def test_what_was_written_while_nobody_listened_is_heard_at_the_start(world: World) -> None:
    """Also of a run that is not live any more but whose end nobody has written yet."""
    run = begin(world, "ada")
    with reading(world) as first:
        first.watch(run)
        append(log_of(world, run), message("one"))
        heard(world, run, "one")
    append(log_of(world, run), message("two"))
    with reading(world):
        heard(world, run, "one", "two")


def test_the_last_words_of_a_run_are_taken_in_and_then_it_is_left_alone(world: World, reader: Reader) -> None:
    """A line without an end is one when its writer is gone. The next run of the session is listened to again."""
    run = begin(world, "ada")
    reader.watch(run)
    append(log_of(world, run), message("one") + b"torn")
    heard(world, run, "one")
    reader.ended(run.id)
    heard(world, run, "one", "torn")
    other = begin(world, "bob")
    reader.watch(other)
    append(log_of(world, run), message("two"))
    append(log_of(world, other), message("hello"))
    heard(world, other, "hello")
    again = replace(a_run(a_session(run.agent, id=run.session)), pane=a_pane(uuid4()))
    with world.registry.begin() as tx:
        tx.save_run(run.ended(End(), at=NOW))
        tx.add_run(again)
    reader.watch(again)
    heard(world, run, "one", "torn", "two")


def test_trouble_over_one_file_stops_no_other_and_is_told_once(world: World, reader: Reader) -> None:
    bad, good = begin(world, "bad"), begin(world, "good")
    path = log_of(world, bad)
    os.mkfifo(path)
    with capture_logs() as logs:
        for run in (bad, good):
            reader.watch(run)
        append(log_of(world, good), message("one"))
        heard(world, good, "one")
        until(lambda: bool(logs), what="the trouble in the log")
        path.rename(path.with_suffix(".old"))
        append(path, message("mended"))
        heard(world, bad, "mended")
        path.with_suffix(".old").rename(path)
        reader.ended(bad.id)
        append(log_of(world, good), message("two"))
        heard(world, good, "one", "two")
    assert [entry["event"] for entry in logs][:1] == ["session_not_read"]
    assert "no regular file" in str(logs[0]["error"])
    assert len(logs) <= 2


def test_a_bug_in_one_session_stops_no_other(world: World, reader: Reader, bench: Bench) -> None:
    """Here: a provider that breaks."""
    broken, good = begin(world, "broken", attend=False), begin(world, "good")

    def explode(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    bench.providers.claude.transcript = explode  # type: ignore[method-assign]
    with capture_logs() as logs:
        for run in (broken, good):
            reader.watch(run)
        append(log_of(world, good), message("one"))
        heard(world, good, "one")
    assert any(entry.get("exc_info") for entry in logs)


def test_a_screen_of_its_own_has_a_transcript_as_soon_as_that_can_be_told(
    world: World, reader: Reader, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where the provider goes on in another file, the reader does."""
    monkeypatch.setattr("genie.daemon.reader.POLL", 0.05)
    monkeypatch.setattr("genie.daemon.reader.SHARE", 10**9)  # however slowly it answers
    monkeypatch.setattr("genie.daemon.reader.UNKNOWN", 0.1)
    monkeypatch.setattr("genie.daemon.reader.LONGEST", 0.1)
    run = begin(world, "ada", attend=False)
    reader.watch(run)
    first, second = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    append(first, message("one"))
    append(second, message("three"))
    bench.providers.claude.transcripts[run.session] = str(first)
    heard(world, run, "one")
    append(first, message("two"))
    bench.providers.claude.transcripts[run.session] = str(second)
    heard(world, run, "one", "two", "three")
    append(second, message("four"))
    heard(world, run, "one", "two", "three", "four")


def test_a_transcript_that_came_right_before_the_end_is_heard(
    world: World, reader: Reader, bench: Bench, tmp_path: Path
) -> None:
    run, other = begin(world, "ada", attend=False), begin(world, "bob")
    for one in (run, other):
        reader.watch(one)
    append(log_of(world, other), message("hello"))
    heard(world, other, "hello")
    append(tmp_path / "short.jsonl", message("last words"))
    bench.providers.claude.transcripts[run.session] = str(tmp_path / "short.jsonl")
    reader.ended(run.id)
    heard(world, run, "last words")


def test_what_keeps_no_conversation_is_not_looked_at(world: World, reader: Reader) -> None:
    plain, talking = begin(world, "plain", attend=False, provider="shell"), begin(world, "talking")
    for run in (plain, talking):
        reader.watch(run)
    append(log_of(world, talking), message("one"))
    heard(world, talking, "one")
    assert [tape.session for tape in world.registry.tapes(world.host)] == [talking.session]
    reader.ended(plain.id)
    append(log_of(world, talking), message("two"))
    heard(world, talking, "one", "two")


def test_a_registry_that_is_away_is_waited_for(
    world: World, registry: PostgresRegistry, monkeypatch: pytest.MonkeyPatch, sql: Callable[[str], object]
) -> None:
    """Its server has thrown everybody out, twice."""
    monkeypatch.setattr("genie.daemon.reader.POLL", 0.05)
    run = begin(world, "ada")
    with reading(world) as reader:
        reader.watch(run)
        for text in ("one", "two"):
            sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'genie'")
            append(log_of(world, run), message(text))
        heard(world, run, "one", "two")
    assert registry.last_event() == 2


def test_many_lines_of_many_sessions_come_all_and_in_order(world: World) -> None:
    """And the reader can be stopped in the midst of it: another one goes on."""
    runs = [begin(world, f"n{number}") for number in range(4)]
    for run in runs:
        log_of(world, run).write_bytes(b"".join(message(str(number)) for number in range(6000)))
    with reading(world) as reader:
        for run in runs:
            reader.watch(run)
        until(lambda: texts(world, runs[0]) != [], what="the first lines")
    with reading(world) as other:
        for run in runs:
            other.watch(run)
        for run in runs:
            of = Stretch(session=run.session, kinds=(Kind.ASSISTANT_MESSAGE,))
            until(lambda of=of: world.registry.measure(of) >= 6000, within=30, what="all lines")  # type: ignore[misc]
    for run in runs:
        events = world.registry.stretch(Stretch(session=run.session), limit=10_000)
        assert [event.payload["text"] for event in events] == [str(number) for number in range(6000)]


def test_a_tape_of_a_form_that_is_not_known_is_told(world: World, reader: Reader) -> None:
    run = begin(world, "ada")
    with world.registry.begin() as tx:
        tx.save_tape(Tape(session=run.session, provider="claude", path=str(log_of(world, run)), form="from-tomorrow"))
    append(log_of(world, run), message("one"))
    with capture_logs() as logs:
        reader.watch(run)
        until(lambda: bool(logs), what="the trouble in the log")
    assert "unknown format" in str(logs[0]["error"])


def test_a_file_that_its_program_has_named_is_found_as_soon_as_it_is_there(
    world: World, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genie.daemon.reader.POLL", 300.0)
    run = begin(world, "ada", attend=False)
    folder, files = tmp_path / "projects" / "here", bench.providers.claude.transcripts
    first, other = folder / "one.jsonl", folder / "two.jsonl"
    with reading(world) as reader:
        reader.expect(uuid4(), str(first))
        reader.watch(run)
        for path, said in ((first, ["one"]), (other, ["one", "two"])):
            reader.expect(run.id, str(path))
            folder.mkdir(parents=True, exist_ok=True)
            files[run.session] = str(path)
            append(path, message(said[-1]))
            heard(world, run, *said)
            reader.expect(run.id, str(path))
        reader.ended(run.id)
        reader.expect(run.id, str(first))
