"""Teams of Claude Code's own with the real program: genie leads them, and members write to each other."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.fake_model_script import prompts
from tests.real.genies import bodies
from tests.real.programs import needs_claude

pytestmark = [pytest.mark.real, pytest.mark.timeout(240), needs_claude]


@pytest.fixture(autouse=True)
def crew(genie: Genie) -> None:
    genie("team", "create", "crew", "--native")


def folder(genie: Genie) -> Path:
    return genie.directory / "claude" / "teams" / "crew"


def config(genie: Genie) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder(genie) / "config.json").read_text(encoding="utf-8"))
    return found


def names(genie: Genie) -> set[str]:
    path = folder(genie) / "config.json"
    return {one["name"] for one in config(genie)["members"]} if path.exists() else set()


def said(api: Api, text: str) -> bool:
    """Whether a model was told that."""
    return any(text in one for body in bodies(api) for one in prompts(body))


def start(genie: Genie, name: str, prompt: str) -> dict[str, Any]:
    asked = ("--role", "engineer", "--team", "crew", "--permission-mode", "manual")
    row: dict[str, Any] = genie.json("spawn", name, *asked, "--prompt", prompt)
    return row


def writes_to(genie: Genie, name: str, mate: str) -> None:
    """Have a member use the program's own tool, by a message that it finds in its inbox. While a claude writes the
    team's file, another one cannot read it, and tells its model to try again."""
    call = json.dumps({"to": mate, "message": f"[[text:{mate} has heard {name}]]", "summary": "hello"})

    tries = 0

    def heard() -> bool:
        nonlocal tries
        if f"{mate} has heard {name}" in genie.screen(mate):
            return True
        last = genie.json("inbox", name)
        if tries < 4 and (not tries or last[-1]["state"] == "answered"):
            tries += 1
            genie("send", name, f"[[tool:SendMessage {call}]] [[text:told]]")
        return False

    kit.until(heard, within=60, what=f"the message of {name}")


def test_members_are_started_reach_each_other_and_leave(genie: Genie, api: Api) -> None:
    start(genie, "ada", "[[text:I am ada]]")
    start(genie, "bob", "[[text:I am bob]]")
    kit.until(lambda: "I am ada" in genie.screen("ada") and "I am bob" in genie.screen("bob"), what="both answers")
    found = config(genie)
    UUID(found["leadSessionId"])
    assert (found["leadAgentId"], names(genie)) == ("team-lead@crew", {"team-lead", "ada", "bob"})
    assert [one["agentId"] for one in found["members"][1:]] == ["ada@crew", "bob@crew"]
    assert genie.kinds("ada").count("native_left_out") == 0

    writes_to(genie, "ada", "bob")

    inbox = folder(genie) / "inboxes" / "team-lead.json"
    kit.until(lambda: inbox.exists() and json.loads(inbox.read_text() or "1") == [], what="an empty inbox of the lead")

    before = genie.agent("ada")
    os.kill(before["pid"], signal.SIGKILL)
    genie.until_again("ada", before)
    assert "ada" in names(genie)
    kit.until(lambda: genie.agent("ada")["activity"] == "idle", what="ada after its resume")
    writes_to(genie, "bob", "ada")

    genie("kill", "bob")
    kit.until(lambda: names(genie) == {"team-lead", "ada"}, what="the config without bob")
    strange = folder(genie) / "notes.txt"
    strange.write_text("somebody's", encoding="utf-8")
    genie("team", "disband", "crew", "--yes")
    kit.until(lambda: not (folder(genie) / ".genie-team").exists(), what="the end of genie in the folder")
    assert strange.read_text(encoding="utf-8") == "somebody's"
    assert names(genie) == set()


def test_what_a_member_asks_is_answered_by_genie(genie: Genie, api: Api) -> None:
    made = genie.project / "made-by-ada"
    # As a turn begins claude notes in the team's file that it is at work, and while it does, it cannot ask its lead.
    api.state.delay = 1
    start(genie, "ada", f"[[bash:touch {made}; echo yes]] [[text:it is done]]")
    kit.until(lambda: genie.agent("ada")["activity"] == "permission", what="the request")
    (row,) = genie.json("answer", "--list")
    assert (row["name"], row["tool"]) == ("ada", "Bash")
    genie("answer", "ada", "yes")
    kit.until(made.exists, what="the tool")
    kit.until(lambda: "● it is done" in genie.screen("ada"), what="the answer")
    kit.until(lambda: genie.agent("ada")["activity"] == "idle", what="the end of the turn")
    genie("send", "ada", f"[[bash:rm {made}]] [[text:then not]]")
    kit.until(lambda: genie.agent("ada")["activity"] == "permission", what="another request")
    genie("answer", "ada", "leave it there")
    kit.until(lambda: "then not" in genie.screen("ada"), what="the end of that turn")
    assert made.exists()
    assert said(api, "[[text:then not]]")


def test_a_team_of_claudes_own_is_not_taken(genie: Genie) -> None:
    theirs = genie.directory / "claude" / "teams" / "theirs"
    theirs.mkdir(parents=True)
    (theirs / "config.json").write_text('{"name": "theirs", "members": []}', encoding="utf-8")
    done = genie.run("team", "create", "theirs", "--native")
    assert done.returncode == 4
    assert "genie has not made it" in done.stderr
    assert [path.name for path in theirs.iterdir()] == ["config.json"]
