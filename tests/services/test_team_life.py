"""Teams as they change: who is in them, their names, putting them away, and their end."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from genie.domain.agent import Life
from genie.domain.errors import Conflict, NotAllowed, NotFound, Survivors, TerminalAway
from genie.domain.events import Kind
from genie.domain.session import Standing
from genie.domain.team import Team
from genie.ports import Wanted, Worktree, WorktreeState
from genie.services import roster, team_life
from genie.services.team_life import (
    add_member,
    archive_team,
    disband,
    plan_disband,
    remove_member,
    rename_team,
    unarchive_team,
)
from tests.services.bench import Bench, env_of
from tests.services.machine import HOME
from tests.services.registry import MemoryTx


def names(bench: Bench, **wanted: object) -> list[str]:
    return [row.agent.name for row in roster.ls(bench.world, Wanted(**wanted))]  # type: ignore[arg-type]


# ---- who is in it --------------------------------------------------------------------------


def test_an_agent_is_moved_into_a_team(bench: Bench) -> None:
    bench.team("web", session="yard", layout="vertical")
    bench.spawn("ada")
    moved = add_member(bench.world, "web", "ada")
    assert (moved.team, moved.team_tier, moved.team_explicit) == ("web", 1, True)
    assert (moved.placement.session, moved.placement.window, moved.placement.layout) == ("yard", "web", "vertical")
    assert bench.events()[-1].payload == {"team": "web", "was": "ada"}
    assert bench.events()[-1].kind is Kind.MOVED
    bench.stop("ada")
    bench.resume("ada")
    assert env_of(bench)["GENIE_TEAM"] == "web"
    assert add_member(bench.world, "web", "ada") == bench.agent()
    assert bench.kinds().count(Kind.MOVED) == 1


def test_who_leaves_a_team_leads_it_no_more(bench: Bench) -> None:
    bench.team("web", lead="ada")
    bench.spawn("ada", team="web")
    left = remove_member(bench.world, "web", "ada")
    assert (left.team, left.team_tier, left.team_explicit, left.team_chain) == ("ada", None, False, ())
    assert {team.name: team.lead for team in bench.registry.teams()} == {"ada": None, "web": None}


def test_an_agent_without_kept_values_or_without_a_session_is_moved_as_well(bench: Bench) -> None:
    bench.team("web")
    bench.spawn("ada")
    bench.machine.environments.clear()
    add_member(bench.world, "web", "ada")
    assert bench.machine.environments == {}
    bench.team("other")
    agent = bench.agent()
    bench.registry.store.agents[agent.id] = replace(agent, session=None)
    assert add_member(bench.world, "other", "ada").team == "other"


def test_who_cannot_be_moved(bench: Bench) -> None:
    bench.team("web")
    bench.spawn("ada")
    with pytest.raises(NotFound, match="there is no team 'wbe'") as caught:
        add_member(bench.world, "wbe", "ada")
    assert "web" in caught.value.hint
    with pytest.raises(NotFound, match="unknown agent 'bob'"):
        add_member(bench.world, "web", "bob")
    with pytest.raises(Conflict, match="'ada' is not in team 'web'"):
        remove_member(bench.world, "web", "ada")
    with pytest.raises(NotAllowed, match="is named after"):
        remove_member(bench.world, "ada", "ada")
    bench.kill("ada")
    with pytest.raises(NotFound, match="'ada' was killed"):
        add_member(bench.world, "web", "ada")
    archive_team(bench.world, "web")
    with pytest.raises(NotAllowed, match="is archived"):
        add_member(bench.world, "web", "ada")


# ---- its name, and putting it away ---------------------------------------------------------


def test_a_team_gets_another_name_with_all_that_is_in_it(bench: Bench) -> None:
    bench.team("web", lead="ada")
    bench.spawn("ada", team="web")
    bench.spawn("bob", team="web", window="own", session=None)
    bench.spawn("eve", team="web")
    bench.kill("eve")
    with pytest.raises(NotAllowed, match="live agents: ada, bob") as caught:
        rename_team(bench.world, "web", "shop")
    assert caught.value.hint == "genie team down web, then rename it"
    bench.stop("ada")
    bench.stop("bob")
    team = rename_team(bench.world, "web", "shop")
    assert (team.name, team.lead, team.tmux_session) == ("shop", "ada", "shop")
    assert {agent.team for agent in bench.registry.store.agents.values()} == {"shop"}
    ada, bob = bench.agent("ada").placement, bench.agent("bob").placement
    assert (ada.session, ada.window, bob.session, bob.window) == ("shop", "shop", "shop", "own")
    assert bench.resume("ada").agent.team == "shop"
    assert env_of(bench)["GENIE_TEAM"] == "shop"
    assert [e.payload for e in bench.registry.log if e.kind is Kind.TEAM_RENAMED] == [{"team": "shop", "was": "web"}]


@pytest.mark.parametrize("name", ["ada", "bob"])
def test_a_team_in_which_one_comes_to_life_meanwhile_keeps_its_name(bench: Bench, name: str) -> None:
    bench.team("web")
    bench.spawn("ada", team="web")
    bench.stop("ada")
    bench.switch.meanwhile["rename.looked"] = lambda: bench.spawn(name, team="web")
    with pytest.raises(NotAllowed, match=f"live agents: {name}"):
        rename_team(bench.world, "web", "shop")
    assert [team.name for team in bench.registry.teams()] == ["web"]
    assert {agent.team for agent in bench.registry.store.agents.values()} == {"web"}


def test_a_daemon_that_dies_over_a_new_name_has_done_nothing(bench: Bench) -> None:
    bench.team("web")
    bench.spawn("ada", team="web")
    bench.stop("ada")
    bench.dies_at("rename.looked", lambda: rename_team(bench.world, "web", "shop"))
    bench.restart()
    assert (bench.agent("ada").team, [team.name for team in bench.registry.teams()]) == ("web", ["web"])
    assert rename_team(bench.world, "web", "shop").name == "shop"


def test_a_session_that_was_chosen_keeps_its_name(bench: Bench) -> None:
    bench.team("web", session="yard")
    bench.spawn("ada", team="web")
    bench.stop("ada")
    agent = bench.agent("ada")
    placement = replace(agent.placement, session="mine", window="w")
    bench.registry.store.agents[agent.id] = replace(agent, placement=placement)
    assert rename_team(bench.world, "web", "shop").tmux_session == "yard"
    assert bench.agent("ada").placement.session == "mine"


def test_a_name_that_is_taken(bench: Bench) -> None:
    bench.team("web")
    bench.team("shop")
    with pytest.raises(Conflict, match="'shop' is there already"):
        rename_team(bench.world, "web", "shop")


def test_a_team_that_is_there_is_not_made_again(bench: Bench) -> None:
    bench.team("web")
    with pytest.raises(Conflict, match="'web' is there already"):
        bench.team("web")


def test_of_two_that_make_a_team_at_once_one_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    add = MemoryTx.add_team

    def late(tx: MemoryTx, team: Team) -> None:
        add(tx, replace(team, id=uuid4(), layout="vertical"))
        add(tx, team)

    monkeypatch.setattr(MemoryTx, "add_team", late)
    with pytest.raises(Conflict, match="'web' is there already"):
        bench.team("web", layout="mosaic")


def test_an_archived_team_is_in_no_list_and_no_tier(bench: Bench) -> None:
    bench.team("web", lead="ada")
    bench.spawn("ada", team="web")
    bench.spawn("bob")
    bench.stop("ada")
    archive_team(bench.world, "web")
    assert archive_team(bench.world, "web").archived_at
    assert names(bench) == ["bob"]
    assert names(bench, team="web") == names(bench, names=("ada",)) == ["ada"]
    assert names(bench, all=True) == ["bob", "ada"]
    for said in ({"team": "web"}, {"caller": bench.caller(GENIE_TEAM="web")}):
        with pytest.raises(NotAllowed, match="team 'web' is archived") as caught:
            bench.spawn("eve", **said)
        assert caught.value.hint == "genie team unarchive web"
    with pytest.raises(NotAllowed, match="is archived"):
        bench.spawn("ada")
    bench.templates.add("pinned", team="web")
    with pytest.raises(NotAllowed, match="is archived"):
        bench.spawn("eve", role="pinned")
    with pytest.raises(NotFound, match="unknown team 'nosuch'"):
        bench.spawn("eve", team="nosuch")
    bench.resume("ada")
    assert names(bench) == ["bob", "ada"]  # what runs is never hidden
    bench.stop("ada")
    assert unarchive_team(bench.world, "web").archived_at is None
    assert unarchive_team(bench.world, "web").archived_at is None
    assert names(bench) == ["bob", "ada"]
    kinds = [e.kind for e in bench.registry.log]
    assert (kinds.count(Kind.TEAM_ARCHIVED), kinds.count(Kind.TEAM_UNARCHIVED)) == (1, 1)


def test_a_refusal_names_five_live_agents(bench: Bench) -> None:
    bench.team("web")
    for number in range(6):
        bench.spawn(f"a{number}", team="web")
    with pytest.raises(NotAllowed, match="a0, a1, a2, a3, a4, …"):
        archive_team(bench.world, "web")


# ---- its end -------------------------------------------------------------------------------


def test_a_team_ends_with_all_that_its_agents_have_below_them(bench: Bench) -> None:
    bench.team("web")
    bench.team("other")
    bench.spawn("ada", team="web")
    bench.spawn("kid", team="other", parent="ada")
    bench.spawn("bob", team="web", limits={"termination": "orphan"})
    bench.spawn("free", team="other", parent="bob")
    farewell = plan_disband(bench.world, "web")
    assert (farewell.agents, farewell.along, farewell.worktrees) == (("ada", "bob"), ("kid",), ())
    assert bench.life("ada") is Life.RUNNING
    done = disband(bench.world, "web")
    assert (done.ended, done.removed, done.kept, done.troubles) == (("ada", "bob"), (), (), ())
    lives = {name: bench.life(name) for name in ("ada", "bob", "kid", "free")}
    assert lives == dict.fromkeys(("ada", "bob", "kid"), Life.TERMINATED) | {"free": Life.RUNNING}
    assert [team.name for team in bench.registry.teams()] == ["other"]
    assert bench.team("web").name == "web"
    assert bench.registry.log[-2].kind is Kind.TEAM_DISBANDED


def test_a_team_stays_where_an_agent_cannot_be_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.team("web")
    bench.spawn("ada", team="web")

    def survive(*_: object, **__: object) -> Standing:
        raise Survivors("they live on")

    monkeypatch.setattr(team_life, "kill_found", survive)
    done = disband(bench.world, "web")
    assert (done.ended, [name for name, _ in done.troubles]) == ((), ["ada"])
    assert [team.name for team in bench.registry.teams()] == ["web"]


def test_only_clean_worktrees_of_genie_s_own_are_removed(bench: Bench) -> None:
    bench.team("web")
    for name in ("ada", "bob"):
        bench.spawn(name, team="web", worktree="")
    bench.spawn("stranger", worktree="")
    trees = bench.supplies.worktrees
    ada, bob, stranger = (trees.made[f"{HOME}/worktrees/w/{name}"] for name in ("ada", "bob", "stranger"))
    trees.states[bob.path] = WorktreeState.UNCOMMITTED
    assert plan_disband(bench.world, "web").worktrees == (ada, bob)
    done = disband(bench.world, "web")
    assert (done.removed, [path for path, _ in done.kept]) == ((ada.path,), [bob.path])
    assert trees.made == {bob.path: bob, stranger.path: stranger}


def test_a_worktree_that_has_gone_with_its_agent_is_told_as_removed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.team("web")
    bench.spawn("ada", team="web", worktree="")

    def gone(*_: object) -> Worktree:
        raise NotFound("there is no such worktree")

    monkeypatch.setattr(team_life, "remove_worktree", gone)
    assert disband(bench.world, "web").removed == (f"{HOME}/worktrees/w/ada",)


def test_a_tmux_that_does_not_answer_keeps_no_team(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.team("web")
    bench.spawn("ada", team="web")

    def away(*_: object) -> bool:
        raise TerminalAway("tmux does not answer")

    monkeypatch.setattr(type(bench.world.terminal), "close_session", away)
    disband(bench.world, "web")
    assert bench.registry.teams() == []
