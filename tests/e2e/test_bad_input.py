"""What cannot be meant is refused in one line, with the documented exit code, and nothing is written for it;
what only looks odd is passed on byte for byte."""

from __future__ import annotations

import json
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.fixtures.daemon import Genie
from tests.fixtures.postgres import ask
from tests.fixtures.quick import Quick, quick
from tests.fixtures.tmux import until

MAKE = Callable[..., Genie]
OF = {"events": " where kind <> 'agent.activity' and kind not like 'session.%'"}
"""What an agent tells by itself leaves events, too."""
TABLES = ("agents", "sessions", "runs", "teams", "events")
MEGABYTE = 1024 * 1024
ODD = 'it\'s "x" $(touch never) `touch never` \\ %s #{pid} #[fg=red] ü 🚀'


def traces(genie: Genie) -> dict[str, object]:
    """Everything that a spawn leaves: rows, private files, sessions, windows and panes."""
    counts = " union all ".join(f"select '{table}', count(*) from {table}{OF.get(table, '')}" for table in TABLES)  # noqa: S608
    folders = ("environments", "prompts", "launch")
    return {
        "rows": sorted(map(str, ask(genie.env["GENIE_DATABASE_URL"], counts))),
        "files": sorted(str(path) for name in folders for path in (genie.home / name).iterdir()),
        "panes": genie.tmux("list-panes", "-a", "-F", "#{session_name} #{window_name} #{pane_id}"),
    }


def resident(genie: Genie) -> None:
    """An agent that is there, so that the tmux server is too."""
    genie("spawn", "resident", "--team", "simone", "--", "cat")
    until(lambda: not list((genie.home / "launch").iterdir()), what="the start")


UNKNOWN = [
    (("enginer",), 3, ("'enginer'", "did you mean 'engineer'?")),
    (("zz", "--role", "reviewr"), 3, ("'reviewr'", "did you mean 'reviewer'?")),
    (("engineer", "--provider", "cluade"), 2, ("provider 'cluade'", "'claude'")),
    (("engineer", "--team", "simon"), 3, ("team 'simon'", "genie team create simon", "'simone'")),
    (("engineer", "--color", "gren"), 2, ("colour 'gren'", "'green'")),
    (("engineer", "--layout", "mosaik"), 2, ("layout 'mosaik'", "'mosaic'")),
    (("engineer", "--permission-mode", "acceptedits"), 2, ("permission mode 'acceptedits'", "'acceptEdits'")),
    (("engineer", "--restart", "onfailure"), 2, ("restart policy 'onfailure'", "'on-failure'")),
    (("engineer", "--parent", "nobody"), 3, ("parent 'nobody'",)),
    (("engineer", "--nosuch"), 2, ("--nosuch", "genie spawn --help")),
    ((), 2, ("NAME",)),
]
NAMES = ("Engineer", ".engineer", "-engineer", "a" * 64, "a/b", "../ab", "a b", "", "ünï", "a\nb", "a:b", "a\udcff")
TARGETS = [
    *(("--session", word, 2) for word in ("a:b", "=x", "%3", "$1", "@2", "a.b", "")),
    *(("--window", word, 2) for word in ("a:b", "=x", "%3", "")),
    ("--session", "nosuch", 3),
    ("--session", "simo", 3),
]


def test_words_names_and_targets_that_cannot_be_meant(genie: Genie) -> None:
    genie("team", "create", "simone")
    resident(genie)
    before = traces(genie)
    for words, code, parts in UNKNOWN:
        said = genie.refused("spawn", *words, code=code)
        assert all(part in said for part in parts), said
    for name in NAMES:
        said = genie.refused("spawn", "--role", "engineer", name, code=2)
        assert "illegal agent name" in said or name == "-engineer" or "unicode" in said, said
    for flag, word, code in TARGETS:
        said = genie.refused("spawn", "engineer", flag, word, code=code)
        assert f"'{word}'" in said, said
    for flag in ("--role", "--team", "--parent"):
        assert "'A B'" in genie.refused("spawn", "engineer", flag, "A B", code=2)
    assert traces(genie) == before


