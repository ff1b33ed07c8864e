"""Who is asking, what it says, and who follows it: with real panes, a real registry, and daemons that go away."""

from __future__ import annotations

import json
import shlex
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Event

import pytest

from genie.client import Daemon
from genie.client import Genie as Client
from genie.domain.errors import BadInput
from genie.paths import Home
from tests.e2e.forest import SLEEP, Inside, Row, child, root, rows, token_of
from tests.e2e.test_trees import NO_TOKEN, bare
from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

WRITERS, EACH = 10, 4


class Subscriber:
    """`genie subscribe --json`, and what it has printed."""

    def __init__(self, genie: Genie, *words: str) -> None:
        self.process = genie.start("subscribe", "--json", *words)
        self.rows: list[Row] = []

    def until(self, count: int) -> list[Row]:
        """All so far, once they are so many."""
        assert self.process.stdout
        while len(self.rows) < count:
            line = self.process.stdout.readline()
            assert line.endswith("\n"), self.process.communicate()
            self.rows.append(json.loads(line))
        return self.rows

    def until_message(self, text: str) -> list[Row]:
        while not (self.rows and self.rows[-1]["payload"].get("message") == text):
            self.until(len(self.rows) + 1)
        return self.rows

    def cut(self) -> list[Row]:
        """Kill it as it is; the whole lines that it had printed."""
        self.process.kill()
        assert self.process.stdout
        rest = self.process.stdout.read()
        self.rows += [json.loads(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
        self.process.communicate(timeout=20)
        return self.rows

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=20)
        return self.process.returncode


@contextmanager
def subscribed(genie: Genie, *words: str) -> Iterator[Subscriber]:
    subscriber = Subscriber(genie, *words)
    try:
        yield subscriber
    finally:
        if subscriber.process.poll() is None:
            subscriber.process.kill()
            subscriber.process.communicate(timeout=20)


def messages(events: Sequence[Row]) -> list[str]:
    return [event["payload"]["message"] for event in events if event["kind"] == "session.user_event"]


def whole(genie: Genie) -> list[int]:
    """The ids of all events of the registry."""
    client = Client(Daemon(Home(genie.home), start=False))
    return [event["id"] for event in client.events(after=0, follow=False)]


def logged(writer: Inside, text: str) -> bool:
    return writer.run("genie", "log", text).code == 0


# ---- who ------------------------------------------------------------------------------------


def test_whoami_within_a_pane_and_outside(genie: Genie) -> None:
    a = root(genie, "a", "--limit", "children=3", "--ttl", "1h")
    b = child(a, "b")
    found = rows(genie)
    for by in ((), NO_TOKEN, bare(genie)):
        told = b.run(*by, "genie", "whoami", "--json").json
        shared = [key for key in told if key in found["b"] and key != "left"]
        assert {key: told[key] for key in shared} == {key: found["b"][key] for key in shared}
        assert {"name", "role", "team", "session_id", "run_id", "provider", "model", "depth", "cwd", "pane"} <= set(
            shared
        )
        assert (told["parent"], told["root"], told["expires_at"]) == ("a", "a", None)
        assert told["left"] == {"children": 3, "descendants": 499, "depth": 2}
    own = a.run("genie", "whoami", "--json").json
    assert (own["name"], own["parent"], own["left"]["children"]) == ("a", None, 2)
    assert own["expires_at"] == found["a"]["expires_at"] is not None
    assert a.run("genie", "whoami", "-q").out == "a\n"
    for words in (("whoami",), ("env",), ("log", "x")):
        assert "you are nobody" in genie.refused(*words, code=3)


def test_a_token_that_is_not_good_is_refused(genie: Genie) -> None:
    a = root(genie)
    good = token_of(genie, "a")
    assert genie.json("whoami", env={"GENIE_AGENT_TOKEN": good})["name"] == "a"
    for forged in ("x", "0" * len(good), good[:-1], good + " ", "é\udcff"):
        for words in (("whoami",), ("env",), ("log", "x")):
            said = a.run("env", f"GENIE_AGENT_TOKEN={forged}", "genie", *words, "--json")
            assert (said.code, said.error["token"]) == (5, "unknown")
            assert good not in said.out + said.err
    genie("stop", "a")
    line = genie.refused("whoami", env={"GENIE_AGENT_TOKEN": good}, code=5)
    assert "that of an ended run of 'a'" in line
    assert genie.refused("log", "late", env={"GENIE_AGENT_TOKEN": good}, code=5) == line
    assert "user_event" not in genie("history", "a")


def test_env_is_that_of_the_process_and_has_no_token(genie: Genie) -> None:
    a = root(genie, "a", "--env", "OTHER_SECRET=hush")
    b = child(a, "b")
    token = token_of(genie, "b")
    told = b.run("genie", "env", "--json")
    given = b.run("env", "-0").out
    assert {f"{key}={value}" for key, value in told.json.items()} <= set(given.split("\0"))
    assert set(told.json) == {
        *("GENIE_SESSION_ID", "GENIE_RUN_ID", "GENIE_AGENT_NAME", "GENIE_TEAM", "GENIE_PARENT", "GENIE_ROOT"),
        *("SPAWN_DEPTH", "GENIE_PROVIDER", "GENIE_HOME"),
    }
    assert genie.json("env", "b") == told.json
    assert genie("env", "b") == b.run("genie", "env").out
    asked = shlex.join(bare(genie)) + " sh -c 'eval \"$(genie env --shell)\"; env -0'"
    assert {f"{key}={value}" for key, value in told.json.items()} <= set(b.run("sh", "-c", asked).out.split("\0"))
    for text in (told.out, b.run("genie", "env", "--shell").out):
        assert token not in text
        assert "hush" not in text
    assert "unknown agent 'nobody'" in genie.refused("env", "nobody", code=3)


# ---- saying and reading ---------------------------------------------------------------------


def test_what_is_logged_is_in_the_history_and_the_events(genie: Genie) -> None:
    a = root(genie)
    text, data = "größe ✓ 🚀 \u2028\u202e 'x' \"y\" \\n\n\tend", {"": [1, 2.5, None, {"ü": "\U0010ffff"}]}
    said = a.run("genie", "log", text, "--level", "error", "--data", json.dumps(data), "--json")
    assert said.json == {key: genie.agent("a")[key] for key in ("name", "session_id", "run_id")} | {"level": "error"}
    assert a.run(*bare(genie), "genie", "log", "--", "-dash").code == 0
    first, second = genie.json("history", "a")[-2:]
    assert first["payload"] == {"message": text, "level": "error", "data": data}
    assert second["payload"] == {"message": "-dash", "level": "info"}
    assert (second["session_id"], second["run_id"]) == (said.json["session_id"], said.json["run_id"])

    def events(*words: str) -> list[Row]:
        return [json.loads(line) for line in genie("events", "a", "--json", *words).splitlines()]

    every = events()
    assert every == genie.json("history", "a")
    assert [event["seq"] for event in every] == list(range(1, len(every) + 1))
    assert events("--type", "user_event", "--type", "running") == every[-3:]
    assert events("--last", "2") == events("--after-seq", str(len(every) - 2)) == every[-2:]
    assert events("--type", "session.user_event", "--before-seq", str(len(every))) == every[-2:-1]
    assert genie("events", "a", "--count") == f"{len(every)}\n"
    assert genie("events", "a", "--count", "--type", "failed") == "0\n"
    said_ = genie.refused("events", "a", "--type", "user_evnt", code=2)
    assert said_ == "genie: unknown type of event 'user_evnt' — did you mean 'user_event'?"
    genie.refused("events", "nobody", code=3)


def test_what_cannot_be_kept_is_refused_by_the_daemon_too(genie: Genie) -> None:
    root(genie)
    token = token_of(genie, "a")
    daemon = Daemon(Home(genie.home), start=False)
    deep: object = 1
    for _ in range(100):
        deep = [deep]
    before = genie.json("history", "a")
    for message, data in (("x" * 65_537, None), ("a\0b", None), ("\ud800", None), ("x", ["\0"]), ("x", deep)):
        body = {"caller": {"cwd": "", "env": {"GENIE_AGENT_TOKEN": token}}, "message": message, "data": data}
        with pytest.raises(BadInput, match=r"bytes; the limit|NUL|UTF-8|nested"):
            daemon.request("POST", "/v1/log", body)
    assert genie.json("history", "a") == before


# ---- following ------------------------------------------------------------------------------


def test_ten_writers_and_a_subscriber_that_is_cut(genie: Genie) -> None:
    """Every event once and in order, over cuts of the subscriber and a SIGKILL of the daemon."""
    inside = [root(genie, f"w{number}") for number in range(WRITERS)]

    enough = Event()

    def write(writer: Inside) -> int:
        """At least so many, and for as long as somebody is to be cut who reads them."""
        number = 0
        while number < EACH or not enough.is_set():
            text = f"{writer.name}:{number}"
            until(partial(logged, writer, text), within=30, what=text)
            number += 1
        return number

    seen: list[Row] = []
    last = "0"
    with ThreadPoolExecutor(WRITERS) as pool:
        busy = [pool.submit(write, writer) for writer in inside]
        try:
            for turn in range(4):
                with subscribed(genie, "--after", last) as subscriber:
                    subscriber.until(12)
                    if turn == 2:
                        genie.kill_daemon()
                        subscriber.until(24)
                    seen += subscriber.cut()
                    last = str(seen[-1]["id"])
        finally:
            enough.set()
        written = {writer.name: work.result() for writer, work in zip(inside, busy, strict=True)}
    genie("stop", "w0")
    with subscribed(genie, "--after", last) as subscriber:
        while not any(event["kind"] == "agent.stopped" for event in subscriber.rows):
            subscriber.until(len(subscriber.rows) + 1)
        seen += subscriber.rows
        assert subscriber.interrupt() == 130
    ids = [event["id"] for event in seen]
    assert ids == whole(genie)[: len(ids)]
    told = messages(seen)
    for writer in inside:
        own = [text for text in told if text.startswith(f"{writer.name}:")]
        numbers = [int(text.partition(":")[2]) for text in own]
        assert list(dict.fromkeys(numbers)) == list(range(written[writer.name])), writer.name
        seqs = [event["seq"] for event in seen if event["name"] == writer.name]
        assert seqs == list(range(1, len(seqs) + 1)), writer.name


def test_filters_know_those_that_come_later(genie: Genie) -> None:
    genie("team", "create", "web")
    genie("team", "create", "api")
    client = Client(Daemon(Home(genie.home), start=False))
    start = str(client.last_event())
    ways = (("--tag", "red"), ("--tag", "red", "--tag", "blue"), ("--team", "web"), ("--team", "web", "--tag", "red"))
    subscribers = [Subscriber(genie, "--after", start, "--type", "user_event", *words) for words in ways]
    made = [
        root(genie, "a", "--team", "web", "--tag", "red"),
        root(genie, "b", "--team", "api", "--tag", "red"),
        root(genie, "c", "--team", "web", "--tag", "blue"),
        root(genie, "d", "--team", "api"),
    ]
    for writer in made:
        assert writer.run("genie", "log", writer.name).code == 0
    assert made[0].run("genie", "log", "end").code == 0
    try:
        told = ["".join(messages(subscriber.until_message("end"))) for subscriber in subscribers]
        assert told == ["abend", "abcend", "acend", "aend"]
        assert [subscriber.interrupt() for subscriber in subscribers] == [130] * 4
    finally:
        for subscriber in subscribers:
            subscriber.process.kill()
            subscriber.process.communicate(timeout=20)
    said = genie.refused("subscribe", "--type", "user_evnt", code=2)
    assert "did you mean 'user_event'?" in said


def test_it_waits_for_a_daemon_that_was_stopped(genie: Genie) -> None:
    a = root(genie)
    with (
        subscribed(genie, "--type", "user_event", "--tag", "none") as silent,
        subscribed(genie, "--after", "0") as subscriber,
    ):
        assert subscriber.process.stderr
        assert a.run("genie", "log", "one").code == 0
        subscriber.until_message("one")
        pid = genie.daemon_pid()
        assert pid
        genie("daemon", "stop")
        genie.until_gone(pid)
        assert "went away" in subscriber.process.stderr.readline()
        assert genie.daemon_pid() is None
        assert "Traceback" not in (genie.home / "logs" / "daemon.log").read_text()
        assert "CancelledError" not in (genie.home / "logs" / "daemon.log").read_text()
        assert a.run("genie", "log", "two").code == 0
        told = subscriber.until_message("two")
        ids = [event["id"] for event in told]
        assert ids == sorted(set(ids))
        assert ids == [id_ for id_ in whole(genie) if ids[0] <= id_ <= ids[-1]]
        assert {"daemon.stopped", "daemon.started"} <= {event["kind"] for event in told}
        assert silent.process.poll() is None
        assert silent.rows == []


def test_the_python_client_follows_as_well(make_genie: Callable[..., Genie]) -> None:
    genie = make_genie()
    genie("spawn", "a", *SLEEP)
    genie.kill_daemon()
    lost: list[int] = []
    client = Client(Daemon(Home(genie.home)))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in genie.env.items():
            patch.setenv(name, value)
        stream = client.subscribe(after=0, types=["daemon.started"], on_lost=lambda: lost.append(1))
        assert next(stream)["kind"] == next(stream)["kind"] == "daemon.started"
        genie.kill_daemon()
        assert next(stream)["kind"] == "daemon.started"
    assert len(lost) >= 1
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert genie.state("a") == "running"
