"""[[on]] rules: read from the user's own file alone, and told with their line where they do not read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from genie.domain.errors import BadConfig
from genie.domain.events import Kind
from genie.domain.tree import Rate
from genie.paths import Home
from genie.settings import check, load, origins

WHOLE = """
[[on]]
event = "agent.exhausted"
run = ["~/bin/page", "~/x"]

[tmux]
width = 100

[[on]]
event = ["daemon.*", "tool_call"]
agent = "a*"
team = "web"
tag = "t"
run = [
  "log",
  "# [[on]]",
]
timeout = "5s"
cwd = "/tmp"
rate = "10/s"
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    root = tmp_path / "user" / ".genie"
    root.mkdir(parents=True)
    return Home(root)


def problems(home: Home, text: str) -> list[tuple[int | None, str, str, str]]:
    home.config.write_text(text)
    return [(one.line, one.key, one.message, one.hint) for one in check(home, project=None, env={})]


def test_rules_are_read_in_their_order_with_their_place(home: Home) -> None:
    home.config.write_text(WHOLE)
    first, second = (one.rule for one in load(home, project=None, env={"HOME": "/home/me"}).on)
    assert first.run == ("/home/me/bin/page", "~/x")
    assert (first.kinds, first.place) == (frozenset({Kind.EXHAUSTED}), f"{home.config}:2")
    assert (first.agent, first.team, first.tag, first.cwd) == (None, None, None, None)
    assert (first.timeout, first.rate) == (timedelta(seconds=30), Rate(60, timedelta(minutes=1)))
    assert (second.run, second.place) == (("log", "# [[on]]"), f"{home.config}:9")
    assert second.kinds == {Kind.DAEMON_STARTED, Kind.DAEMON_STOPPED, Kind.TOOL_CALL}
    assert (second.agent, second.team, second.tag, second.cwd) == ("a*", "web", "t", "/tmp")
    assert (second.timeout, second.rate) == (timedelta(seconds=5), Rate(10, timedelta(seconds=1)))
    assert load(home, project=None, env={}).tmux.width == 100


def test_rules_are_shown_with_their_place(home: Home) -> None:
    home.config.write_text(WHOLE)
    shown = [(value, origin) for key, value, origin in origins(home, project=None, env={}) if key == "on"]
    assert shown[0] == (
        '{"event": ["agent.exhausted"], "run": ["~/bin/page", "~/x"], "timeout": "30s", "rate": "60/m"}',
        f"{home.config}:2",
    )
    assert '"team": "web"' in shown[1][0]
    assert '"cwd": "/tmp"' in shown[1][0]


def test_several_in_one_line_are_rules_too(home: Home) -> None:
    home.config.write_text('on = [{event="died", run=["a"]}, {event="done", run=["b"]}]')
    assert [one.run for one in load(home, project=None, env={}).on] == [("a",), ("b",)]


RULE = "[[on]]\nevent = 'died'\nrun = ['x']\n"


@pytest.mark.parametrize(
    ("text", "line", "key", "message", "hint"),
    [
        (f"{RULE}evnt = 'x'", 4, "on.evnt", "unknown key", "did you mean 'event'?"),
        ("[[on]]\nrun = ['x']", 1, "on.event", "is missing", "a rule has event"),
        ("[[on]]\nevent = 'agent.dies'\nrun = ['x']", 2, "on.event", "'agent.dies'", "did you mean 'agent.died'?"),
        ("[[on]]\nevent = []\nrun = ['x']", 2, "on.event", "no type of events", 'event = "agent.failed"'),
        ("\n[[on]]\nevent = 'died'\nrun = 'rm x'", 4, "on.run", "'rm x' is not a command", '["program", "word"]'),
        ("[[on]]\nevent = 'died'\nrun = ['']", 3, "on.run", "is not a command", ""),
        ("[[on]]\nevent = 'died'\nrun = [1]", 3, "on.run", "is not a command", ""),
        ("[[on]]\nevent = 'died'\nrun = ['a\\u0000']".replace("'a\\u0000'", '"a\\u0000"'), 3, "on.run", "is not a", ""),
        (f"{RULE}timeout = 'soon'", 4, "on.timeout", "'soon' is not a duration", "1h30m"),
        (f"{RULE}timeout = 0", 4, "on.timeout", "must be at least 50ms", ""),
        (f"{RULE}rate = 'often'", 4, "on.rate", "'often' is not a rate", "10/s"),
        (f"{RULE}cwd = 'here'", 4, "on.cwd", "'here' is not an absolute path", ""),
        (f"{RULE}team = 3", 4, "on.team", "3 is not a text", "quotes"),
        (f"{RULE}place = 'x'", 4, "on.place", "unknown key", "known:"),
        (f"{RULE}[on.more]\na = 1", 4, "on.more", "unknown key", "known:"),
        ("on = 3", 1, "on", "is a list of rules", "[[on]]"),
        ("[on]\nevent = 'died'\nrun = ['x']", 1, "on", "is a list of rules", "[[on]]"),
    ],
)
def test_what_is_wrong_in_a_rule_is_told_with_its_line(
    home: Home, text: str, line: int, key: str, message: str, hint: str
) -> None:
    (found,) = problems(home, text)
    assert found[:2] == (line, key)
    assert message in found[2]
    assert hint in found[3]


def test_a_rule_that_is_wrong_is_told_besides_the_others(home: Home) -> None:
    assert [one[:2] for one in problems(home, f"[[on]]\n{RULE}{RULE}x = 1")] == [
        (1, "on.event"),
        (1, "on.run"),
        (8, "on.x"),
    ]


@pytest.mark.parametrize(
    "text", [RULE, "on = [{event='died', run=['x']}]", "[on]\nevent = 'died'", "[[on]]", "[notify]\ncommand = ['x']"]
)
def test_a_project_cannot_bring_commands(home: Home, tmp_path: Path, text: str) -> None:
    project = tmp_path / "project"
    (project / ".genie").mkdir(parents=True)
    path = project / ".genie" / "config.toml"
    path.write_text(text)
    with pytest.raises(BadConfig, match="a project's file may not set this") as caught:
        load(home, project=project, env={})
    assert len(caught.value.details["errors"]) == 1
    assert caught.value.hint == f"set it in {home.config}"
    home.config.write_text(RULE)
    path.write_text("[tmux]\nwidth = 90")
    assert len(load(home, project=project, env={}).on) == 1


def test_no_variable_makes_a_rule(home: Home) -> None:
    assert load(home, project=None, env={"GENIE_ON": '[{"event":"died","run":["x"]}]'}).on == ()
    with pytest.raises(BadConfig):
        load(home, project=None, env={"GENIE_ON__RUN": "x"})