def test_values_that_cannot_be_meant(make_genie: MAKE) -> None:
    genie = quick(make_genie(GENIE_CODEX__BINARY="codex"))
    genie("team", "create", "simone")
    resident(genie)
    (genie.project / "file").write_text("x")
    (genie.project / "nul").write_bytes(b"do\0this")
    (genie.project / "latin").write_bytes(b"caf\xe9")
    with (genie.project / "huge").open("wb") as file:
        file.write(b"x" * (16 * MEGABYTE + 1))
    shell = ("zz", "--team", "simone")
    before = traces(genie)
    for words, code, parts in [
        (("engineer", "--cwd", "missing"), 2, ("'missing'", "is not there")),
        (("engineer", "--cwd", "file"), 2, ("'file'", "is no directory")),
        (("engineer", "--plan-mode", "--permission-mode", "acceptEdits"), 2, ("--plan-mode", "acceptEdits")),
        (("engineer", "--env", "NOVALUE"), 2, ("'NOVALUE'", "--env NOVALUE=")),
        (("engineer", "--env", "=x"), 2, ("'=x'",)),
        (("engineer", "--prompt-file", "missing"), 2, ("missing", "No such file")),
        (("engineer", "--prompt-file", "nul"), 2, ("NUL",)),
        (("engineer", "--prompt-file", "latin"), 2, ("the prompt is not valid UTF-8",)),
        (("engineer", "--prompt-file", "huge"), 2, (str(16 * MEGABYTE), "bytes")),
        (("engineer", "--prompt", "x", "--prompt-file", "file"), 2, ("--prompt", "--prompt-file")),
        (("engineer", "--description", "\udcff"), 2, ("--description", "UTF-8")),
        (("engineer", "--tag", "\udcff"), 2, ("--tag", "UTF-8")),
        (("engineer", "--extra-args", "'open"), 2, ("--extra-args",)),
        (("engineer", "--extra-args", "--session-id=1"), 2, ("--session-id",)),
        (("engineer", "--timeout", "5s"), 2, ("--wait",)),
        (("engineer", "--wait", "--timeout", "soon"), 2, ("'soon'",)),
        (("engineer", "--parent-pid", "1"), 5, ("pid 1 belongs to no running agent",)),
        ((*shell, "--model", "opus", "--", "cat"), 2, ("--model",)),
        ((*shell, "--"), 2, ("no command",)),
        ((*shell, "--", "no-such-program"), 3, ("'no-such-program'", "PATH")),
        ((*shell, "--provider", "claude", "--", "cat"), 2, ("takes no command",)),
    ]:
        said = genie.refused("spawn", *words, code=code)
        assert all(part in said for part in parts), said
    said = genie.refused("spawn", "engineer", "--provider", "codex", code=3, env={"PATH": str(genie.project)})
    assert "provider codex needs the program 'codex'" in said
    assert "npm install -g @openai/codex" in said
    assert traces(genie) == before


