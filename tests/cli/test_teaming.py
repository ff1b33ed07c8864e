"""`genie team` and `genie template`, as they ask and tell."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.peer import Peer, error

SHOP = {"team": "shop", "file": "/w/.genie/team.yaml"}


def step(name: str, **said: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"name": name, "outcome": "spawned", "detail": "", "state": "running", "error": None} | said


def planned(does: str, name: str, **said: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"name": name, "does": does, "reason": "why", "after": [], "hint": ""} | said


def template(name: str = "coder", **said: Any) -> dict[str, Any]:  # noqa: ANN401
    known: dict[str, Any] = {
        "name": name,
        "scope": "user",
        "source": f"/a/{name}/AGENTS.md",
        "state": "ok",
        "problems": [],
    }
    known |= {"shadows": [], "description": "codes", "provider": "claude", "team": None, "prompt": "You\nare.\n"}
    fields = {"model": "opus", "tools": ["Read", "Edit"], "env": {"A": "b"}, "worktree": False, "cwd": None}
    return known | {"fields": fields} | said


BAD = {"code": "bad_template", "message": "/a/coder/AGENTS.md:2: field 'modle': unknown field", "hint": "did you?"}
BROKEN = template(problems=[BAD], state="broken", fields=None, prompt=None)


# ---- up and down -----------------------------------------------------------------------------


def test_up_tells_each_step(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/teams/up"] = SHOP | {
        "steps": [step("shop", outcome="created", state=None), step("ada", detail="odd")]
    }
    said = genie("team", "up", "x.yaml", "--done")
    assert (said.code, said.out) == (0, "shop  created\nada  spawned  running  odd\n")
    body = peer.last("POST /v1/teams/up").body
    assert (body["path"], body["done_too"], body["dry_run"]) == ("x.yaml", True, False)
    assert body["caller"]["cwd"] == str(Path.cwd())
    assert genie("team", "up", "-q").out == "shop\nada\n"
    assert genie("team", "up", "--json").json["team"] == "shop"


def test_up_fails_with_the_first_that_failed_or_says_that_one_waits(peer: Peer, genie: Run) -> None:
    failed = step("bob", outcome="failed", state=None, error=error("conflict", "it is elsewhere")["error"])
    waits = step("eve", outcome="waits", state=None, detail="'bob' is not there")
    peer.answers["POST /v1/teams/up"] = SHOP | {"steps": [step("ada"), waits]}
    assert genie("team", "up").code == 6
    peer.answers["POST /v1/teams/up"] = SHOP | {"steps": [step("ada"), failed, waits]}
    said = genie("team", "up", "-q")
    assert (said.code, said.out, said.err) == (4, "ada\neve\n", "genie: it is elsewhere\n")


def test_a_dry_run_tells_the_plan(peer: Peer, genie: Run) -> None:
    steps = [planned("spawn", "ada", after=["bob"]), planned("refuse", "bob", hint="do this")]
    peer.answers["POST /v1/teams/up"] = SHOP | {"steps": steps}
    said = genie("team", "up", "--dry-run")
    assert [line.split() for line in said.out.splitlines()[:2]] == [
        ["STEP", "NAME", "AFTER", "WHY"], ["spawn", "ada", "bob", "why"],
    ]  # fmt: skip
    assert said.out.endswith("nothing was done\n")
    assert (said.code, said.err) == (4, "genie: 'bob': why — do this\n")
    assert genie("team", "up", "--dry-run", "-q").out == "ada\nbob\n"
    assert genie("team", "up", "--dry-run", "--json").json["steps"] == steps


@pytest.mark.parametrize(
    ("word", "team", "path"),
    [([], None, None), (["shop"], "shop", None), (["ops/x"], None, "ops/x"), (["x.yml"], None, "x.yml")],
)
def test_down_is_about_a_team_or_a_file(
    peer: Peer, genie: Run, word: list[str], team: str | None, path: str | None
) -> None:
    peer.answers["POST /v1/teams/down"] = lambda asked: (
        SHOP | {"names": ["ada"]} if asked.body["dry_run"] else SHOP | {"steps": [step("ada", outcome="stopped")]}
    )
    assert genie("team", "down", *word).out == "ada  stopped  running\n"
    body = peer.last("POST /v1/teams/down").body
    assert (body["team"], body["path"]) == (team, path)


def test_down_asks_before_more_than_five(peer: Peer, genie: Run) -> None:
    names = [f"a{number}" for number in range(6)]
    peer.answers["POST /v1/teams/down"] = lambda asked: (
        SHOP | ({"names": names} if asked.body["dry_run"] else {"steps": []})
    )
    said = genie("team", "down", "shop")
    assert (said.code, said.err) == (2, "genie: this would stop 6 agents — say --yes\n")
    assert genie("team", "down", "shop", "--dry-run").out.splitlines()[0] == "stop  a0"
    assert genie("team", "down", "shop", "--dry-run", "--json").json["names"] == names
    said = genie("team", "down", "shop", "--yes")
    assert (said.code, said.err) == (0, "genie: nobody of team shop is live\n")


# ---- teams as they change --------------------------------------------------------------------


def test_agents_are_moved(peer: Peer, genie: Run) -> None:
    for verb in ("add", "remove"):
        peer.answers[f"POST /v1/teams/web/{verb}"] = [{"name": "ada", "team": "t", "state": "running"}]
        assert genie("team", verb, "web", "ada", "bob").out == "ada  running  team t\n"
        assert peer.last(f"POST /v1/teams/web/{verb}").body == {"names": ["ada", "bob"]}
        assert genie("team", verb, "web", "ada", "--json").json[0]["team"] == "t"


def test_a_team_is_renamed_and_put_away(peer: Peer, genie: Run) -> None:
    for verb in ("rename", "archive", "unarchive"):
        peer.answers[f"POST /v1/teams/web/{verb}"] = {"name": "web"}
    assert genie("team", "rename", "web", "shop").out == "web is shop now\n"
    assert peer.last("POST /v1/teams/web/rename").body == {"to": "shop"}
    assert genie("team", "archive", "web").out == "web is archived\n"
    assert genie("team", "unarchive", "web").out == "web is back\n"
    assert genie("team", "archive", "web", "--json").json == {"name": "web"}


def test_disband_tells_what_it_ends_before_it_does(peer: Peer, genie: Run) -> None:
    meant = {"team": "web", "agents": ["ada"], "along": ["kid"], "worktrees": ["/t"], "tmux_session": "web"}
    done = meant | {"ended": ["ada"], "removed": [], "kept": [{"path": "/t", "reason": "dirty"}], "failed": []}
    peer.answers["POST /v1/teams/web/disband"] = lambda asked: meant if asked.body["dry_run"] else done
    said = genie("team", "disband", "web")
    told = "team web, tmux session web:\n  kill  ada\n  kill with them  kid\n  remove if clean  /t\n"
    assert (said.code, said.err) == (0, told)
    assert said.out == "web  1 agents ended, 0 worktrees removed\nkept  /t  dirty\n"
    assert genie("team", "disband", "web", "--dry-run").out == told
    assert genie("team", "disband", "web", "--dry-run", "--json").json == meant
    meant["agents"] = [f"a{number}" for number in range(5)]
    said = genie("team", "disband", "web", "--json")
    assert (said.code, said.json["error"]["hint"]) == (2, "say --yes")
    done["failed"] = [{"name": "ada", "error": error("failed", "it lives on")["error"]}]
    said = genie("team", "disband", "web", "--yes", "--json")
    assert (said.code, said.json["ended"]) == (1, ["ada"])


# ---- templates -------------------------------------------------------------------------------


def test_show_tells_fields_and_prompt(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/templates/one"] = template(shadows=[{"scope": "built-in", "source": "/b", "problems": []}])
    out = genie("template", "show", "coder").out
    pairs = [line.split(maxsplit=1) for line in out.partition("\n\n")[0].splitlines()]
    assert ["shadows", "/b"] in pairs
    assert ["tools", "Read, Edit"] in pairs
    assert ["env", "A=b"] in pairs
    assert out.endswith("\n\nYou\nare.\n")
    peer.answers["GET /v1/templates/one"] = BROKEN
    for words in ((), ("--json",)):
        assert genie("template", "show", "coder", *words).code == 2


def test_new_says_where_it_is(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/templates"] = template()
    assert genie("template", "new", "coder", "--from", "engineer", "--user").out == "/a/coder/AGENTS.md\n"
    body = peer.last("POST /v1/templates").body
    assert body == {"name": "coder", "cwd": str(Path.cwd()), "base": "engineer", "scope": "user"}
    assert genie("template", "new", "coder", "--project", "-q").out == "coder\n"
    assert peer.last("POST /v1/templates").body["scope"] == "project"
    assert genie("template", "new", "coder", "--json").json["name"] == "coder"
    assert genie("template", "new", "coder", "--user", "--project").code == 2


def test_check_tells_all_that_is_wrong(peer: Peer, genie: Run) -> None:
    hidden = {"scope": "built-in", "source": "/b", "problems": [BAD]}
    peer.answers["GET /v1/templates"] = [template("fine", shadows=[hidden])]
    said = genie("template", "check")
    assert (said.code, said.out) == (2, "ok     fine  /a/fine/AGENTS.md\nwrong  fine  /b\n")
    assert said.err == f"genie: {BAD['message']} — did you?\n"
    assert genie("template", "check", "-q").out == "fine\n"
    assert [row["ok"] for row in genie("template", "check", "--json").json] == [True, False]
    peer.answers["GET /v1/templates/one"] = template()
    assert genie("template", "check", "x/AGENTS.md").code == 0
    assert peer.last("GET /v1/templates/one").query["name"] == ["x/AGENTS.md"]


def test_edit_opens_the_editor_and_checks_after(peer: Peer, genie: Run, tmp_path: Path) -> None:
    path = tmp_path / "AGENTS.md"
    script = tmp_path / "editor.py"
    script.write_text("import sys, pathlib\npathlib.Path(sys.argv[2]).write_text(sys.argv[1])\n")
    editor = f"{sys.executable} {script} 'what was written'"
    peer.answers["GET /v1/templates/one"] = template(source=str(path))
    said = genie("template", "edit", "coder", EDITOR="false", VISUAL=editor)
    assert (said.code, path.read_text()) == (0, "what was written")
    assert peer.asked[-2].query["edit"] == ["true"]
    assert peer.asked[-1].query["name"] == [str(path)]
    peer.answers["GET /v1/templates/one"] = BROKEN | {"source": str(path)}
    said = genie("template", "edit", "coder", EDITOR=editor, VISUAL="")
    assert said.code == 2
    assert "is kept as it is" in said.err
    assert BAD["message"] in said.err
    said = genie("template", "edit", "coder", EDITOR="false", VISUAL="")
    assert (said.code, "ended with 1" in said.err) == (1, True)
    assert genie("template", "edit", "coder", EDITOR="/no/such", VISUAL="").code == 3


def test_sync_tells_what_was_done(peer: Peer, genie: Run) -> None:
    done = {"added": ["/x"], "changed": [], "removed": ["/y"], "problems": []}
    peer.answers["POST /v1/templates/sync"] = done
    assert genie("template", "sync").out == "added    /x\nremoved  /y\n"
    assert genie("template", "sync", "-q").out == "/x\n/y\n"
    assert genie("template", "sync", "--json").json == done
    peer.answers["POST /v1/templates/sync"] = {"added": [], "changed": [], "removed": [], "problems": [BAD]}
    said = genie("template", "sync")
    assert (said.code, said.err.splitlines()[0]) == (2, "genie: all are in step")


def test_archived_teams_are_completed(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/teams"] = [{"name": "web", "archived_at": "2026"}, {"name": "wet", "archived_at": None}]
    assert genie("__complete", "bash", "team", "unarchive", "w").out == "web\n"
    assert genie("__complete", "bash", "template", "ne").out == "new\n"
