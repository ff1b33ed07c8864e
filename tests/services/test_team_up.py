"""`genie team up` and `team down`: a team that is brought to what its file says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from genie.domain.agent import Life
from genie.domain.errors import BadTemplate, Conflict, NotAllowed, NotFound
from genie.domain.events import Kind
from genie.domain.team import Layout
from genie.domain.teamfile import LeaveAlone, Member, ResumeMember, SpawnMember, TeamFile, Until
from genie.domain.tree import Wish
from genie.services import team_up
from genie.services.team_life import archive_team
from genie.services.team_up import Outcome, Up, bring_up, plan_down, plan_up, take_down
from tests.services.bench import Bench

BOSS = Member(name="boss", template="engineer", prompt="lead", tags=("t",), env=(("A", "b"),), model="opus")
DEV = Member(name="dev", template="engineer", count=2, after=("boss",), description="builds")


def a_file(bench: Bench, *members: Member, **said: Any) -> TeamFile:  # noqa: ANN401
    fields = {"name": "shop", "source": "/w/.genie/team.yaml", "base": "/w", "members": members or (BOSS, DEV)}
    bench.templates.team_files[None] = TeamFile(**fields | said)
    return bench.templates.team_files[None]


def up(bench: Bench, **said: Any) -> list[Outcome]:  # noqa: ANN401
    return bring_up(bench.world, Up(caller=bench.caller(), **said))[1]


def did(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(one.name, one.did) for one in outcomes]


def down(bench: Bench) -> list[Outcome]:
    return take_down(bench.world, plan_down(bench.world, path=None, team=None, cwd="/w")[1])


def test_up_makes_the_team_and_its_members(bench: Bench) -> None:
    a_file(bench, layout=Layout.VERTICAL, lead="boss", limits=Wish(children=3), limits_said={"children": 3})
    assert did(up(bench)) == [("shop", "created"), ("boss", "spawned"), ("dev-1", "spawned"), ("dev-2", "spawned")]
    (team,) = bench.registry.teams()
    assert (team.name, team.lead, team.layout, team.spawn) == ("shop", "boss", "vertical", Wish(children=3))
    boss = bench.agent("boss")
    assert (boss.team, boss.team_tier, boss.role, boss.tags, boss.model) == ("shop", 1, "engineer", ("t",), "opus")
    assert bench.executions("boss")[0].env["A"] == "b"
    assert "lead" in bench.executions("boss")[0].argv
    assert bench.agent("dev-1").description == "builds"
    assert did(up(bench)) == [("boss", "left"), ("dev-1", "left"), ("dev-2", "left")]


def test_deaths_and_a_stop_are_brought_back_on_the_same_sessions(bench: Bench) -> None:
    a_file(bench)
    up(bench)
    before = {name: bench.session(name).id for name in ("boss", "dev-1", "dev-2")}
    bench.dies("dev-1")
    for _ in range(bench.rules.dead_cycles):
        bench.look()
    assert bench.life("dev-1") is Life.DEAD
    assert dict(did(up(bench)))["dev-1"] == "resumed"
    assert plan_down(bench.world, path=None, team=None, cwd="/w") == ("shop", ["dev-2", "dev-1", "boss"])
    assert did(down(bench)) == [("dev-2", "stopped"), ("dev-1", "stopped"), ("boss", "stopped")]
    assert down(bench) == []
    assert did(up(bench)) == [("boss", "resumed"), ("dev-1", "resumed"), ("dev-2", "resumed")]
    assert {name: bench.session(name).id for name in before} == before


def test_a_team_by_name_goes_down_whole(bench: Bench) -> None:
    a_file(bench)
    up(bench)
    bench.spawn("guest", team="shop")
    assert plan_down(bench.world, path=None, team="shop", cwd="/")[1] == ["boss", "dev-1", "dev-2", "guest"]
    with pytest.raises(NotFound, match="unknown team 'shpo'") as caught:
        plan_down(bench.world, path=None, team="shpo", cwd="/")
    assert "shop" in caught.value.hint


def test_one_that_was_stopped_or_killed_since_it_was_looked_at(bench: Bench) -> None:
    a_file(bench)
    up(bench)
    bench.stop("boss")
    bench.kill("dev-1")
    outcomes = take_down(bench.world, ["boss", "dev-1"])
    assert [(one.did, one.detail) for one in outcomes] == [
        ("left", "it is suspended"), ("failed", "unknown agent 'dev-1'"),
    ]  # fmt: skip
    assert isinstance(outcomes[1].error, NotFound)


def test_the_steps_are_told_and_not_done(bench: Bench) -> None:
    a_file(bench)
    assert len(plan_up(bench.world, Up(caller=bench.caller()))[1]) == 4
    assert bench.registry.teams() == []


def test_nobody_is_spawned_for_a_file_with_a_template_that_is_not_there_or_does_not_read(bench: Bench) -> None:
    a_file(bench, BOSS, Member(name="x", template="enginer"), Member(name="cat", command=("cat",)))
    with pytest.raises(NotFound, match="no template 'enginer'") as caught:
        up(bench)
    assert "engineer" in caught.value.hint
    a_file(bench, BOSS, Member(name="bad"))
    bench.templates.broken.add("bad")
    with pytest.raises(BadTemplate):
        up(bench)
    assert bench.registry.store.agents == {}


def test_a_team_that_is_archived_or_elsewhere_is_refused(bench: Bench) -> None:
    a_file(bench, session="yard")
    bench.team("shop")
    with pytest.raises(Conflict, match="is in the tmux session 'shop'"):
        up(bench)
    a_file(bench, session="shop")
    archive_team(bench.world, "shop")
    with pytest.raises(NotAllowed, match="is archived"):
        up(bench)


def test_the_team_is_changed_as_the_file_says(bench: Bench) -> None:
    bench.team("shop", layout="mosaic")
    a_file(bench, layout=Layout.VERTICAL)
    assert did(up(bench))[0] == ("shop", "changed")
    (team,) = bench.registry.teams()
    assert (team.layout, team.lead, team.spawn) == ("vertical", None, Wish())
    a_file(bench, lead="boss", limits=Wish(depth=1), native=True)
    assert did(up(bench))[0] == ("shop", "changed")
    (team,) = bench.registry.teams()
    assert (team.layout, team.lead, team.spawn, team.native) == ("vertical", "boss", Wish(depth=1), True)
    assert [e.payload for e in bench.registry.log if e.kind is Kind.TEAM_CHANGED] == [
        {"team": "shop", "changed": ["layout"]},
        {"team": "shop", "changed": ["lead", "limits", "native"]},
    ]


def test_a_team_that_goes_before_it_is_changed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.team("shop")
    a_file(bench, layout=Layout.VERTICAL)
    file, steps = plan_up(bench.world, Up(caller=bench.caller()))
    bench.registry.store.teams.clear()
    monkeypatch.setattr(team_up, "plan_up", lambda *_: (file, steps[:1]))
    (outcome,) = up(bench)
    assert (outcome.did, outcome.detail) == ("failed", "unknown team 'shop'")


def test_what_fails_keeps_only_those_from_it_that_come_after(bench: Bench) -> None:
    bench.spawn("boss", team=None)
    a_file(bench, BOSS, DEV, Member(name="cat", command=("cat",)))
    outcomes = {one.name: one for one in up(bench)}
    assert (outcomes["boss"].did, outcomes["boss"].error and outcomes["boss"].error.hint) == (
        "failed", "genie team add shop boss, or give the member another name",
    )  # fmt: skip
    assert outcomes["cat"].did == "spawned"
    assert outcomes["dev-1"].detail == "'boss' is not there: genie team up once more, later"

    bench.kill("boss")
    bench.providers.claude.missing = True
    again = {one.name: one for one in up(bench)}
    assert again["boss"].did == "failed"
    assert (again["dev-1"].did, again["dev-1"].detail) == (
        "waits", "'boss' is not there: genie team up once more, later",
    )  # fmt: skip


def test_one_that_waits_for_others_to_be_done_is_queued_behind_them(bench: Bench) -> None:
    build = Member(name="build", command=("make",))
    test = Member(name="test", command=("check",), after=("build",), until=Until.DONE)
    ship = Member(name="ship", command=("ship",), after=("test",), until=Until.DONE)
    a_file(bench, build, test, ship)
    outcomes = {one.name: one for one in up(bench)}
    assert (outcomes["test"].state, outcomes["test"].detail) == (Life.QUEUED, "waits for build")
    bench.beat()
    assert bench.life("test") is Life.QUEUED
    bench.dies("build", exit_code=0)
    bench.beat()
    bench.beat()
    assert (bench.life("build"), bench.life("test"), bench.life("ship")) == (Life.DONE, Life.RUNNING, Life.QUEUED)
    assert did(up(bench)) == [("build", "left"), ("test", "left"), ("ship", "left")]


def test_one_that_was_stopped_before_it_ever_ran_waits_again(bench: Bench) -> None:
    build = Member(name="build", command=("make",))
    test = Member(name="test", command=("check",), after=("build",), until=Until.DONE)
    a_file(bench, build, test)
    up(bench)
    down(bench)
    assert bench.life("test") is Life.SUSPENDED
    assert did(up(bench)) == [("build", "resumed"), ("test", "spawned")]
    assert bench.life("test") is Life.QUEUED


def test_one_that_waits_for_what_has_failed_and_goes_on_is_left_for_later(bench: Bench) -> None:
    build = Member(name="build", template="engineer")
    test = Member(name="test", command=("check",), after=("build",), until=Until.DONE)
    a_file(bench, build)
    bench.templates.add("engineer", restart=None, auto_resume=False)
    up(bench)
    bench.dies("build")
    bench.beat()
    assert bench.life("build") is Life.FAILED
    a_file(bench, build, test)
    assert did(up(bench)) == [("build", "resumed"), ("test", "waits")]


def test_nobody_waits_for_one_without_a_session(bench: Bench) -> None:
    a_file(bench)
    up(bench)
    agent = bench.agent("boss")
    bench.registry.store.agents[agent.id] = replace(agent, session=None)
    test = Member(name="test", command=("check",), after=("boss",), until=Until.DONE)
    a_file(bench, BOSS, test)
    assert dict(did(up(bench)))["test"] == "waits"


def test_one_that_the_daemon_has_brought_back_meanwhile_is_left(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    file = a_file(bench)
    up(bench)
    resumes = (ResumeMember(name="boss", after=(), reason="it is dead"),)
    monkeypatch.setattr(team_up, "plan_up", lambda *_: (file, resumes))
    assert did(up(bench)) == [("boss", "left")]
    bench.stop("boss")
    bench.kill("boss")
    (outcome,) = up(bench)
    assert outcome.did == "failed"


def test_what_is_gone_since_the_plan(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    file = a_file(bench)
    steps = (
        LeaveAlone("nobody", "it is running"),
        SpawnMember(name="boss", member=BOSS, after=(), reason="it never ran", anew=True),
    )
    monkeypatch.setattr(team_up, "plan_up", lambda *_: (file, steps))
    bench.team("shop")
    outcomes = up(bench)
    assert did(outcomes) == [("nobody", "left"), ("boss", "spawned")]
    assert outcomes[0].state is None
