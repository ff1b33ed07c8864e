"""Which team a spawn belongs to, where its pane goes, whose child it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from genie.domain.agent import Life, Parallel, Resume
from genie.domain.errors import Conflict, Foreign, NotFound, Refused, TerminalAway
from genie.domain.team import ClaudeTeam, Layout
from genie.services.kin import parent_of
from genie.services.order import Caller
from tests.services.bench import Bench
from tests.services.machine import DEFAULT_SOCKET, Pane

LEAD = "3f7c8f9e-0000-4000-8000-000000000001"
OTHER_SOCKET = "/tmp/tmux-1000/other"


# ---- the team --------------------------------------------------------------------------------


def test_tier_1_the_flag_is_the_only_explicit_one(bench: Bench) -> None:
    bench.team("red")
    bench.templates.add("engineer", team="blue")
    agent = bench.spawn(team="red").standing.agent
    assert (agent.team, agent.team_tier, agent.team_explicit) == ("red", 1, True)
    assert [(answer.tier, answer.team) for answer in agent.team_chain] == [
        (1, "red"),
        (2, "blue"),
        (3, None),
        (4, None),
        (5, None),
    ]


def test_tier_2_the_template_s_team_is_made_if_need_be(bench: Bench) -> None:
    bench.templates.add("engineer", team="blue")
    spawned = bench.spawn(caller=bench.caller(GENIE_TEAM="red"))
    agent = spawned.standing.agent
    assert (agent.team, agent.team_tier, agent.team_explicit) == ("blue", 2, False)
    assert [team.name for team in bench.registry.teams()] == ["blue"]
    assert [(answer.tier, answer.team) for answer in spawned.resolution.overrides] == [(3, "red")]
    assert bench.registry.store.templates["/agents/engineer/AGENTS.md"].team == "blue"


def test_tier_3_the_caller_s_environment(bench: Bench) -> None:
    bench.team("red")
    agent = bench.spawn(caller=bench.caller(GENIE_TEAM="red")).standing.agent
    assert (agent.team, agent.team_tier) == ("red", 3)


def test_an_empty_variable_says_nothing(bench: Bench) -> None:
    assert bench.spawn(caller=bench.caller(GENIE_TEAM="")).standing.agent.team == "ada"


def test_tier_4_the_caller_leads_a_team_of_genie(bench: Bench) -> None:
    bench.team("red", lead="boss")
    lead = bench.spawn("boss", team="red").standing.session
    assert lead
    agent = bench.spawn(caller=bench.caller(CLAUDE_CODE_SESSION_ID=str(lead.id))).standing.agent
    assert (agent.team, agent.team_tier) == ("red", 4)


def test_tier_4_the_newest_transcript_of_the_directory_leads_a_claude_team(bench: Bench) -> None:
    bench.files.found = (ClaudeTeam("green", LEAD, ()),)
    bench.files.newest["/w"] = LEAD
    agent = bench.spawn().standing.agent
    assert (agent.team, agent.team_tier) == ("green", 4)


@pytest.mark.parametrize("socket", [DEFAULT_SOCKET, OTHER_SOCKET])
def test_tier_4_the_caller_s_tmux_session_has_the_name_of_a_team(bench: Bench, socket: str) -> None:
    bench.team("red")
    pane = bench.machine.open("red", socket=socket)
    bench.rules = replace(bench.rules, socket=DEFAULT_SOCKET)
    agent = bench.spawn(caller=_in(bench, pane, socket)).standing.agent
    assert (agent.team, agent.team_tier, agent.placement.socket) == ("red", 4, DEFAULT_SOCKET)


def _in(bench: Bench, pane: Pane, socket: str = DEFAULT_SOCKET, **env: str) -> Caller:
    return bench.caller(env, TMUX=f"{socket},1,0", TMUX_PANE=pane.id)


def test_tier_5_a_member_on_disk_by_name_or_role(bench: Bench) -> None:
    bench.files.found = (ClaudeTeam("green", None, ("engineer",)), ClaudeTeam("blue", None, ("zoe",)))
    bench.files.warnings = ("unreadable: /x/config.json",)
    spawned = bench.spawn()
    assert (spawned.standing.agent.team, spawned.standing.agent.team_tier) == ("green", 5)
    assert spawned.warnings == ("unreadable: /x/config.json",)


def test_tier_5_several_are_a_conflict_that_names_them(bench: Bench) -> None:
    bench.files.found = (ClaudeTeam("green", None, ("ada",)), ClaudeTeam("blue", None, ("ada",)))
    with pytest.raises(Conflict, match="blue, green") as refused:
        bench.spawn()
    assert "--team" in refused.value.hint
    assert bench.registry.commits == 0


def test_without_an_answer_it_is_a_team_of_one(bench: Bench) -> None:
    agent = bench.spawn().standing.agent
    assert (agent.team, agent.team_tier, agent.team_explicit) == ("ada", None, False)
    assert [team.name for team in bench.registry.teams()] == ["ada"]


def test_without_any_template_an_error_names_all_ways(bench: Bench) -> None:
    bench.spawn(provider="claude")
    bench.kill()
    bench.templates.known.clear()
    with pytest.raises(NotFound):
        bench.spawn(role=None)


def test_an_agent_stays_in_its_team_where_no_tier_answers(bench: Bench) -> None:
    bench.team("red")
    bench.spawn(team="red")
    bench.stop()
    spawned = bench.spawn()
    assert isinstance(spawned.decision, Resume)
    assert (spawned.resolution.team, spawned.resolution.tier) == ("red", 1)


def test_an_agent_without_template_stays_in_its_team(bench: Bench) -> None:
    bench.team("red")
    bench.spawn(team="red")
    bench.stop()
    bench.templates.known.clear()
    spawned = bench.spawn(role=None)
    assert isinstance(spawned.decision, Resume)
    assert spawned.resolution.team == "red"


def test_an_unknown_team_is_an_error_for_a_known_agent_too(bench: Bench) -> None:
    bench.spawn()
    bench.stop()
    with pytest.raises(NotFound, match="unknown team 'rde'"):
        bench.spawn(team="rde")


def test_another_tier_s_team_makes_a_parallel_of_a_known_agent(bench: Bench) -> None:
    bench.team("red")
    bench.spawn()
    bench.stop()
    spawned = bench.spawn(caller=bench.caller(GENIE_TEAM="red"))
    assert isinstance(spawned.decision, Parallel)
    assert spawned.standing.agent.team == "red"


# ---- the place -------------------------------------------------------------------------------


def _placed(bench: Bench, **said: Any) -> tuple[str, str]:  # noqa: ANN401
    name = bench.spawn(**said).standing.agent.name
    pane = bench.pane(name)
    return pane.session, pane.window


def test_from_a_bare_shell_it_goes_to_a_session_of_the_team(bench: Bench) -> None:
    bench.team("red", session="crimson")
    assert _placed(bench, team="red") == ("crimson", "red")


def test_a_dot_in_a_name_is_one_for_tmux_only(bench: Bench) -> None:
    assert _placed(bench, name="ada.b") == ("ada_b", "ada_b")
    assert bench.agent("ada.b").team == "ada.b"


def test_a_caller_in_tmux_gets_it_beside_its_own_pane(bench: Bench) -> None:
    pane = bench.machine.open("main", "edit")
    assert _placed(bench, caller=_in(bench, pane)) == ("main", "edit")
    assert bench.agent().placement.beside == pane.id


def test_a_team_with_a_session_takes_it_there_though_the_caller_is_in_tmux(bench: Bench) -> None:
    bench.spawn("first")
    pane = bench.machine.open("main", "edit")
    bench.team("red")
    bench.spawn("zoe", team="red")
    assert _placed(bench, caller=_in(bench, pane, GENIE_TEAM="red")) == ("red", "red")


def test_an_explicit_team_takes_it_to_its_session_that_is_not_there_yet(bench: Bench) -> None:
    pane = bench.machine.open("main", "edit")
    bench.team("red")
    assert _placed(bench, team="red", caller=_in(bench, pane)) == ("red", "red")


def test_a_caller_on_another_server_than_the_configured_one_is_not_beside(bench: Bench) -> None:
    pane = bench.machine.open("main", "edit", socket=OTHER_SOCKET)
    bench.machine.open("here")
    bench.rules = replace(bench.rules, socket=DEFAULT_SOCKET)
    assert _placed(bench, caller=_in(bench, pane, OTHER_SOCKET)) == ("ada", "ada")


def test_the_caller_s_server_is_used_where_none_is_configured(bench: Bench) -> None:
    pane = bench.machine.open("main", "edit", socket=OTHER_SOCKET)
    assert _placed(bench, caller=_in(bench, pane, OTHER_SOCKET)) == ("main", "edit")
    assert bench.agent().placement.socket == OTHER_SOCKET


@pytest.mark.parametrize("env", [{"TMUX": ""}, {"TMUX_PANE": "%0"}, {"TMUX": OTHER_SOCKET}])
def test_half_an_environment_of_tmux_is_none(bench: Bench, env: dict[str, str]) -> None:
    bench.machine.open("main")
    bench.rules = replace(bench.rules, socket=DEFAULT_SOCKET)
    assert _placed(bench, caller=bench.caller(env)) == ("ada", "ada")


def test_a_caller_s_pane_that_is_gone_is_no_place(bench: Bench) -> None:
    bench.machine.open("main")
    assert _placed(bench, caller=bench.caller(TMUX=f"{DEFAULT_SOCKET},1,0", TMUX_PANE="%99")) == ("ada", "ada")


def test_a_named_session_must_be_there_and_warns_when_it_is_not_the_team_s(bench: Bench) -> None:
    bench.machine.open("main")
    bench.team("red")
    spawned = bench.spawn(team="red", session="main")
    assert spawned.standing.agent.placement.session == "main"
    assert spawned.warnings == ("tmux session 'main' is not that of team red",)
    bench.spawn("zoe", team="red")
    assert bench.spawn("eve", team="red", session="red").warnings == ()


def test_a_new_window_is_its_own_and_has_the_agent_s_name(bench: Bench) -> None:
    pane = bench.machine.open("main", "edit")
    assert _placed(bench, new_window=True, caller=_in(bench, pane)) == ("main", "ada")
    placement = bench.agent().placement
    assert (placement.own_window, placement.beside) == (True, None)


def test_a_named_window_is_taken_in_the_session_it_would_go_to(bench: Bench) -> None:
    pane = bench.machine.open("main", "edit")
    assert _placed(bench, window="work", caller=_in(bench, pane)) == ("main", "work")
    assert bench.agent().placement.beside is None


def test_the_layout_of_the_flag_the_template_the_team_the_rules(bench: Bench) -> None:
    bench.team("red", layout="vertical")
    assert bench.spawn("a1").standing.agent.placement.layout == Layout.MOSAIC.value
    assert bench.spawn("a2", team="red").standing.agent.placement.layout == Layout.VERTICAL.value
    bench.templates.add("engineer", layout=Layout.MOSAIC)
    assert bench.spawn("a3", team="red").standing.agent.placement.layout == Layout.MOSAIC.value
    assert bench.spawn("a4", team="red", layout="vertical").standing.agent.placement.layout == Layout.VERTICAL.value


def test_rules_are_read_as_seen_from_the_caller_s_project(bench: Bench) -> None:
    bench.at_project = lambda rules: replace(rules, socket=OTHER_SOCKET, layout=Layout.VERTICAL)
    placement = bench.spawn().standing.agent.placement
    assert (placement.socket, placement.layout) == (OTHER_SOCKET, "vertical")


def test_colors_of_a_team_differ(bench: Bench) -> None:
    bench.team("red")
    colors = [bench.spawn(f"a{n}", team="red").standing.agent.color for n in range(10)]
    assert len(set(colors)) == 10
    assert bench.spawn("pinky", color="pink").standing.agent.color == "pink"


def test_tmux_unreachable_refuses_a_spawn_with_nothing_written(bench: Bench) -> None:
    bench.machine.away.add(DEFAULT_SOCKET)
    with pytest.raises(TerminalAway):
        bench.spawn()
    assert bench.registry.commits == 0


# ---- parents ---------------------------------------------------------------------------------


def test_a_child_knows_its_parent_and_root(bench: Bench) -> None:
    root = bench.spawn("root").standing.agent
    child = bench.spawn("child", parent="root").standing.agent
    grandchild = bench.spawn("grand", parent="child").standing.agent
    assert (root.parent, root.depth) == (None, 0)
    assert (child.parent, child.depth) == (root.id, 1)
    assert (grandchild.parent, grandchild.depth) == (child.id, 2)
    env = bench.executions("grand")[-1].env
    assert (env["GENIE_PARENT"], env["GENIE_ROOT"], env["SPAWN_DEPTH"]) == ("child", "root", "2")


@pytest.mark.parametrize("life", [Life.QUEUED, Life.SUSPENDED, Life.DEAD, Life.DONE, Life.TERMINATED])
def test_a_parent_must_be_alive(bench: Bench, life: Life) -> None:
    bench.bring_to(life)
    with pytest.raises(Refused, match=f"parent 'ada' is {life.value}"):
        bench.spawn("child", parent="ada")


def test_a_parent_is_named_by_a_pid_above_the_caller(bench: Bench) -> None:
    root = bench.spawn("root").standing.agent
    bench.spawn("other")
    shell = bench.machine.begin(parent=bench.process("root").pid)
    caller = bench.machine.begin(parent=shell.pid)
    for pid in (caller.pid, shell.pid, bench.process("root").pid):
        order = bench.order("child", parent_pid=pid, caller=bench.caller(pid=caller.pid))
        assert parent_of(bench.world, order) == root.id


def test_a_pid_that_is_not_above_the_caller_is_refused(bench: Bench) -> None:
    bench.spawn("root")
    stranger = bench.machine.begin()
    for caller, pid, words in (
        (stranger.pid, bench.process("root").pid, "no ancestor"),
        (0, stranger.pid, "no ancestor"),
        (stranger.pid, stranger.pid, "belongs to no running agent"),
    ):
        with pytest.raises(Refused, match=words):
            bench.spawn("child", parent_pid=pid, caller=bench.caller(pid=caller))


def test_without_a_parent_it_is_a_root(bench: Bench) -> None:
    assert parent_of(bench.world, bench.order("ada")) is None


# ---- a place that changes between deciding and making ----------------------------------------


def test_a_pane_that_turns_foreign_while_it_is_made_is_left_alone(bench: Bench) -> None:
    bench.machine.open("main")
    bench.machine.fails["dress"] = Foreign("pane %2 is not that of run any more")
    with pytest.raises(Foreign):
        bench.spawn()
    assert (bench.life(), bench.agent().reason) == (Life.FAILED, "start_failed")
    assert bench.machine.agents() == []
