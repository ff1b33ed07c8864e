"""Permission prompts of the real programs, answered from outside, in the pane, late, and not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.genies import bodies, press, until_doing
from tests.real.programs import needs_claude, needs_codex

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

COLOUR = {
    "questions": [
        {
            "question": "Which colour?",
            "header": "Colour",
            "multiSelect": False,
            "options": [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cold"}],
        }
    ]
}


def told(api: Api) -> str:
    """What the model was given last."""
    return json.dumps(bodies(api)[-1]["messages"][-1])


def ask(genie: Genie, prompt: str) -> dict[str, Any]:
    """Start an agent that asks for leave; what it asks."""
    genie("spawn", "engineer", "--permission-mode", "manual", "--prompt", prompt)
    return asked(genie)


def asked(genie: Genie) -> dict[str, Any]:
    """What is asked, once something is."""
    return kit.until(lambda: genie.api.requests("engineer"), what="a request")[0]


def over(genie: Genie, state: str) -> dict[str, Any]:
    """The last request, once it is in that state."""

    def there() -> list[dict[str, Any]]:
        return [row for row in genie.api.requests("engineer", everything=True)[-1:] if row["state"] == state]

    return kit.until(there, what=f"a request that is {state}")[0]


def state_of(genie: Genie, message: str) -> str:
    return next(str(row["state"]) for row in genie.json("inbox", "engineer") if row["id"] == message)


def idle(genie: Genie) -> None:
    until_doing(genie, "engineer", "idle")


@needs_claude
def test_yes_lets_the_tool_run_without_a_key(genie: Genie) -> None:
    request = ask(genie, "do it [[bash:touch made-it]]")
    assert (request["tool"], request["line"]) == ("Bash", "Bash: touch made-it")
    kit.until(lambda: "Do you want to proceed?" in genie.screen("engineer"), what="the dialog, shown all the same")
    assert "genie answer engineer yes|no|always|TEXT" in genie("explain", "engineer")
    assert not (genie.project / "made-it").exists()
    assert genie("answer", "engineer", "yes").split("  ")[1:] == ["allowed", "engineer: Bash: touch made-it\n"]
    kit.until((genie.project / "made-it").exists, what="the tool")
    idle(genie)
    line = genie.refused("answer", "engineer", "yes", code=6)
    assert "asks nothing now" in line
    assert "allowed already, by user" in line
    kinds = [event["kind"] for event in genie.json("history", "engineer")]
    assert [kind for kind in kinds if kind.startswith("permission.")] == ["permission.asked", "permission.answered"]


@needs_claude
def test_no_and_a_text_keep_the_tool_from_running_and_tell_the_model(genie: Genie, api: Api) -> None:
    ask(genie, "do it [[bash:touch made-it]]")
    genie("answer", "engineer", "no")
    idle(genie)
    assert "The user does not want this" in told(api)
    pane = genie.agent("engineer")["pane"]
    genie.tmux("send-keys", "-t", pane, "-l", "again [[bash:touch made-it]]")
    genie.tmux("send-keys", "-t", pane, "Enter")
    asked(genie)
    genie("answer", "engineer", "use make instead, and 'tell' me")
    kit.until(lambda: "use make instead, and 'tell' me" in told(api), what="the text in the model's ears")
    idle(genie)
    assert not (genie.project / "made-it").exists()


@needs_claude
def test_always_is_not_asked_again(genie: Genie) -> None:
    (genie.project / "Makefile").write_text("thing:\n\ttouch made-$(N)\n")
    ask(genie, "do it [[bash:make thing N=1]]")
    genie("answer", "engineer", "always")
    idle(genie)
    pane = genie.agent("engineer")["pane"]
    genie.tmux("send-keys", "-t", pane, "-l", "again [[bash:make thing N=1]] [[bash:make thing N=1 -s]]")
    genie.tmux("send-keys", "-t", pane, "Enter")
    kit.until(lambda: genie.screen("engineer").count("done:") >= 2, what="the second turn")
    assert len(genie.api.requests("engineer", everything=True)) == 1


@needs_claude
def test_a_question_is_answered_by_number_and_a_wrong_one_is_told(genie: Genie, api: Api) -> None:
    request = ask(genie, f"ask [[tool:AskUserQuestion {json.dumps(COLOUR)}]]")
    assert request["line"] == "AskUserQuestion: Which colour? (1 Red, 2 Blue)"
    assert "there is no choice 3" in genie.refused("answer", "engineer", "3", code=2)
    assert "is a question" in genie.refused("answer", "engineer", "always", code=2)
    genie("answer", "engineer", "2")
    kit.until(lambda: "Blue" in told(api), what="the answer in the model's ears")


@needs_claude
def test_a_dialog_that_is_answered_in_the_pane_withdraws_the_request(genie: Genie) -> None:
    ask(genie, "do it [[bash:touch made-it]]")
    press(genie, "1", (genie.project / "made-it").exists)
    assert "answered in its pane" in over(genie, "withdrawn")["reason"]
    assert "answered in its pane" in genie.refused("answer", "engineer", "no", code=6)
    idle(genie)


@needs_claude
def test_two_that_are_asked_at_once_are_answered_one_by_one(genie: Genie) -> None:
    asks = [json.dumps({"url": f"http://127.0.0.{number}:9/", "prompt": "read"}) for number in (1, 2)]
    ask(genie, f"do it [[both:WebFetch {asks[0]}|WebFetch {asks[1]}]]")
    kit.until(lambda: len(genie.api.requests("engineer")) == 2, what="both")
    first, second = sorted(genie.api.requests("engineer"), key=lambda request: str(request["line"]))
    kit.until(lambda: "1 of 2" in genie.screen("engineer"), what="the dialogs")
    assert "asks 2 things" in genie.refused("answer", "engineer", "yes", code=4)
    message = genie.json("send", "engineer", "hello")["id"]
    genie("answer", "engineer", "no", "--id", second["id"][:8])
    kit.until(lambda: "1 of 2" not in genie.screen("engineer"), what="one dialog")
    assert [request["id"] for request in genie.api.requests("engineer")] == [first["id"]]
    assert (genie.agent("engineer")["activity"], state_of(genie, message)) == ("permission", "queued")
    genie("answer", "engineer", "no")
    kit.until(lambda: state_of(genie, message) == "answered", what="the message, after both")
    states = {request["id"]: request["state"] for request in genie.api.requests("engineer", everything=True)}
    assert states == {first["id"]: "denied", second["id"]: "denied"}


@needs_claude
def test_escape_in_the_pane_withdraws_the_request(genie: Genie) -> None:
    ask(genie, "do it [[bash:touch made-it]]")
    press(genie, "Escape", lambda: not genie.api.requests("engineer"))
    over(genie, "withdrawn")
    idle(genie)
    assert not (genie.project / "made-it").exists()


@needs_claude
def test_without_an_answer_in_time_the_dialog_is_there_and_usable(genie: Genie) -> None:
    genie.env["GENIE_CLAUDE__ANSWER_WAIT"] = "2s"
    ask(genie, "do it [[bash:touch made-it]]")
    over(genie, "expired")
    assert "nobody answered in time" in genie.refused("answer", "engineer", "yes", code=6)
    assert genie.agent("engineer")["activity"] == "permission"
    assert not (genie.project / "made-it").exists()
    press(genie, "1", (genie.project / "made-it").exists)


@needs_claude
def test_a_daemon_that_is_killed_while_it_is_asked_leaves_the_dialog(genie: Genie) -> None:
    ask(genie, "do it [[bash:touch made-it]]")
    genie.kill_daemon()
    line = genie.refused("answer", "engineer", "yes", code=6)
    assert "withdrawn: the daemon ended" in line
    assert "Do you want to proceed?" in genie.screen("engineer")
    assert not (genie.project / "made-it").exists()
    press(genie, "1", (genie.project / "made-it").exists)
    idle(genie)
    assert len(genie.api.requests("engineer", everything=True)) == 1


CODEX = ("--provider", "codex", "--permission-mode", "manual", "--prompt")
ESCALATED = {"cmd": "touch made-it", "sandbox_permissions": "require_escalated", "justification": "it must be"}


@needs_codex
def test_codex_waits_for_an_answer_where_it_is_allowed_to_and_then_shows_its_dialog(genie: Genie) -> None:
    genie.env |= {"GENIE_CODEX__HOOKS": "true", "GENIE_CODEX__ANSWER_WAIT": "4s"}
    prompt = f"do it [[tool:exec_command {json.dumps(ESCALATED)}]]"
    genie("spawn", "engineer", *CODEX, prompt)
    request = asked(genie)
    assert (request["line"], request["always"]) == ("Bash: touch made-it", False)
    over(genie, "expired")
    kit.until(lambda: "Yes, proceed" in genie.screen("engineer"), what="the dialog")
    press(genie, "y", (genie.project / "made-it").exists)
    genie("kill", "engineer")
    (genie.project / "made-it").unlink()
    genie("spawn", "engineer", *CODEX, prompt)
    asked(genie)
    genie("answer", "engineer", "yes")
    kit.until((genie.project / "made-it").exists, what="the tool")
