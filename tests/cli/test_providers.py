"""providers: what it prints, and completion of their names."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run
from tests.cli.peer import Peer

CLAUDE = {
    "name": "claude",
    "program": "/bin/claude",
    "version": "2.1",
    "ways": ["interactive", "one-shot"],
    "models": {"small": "haiku"},
    "resumes": True,
    "source": None,
    "problem": None,
}
BROKEN = {
    **CLAUDE,
    "name": "mine",
    "program": None,
    "version": None,
    "ways": [],
    "models": {},
    "resumes": False,
    "source": "/p/mine.toml",
    "problem": "it is broken",
}
PROBLEM = {
    "message": "/p/mine.toml:2: field 'modle': unknown field",
    "hint": "did you mean 'models'?",
    "file": "/p/mine.toml",
    "line": 2,
    "field": "modle",
}


def test_providers_ls(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/providers"] = [CLAUDE, BROKEN]
    header, first, second = genie("providers", "ls").out.splitlines()
    assert header.split() == ["NAME", "PROGRAM", "VERSION", "SESSIONS", "MODELS", "SOURCE"]
    assert first.split("  ")[0] == "claude"
    for part in ("/bin/claude", "interactive, one-shot", "small=haiku", "built in"):
        assert part in first
    assert "it is broken" in second
    assert "/p/mine.toml" in second
    assert genie("providers", "ls", "--json").json == [CLAUDE, BROKEN]
    assert genie("providers", "ls", "-q").out == "claude\nmine\n"


def test_providers_check(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/providers"] = [CLAUDE, BROKEN]
    peer.answers["GET /v1/providers/problems"] = [PROBLEM]
    said = genie("providers", "check")
    assert (said.code, said.out) == (1, f"{PROBLEM['message']} ({PROBLEM['hint']})\n")
    assert genie("providers", "check", "mine", "--json").json == [PROBLEM]
    assert (genie("providers", "check", "claude").code, genie("providers", "check", "claude").out) == (0, "")
    missing = genie("providers", "check", "nine")
    assert (missing.code, missing.err) == (3, "genie: there is no provider 'nine' — genie providers ls\n")


def test_the_names_of_providers_are_completed_without_a_daemon(genie: Run, environ: dict[str, str]) -> None:
    folder = Path(environ["GENIE_HOME"]) / "providers"
    folder.mkdir(parents=True)
    (folder / "cody.toml").touch()
    assert genie("__complete", "bash", "spawn", "ada", "--provider", "co").out == "codex\ncody\n"
    assert genie("__complete", "bash", "spawn", "ada", "--provider", "she").out == "shell\n"
