"""tree, ps, and what a spawn says of limits and time: what they ask, and what they print."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.peer import Lines, Peer, row
from tests.cli.test_terminal import DEADLINE, on_terminal


def node(name: str, level: int = 0, **changes: object) -> dict[str, Any]:
    told = {"level": level, "orphan": False, "cpu": 1.25, "rss": 2**20 * 36, "processes": 2, "tree_rss": 2**30}
    return row(name, **{"depth": level, "ttl": None, "root": "top"} | told | changes)


FAMILY = [
    node("top"),
    node("mid", 1, orphan=True),
    node("leaf", 2, state="failed", reason="exit", exit_code=1, pid=None, ended_at="2026-01-01T00:00:01Z", cpu=None),
    node("late", 1, expires_at="2999-01-01T00:00:00Z"),
]


def run(name: str, **changes: object) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": name,
        "team": "web",
        "role": "engineer",
        "state": "running",
        "pid": 4711,
        "pane": "%12",
        "run_id": "9a0c2a34-0000-4000-8000-000000000000",
        "depth": 0,
        "parent": None,
        "cpu": 50.0,
        "rss": 36 * 2**20,
        "processes": 3,
        "tree_cpu": 50.0,
        "tree_rss": 36 * 2**20,
        "started_at": "2026-01-01T00:00:00+00:00",
        "expires_at": None,
        "history": [],
    }
    return told | changes


# ---- tree ------------------------------------------------------------------------------------


def test_tree_is_drawn_with_aligned_columns(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/tree"] = FAMILY
    said = genie("tree", PYTHONIOENCODING="utf-8")
    assert said.code == 0
    assert "\x1b" not in said.out
    header, top, mid, leaf, late = said.out.splitlines()
    assert [text[: header.index("STATE")].rstrip() for text in (top, mid, leaf, late)] == [
        "top",
        "├─ mid",
        "│  └─ leaf",
        "└─ late",
    ]
    assert header.index("STATE") == top.index("running") == mid.index("running, orphan") == leaf.index("failed: exit")
    assert header.index("MEMORY") == top.index("36M")
    assert header.index("EXIT") == leaf.index("exit 1")
    assert top.split()[1:7] == ["running", "0", "4711", "1.2%", "36M", "1.0G"]
    assert re.search(r"  \d+d +-$", late), "what is left of its time"
    assert peer.last("GET /v1/tree").query == {}


def test_tree_without_unicode_is_ascii(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/tree"] = FAMILY
    out = genie("tree", PYTHONIOENCODING="ascii", PYTHONUTF8="0").out
    assert out.isascii()
    assert [text.split("  ")[0] for text in out.splitlines()[1:3]] == ["top", "|- mid"]
    assert "|  `- leaf " in out


def test_tree_as_json_and_as_names(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/tree"] = FAMILY
    assert genie("tree", "--json").json == FAMILY
    assert genie("tree", "-q").out == "top\nmid\nleaf\nlate\n"


def test_tree_passes_name_and_all_on(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/tree"] = []
    assert genie("tree", "mid", "--all").out.split()[0] == "NAME"
    assert peer.last("GET /v1/tree").query == {"name": ["mid"], "all": ["true"]}


def test_tree_watch_draws_again(peer: Peer, environ: dict[str, str]) -> None:
    cpus = iter([1.0, 77.7])
    last = {"cpu": 0.0}

    def rows(_: object) -> list[object]:
        last["cpu"] = next(cpus, last["cpu"])
        return [node("top", cpu=last["cpu"])]

    peer.answers["GET /v1/tree"] = rows
    peer.answers["GET /v1/events"] = Lines([])
    with on_terminal(environ, "tree", "--watch") as screen:
        screen.until(lambda text: "1.0%" in text and "77.7%" in text.split("\x1b[J")[-1])
        screen.process.send_signal(2)
        assert screen.process.wait(DEADLINE) == 130


def test_an_orphan_stands_out_on_a_terminal(peer: Peer, environ: dict[str, str]) -> None:
    peer.answers["GET /v1/tree"] = FAMILY
    with on_terminal(environ, "tree") as screen:
        text = screen.until(lambda text: "late" in text)
    assert "\x1b[33;1mrunning, orphan\x1b[0m" in text
    assert "\x1b[31;1mfailed: exit\x1b[0m" in text


# ---- ps --------------------------------------------------------------------------------------


def history(*cpus: float) -> list[dict[str, Any]]:
    """Samples of 5 s, the last of them one second ago."""
    end = datetime.now(UTC) - timedelta(seconds=1)
    ages = range(5 * (len(cpus) - 1), -1, -5)
    return [
        {"at": (end - timedelta(seconds=age)).isoformat(), "cpu": cpu, "rss": 1}
        for age, cpu in zip(ages, cpus, strict=True)
    ]


def test_ps_shows_use_and_a_sparkline(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/runs"] = lambda _: [
        run("a", history=history(*[0.0] * 44, *[80.0] * 4)),
        run("b", cpu=None, rss=None, processes=None),
    ]
    header, first, second = genie("ps", PYTHONIOENCODING="utf-8").out.splitlines()
    assert first.split()[:6] == ["a", "running", "4711", "50.0%", "36M", "3"]
    assert second.split()[:6] == ["b", "running", "4711", "-", "-", "-"]
    at = header.index("LAST 4 MIN")
    assert re.fullmatch("▁{21,23}█{1,3}", first[at : at + 24].rstrip())
    assert second[at : at + 24] == "·" * 24


def test_ps_without_unicode_is_ascii(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/runs"] = lambda _: [run("a", history=history(0.0, 80.0))]
    out = genie("ps", PYTHONIOENCODING="ascii", PYTHONUTF8="0").out
    assert out.isascii()
    assert "#" in out or "+" in out or "=" in out


def test_ps_passes_its_filters_on_and_sorts(peer: Peer, genie: Run) -> None:
    rows = [run("a", cpu=1.0), run("b", cpu=9.0), run("c", cpu=None)]
    peer.answers["GET /v1/runs"] = rows
    said = genie("ps", "a", "b", "--team", "web", "--tag", "x", "--tag", "y", "--sort", "cpu", "--json")
    assert [one["name"] for one in said.json] == ["b", "a", "c"]
    assert peer.last("GET /v1/runs").query == {"name": ["a", "b"], "team": ["web"], "tag": ["x", "y"]}
    assert genie("ps", "--json").json == rows


def test_ps_refuses_an_order_that_it_does_not_know(peer: Peer, genie: Run) -> None:
    said = genie("ps", "--sort", "age")
    assert (said.code, said.err) == (2, "genie: --sort 'age' is none of cpu, rss, name — genie ps --sort cpu\n")


def test_ps_as_names(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/runs"] = [run("a", cpu=1.0), run("b", cpu=9.0)]
    assert genie("ps", "-q", "--sort", "cpu").out == "b\na\n"


def test_ps_watch_as_json_prints_each_change(peer: Peer, environ: dict[str, str]) -> None:
    cpus = iter([1.0, 2.0])
    peer.answers["GET /v1/runs"] = lambda _: [run("a", cpu=next(cpus, 3.0))]
    peer.answers["GET /v1/events"] = Lines([])
    with on_terminal(environ, "ps", "--watch", "--json") as screen:
        screen.until(lambda text: text.count('"cpu": 3.0') == 1 and '"cpu": 1.0' in text and '"cpu": 2.0' in text)


# ---- limits and time to live -----------------------------------------------------------------


def test_spawn_sends_limits_and_time_to_live(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/agents"] = row("a", decision="create", warnings=[])
    words = ("--ttl", "30m", "--limit", "children=5", "--limit", "memory=8GiB")
    assert genie("spawn", "a", *words).code == 0
    body = peer.last("POST /v1/agents").body
    assert (body["ttl"], body["limits"]) == ("30m", {"children": "5", "memory": "8GiB"})
    genie("spawn", "a")
    body = peer.last("POST /v1/agents").body
    assert (body["ttl"], body["limits"]) == (None, {})


@pytest.mark.parametrize("words", [("spawn", "a"), ("team", "create", "web")])
def test_a_limit_is_a_key_and_a_value(peer: Peer, genie: Run, words: tuple[str, ...]) -> None:
    said = genie(*words, "--limit", "children")
    assert (said.code, said.err) == (2, "genie: --limit 'children' is not KEY=VALUE — --limit children=…\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--parent-pid", ""), "--parent-pid '' is not a whole number from 1 on — --parent-pid 10"),
        (
            ("--parent", "b", "--parent-pid", "1"),
            "--parent and --parent-pid say both whose child it is — give one of them",
        ),
    ],
)
def test_a_parent_that_is_not_said_clearly_makes_no_root(
    peer: Peer, genie: Run, words: tuple[str, ...], said: str
) -> None:
    peer.answers["POST /v1/agents"] = row("a", decision="create", warnings=[])
    done = genie("spawn", "a", *words)
    assert (done.code, done.err) == (2, f"genie: {said}\n")


@pytest.mark.parametrize(("command", "names"), [("tree", "[NAME]"), ("ps", "[NAME]..."), ("kill", "[NAME]...")])
def test_help_brackets_what_may_be_left_out_once(genie: Run, command: str, names: str) -> None:
    assert genie(command, "--help").out.splitlines()[0] == f"Usage: genie {command} [OPTIONS] {names}"


def test_limits_are_completed(genie: Run) -> None:
    assert genie("__complete", "bash", "spawn", "a", "--limit", "de").out == "depth=\ndescendants=\n"


def test_team_create_sends_limits(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/teams"] = {"name": "web", "tmux_session": "web", "layout": "mosaic"}
    genie("team", "create", "web", "--limit", "depth=2")
    assert peer.last("POST /v1/teams").body["limits"] == {"depth": "2"}


@pytest.mark.parametrize(("words", "said"), [((), None), (("--native",), True), (("--no-native",), False)])
def test_team_create_says_whether_it_is_native(
    peer: Peer, genie: Run, words: tuple[str, ...], *, said: bool | None
) -> None:
    peer.answers["POST /v1/teams"] = {"name": "web", "tmux_session": "web", "layout": "mosaic"}
    genie("team", "create", "web", *words)
    assert peer.last("POST /v1/teams").body["native"] is said
    assert set(peer.last("POST /v1/teams").body["env"]) <= {"HOME", "CLAUDE_CONFIG_DIR"}


def test_show_tells_the_root_the_limits_and_what_is_left(peer: Peer, genie: Run) -> None:
    told = {"sessions": [], "runs": [], "limits": {"mode": "dynamic", "children": 5, "memory": 2**33}, "root": "top"}
    peer.answers["GET /v1/agents/a"] = row("a", parent="mid", expires_at="2999-01-01T00:00:00Z", **told)
    out = genie("show", "a").out
    assert re.search(r"^root +top$", out, re.MULTILINE)
    assert re.search(r"^limits +mode dynamic, children 5, memory 8GiB$", out, re.MULTILINE)
    assert re.search(r"^expires +in \d+d, at 2999-01-01T00:00:00Z$", out, re.MULTILINE)
    peer.answers["GET /v1/agents/a"] = row("a", state="terminated", expires_at="2020-01-01T00:00:00Z", **told)
    assert re.search(r"^expires +2020-01-01T00:00:00Z$", genie("show", "a").out, re.MULTILINE)
