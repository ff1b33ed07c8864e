"""Which team a spawn belongs to: five tiers, the first that answers wins, and the whole chain is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

SOURCES = ["--team", "template", "$GENIE_TEAM", "discovery", "members on disk"]


def template(genie: Genie, name: str, *, team: str | None = None) -> Path:
    """A template of the project's."""
    path = genie.project / ".genie" / "agents" / name / "AGENTS.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"---\nname: {name}\n{f'team: {team}' if team else ''}\n---\nYou are {name}.\n")
    return path


def claude_team(genie: Genie, name: str, *, lead: str | None = None, members: tuple[str, ...] = ()) -> None:
    path = Path(genie.env["CLAUDE_CONFIG_DIR"]) / "teams" / name / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    people = [{"name": member, "agentType": f"{member}-type"} for member in members]
    path.write_text(json.dumps({"name": name, "leadSessionId": lead, "members": people}))


def rehearsed(genie: Genie, *words: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> dict[str, Any]:
    found: dict[str, Any] = genie.json("spawn", *words, "--dry-run", env=env, cwd=cwd)
    return found


def answers(chain: list[dict[str, Any]]) -> list[str | None]:
    """What each tier said, from the first to the fifth."""
    assert [answer["tier"] for answer in chain] == [1, 2, 3, 4, 5]
    assert [answer["source"] for answer in chain] == SOURCES
    assert all(answer["detail"] for answer in chain)
    return [answer["team"] for answer in chain]


def test_every_tier_answers_before_those_below_it(genie: Genie) -> None:
    """All five have an answer of their own; one after the other is taken away."""
    lead = str(uuid4())
    for team in ("asked", "pinned", "said", "led"):
        genie("team", "create", team)
    template(genie, "scout", team="pinned")
    claude_team(genie, "claudes", lead=lead, members=("other",))
    claude_team(genie, "members", members=("scout",))
    around = {"GENIE_TEAM": "said", "CLAUDE_CODE_SESSION_ID": lead}
    all_five = ["asked", "pinned", "said", "claudes", "members"]

    told = rehearsed(genie, "scout", "--team", "asked", env=around)
    assert (told["team"], told["team_tier"], told["team_explicit"]) == ("asked", 1, True)
    assert answers(told["team_chain"]) == all_five
    assert [(other["tier"], other["team"]) for other in told["overrides"]] == [
        (2, "pinned"), (3, "said"), (4, "claudes"), (5, "members"),
    ]  # fmt: skip

    told = rehearsed(genie, "scout", env=around)
    assert (told["team"], told["team_tier"], told["team_explicit"]) == ("pinned", 2, False)
    assert [other["tier"] for other in told["overrides"]] == [3, 4, 5]

    template(genie, "scout")
    told = rehearsed(genie, "scout", env=around)
    assert (told["team"], told["team_tier"]) == ("said", 3)
    assert answers(told["team_chain"]) == [None, None, "said", "claudes", "members"]

    told = rehearsed(genie, "scout", env={"CLAUDE_CODE_SESSION_ID": lead})
    assert (told["team"], told["team_tier"]) == ("claudes", 4)
    assert lead in told["team_chain"][3]["detail"]

    told = rehearsed(genie, "scout")
    assert (told["team"], told["team_tier"], told["overrides"]) == ("members", 5, [])
    told = rehearsed(genie, "scout", env={"CLAUDE_CODE_SESSION_ID": str(uuid4())})
    assert (told["team"], told["team_tier"]) == ("members", 5)

    claude_team(genie, "members", members=("somebody",))
    told = rehearsed(genie, "scout")
    assert (told["team"], told["team_tier"], told["team_explicit"]) == ("scout", None, False)
    assert answers(told["team_chain"]) == [None] * 5
    assert genie.json("ls", "--all") == []
    assert {row["name"] for row in genie.json("team", "ls")} == {"asked", "pinned", "said", "led"}


def test_what_was_resolved_is_kept_and_explained(genie: Genie) -> None:
    genie("team", "create", "said")
    template(genie, "scout", team="pinned")
    made = genie.json("spawn", "scout", env={"GENIE_TEAM": "said"})
    assert (made["team"], made["team_tier"], made["team_explicit"]) == ("pinned", 2, False)
    assert [(other["tier"], other["team"]) for other in made["overrides"]] == [(3, "said")]
    assert made["tmux_session"] == "pinned"
    before = genie.json("explain", "scout")["team"]
    assert (before["name"], before["tier"], before["explicit"]) == ("pinned", 2, False)
    assert answers(before["chain"]) == [None, "pinned", "said", None, None]
    text = genie("explain", "scout")
    assert "pinned (tier 2: template)" in text
    (arrow,) = [line for line in text.splitlines() if "→" in line]
    assert arrow.split()[:4] == ["→", "2", "template", "pinned"]
    row = genie.agent("scout")
    assert (row["team"], row["team_tier"], row["team_explicit"]) == ("pinned", 2, False)

    template(genie, "scout", team="elsewhere")
    assert genie.json("explain", "scout")["team"] == before
    line = genie("spawn", "alone", "--", "cat")
    assert "team alone (a team of one)" in line
    assert {row["name"] for row in genie.json("team", "ls")} == {"said", "pinned", "alone"}


def test_discovery_by_the_lead_of_a_genie_team_its_transcript_and_its_tmux_session(genie: Genie) -> None:
    genie("team", "create", "led", "--lead", "boss")
    boss = genie.json("spawn", "boss", "--role", "team-lead", "--team", "led", "--prompt", "hello")
    until(lambda: "ok: hello" in genie.screen("boss"), what="the answer, and with it the transcript")
    elsewhere = genie.directory / "elsewhere"
    elsewhere.mkdir()
    by_session = rehearsed(genie, "fix", cwd=elsewhere, env={"CLAUDE_CODE_SESSION_ID": boss["session_id"]})
    assert (by_session["team"], by_session["team_tier"]) == ("led", 4)
    by_transcript = rehearsed(genie, "fix")
    assert (by_transcript["team"], by_transcript["team_tier"]) == ("led", 4)
    assert boss["session_id"] in by_transcript["team_chain"][3]["detail"]
    pane = {"TMUX": f"{genie.tmux.socket},1,0", "TMUX_PANE": boss["pane"]}
    by_tmux = rehearsed(genie, "fix", cwd=elsewhere, env=pane)
    assert (by_tmux["team"], by_tmux["team_tier"]) == ("led", 4)
    assert "tmux session" in by_tmux["team_chain"][3]["detail"]
    own = rehearsed(genie, "fix", cwd=elsewhere, env=pane | {"TMUX_PANE": "%999"})
    assert (own["team"], own["team_tier"]) == ("fix", None)


def test_members_on_disk_and_a_refusal_that_names_all_five_ways(genie: Genie) -> None:
    claude_team(genie, "night", members=("owl",))
    said = genie.refused("spawn", "nobody", code=3)
    for way in ("--team", "team:", "GENIE_TEAM", "tmux session", "~/.claude/teams"):
        assert way in said, said
    assert "no template 'nobody'" in said
    assert (genie.json("ls", "--all"), genie.json("team", "ls")) == ([], [])
    by_name = rehearsed(genie, "owl", "--role", "engineer")
    assert (by_name["team"], by_name["team_tier"]) == ("night", 5)
    template(genie, "owl-type")
    by_type = rehearsed(genie, "owl-type")
    assert (by_type["team"], by_type["team_tier"]) == ("night", 5)
    claude_team(genie, "day", members=("owl",))
    said = genie.refused("spawn", "owl", "--role", "engineer", code=4)
    assert "day, night" in said
    assert "--team day" in said
    said = genie.refused("spawn", "engineer", code=3, env={"GENIE_TEAM": "nosuch"})
    assert "'nosuch'" in said
    assert "$GENIE_TEAM" in said
    chosen = genie.json("spawn", "owl", "--role", "engineer", "--team", "night")
    assert (chosen["team"], chosen["team_tier"], chosen["team_explicit"]) == ("night", 1, True)
