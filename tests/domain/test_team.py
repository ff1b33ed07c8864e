"""Team resolution: five tiers, the first that answers wins."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genie.domain.errors import Conflict, NotFound
from genie.domain.team import ClaudeTeam, Clues, TierAnswer, resolve, tmux_name
from genie.domain.template import Scope, Template

cases = settings(
    deadline=None, database=None, derandomize=True, max_examples=300, suppress_health_check=[HealthCheck.too_slow]
)

CALLER = "11111111-1111-4111-8111-111111111111"
TEAMS = frozenset({"asked", "pinned", "env", "led", "tmux", "holder", "x", "y"})
BARE = Clues(name="simone", role="engineer", teams=TEAMS)
TEMPLATE = Template(name="engineer", source="/t/AGENTS.md", scope=Scope.USER, checksum="0" * 64, prompt="Build.")


def with_template(clues: Clues, template: Template) -> Clues:
    return replace(clues, has_template=True, template_pin=template.team)


def clues_of(answers: tuple[str | None, str | None, str | None, str | None, str | None]) -> Clues:
    """Clues that make each tier answer as given."""
    asked, pinned, env, led, holder = answers
    return replace(
        with_template(BARE, replace(TEMPLATE, team=pinned)),
        asked=asked,
        env_team=env,
        caller_session=CALLER,
        lead_sessions=((CALLER, led),) if led else (),
        claude_teams=(ClaudeTeam(holder, None, ("simone",)),) if holder else (),
    )


ALL = ("asked", "pinned", "env", "led", "holder")


# ---- order ---------------------------------------------------------------------------------


@pytest.mark.parametrize("tier", [1, 2, 3, 4, 5])
def test_the_first_tier_that_answers_wins_over_all_below(tier: int) -> None:
    asked, pinned, env, led, holder = (team if at >= tier else None for at, team in enumerate(ALL, start=1))
    found = resolve(clues_of((asked, pinned, env, led, holder)))
    assert (found.team, found.tier) == (ALL[tier - 1], tier)
    assert found.explicit == (tier == 1)
    assert [(a.tier, a.team) for a in found.overrides] == list(enumerate(ALL, start=1))[tier:]
    assert [(a.tier, a.source) for a in found.chain] == [
        (1, "--team"),
        (2, "template"),
        (3, "$GENIE_TEAM"),
        (4, "discovery"),
        (5, "members on disk"),
    ]
    assert all(answer.detail for answer in found.chain)


@pytest.mark.parametrize("tier", [1, 2, 3, 4, 5])
def test_each_tier_answers_alone(tier: int) -> None:
    asked, pinned, env, led, holder = (team if at == tier else None for at, team in enumerate(ALL, start=1))
    found = resolve(clues_of((asked, pinned, env, led, holder)))
    assert (found.team, found.tier, found.overrides) == (ALL[tier - 1], tier, ())


maybe = st.sampled_from([None, "x", "y"])


@cases
@given(st.tuples(maybe, maybe, maybe, maybe, maybe))
def test_the_team_is_the_first_answer_and_what_disagrees_below_is_said(
    answers: tuple[str | None, str | None, str | None, str | None, str | None],
) -> None:
    found = resolve(clues_of(answers))
    said = [(tier, team) for tier, team in enumerate(answers, start=1) if team]
    assert [answer.team for answer in found.chain] == list(answers)
    if said:
        assert (found.tier, found.team) == said[0]
        assert [(a.tier, a.team) for a in found.overrides] == [s for s in said if s[1] != said[0][1]]
    else:
        assert (found.tier, found.team, found.overrides) == (None, "simone", ())
    assert found == resolve(clues_of(answers))


@pytest.mark.parametrize("field", ["asked", "env_team"])
def test_an_empty_word_is_no_answer(field: str) -> None:
    clues = replace(BARE, has_command=True, **{field: ""})  # type: ignore[arg-type]
    assert resolve(clues).tier is None


# ---- tiers 1 and 3: named by hand ----------------------------------------------------------


@pytest.mark.parametrize(
    ("clues", "source"),
    [
        (replace(BARE, asked="hloder"), "--team"),
        (replace(BARE, env_team="hloder"), "$GENIE_TEAM"),
        (replace(clues_of((None, None, None, "led", "holder")), asked="hloder"), "--team"),
        (replace(BARE, asked="hloder", has_template=True, has_command=True), "--team"),
    ],
)
def test_an_unknown_team_that_is_named_is_not_found(clues: Clues, source: str) -> None:
    with pytest.raises(NotFound) as refusal:
        resolve(clues)
    assert refusal.value.message == f"unknown team 'hloder' (from {source})"
    assert refusal.value.hint == "genie team create hloder, or did you mean 'holder'?"
    assert refusal.value.details == {"kind": "team", "name": "hloder"}


def test_with_no_team_at_all_the_hint_is_to_leave_it_out() -> None:
    with pytest.raises(NotFound) as refusal:
        resolve(Clues(name="simone", role="engineer", asked="solo"))
    assert refusal.value.hint == "genie team create solo, or leave it out"


@pytest.mark.parametrize("field", ["asked", "env_team"])
def test_a_team_of_claudes_own_can_be_named_and_is_made(field: str) -> None:
    clues = replace(BARE, claude_teams=(ClaudeTeam("theirs", None, ()),), **{field: "theirs"})  # type: ignore[arg-type]
    found = resolve(clues)
    assert (found.team, found.new) == ("theirs", True)


def test_a_team_that_is_there_is_not_new() -> None:
    assert not resolve(replace(BARE, asked="asked")).new


# ---- tier 2: the template ------------------------------------------------------------------


@pytest.mark.parametrize(("pin", "new"), [("pinned", False), ("unheard-of", True)])
def test_a_pinned_team_is_made_where_it_is_missing(pin: str, new: bool) -> None:
    found = resolve(with_template(BARE, replace(TEMPLATE, team=pin)))
    assert (found.team, found.tier, found.new) == (pin, 2, new)


@pytest.mark.parametrize(
    ("clues", "detail"),
    [
        (replace(BARE, has_command=True), "no template 'engineer'"),
        (with_template(BARE, TEMPLATE), "template 'engineer' pins no team"),
        (with_template(BARE, replace(TEMPLATE, team="pinned")), "template 'engineer' pins it"),
    ],
)
def test_the_chain_says_what_the_template_said(clues: Clues, detail: str) -> None:
    assert resolve(clues).chain[1].detail == detail


# ---- tier 4: discovery ---------------------------------------------------------------------

LED = ClaudeTeam("theirs", CALLER, ())


@pytest.mark.parametrize(
    ("clues", "team"),
    [
        (replace(BARE, caller_session=CALLER, lead_sessions=((CALLER, "led"),)), "led"),
        (replace(BARE, caller_session=CALLER, lead_sessions=(("0", "x"), (CALLER, "led"))), "led"),
        (replace(BARE, caller_session=CALLER, claude_teams=(LED,)), "theirs"),
        (replace(BARE, caller_session=CALLER, claude_teams=(ClaudeTeam("x", None, ()), LED)), "theirs"),
        # genie's own teams before claude's, a session before a tmux session
        (replace(BARE, caller_session=CALLER, lead_sessions=((CALLER, "led"),), claude_teams=(LED,)), "led"),
        (replace(BARE, caller_session=CALLER, claude_teams=(LED,), caller_tmux_session="tmux"), "theirs"),
        (replace(BARE, caller_tmux_session="tmux"), "tmux"),
        (replace(BARE, caller_session=CALLER, caller_tmux_session="tmux"), "tmux"),
        (replace(BARE, caller_session=CALLER, lead_sessions=(("0", "x"),), caller_tmux_session="tmux"), "tmux"),
        # nobody's
        (replace(BARE, caller_session=CALLER), None),
        (replace(BARE, caller_session=CALLER, claude_teams=(ClaudeTeam("x", "0", ()),)), None),
        (replace(BARE, lead_sessions=((CALLER, "led"),), claude_teams=(LED,)), None),
        (replace(BARE, claude_teams=(ClaudeTeam("x", None, ()),)), None),
        (replace(BARE, caller_tmux_session="some session"), None),
        (replace(BARE, caller_tmux_session="tmu"), None),
    ],
)
def test_discovery(clues: Clues, team: str | None) -> None:
    found = resolve(replace(clues, has_command=True))
    assert found.chain[3].team == team
    assert (found.tier, found.team) == ((4, team) if team else (None, "simone"))


# ---- tier 5: members on disk ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "answers"),
    [
        (("simone",), True),
        (("engineer",), True),
        (("auguste", "simone"), True),
        (("auguste",), False),
        (("simon",), False),
        (("simone-5e55",), False),
        ((), False),
    ],
)
def test_a_member_is_known_by_name_or_agent_type(members: tuple[str, ...], answers: bool) -> None:
    found = resolve(replace(BARE, has_command=True, claude_teams=(ClaudeTeam("holder", None, members),)))
    assert (found.tier, found.team) == ((5, "holder") if answers else (None, "simone"))


BOTH = (ClaudeTeam("y", None, ("engineer",)), ClaudeTeam("x", None, ("simone",)), ClaudeTeam("holder", None, ()))


@pytest.mark.parametrize("has_template", [True, False])
def test_a_member_of_several_teams_is_a_conflict_that_lists_them(has_template: bool) -> None:
    with pytest.raises(Conflict) as refusal:
        resolve(replace(BARE, has_template=has_template, claude_teams=BOTH))
    assert refusal.value.message == "'simone' is a member of several teams: x, y"
    assert refusal.value.hint == "say which: --team x"
    assert refusal.value.details == {"teams": ["x", "y"]}


@pytest.mark.parametrize(
    "clues", [replace(BARE, asked="y"), replace(BARE, env_team="y"), replace(BARE, caller_tmux_session="y")]
)
def test_a_higher_tier_settles_which_of_several(clues: Clues) -> None:
    assert resolve(replace(clues, claude_teams=BOTH)).team == "y"


def test_a_tier_that_cannot_choose_disagrees_with_nobody() -> None:
    found = resolve(replace(BARE, asked="y", claude_teams=BOTH))
    assert found.chain[4].detail == "member of x, y"
    assert found.overrides == ()


# ---- nothing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "clues", [replace(BARE, has_template=True), replace(BARE, has_command=True)], ids=["template", "command"]
)
def test_a_template_or_a_command_makes_a_team_of_one(clues: Clues) -> None:
    found = resolve(clues)
    assert (found.team, found.tier, found.new, found.explicit, found.overrides) == ("simone", None, True, False, ())
    assert [answer.team for answer in found.chain] == [None] * 5
    assert not resolve(replace(clues, teams=frozenset({"simone"}))).new


def test_nothing_at_all_is_an_error_that_names_all_five_ways() -> None:
    with pytest.raises(NotFound) as refusal:
        resolve(BARE)
    assert "simone" in refusal.value.message
    assert "no template 'engineer'" in refusal.value.message
    ways = ["--team", "team: in a template", "GENIE_TEAM", "lead or tmux session", "~/.claude/teams/*/config.json"]
    assert [way for way in ways if way in refusal.value.hint] == ways


def test_an_answer_is_a_value() -> None:
    assert resolve(replace(BARE, asked="x")).chain[0] == TierAnswer(1, "--team", "x", "given")


# ---- tmux's form of a name -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"), [("atelier", "atelier"), ("v1.2", "v1_2"), ("a.b.c", "a_b_c"), ("a-_", "a-_")]
)
def test_tmux_keeps_no_dots(name: str, kept: str) -> None:
    assert tmux_name(name) == kept


def test_a_team_with_a_dot_in_its_name_is_discovered_by_the_session_that_tmux_keeps_for_it() -> None:
    clues = replace(BARE, has_command=True, teams=frozenset({"v1.2"}), caller_tmux_session=tmux_name("v1.2"))
    assert resolve(clues).team == "v1.2"