def test_other_commands_refuse_in_the_same_way(make_genie: MAKE) -> None:
    command = make_genie(
        GENIE_RESUME__HEARTBEAT="1h", GENIE_RESUME__SECOND_LOOK="1h", GENIE_CLAUDE__BINARY="/nowhere/claude"
    )
    genie = quick(command)
    genie("team", "create", "simone")
    resident(genie)
    before = traces(genie)
    said = genie.refused("spawn", "engineer", code=3)
    assert "provider claude needs the program '/nowhere/claude'" in said
    assert "npm install -g @anthropic-ai/claude-code" in said
    for words, code, parts in [
        (("spwan", "x"), 2, ("'spwan'", "'spawn'")),
        (("show", "residnet"), 3, ("'residnet'", "'resident'")),
        (("explain", "nobody"), 3, ("'nobody'",)),
        (("read", "nobody"), 3, ("'nobody'",)),
        (("stop", "resident", "nobody"), 3, ("'nobody'",)),
        (("kill", "nobody"), 3, ("'nobody'",)),
        (("kill",), 2, ("nobody to kill",)),
        (("resume", "resident"), 6, ("'resident'",)),
        (("ls", "--state", "runing"), 2, ("'runing'", "'running'")),
        (("team", "create", "simone"), 4, ("'simone'",)),
        (("team", "create", "Big"), 2, ("'Big'",)),
        (("team", "create", "red", "--layout", "spiral"), 2, ("'spiral'",)),
        (("team", "create", "red", "--session", "a:b"), 2, ("'a:b'",)),
        (("team", "show", "simon"), 3, ("'simon'", "'simone'")),
        (("read", "resident", "-n", "some"), 2, ("'some'",)),
    ]:
        said = genie.refused(*words, code=code)
        assert all(part in said for part in parts), said
    done = command.run("spawn", "enginer", "--json")
    told = json.loads(done.stdout)["error"]
    assert done.returncode == 3
    assert told["code"] == "not_found"
    assert "'enginer'" in told["message"]
    assert "'engineer'" in told["hint"]
    assert len(done.stderr.strip().splitlines()) == 1
    assert traces(genie) == before

    row = genie.agent("resident")
    genie.tmux("respawn-pane", "-k", "-t", row["pane"], "cat")
    for verb in ("read", "attach"):
        assert row["pane"] in command.refused(verb, "resident", code=5)
    assert genie.tmux("display-message", "-p", "-t", row["pane"], "#{pane_current_command}") == "cat"

    gone = genie.directory / "gone"
    gone.mkdir()
    typed = shlex.join([sys.executable, "-m", "genie", "spawn", "zz", "--", "cat"])
    argv = ["sh", "-c", f'cd "$1" && rmdir "$1" && exec {typed}', "sh", str(gone)]
    done = subprocess.run(argv, env=genie.env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "current directory does not exist" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_prompt_of_a_megabyte_goes_by_a_file(genie: Genie) -> None:
    prompt = (f"{ODD}\r\n\ttab\n" * (MEGABYTE // len(ODD.encode()) + 1)).encode()
    assert len(prompt) > MEGABYTE
    (genie.project / "prompt").write_bytes(prompt)
    file: dict[str, Path] = {}
    for name, given in {
        "claude": ("--role", "engineer"),
        "codex": ("--role", "engineer", "--provider", "codex"),
        "shell": ("--", sys.executable, "-c", "import os; print(os.environ['GENIE_PROMPT_FILE']); input()"),
    }.items():
        made = genie.json("spawn", name, "--prompt-file", "prompt", *given)
        file[name] = genie.home / "prompts" / f"{made['session_id']}.md"
        assert file[name].read_bytes() == prompt
        assert stat.S_IMODE(file[name].stat().st_mode) == 0o600
    until(lambda: str(file["shell"]) in genie.screen("shell").replace("\n", ""), what="the file's name")
    until(lambda: len(genie.starts()) == 2, what="the starts")
    for name in ("claude", "codex"):
        (start,) = [start for start in genie.starts() if start["env"]["GENIE_PROVIDER"] == name]
        assert str(file[name]) in start["argv"][-1]
        assert len(start["argv"][-1]) < 500
        assert "AGENT_GOAL" not in start["env"]


def test_odd_texts_are_kept_byte_for_byte(genie: Genie) -> None:
    directory = genie.project / f"a b\n{ODD.replace('/', '')}"
    directory.mkdir()
    raw = "caf\udce9 \udcff"
    words = ("--tag", ODD, "--tag", "line\nbreak", "--description", f"{ODD}\n\x1b[31mred")
    given = ("--prompt", f"/{ODD}\n", "--extra-args", "--verbose", "--env", f"RAW={raw}", "--env", f"ODD={ODD}\nx=y")
    made = genie.json("spawn", "engineer", *words, *given, "--cwd", str(directory))
    genie("spawn", "fix", "--provider", "codex", "--prompt", f"-{ODD}\n")
    until(lambda: len(genie.starts()) == 2, what="both starts")
    claude, codex = sorted(genie.starts(), key=lambda start: str(start["env"]["GENIE_PROVIDER"]))
    assert claude["argv"][-1].lstrip("\n") == f"/{ODD}\n"
    assert codex["argv"][-1].lstrip("\n") == f"-{ODD}\n"
    assert (claude["env"]["RAW"], claude["env"]["ODD"]) == (raw, f"{ODD}\nx=y")
    assert claude["cwd"] == str(directory)
    row = genie.json("show", "engineer")
    assert (row["tags"], row["description"]) == ([ODD, "line\nbreak"], f"{ODD}\n\x1b[31mred")
    assert (made["cwd"], row["cwd"]) == (str(directory), str(directory))
    assert not list(genie.directory.rglob("never"))
    for looked in (("ls",), ("show", "engineer"), ("explain", "engineer"), ("history", "engineer")):
        assert "\x1b" not in genie(*looked)
    assert [found["name"] for found in genie.json("ls", "--tag", ODD)] == ["engineer"]


def test_a_configuration_that_does_not_read_is_told_with_file_and_line(make_genie: MAKE) -> None:
    genie = make_genie()
    genie.home.mkdir(mode=0o700)
    config = genie.home / "config.toml"
    here = Quick(genie.directory, genie.tmux, genie.env)
    for text, line, parts in [
        ("max_running = 5\n\n[resume]\ncooldwon = '1s'\n", 4, ("resume.cooldwon", "did you mean 'cooldown'?")),
        ("[stop]\ngrace = 'soon'\n", 2, ("stop.grace", "'soon'")),
        ("max_running = 'many'\n", 1, ("max_running", "'many'")),
        ("[resume\n", 1, ("not valid TOML",)),
        ("[reusme]\ncooldown = '1s'\n", 1, ("reusme", "'resume'")),
    ]:
        config.write_text(text)
        said = here.refused("config", "check", code=2)
        assert f"{config}:{line}" in said, said
        assert all(part in said for part in parts), said
    said = genie.refused("ls", code=2)
    assert f"{config}:1" in said, said
    assert "did you mean 'resume'?" in said, said
    assert genie.daemon_pid() is None
    config.unlink()
    said = genie.refused("daemon", "run", code=2, env={"GENIE_RESUME__COOLDWON": "1s"})
    assert "GENIE_RESUME__COOLDWON" in said
    assert "'cooldown'" in said


def test_a_project_is_not_believed_everything(genie: Genie) -> None:
    """Its configuration may not say what is the user's to say, and its templates are checked."""
    genie("team", "create", "simone")
    resident(genie)
    before = traces(genie)
    folder = genie.project / ".genie"
    (folder / "agents" / "broken").mkdir(parents=True)
    template = folder / "agents" / "broken" / "AGENTS.md"
    template.write_text("---\nname: broken\nmodle: opus\n---\nText.\n")
    said = genie.refused("spawn", "broken", code=2)
    assert f"{template}:3" in said, said
    assert "'model'" in said, said
    template.write_text("---\nname: broken\nprovider: [\n---\nText.\n")
    assert str(template) in genie.refused("spawn", "broken", code=2)
    config = folder / "config.toml"
    for text, line, part in [
        ('[claude]\nbinary = "/tmp/evil"\n', 2, "claude.binary"),
        ('database_url = "postgresql://secret:word@x/y"\n', 1, "database_url"),
        ("[resume]\ncooldwon = '1s'\n", 2, "'cooldown'"),
    ]:
        config.write_text(text)
        said = genie.refused("spawn", "engineer", code=2)
        assert f"{config}:{line}" in said, said
        assert part in said, said
        assert "word" not in said, said
    assert traces(genie) == before
    assert genie.json("ls")[0]["name"] == "resident"


def test_teams_of_claude_that_cannot_be_read_are_a_warning(genie: Genie) -> None:
    teams = Path(genie.env["CLAUDE_CONFIG_DIR"]) / "teams"
    for name in ("bad", "folder/config.json", "odd", "one", "two"):
        (teams / name).mkdir(parents=True)
    (teams / "bad" / "config.json").write_text('{"name": ')
    (teams / "odd" / "config.json").write_text('{"members": 3}')
    done = genie.run("spawn", "engineer")
    assert done.returncode == 0
    warnings = done.stderr.strip().splitlines()
    assert len(warnings) == 3, warnings
    for name, line in zip(("bad", "folder", "odd"), warnings, strict=True):
        assert str(teams / name / "config.json") in line
    until(lambda: not list((genie.home / "launch").iterdir()), what="the start")
    before = traces(genie)
    for name in ("one", "two"):
        text = json.dumps({"name": name, "members": [{"name": "fix", "agentType": "engineer"}]})
        (teams / name / "config.json").write_text(text)
    done = genie.run("spawn", "fix", "--json")
    assert done.returncode == 4
    assert json.loads(done.stdout)["error"]["teams"] == ["one", "two"]
    assert "one, two" in done.stderr
    assert "--team one" in done.stderr
    assert traces(genie) == before
