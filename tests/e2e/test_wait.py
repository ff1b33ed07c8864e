"""Waiting for sessions, asking how they are and cancelling them, with a whole genie and real processes."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest

from genie.client import Daemon
from genie.domain.errors import BadInput
from genie.paths import Home
from tests.fixtures.daemon import Genie, belonging
from tests.fixtures.postgres import Asker, ask
from tests.fixtures.tmux import until

Row = dict[str, Any]
STEADY = 0.8
"""Seconds for which nothing changes about a command that waits."""


class Jobs:
    """Commands that end with the exit code they are told."""

    def __init__(self, genie: Genie) -> None:
        self.genie = genie
        self.genie("daemon", "start")

    def fifo(self, name: str) -> Path:
        return self.genie.directory / f"{name}.end"

    def begin(self, names: Sequence[str], *tags: str, **said: Any) -> dict[str, Row]:  # noqa: ANN401
        """Spawn them, several at once; their rows by name."""
        with ThreadPoolExecutor(4) as pool:
            return dict(zip(names, pool.map(lambda name: self._begin(name, tags, said), names), strict=True))

    def _begin(self, name: str, tags: Sequence[str], said: Row) -> Row:
        os.mkfifo(self.fifo(name))
        body: Row = {"name": name, "tags": list(tags), "auto_resume": False, "role": "engineer", "provider": "shell"}
        body["command"] = ["sh", "-c", f"read code < {self.fifo(name)}; exit $code"]
        body["caller"] = {"cwd": str(self.genie.project), "env": self.genie.env, "pid": os.getpid()}
        row: Row = Daemon(Home(self.genie.home)).request("POST", "/v1/agents", body | said)
        return row

    def end(self, name: str, code: int = 0) -> None:
        """Returns once the command has read it."""
        with self.fifo(name).open("w") as file:
            file.write(f"{code}\n")


@pytest.fixture
def sql(genie: Genie) -> Asker:
    """Ask the genie's database something behind the registry's back."""
    return partial(ask, genie.env["GENIE_DATABASE_URL"])


@pytest.fixture
def jobs(genie: Genie) -> Jobs:
    return Jobs(genie)


def at(descriptor: Path) -> str:
    """What an open file of a process is; nothing when it was closed meanwhile."""
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def waiting(genie: Genie, *words: str) -> subprocess.Popen[str]:
    """`genie wait`, once it waits: its one connection to the daemon stays as it is."""
    process = genie.start("wait", *words)
    seen, since = set[str](), monotonic()

    def steady() -> bool:
        nonlocal seen, since
        assert process.poll() is None, process.communicate()
        now = {name for fd in Path(f"/proc/{process.pid}/fd").iterdir() if (name := at(fd)).startswith("socket")}
        if now != seen:
            seen, since = now, monotonic()
        return bool(seen) and monotonic() - since > STEADY

    until(steady, what="a wait")
    return process


def said(process: subprocess.Popen[str], *, within: float = 30) -> tuple[int, str, str]:
    with process:
        out, err = process.communicate(timeout=within)
    return process.returncode, out, err


def test_twenty_that_end_in_any_order(genie: Genie, jobs: Jobs) -> None:
    chance = random.Random(20)
    names = [f"job-{number}" for number in range(20)]
    rows = jobs.begin(names, "nightly")
    first = waiting(genie, "--tag", "nightly", "--any", "--json")
    everybody = waiting(genie, "--tag", "nightly", "--json")
    good = waiting(genie, *names[:10], "-q")
    codes = {name: 0 if name in names[:10] else chance.choice([0, 3]) for name in names} | {names[13]: 3}
    order = chance.sample(names, len(names))
    jobs.end(order[0], codes[order[0]])
    code, out, _ = said(first)
    assert [row["name"] for row in json.loads(out)] == [order[0]]
    assert code == (1 if codes[order[0]] else 0)
    for name in order[1:]:
        assert everybody.poll() is None
        jobs.end(name, codes[name])

    code, out, err = said(everybody)
    assert (code, err) == (1, "")
    told = {row["name"]: row for row in json.loads(out)}
    assert sorted(told) == sorted(names)
    for name, row in told.items():
        how = (False, "failed", "exit") if codes[name] else (True, "done", None)
        assert list(row) == ["session_id", "name", "success", "state", "reason"]
        assert (row["success"], row["state"], row["reason"]) == how
        assert row["session_id"] == rows[name]["session_id"]
    code, out, _ = said(good)
    assert (code, sorted(out.split())) == (0, sorted(names[:10]))

    again = genie.run("wait", "--tag", "nightly", "--timeout", "1s")
    assert (again.returncode, len(again.stdout.splitlines())) == (1, 20)
    assert f"{names[13]}  failed  exit" in again.stdout.splitlines()


def test_a_wait_outlives_the_daemon(genie: Genie, jobs: Jobs) -> None:
    jobs.begin(["a", "b", "c"])
    process = waiting(genie, "a", "b", "c", "--json", "--timeout", "2m")
    jobs.end("a")
    genie.until_state("a", "done")
    genie.kill_daemon()
    jobs.end("b", 4)
    genie.until_state("b", "failed")
    assert process.poll() is None
    genie.kill_daemon()
    jobs.end("c")
    code, out, err = said(process, within=60)
    assert (code, err) == (1, "")
    assert [(row["name"], row["state"]) for row in json.loads(out)] == [("a", "done"), ("b", "failed"), ("c", "done")]


def test_a_registry_that_is_restored_in_the_middle(genie: Genie, jobs: Jobs) -> None:
    jobs.begin(["a"])
    file = genie.directory / "backup"
    genie("db", "backup", str(file))
    ours = waiting(genie, "a", "--json")
    genie("db", "restore", "--yes", str(file))
    assert genie.state("a") == "running"
    assert ours.poll() is None
    jobs.end("a")
    assert said(ours)[0] == 0


def test_an_idle_wait_does_nothing_at_all(genie: Genie, jobs: Jobs) -> None:
    """Others begin and end meanwhile: it is not even woken, so that it takes no time of any processor."""
    jobs.begin(["quiet", "other"])
    process = waiting(genie, "quiet")
    itself = psutil.Process(process.pid)
    before = itself.cpu_times(), itself.num_ctx_switches()
    jobs.end("other")
    genie.until_state("other", "done")
    genie("spawn", "third", "--", "true")
    genie.until_state("third", "done")
    assert (itself.cpu_times(), itself.num_ctx_switches()) == before
    jobs.end("quiet")
    assert said(process)[:2] == (0, "quiet  done\n")


def test_two_hundred_waiters_cost_no_thread_and_no_connection_each(genie: Genie, jobs: Jobs, sql: Asker) -> None:
    row = jobs.begin(["one"])["one"]
    daemon = psutil.Process(genie.daemon_pid())
    body = json.dumps({"words": ["one"], "timeout": 60}).encode()
    request = b"POST /v1/sessions/wait HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n" % len(body)
    request += b"Content-Type: application/json\r\nConnection: close\r\n\r\n" + body
    with ExitStack() as stack:
        lines = [stack.enter_context(closing(socket.socket(socket.AF_UNIX))) for _ in range(200)]
        for line in lines:
            line.settimeout(60)
            line.connect(str(genie.home / "run" / "genie.sock"))
            line.sendall(request)
        # The last is answered nothing, and so are those before it, once another request has gone through.
        until(lambda: genie.json("status", "one")["status"] == "running", what="an answer beside them")
        assert daemon.num_threads() < 100
        (connections,) = sql("select count(*) from pg_stat_activity where application_name like 'genie%'")
        assert 0 < int(str(connections[0])) <= 6
        jobs.end("one")
        for line in lines:
            answer = b"".join(iter(lambda: line.recv(65536), b""))  # noqa: B023
            head, _, content = answer.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), answer
            assert [one["session_id"] for one in json.loads(content)["ended"]] == [row["session_id"]]


def test_the_time_that_is_over_and_what_ended_before(genie: Genie, jobs: Jobs) -> None:
    jobs.begin(["a", "b"], "x")
    jobs.end("a")
    genie.until_state("a", "done")
    late = genie.run("wait", "a", "b", "--timeout", "300ms")
    assert (late.returncode, late.stdout) == (124, "a  done\n")
    assert late.stderr == "genie: not ended in 300ms: b — they go on; genie wait again\n"
    assert genie.state("b") == "running"


def test_who_gets_the_tag_while_it_waits(genie: Genie, jobs: Jobs) -> None:
    jobs.begin(["a"], "x")
    with pytest.raises(BadInput, match="no tag is given"):
        Daemon(Home(genie.home)).request("POST", "/v1/sessions/wait", {"words": ["a"], "follow_tag": True})
    following = waiting(genie, "--tag", "x", "--follow-tag", "--json")
    content = waiting(genie, "--tag", "x", "-q")
    jobs.begin(["b"], "x")
    jobs.begin(["stranger"], "y")
    jobs.end("a")
    assert said(content)[:2] == (0, "a\n")
    assert following.poll() is None
    genie.kill_daemon()
    jobs.end("b")
    code, out, _ = said(following, within=60)
    assert (code, [row["name"] for row in json.loads(out)]) == (0, ["a", "b"])
    assert genie.state("stranger") == "running"


# ---- who is meant ------------------------------------------------------------------------------


def test_beginnings_of_ids(genie: Genie, jobs: Jobs, sql: Asker) -> None:
    row = jobs.begin(["engine"])["engine"]
    id_ = row["session_id"]
    for word in ("engine", id_, id_[:4], id_[:13].upper(), id_.replace("-", "")):
        assert genie("status", word) == "running\n"
    assert "did you mean 'engine'?" in genie.refused("status", "engin", code=3)
    genie.refused("wait", id_[:3] + "z", code=3)
    genie.refused("cancel", id_, "nobody", code=3)
    for verb in ("status", "wait", "cancel"):
        assert "no session is named" in genie.refused(verb, code=2)

    first = "bcd" if id_.startswith("abcd") else "abcd"
    columns = "agent_id, provider, argv, cwd, env_names, role_prompt, prompted, created_at"
    sql(
        f"insert into sessions (id, {columns}) select ('{first.ljust(6, '0')}' || lpad(n::text, 2, '0') ||"  # noqa: S608
        f" '-0000-4000-8000-000000000000')::uuid, {columns.removesuffix('created_at')}"
        " created_at - make_interval(mins => n) from sessions, generate_series(1, 12) n returning 1"
    )
    for verb in ("status", "wait", "cancel"):
        refused = genie.refused(verb, first, code=4)
        assert refused.count("(engine, past session)") == 10
        assert "and 2 more" in refused
    error = json.loads(genie.run("status", first, "--json").stdout)["error"]
    assert (error["code"], len(error["matches"]), error["more"]) == ("conflict", 10, 2)
    past = f"{first.ljust(6, '0')}07"
    told = genie.run("status", past, "--json")
    assert json.loads(told.stdout)["past_session"].startswith(past)
    assert json.loads(told.stdout)["session_id"] == id_
    assert f"is a past session of 'engine'; this is about its present one, {id_}" in told.stderr


def test_groups_and_the_newest(genie: Genie, jobs: Jobs) -> None:
    assert "there is no session" in genie.refused("status", "--latest", code=3)
    genie("team", "create", "web")
    jobs.begin(["a"], "x")
    jobs.begin(["b"], "x", team="web")
    assert genie.json("status", "--latest")["name"] == "b"
    assert genie.json("status", "--team", "web")["name"] == "b"
    assert "one session is wanted" in genie.refused("status", "--tag", "x", code=4)
    assert "the tag 'nope'" in genie.refused("wait", "--tag", "nope", code=3)
    assert "did you mean 'web'?" in genie.refused("wait", "--team", "weg", code=3)
    genie("cancel", "--latest")
    assert genie("cancel", "--latest") == "b  terminated  already terminated\n"
    assert genie.state("a") == "running"


# ---- status ------------------------------------------------------------------------------------


def test_how_a_session_is(make_genie: Callable[..., Genie]) -> None:
    genie = make_genie(GENIE_MAX_RUNNING="1")
    jobs = Jobs(genie)
    row = jobs.begin(["a"])["a"]
    until(lambda: genie.json("daemon", "status")["heartbeat"]["passes"] >= 1, what="a heartbeat")
    told = genie.json("status", "a")
    assert {key: told[key] for key in ("status", "state", "name", "session_id", "pid", "reason", "past_session")} == {
        "status": "running",
        "state": "running",
        "name": "a",
        "session_id": row["session_id"],
        "pid": row["pid"],
        "reason": None,
        "past_session": None,
    }
    assert told["last_event"]["kind"] == "agent.running"
    assert 0 <= told["heartbeat_age"] < 30
    jobs.begin(["b"])
    assert genie("status", "b") == "queued\n"
    jobs.end("a")
    genie("wait", "a")
    assert genie("status", "a") == "completed\n"
    ended = genie.json("status", "a")
    assert (ended["state"], ended["pid"], ended["heartbeat_age"]) == ("done", None, None)
    genie("stop", "b")
    assert genie("status", "b") == "suspended\n"


# ---- cancel ------------------------------------------------------------------------------------


def test_cancel_ends_the_tree_and_says_why(genie: Genie) -> None:
    genie.json("spawn", "engineer", "--prompt", "[[child:setsid]][[child:double]][[child:nohup]][[child:plain]]")
    genie("spawn", "kid", "--parent", "engineer", "--", "sleep", "1000")
    until(lambda: len(belonging(genie.home)) >= 6, what="the trees")
    waiter = waiting(genie, "engineer", "kid", "--json")
    (told,) = genie.json("cancel", "engineer", "--reason", "größer 'quoted'")
    assert (told["name"], told["state"], told["outcome"]) == ("engineer", "terminated", "cancelled")
    assert not belonging(genie.home)
    assert genie.panes() == []
    assert [genie.state(name) for name in ("engineer", "kid")] == ["terminated"] * 2
    wish = next(event for event in genie.json("history", "engineer") if event["kind"] == "agent.kill_requested")
    assert wish["payload"] == {"reason": "größer 'quoted'"}
    code, out, _ = said(waiter)
    assert (code, {row["state"] for row in json.loads(out)}) == (1, {"terminated"})
    assert genie("cancel", told["session_id"]) == "engineer  terminated  already terminated\n"


def test_cancel_of_what_waits_and_of_what_has_ended(make_genie: Callable[..., Genie]) -> None:
    genie = make_genie(GENIE_MAX_RUNNING="1")
    jobs = Jobs(genie)
    jobs.begin(["first"])
    jobs.begin([f"later-{number}" for number in range(6)], "x")
    assert "say --yes" in genie.refused("cancel", "--tag", "x", code=2)
    assert "the reason is not valid UTF-8" in genie.run("cancel", "first", "--reason", "\udcff").stderr
    assert genie.state("first") == "running"
    jobs.end("first")
    genie("wait", "first")
    assert genie("cancel", "first") == "first  done  already done\n"
    done = genie.json("cancel", "--tag", "x", "first", "--yes", "--reason", "enough")
    assert {(row["outcome"], row["state"]) for row in done} == {("already done", "done"), ("cancelled", "terminated")}
    assert genie.state("first") == "done"
    assert not belonging(genie.home)
    states = {row["name"]: row["state"] for row in genie.json("ls", "--all")}
    assert [states[f"later-{number}"] for number in range(6)] == ["terminated"] * 6
