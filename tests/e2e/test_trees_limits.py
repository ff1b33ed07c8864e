"""Spawn trees: how many there may be, how fast, how deep, and who says so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psutil

from genie.client import Daemon
from genie.domain.errors import LimitReached
from genie.paths import Home
from tests.e2e.forest import SLEEP, Row, at, child, events, of_run, root, rows, token_of
from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until


def race(genie: Genie, names: Sequence[str], token: str) -> list[tuple[int, str]]:
    """Exit code and stdout of a `genie spawn --json` for each name, all begun before any is waited for."""
    env = {"GENIE_AGENT_TOKEN": token}
    started = [genie.start("spawn", "--json", name, *SLEEP, env=env) for name in names]
    ended = []
    for process in started:
        with process:
            out, _ = process.communicate(timeout=60)
            ended.append((process.returncode, out))
    return ended


def test_eight_that_race_for_five_places(genie: Genie) -> None:
    a = root(genie, "a", "--limit", "children=5")
    token = token_of(genie, "a")
    for turn in "xy":
        names = [f"{turn}{number}" for number in range(8)]
        ended = race(genie, names, token)
        assert sorted(code for code, _ in ended) == [0] * 5 + [5] * 3
        made = rows(genie)
        children = {name: made[name] for name in names if name in made}
        assert [row["state"] for row in children.values()] == ["running"] * 5
        assert all(of_run(row["run_id"]) == {row["pid"]} for row in children.values())
        assert {run for _, run, _ in genie.panes()} == {row["run_id"] for row in (made["a"], *children.values())}
        assert all(psutil.Process(row["pid"]).cmdline() == list(SLEEP[1:]) for row in children.values())

        said = "refused by the limit 'children': 'a' has 5 live children of 5"
        hint = "end one of them, or raise the limit"
        error = {"code": "limit", "limit": "children", "max": 5, "now": 5, "of": "a", "message": said, "hint": hint}
        done = a.try_spawn("more")
        assert (done.code, done.json) == (5, {"error": error})
        assert done.err == f"genie: {said} — {hint}\n"
        assert [event["payload"]["child"] for event in events(genie, "a", "spawn_refused")][-1] == "more"
        assert len(events(genie, "a", "spawn_refused")) == (4 if turn == "x" else 8)
        genie("kill", "--yes", *children)


def ask(genie: Genie, name: str, token: str) -> Row | None:
    """A child of the one with that token, asked for within this process; what a limit refuses it with, else None."""
    env = genie.env | {"GENIE_AGENT_TOKEN": token}
    caller = {"cwd": str(genie.project), "env": env, "pid": os.getpid()}
    body = {"name": name, "command": list(SLEEP[1:]), "caller": caller}
    try:
        Daemon(Home(genie.home), start=False).request("POST", "/v1/agents", body)
    except LimitReached as refused:
        return dict(refused.details)
    return None


def test_twenty_in_one_window(genie: Genie) -> None:
    root(genie, "a", "--limit", "rate=10/m")
    token = token_of(genie, "a")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: ask(genie, f"c{number}", token), range(20)))
    assert answers.count(None) == 10
    assert [answer for answer in answers if answer] == [{"limit": "rate", "max": 10, "now": 10, "of": "a"}] * 10
    assert len(genie.panes()) == 11


def test_no_window_of_a_second_has_more_than_ten(genie: Genie) -> None:
    root(genie, "a", "--limit", "rate=10/s")
    token = token_of(genie, "a")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: ask(genie, f"c{number}", token), range(20)))
    assert {answer["limit"] for answer in answers if answer} <= {"rate"}
    until(lambda: ask(genie, "last", token) is None, what="a place in the next window")
    made = [name for name in rows(genie) if name != "a"]
    assert len(made) == answers.count(None) + 1
    times = sorted(at(events(genie, name, "requested")[0]["at"]) for name in made)
    assert len(times) > 10
    assert all(later - earlier >= timedelta(seconds=1) for earlier, later in zip(times, times[10:], strict=False))


def test_a_refusal_for_depth_names_what_is_there(genie: Genie) -> None:
    a = root(genie, "a", "--limit", "depth=1", "--limit", "children=2")
    b = child(a, "b", "--limit", "depth=9", "--limit", "children=9", "--limit", "rate=1/s")
    limits = genie.json("show", "b")["limits"]
    assert (limits["depth"], limits["children"], limits["rate"]) == (1, 2, "1/s")
    done = b.try_spawn("c")
    assert (done.code, done.error["limit"], done.error["max"], done.error["now"]) == (5, "depth", 1, 1)
    a.spawn("c")
    assert a.try_spawn("d").error["limit"] == "children"


def test_a_static_agent_may_not_spawn(genie: Genie) -> None:
    a = root(genie, "a", "--limit", "mode=static")
    done = a.try_spawn("b")
    assert (done.code, done.error["limit"]) == (5, "mode")
    assert "may not spawn: its mode is static" in done.error["message"]
    assert set(rows(genie)) == {"a"}


def test_limits_come_from_the_flag_the_template_the_team_and_the_configuration(genie: Genie) -> None:
    genie.env |= {"GENIE_SPAWN__TOTAL": "9", "GENIE_SPAWN__DEPTH": "9", "GENIE_SPAWN__CHILDREN": "9"}
    genie.env |= {"GENIE_SPAWN__DESCENDANTS": "9"}
    folder = genie.project / ".genie" / "agents" / "planner"
    folder.mkdir(parents=True)
    block = "ttl: 2h\nspawn:\n  termination: orphan\n  limits:\n    children: 2\n    depth: 2\n"
    (folder / "AGENTS.md").write_text(f"---\n{block}---\n")
    genie("team", "create", "red", "--limit", "depth=3", "--limit", "descendants=3")
    genie("spawn", "planner", "--team", "red", "--limit", "children=1")
    shown = genie.json("show", "planner")
    keys = ("children", "depth", "descendants", "total", "termination")
    assert [shown["limits"][key] for key in keys] == [1, 2, 3, 9, "orphan"]
    assert shown["ttl"] == 7200
    token = token_of(genie, "planner")
    assert ask(genie, "b", token) is None
    assert ask(genie, "c", token) == {"limit": "children", "max": 1, "now": 1, "of": "planner"}


def test_what_does_not_read_is_refused_before_anything(genie: Genie) -> None:
    assert "did you mean 'children'" in genie.refused("spawn", "a", "--limit", "childs=3", *SLEEP, code=2)
    assert "is not a size" in genie.refused("spawn", "a", "--limit", "memory=much", *SLEEP, code=2)
    assert "is not a duration" in genie.refused("spawn", "a", "--ttl", "soon", *SLEEP, code=2)
    assert genie.json("ls", "--all") == []
