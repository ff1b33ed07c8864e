"""SIGKILL of the daemon at each step of a run, from its start to its end, and a restart after it."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import partial

import pytest

from tests.e2e.dying import crash_at, points
from tests.e2e.runs import marker, of_run, pane_of
from tests.e2e.test_crashes import SPAWN
from tests.fixtures.daemon import Genie
from tests.fixtures.postgres import Asker, ask
from tests.fixtures.tmux import until

END = ("take_in.before_commit", "take_in.committed", "reconcile.declared")
LATE = ("finish.ended", "finish.closed", "finish.before_commit")
ONCE = {"requested", "spawning", "running", "done"}


@pytest.fixture
def sql(genie: Genie) -> Asker:
    """Ask the genie's database something behind the registry's back."""
    return partial(ask, genie.env["GENIE_DATABASE_URL"])


def whole(genie: Genie, sql: Asker, *, state: str = "done") -> dict[str, object]:
    """Ada's session ran once, has one result, and nothing was told twice."""
    row = genie.until_state("ada", state)
    until(lambda: marker(genie, row, "ended") is not None, what="the marker of its end")
    started, ended = (marker(genie, row, what) for what in ("started", "ended"))
    assert started
    assert ended
    assert (started["session_id"], ended["success"]) == (row["session_id"], state == "done")
    for table in ("results", "runs"):
        statement = "select count(*) from {} t join agents a on a.id = t.agent_id where a.name = 'ada'"
        assert sql(statement.format(table)) == [(1,)]
    told = Counter((event["kind"], json.dumps(event["payload"])) for event in genie.api.history("ada"))
    assert max(told.values()) == 1, told
    assert of_run(genie, row["run_id"]) == []
    return row


def counting(genie: Genie, then: str) -> tuple[str, ...]:
    """A command that notes each start of itself, and says something."""
    return ("--", "sh", "-c", f"echo start >> {genie.directory}/starts; echo 'one $0'; echo two; {then}")


def starts(genie: Genie) -> int:
    path = genie.directory / "starts"
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize("point", points(SPAWN, ("spawn.committed", "start.released", "start.committed")))
def test_a_daemon_that_dies_at_the_start(genie: Genie, sql: Asker, point: str) -> None:
    pid = crash_at(genie, point)
    assert genie.run("run", "--name", "ada", *counting(genie, "true")).returncode != 0
    genie.until_gone(pid)
    row = whole(genie, sql)
    assert (starts(genie), genie("output", "ada")) == (1, "one $0\ntwo")
    assert set(genie.kinds("ada")) >= ONCE
    until(lambda: pane_of(genie, str(row["run_id"])) is None, what="the end of its pane")


@pytest.mark.parametrize("point", points(END, ("take_in.committed", "reconcile.declared")))
def test_a_daemon_that_dies_at_the_end(genie: Genie, sql: Asker, point: str) -> None:
    fifo = genie.directory / "go"
    os.mkfifo(fifo)
    pid = crash_at(genie, point)
    genie.run("run", "--name", "ada", *counting(genie, f"read code < {fifo}; echo three"))
    heir = genie.run("run", "--name", "heir", "--depends-on", "ada", "--inject-context", "--", "cat")
    if point == "reconcile.declared":
        assert heir.returncode == 0
    until(lambda: starts(genie) == 1, what="its start")
    fifo.write_text("0\n")
    genie.until_gone(pid)
    genie.until_state("ada", "done")
    if heir.returncode == 0:
        genie.until_state("heir", "done")
        assert ">one $0\ntwo\nthree</session-result>" in genie("output", "heir")
    row = whole(genie, sql)
    assert (starts(genie), genie("output", "ada")) == (1, "one $0\ntwo\nthree")
    until(lambda: pane_of(genie, str(row["run_id"])) is None, what="the end of its pane")


@pytest.mark.parametrize("point", points(LATE, ("finish.before_commit",)))
def test_a_daemon_that_dies_when_its_time_is_over(genie: Genie, sql: Asker, point: str) -> None:
    pid = crash_at(genie, point)
    genie("run", "--name", "ada", "--timeout", "500ms", *counting(genie, "sleep 1000 & sleep 1000"))
    genie.until_gone(pid)
    row = whole(genie, sql, state="failed")
    assert (row["reason"], starts(genie)) == ("timeout", 1)


def test_a_run_that_ended_while_no_daemon_was_there(genie: Genie, sql: Asker) -> None:
    fifo = genie.directory / "go"
    os.mkfifo(fifo)
    genie("run", "--name", "ada", *counting(genie, f"read code < {fifo}; exit $code"))
    until(lambda: starts(genie) == 1, what="its start")
    genie.kill_daemon()
    fifo.write_text("7\n")
    row = whole(genie, sql, state="failed")
    assert (row["exit_code"], genie("output", "ada")) == (7, "one $0\ntwo")
