"""Provider claude-sdk in a whole genie, with a package that needs no claude."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fakes.sdk import python_with_sdk, python_without_sdk
from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until


def results(genie: Genie, count: int) -> list[dict[str, Any]]:
    """The ends of its turns, once there are so many."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        lines = genie("events", "ada", "--type", "session_result", "--json").splitlines()
        found[:] = [json.loads(line)["payload"] for line in lines]
        return len(found) >= count

    until(there, within=20, what=f"{count} turns of ada")
    return found


def until_doing(genie: Genie, word: str) -> None:
    until(lambda: genie.agent("ada")["activity"] == word, within=20, what=f"ada {word}")


def test_a_life_through_the_package(make_genie: Callable[..., Genie], tmp_path: Path) -> None:
    genie = make_genie(GENIE_CLAUDE_SDK__PYTHON=str(python_with_sdk(tmp_path)))
    genie.env["CLAUDE_CONFIG_DIR"] = str(tmp_path / "cfg")
    like = ("spawn", "ada", "--role", "engineer", "--provider", "claude-sdk")
    done = genie.run(*like, "--prompt", "the first", "--stream", "--on-resume", "none")
    assert (done.returncode, "the first" in done.stdout) == (0, True), done.stderr

    genie("send", "ada", "--raw", "use Bash")
    until_doing(genie, "permission")
    genie("answer", "ada", "yes")
    assert results(genie, 2)[1]["text"] == "allowed"
    until_doing(genie, "idle")

    before = genie.agent("ada")
    genie("input", "ada", "wait")
    until_doing(genie, "working")
    genie.tmux("send-keys", "-t", before["pane"], "C-c")
    assert results(genie, 3)[2]["reason"] == "aborted_streaming"
    until_doing(genie, "idle")

    genie("input", "ada", "wait")
    until_doing(genie, "working")
    genie("input", "ada", "what waits")
    genie("input", "ada", "--interrupt")
    assert [one.get("text") or one["error"] for one in results(genie, 5)[3:]] == ["interrupted", "what waits"]
    until_doing(genie, "idle")

    os.kill(before["pid"], signal.SIGKILL)
    after = genie.until_again("ada", before)
    assert (after["session_id"], after["pane"]) == (before["session_id"], before["pane"])
    until_doing(genie, "idle")
    assert len(results(genie, 5)) == 5, "it was told something"

    genie("input", "ada", "spend")
    row = genie.until_state("ada", "failed", "dead", "done")
    assert (row["state"], row["reason"]) == ("failed", "quota")


def test_without_the_package_a_spawn_says_so(make_genie: Callable[..., Genie], tmp_path: Path) -> None:
    genie = make_genie(GENIE_CLAUDE_SDK__PYTHON=str(python_without_sdk(tmp_path)))
    refused = genie.run("spawn", "ada", "--role", "engineer", "--provider", "claude-sdk", "--prompt", "go")
    assert refused.returncode != 0
    assert "pip install 'genie-agents[sdk]'" in refused.stderr
    assert genie.rows() == []
    ignored = genie.run("spawn", "eve", "--sdk-max-turns", "3", "--", "sleep", "60")
    assert (ignored.returncode, ignored.stderr.count("--sdk-*")) == (0, 1)
    assert "'eve' cannot be interrupted" in genie.refused("input", "eve", "--interrupt", code=2)
    rows = {row["name"]: row for row in json.loads(genie("providers", "ls", "--json"))}
    assert rows["claude-sdk"]["program"] is None
    assert "pip install 'genie-agents[sdk]'" in genie.run("doctor").stdout
