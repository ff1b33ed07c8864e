"""Provider claude-sdk with the real package and the real claude: turns, formats, budget, permissions, coming back."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.fake_model_script import prompts
from tests.real.programs import FOUND, PYTHON, needs_sdk

WRITE = '[[tool:Write {"file_path": "made.txt", "content": "by hand"}]] [[text:done with it]]'

pytestmark = [pytest.mark.real, pytest.mark.timeout(180), needs_sdk]


@pytest.fixture
def sdk(make_genie: Callable[..., Genie], api: Api) -> Genie:
    """A genie that knows which Python has the package, and which claude is to be run."""
    made = make_genie(GENIE_CLAUDE_SDK__PYTHON=str(PYTHON), GENIE_CLAUDE__BINARY=str(FOUND.claude))
    made.project.mkdir(exist_ok=True)
    kit.seed(made.directory, made.project, api=api.url)
    made.env |= kit.env(made.directory, api=api.url)
    return made


def spawn(sdk: Genie, *words: str, name: str = "ada") -> Any:  # noqa: ANN401  JSON
    return sdk.json("spawn", name, "--role", "engineer", "--provider", "claude-sdk", *words)


def told(sdk: Genie, kind: str, name: str = "ada") -> list[dict[str, Any]]:
    lines = sdk("events", name, "--type", kind, "--json").splitlines()
    return [json.loads(line)["payload"] for line in lines]


def until_told(sdk: Genie, count: int, kind: str = "session_result") -> list[dict[str, Any]]:
    def there() -> list[dict[str, Any]] | None:
        found = told(sdk, kind)
        return found if len(found) >= count else None

    return kit.until(there, what=f"{count} {kind}")


def until_doing(sdk: Genie, word: str) -> None:
    kit.until(lambda: sdk.agent("ada")["activity"] == word, what=f"ada {word}")


def stream(sdk: Genie, name: str, *words: str) -> tuple[int, str]:
    done = sdk.run("spawn", name, "--role", "engineer", "--provider", "claude-sdk", "--stream", *words)
    return done.returncode, done.stdout


def test_it_answers_and_each_message_is_a_turn(sdk: Genie, api: Api) -> None:
    spawn(sdk, "--prompt", "[[text:the first answer]]")
    until_told(sdk, 1)
    sdk("send", "ada", "[[bash:echo from-a-tool]] [[text:the second answer]]")
    (first, second) = until_told(sdk, 2)
    assert (first["text"], second["text"], second["is_error"]) == ("the first answer", "the second answer", False)
    assert sum(one.get("cost") or 0 for one in told(sdk, "usage")) > 0
    assert [one["tool"] for one in told(sdk, "tool_call")] == ["Bash"]
    until_doing(sdk, "idle")
    kit.until(lambda: sdk.json("inbox", "ada")[0]["state"] == "answered", what="the answer to the message")
    assert "the second answer" in sdk.screen("ada")
    assert "REPORT engineer" in json.dumps(api.state.request(api.state.entries(kind="main")[0]["id"])["body"])
    sdk("input", "ada", "--close")
    assert sdk.until_state("ada", "done", "failed")["state"] == "done"


def test_the_first_turn_is_copied_in_three_formats(sdk: Genie) -> None:
    code, text = stream(sdk, "one", "--prompt", "[[text:plainly said]]")
    assert (code, "plainly said" in text) == (0, True)
    code, lines = stream(sdk, "two", "--prompt", "[[text:line by line]]", "--stream-format", "ndjson")
    rows = [json.loads(line) for line in lines.splitlines()]
    assert (code, rows[-1]["kind"], rows[-1]["payload"]["text"]) == (0, "session.session_result", "line by line")
    code, whole = stream(sdk, "three", "--prompt", "[[http:400]]", "--stream-format", "json")
    rows = json.loads(whole)
    assert (code, rows[-1]["kind"], rows[-1]["payload"]["is_error"]) == (1, "session.session_result", True)
    assert all(sdk.state(name) == "running" for name in ("one", "two", "three"))


def test_a_budget_that_is_spent_ends_it_for_good(sdk: Genie) -> None:
    spawn(sdk, "--sdk-max-budget", "0.00001", "--prompt", "[[bash:echo one]] [[bash:echo two]] [[text:never]]")
    row = sdk.until_state("ada", "failed", "done", "dead", "resuming")
    assert (row["state"], row["reason"]) == ("failed", "quota")
    assert "resume_claimed" not in sdk.kinds("ada")
    assert told(sdk, "session_result")[-1]["subtype"] == "error_max_budget_usd"


def test_the_most_turns_end_a_turn_and_not_the_session(sdk: Genie) -> None:
    spawn(sdk, "--sdk-max-turns", "1", "--sdk-effort", "low", "--prompt", "[[bash:echo one]] [[text:never]]")
    (first,) = until_told(sdk, 1)
    assert (first["subtype"], first["is_error"]) == ("error_max_turns", True)
    until_doing(sdk, "error")
    sdk("input", "ada", "[[text:and on]]")
    assert until_told(sdk, 2)[1]["text"] == "and on"
    until_doing(sdk, "idle")


def test_an_interrupt_ends_the_turn_and_a_second_one_the_session(sdk: Genie) -> None:
    row = spawn(sdk, "--prompt", "[[slow:60]] [[text:never]]")
    until_doing(sdk, "working")
    kit.until(lambda: "a slow" in sdk.screen("ada"), what="the begin of the answer")
    sdk.tmux("send-keys", "-t", row["pane"], "C-c")
    until_told(sdk, 1)
    until_doing(sdk, "idle")
    sdk("input", "ada", "[[text:it goes on]]")
    assert until_told(sdk, 2)[1]["text"] == "it goes on"
    until_doing(sdk, "idle")
    assert sdk.agent("ada")["pid"] == row["pid"]
    sdk("input", "ada", "[[slow:60]] [[text:never]]")
    until_doing(sdk, "working")
    kit.until(lambda: sdk.screen("ada").count("a slow") == 2, what="the begin of the answer")
    sdk("input", "ada", "[[text:what waits]]")
    sdk("input", "ada", "[[text:rather this]]", "--interrupt")
    ends = until_told(sdk, 5)[2:]
    assert [one.get("text") or one["error"] for one in ends] == ["interrupted", "what waits", "rather this"]
    until_doing(sdk, "idle")
    sdk.tmux("send-keys", "-t", row["pane"], "C-c")
    assert sdk.until_state("ada", "done", "failed", "dead")["state"] == "done"


def test_it_comes_back_on_its_conversation_after_kill_9(sdk: Genie, api: Api) -> None:
    made = spawn(sdk, "--on-resume", "none", "--prompt", "remember the number 4711")
    until_told(sdk, 1)
    until_doing(sdk, "idle")
    before = sdk.agent("ada")
    os.kill(before["pid"], signal.SIGKILL)
    after = sdk.until_again("ada", before)
    assert (after["session_id"], after["pane"]) == (made["session_id"], before["pane"])
    until_doing(sdk, "idle")
    assert len(api.state.entries(kind="main")) == 1, "it was told something"
    sdk("send", "ada", "which number was it?")
    until_told(sdk, 2)
    said = prompts(api.state.request(api.state.entries(kind="main")[-1]["id"])["body"])
    assert any("4711" in one for one in said[:-1])
    assert "which number" in said[-1]
    assert len(list((sdk.directory / "claude" / "projects").glob("*/*.jsonl"))) == 1

    sdk("stop", "ada")
    assert sdk.state("ada") == "suspended"
    back = spawn(sdk, "--prompt", "and once more?")
    assert (back["decision"], back["session_id"]) == ("resume", made["session_id"])
    until_told(sdk, 3)


def test_a_conversation_of_before_is_gone_on_with(sdk: Genie, api: Api) -> None:
    made = spawn(sdk, "--prompt", "remember the number 4711")
    until_told(sdk, 1)
    sdk("kill", "ada", "--yes")
    again = spawn(sdk, "--sdk-resume", made["session_id"], "--prompt", "which number was it?")
    assert again["session_id"] != made["session_id"]
    until_told(sdk, 1)
    assert any("4711" in one for one in prompts(api.state.request(api.state.entries(kind="main")[-1]["id"])["body"]))
    missing = "11111111-2222-4333-8444-555555555555"
    assert missing in sdk.refused(
        *("spawn", "eve", "--role", "engineer", "--provider", "claude-sdk", "--sdk-resume", missing), code=3
    )


@pytest.mark.parametrize(("answer", "made"), [("yes", True), ("no", False)])
def test_a_permission_is_answered_from_outside(sdk: Genie, *, answer: str, made: bool) -> None:
    spawn(sdk, "--permission-mode", "manual", "--prompt", WRITE.replace("made.txt", str(sdk.project / "made.txt")))
    until_doing(sdk, "permission")
    assert "genie answer ada" in sdk.screen("ada")
    assert not (sdk.project / "made.txt").exists()
    sdk("answer", "ada", answer)
    until_told(sdk, 1)
    assert (sdk.project / "made.txt").exists() is made
    until_doing(sdk, "idle")


def test_a_daemon_that_is_away_allows_nothing_and_is_asked_again(sdk: Genie) -> None:
    row = spawn(
        sdk, "--permission-mode", "manual", "--prompt", WRITE.replace("made.txt", str(sdk.project / "made.txt"))
    )
    until_doing(sdk, "permission")
    sdk("daemon", "stop")
    # A command that looks would start the daemon again.
    kit.until(lambda: "is away" in sdk.tmux("capture-pane", "-p", "-t", row["pane"]), what="the note in the pane")
    assert not (sdk.project / "made.txt").exists()
    kit.until(lambda: sdk.run("answer", "ada", "yes").returncode == 0, what="the question of the program, once more")
    assert until_told(sdk, 1)[0]["text"] == "done with it"
    assert (sdk.project / "made.txt").exists()
