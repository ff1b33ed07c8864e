"""Team files: what is wrong with members together, and the steps from what there is to what is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from genie.domain.agent import LIVE, Agent, Desired, Life
from genie.domain.team import Layout, Team
from genie.domain.teamfile import (
    CannotBe,
    ChangeTeam,
    CreateTeam,
    LeaveAlone,
    Member,
    ResumeMember,
    SpawnMember,
    TeamFile,
    Until,
    arranged,
    differences,
    falling,
    flaws,
    plan,
)
from genie.domain.tree import Wish
from tests.contract.values import NOW, a_team, an_agent


def a_file(*members: Member, **said: Any) -> TeamFile:  # noqa: ANN401
    return TeamFile(**{"name": "shop", "source": "/w/.genie/team.yaml", "base": "/w", "members": members} | said)


TEAM: Team = a_team("shop", lead=None, spawn=Wish(), native=False)
DB, WEB, TESTS = Member(name="db"), Member(name="web", count=2, after=("db",)), Member(name="t", after=("web-2", "db"))


def in_shop(name: str, life: Life, **said: Any) -> Agent:  # noqa: ANN401
    return an_agent(name, team="shop", life=life, **{"role": name} | said)


def test_names_are_numbered_where_a_count_is_said() -> None:
    assert (DB.names, WEB.names) == (("db",), ("web-1", "web-2"))
    assert Member(name="x", count=1).names == ("x-1",)
    assert a_file(DB, WEB).names == ("db", "web-1", "web-2")


def test_the_role_is_the_template_or_the_name_but_for_plain_providers_and_commands() -> None:
    assert Member(name="x").role == "x"
    assert Member(name="x", template="engineer", provider="codex").role == "engineer"
    assert Member(name="x", provider="codex").role is None
    assert Member(name="x", command=("true",)).role is None


def test_members_come_after_those_that_they_wait_for() -> None:
    assert [one.name for one in arranged([TESTS, WEB, DB])] == ["db", "web", "t"]
    assert falling(a_file(TESTS, WEB, DB)) == ["t", "web-2", "web-1", "db"]


@pytest.mark.parametrize(
    ("members", "lead", "place", "message", "hint"),
    [
        ([DB, replace(DB, count=2)], None, ("members", 1, "name"), "'db' is there twice", ""),
        ([Member(name="web-1"), WEB, DB], None, ("members", 1, "name"), "'web-1' is there twice", ""),
        ([DB, replace(WEB, after=("bd",))], None, ("members", 1, "after", 0), "'bd' is no member", "db"),
        ([DB], "bd", ("lead",), "'bd' is no member", "db"),
        ([replace(DB, after=("web",)), WEB], None, ("members", 0, "after"), "wait for each other: db, web", ""),
        ([replace(DB, after=("db",))], None, ("members", 0, "after"), "wait for each other: db", ""),
    ],
)
def test_what_is_wrong_with_members(
    members: list[Member], lead: str | None, place: tuple[int | str, ...], message: str, hint: str
) -> None:
    (flaw,) = flaws(members, lead)
    assert flaw.place == place
    assert message in flaw.message
    assert hint in flaw.hint


def test_nothing_is_wrong_with_good_ones() -> None:
    assert flaws([TESTS, WEB, DB], "web-2") == []


def test_a_new_team_is_made_and_all_are_spawned_in_their_order() -> None:
    steps = plan(a_file(TESTS, WEB, DB), None, [])
    assert steps[0] == CreateTeam("shop", "there is no team of that name")
    spawns = [step for step in steps[1:] if isinstance(step, SpawnMember)]
    assert [(step.name, step.after, step.anew) for step in spawns] == [
        ("db", (), False),
        ("web-1", ("db",), False),
        ("web-2", ("db",), False),
        ("t", ("web-2", "db"), False),
    ]


def test_an_entry_that_is_waited_for_means_all_of_it() -> None:
    last = plan(a_file(DB, WEB, Member(name="t", after=("web", "db"))), TEAM, [])[-1]
    assert isinstance(last, SpawnMember)
    assert last.after == ("web-1", "web-2", "db")


@pytest.mark.parametrize("life", sorted(LIVE, key=str))
def test_who_lives_is_left(life: Life) -> None:
    assert plan(a_file(DB), TEAM, [in_shop("db", life)]) == (LeaveAlone("db", f"it is {life.value}"),)


def test_who_lives_in_another_role_is_left_and_told() -> None:
    (step,) = plan(a_file(replace(DB, template="reviewer")), TEAM, [in_shop("db", Life.RUNNING)])
    assert step == LeaveAlone("db", "it is running as db; the file says reviewer")
    (step,) = plan(a_file(replace(DB, command=("true",))), TEAM, [in_shop("db", Life.RUNNING)])
    assert step == LeaveAlone("db", "it is running")


@pytest.mark.parametrize("life", [Life.DEAD, Life.SUSPENDED, Life.FAILED])
def test_who_is_at_rest_is_resumed(life: Life) -> None:
    (step,) = plan(a_file(DB), TEAM, [in_shop("db", life)])
    assert step == ResumeMember(name="db", after=(), reason=f"it is {life.value}")


def test_who_is_done_is_left_unless_it_is_asked_for() -> None:
    done = in_shop("db", Life.DONE)
    assert isinstance(plan(a_file(DB), TEAM, [done])[0], LeaveAlone)
    assert isinstance(plan(a_file(DB), TEAM, [done], done_too=True)[0], ResumeMember)
    waiting = Member(name="t", after=("db",), until=Until.DONE)
    assert isinstance(plan(a_file(DB, waiting), TEAM, [done], done_too=True)[0], LeaveAlone)


def test_who_never_ran_and_waits_for_others_comes_anew() -> None:
    waiting = Member(name="t", after=("db",), until=Until.DONE)
    never = in_shop("t", Life.SUSPENDED, run=None)
    step = plan(a_file(DB, waiting), TEAM, [never])[1]
    assert step == SpawnMember(name="t", member=waiting, after=("db",), reason="it never ran", anew=True)
    ran = replace(never, run=never.id)
    assert isinstance(plan(a_file(DB, waiting), TEAM, [ran])[1], ResumeMember)
    assert isinstance(plan(a_file(Member(name="t")), TEAM, [never])[0], ResumeMember)


def test_who_cannot_be_a_member() -> None:
    other = an_agent("db", team="blue", life=Life.RUNNING)
    (step,) = plan(a_file(DB), TEAM, [other])
    assert step == CannotBe("db", "it belongs to team blue", "genie team add shop db, or give the member another name")
    (step,) = plan(a_file(DB), TEAM, [in_shop("db", Life.RUNNING, desired=Desired.GONE)])
    assert isinstance(step, CannotBe)


def test_strangers_in_the_team_are_left() -> None:
    steps = plan(a_file(DB), TEAM, [in_shop("db", Life.RUNNING), in_shop("guest", Life.DEAD)])
    assert steps[1:] == (LeaveAlone("guest", "it is not in the file"),)


def test_the_team_is_changed_where_the_file_says_otherwise() -> None:
    team = replace(TEAM, layout="mosaic", lead="old", spawn=Wish(children=1), archived_at=NOW)
    assert differences(a_file(), team) == {}
    file = a_file(DB, layout=Layout.VERTICAL, lead="db", limits=Wish(children=2), native=True)
    assert differences(file, team) == {
        "layout": ("mosaic", "vertical"),
        "lead": ("old", "db"),
        "native": (False, True),
        "limits": (Wish(children=1), Wish(children=2)),
    }
    assert plan(file, team, [])[0] == ChangeTeam("shop", "the file says another layout, lead, limits, native")
