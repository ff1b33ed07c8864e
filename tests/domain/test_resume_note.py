"""What a resumed agent is told: of which turn, for which reason, and whether at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from genie.domain.agent import Activity, Life, Reason
from genie.domain.errors import BadInput
from genie.domain.events import Event, Kind
from genie.domain.resume_note import (
    GO_ON,
    Cause,
    Facts,
    Turn,
    check_on_resume,
    is_note,
    is_unfinished,
    last_turn,
    note,
    reason,
    wants,
    wants_changes,
)
from genie.domain.session import Sight
from tests.contract.values import a_run, a_session, an_agent

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BASH = {"call": "1", "tool": "Bash", "input": {"command": "make  test\nmake lint"}}


def said(*events: tuple[Kind, dict[str, Any]]) -> list[Event]:
    """Events that follow each other by a second."""
    return [Event(kind=kind, at=AT + timedelta(seconds=n), payload=given) for n, (kind, given) in enumerate(events)]


def user(text: str, **more: object) -> tuple[Kind, dict[str, Any]]:
    return Kind.USER_MESSAGE, {"text": text, **more}


def facts(**changed: Any) -> Facts:  # noqa: ANN401
    fields: dict[str, Any] = {
        "agent": "ada",
        "team": "red",
        "reason": "your process was killed by signal 9 (SIGKILL)",
        "at": AT,
        "cwd": "/w",
        "turn": Turn(prompt="fix <it>", over=False),
        "unfinished": True,
    }
    return Facts(**fields | changed)


# ---- the last turn ---------------------------------------------------------------------------


def test_nothing_said_is_no_turn() -> None:
    assert last_turn([]) == Turn()
    assert last_turn([]).over


def test_a_prompt_begins_a_turn_and_its_result_ends_it() -> None:
    begun = last_turn(said(user("do it")))
    assert (begun.prompt, begun.begun, begun.over) == ("do it", AT, False)
    over = last_turn(said(user("do it"), (Kind.ASSISTANT_MESSAGE, {}), (Kind.SESSION_RESULT, {})))
    assert (over.prompt, over.over, over.changed) == ("do it", True, AT + timedelta(seconds=2))
    assert last_turn(said(user("do it"), (Kind.SESSION_RESULT, {"is_error": True}))).over
    assert last_turn(said(user("do it"), (Kind.ASSISTANT_MESSAGE, {"last": True}))).over
    assert not last_turn(said(user("do it"), (Kind.ASSISTANT_MESSAGE, {"last": True}), user("and this"))).over
    answered = last_turn(said(user("do it"), (Kind.ASSISTANT_MESSAGE, {})))
    assert (answered.over, answered.answered) == (False, True)
    assert not last_turn(said(user("do it"), (Kind.ASSISTANT_MESSAGE, {}), (Kind.TOOL_CALL, BASH))).answered
    assert not last_turn(said((Kind.TOOL_CALL, BASH), (Kind.ASSISTANT_MESSAGE, {}))).answered


def test_calls_without_a_result_are_remembered() -> None:
    other = {"call": "2", "tool": "Read", "path": "/w/a.py"}
    both = said(user("x"), (Kind.TOOL_CALL, BASH), (Kind.TOOL_CALL, other))
    assert dict(last_turn(both).calls) == {"1": "Bash: make test make lint", "2": "Read: /w/a.py"}
    assert list(last_turn([*both, *said((Kind.TOOL_RESULT, {"call": "1"}))]).calls) == ["2"]
    assert dict(last_turn([*both, *said((Kind.SESSION_RESULT, {}))]).calls) == {}


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"tool": "shell", "input": "ls -l"}, "shell: ls -l"),
        ({"tool": "mcp", "input": {"deep": {"command": "x"}}}, "mcp"),
        ({"input": None}, "a tool"),
        ({"tool": "Bash", "input": {"command": "x" * 500}}, f"Bash: {'x' * 119}\u2026"),
    ],
)
def test_a_call_is_told_in_a_few_words(payload: dict[str, Any], words: str) -> None:
    assert list(last_turn(said((Kind.TOOL_CALL, payload))).calls.values()) == [words]


def test_what_sub_agents_and_programs_say_begins_no_turn() -> None:
    inside = (Kind.TOOL_CALL, {**BASH, "parent": "agent-1"})
    turn = last_turn(said(user("mine"), user("theirs", parent="agent-1"), inside, user("skill", synthetic=True)))
    assert (turn.prompt, dict(turn.calls), turn.begun) == ("mine", {}, AT)


def test_a_note_goes_on_with_what_was_before_it() -> None:
    turn = last_turn(said(user("do it"), (Kind.TOOL_CALL, BASH), user(note(facts()))))
    assert (turn.prompt, dict(turn.calls), turn.over) == ("do it", {}, False)


def test_a_usage_limit_ends_no_turn() -> None:
    hit = said(user("do it"), (Kind.USAGE_LIMIT_HIT, {}), (Kind.SESSION_RESULT, {"is_error": True}))
    assert (last_turn(hit).over, last_turn(hit).limited) == (False, True)
    resumed = [*hit, *said((Kind.USAGE_LIMIT_RESUMED, {}), (Kind.SESSION_RESULT, {}))]
    assert (last_turn(resumed).over, last_turn(resumed).limited) == (True, False)


# ---- whether it was unfinished ---------------------------------------------------------------

OPEN = Turn(prompt="x", begun=AT, over=False, changed=AT)
OVER = Turn(prompt="x", begun=AT, over=True, changed=AT)


@pytest.mark.parametrize(
    ("activity", "source", "since", "turn", "unfinished"),
    [
        (Activity.IDLE, "hook: Stop", 1, OPEN, False),
        (Activity.IDLE, "hook: Stop", -1, OPEN, True),
        (Activity.IDLE, "hook: Stop", -1, OVER, False),
        (Activity.IDLE, "hook: Stop", -1, replace(OPEN, answered=True), False),
        (Activity.WORKING, "hook: x", -1, replace(OPEN, answered=True), True),
        (Activity.IDLE, "hook: Stop", 1, Turn(), False),
        (Activity.WORKING, "registry: busy", 1, Turn(), True),
        (Activity.WORKING, "registry: busy", 1, OVER, True),
        (Activity.WORKING, "registry: busy", -1, OVER, False),
        (Activity.WORKING, "registry: busy", 0, OVER, False),
        (Activity.WORKING, "title: spins", 1, OVER, False),
        (Activity.WORKING, "title: spins", 1, OPEN, True),
        (Activity.WORKING, "title: spins", 1, Turn(), True),
        (Activity.PERMISSION, "hook: PermissionRequest", 1, OPEN, True),
        (Activity.QUESTION, "registry: waiting", 1, OPEN, True),
        (Activity.QUESTION, "start: a dialog", 1, Turn(), False),
        (Activity.QUESTION, "start: a dialog", 1, OPEN, True),
        (Activity.ERROR, "hook: StopFailure", 1, OPEN, False),
        (Activity.ERROR, "registry: it works, and the model has said nothing since 2026", 1, OPEN, True),
        (Activity.UNKNOWN, "none", 1, OPEN, True),
        (Activity.UNKNOWN, "none", 1, OVER, False),
        (Activity.STARTING, "start: just started", 1, OPEN, True),
        (Activity.STARTING, "hook: SessionStart resume", 1, replace(OPEN, answered=True), False),
        (Activity.UNKNOWN, "none", 1, replace(OPEN, answered=True), False),
        (Activity.LIMITED, "transcript: usage limit", 1, OPEN, True),
    ],
)
def test_whether_it_was_in_the_midst_of_a_turn(
    activity: Activity, source: str, since: int, turn: Turn, *, unfinished: bool
) -> None:
    """`since` in seconds after the turn began."""
    agent = an_agent(activity=activity, activity_source=source, activity_since=AT + timedelta(seconds=since))
    assert is_unfinished(agent, turn) is unfinished


# ---- why -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "end", "cause", "words"),
    [
        (Life.DEAD, {"signal": 9}, Cause(), "your process was killed by signal 9 (SIGKILL)"),
        (Life.DEAD, {"signal": 250}, Cause(), "your process was killed by signal 250"),
        (Life.DEAD, {"exit_code": 3}, Cause(), "your process has ended with exit code 3"),
        (Life.DEAD, {"signal": 9}, Cause(starved=True), "your process was killed by signal 9 (SIGKILL): it was out of"),
        (Life.DEAD, {}, Cause(sight=Sight.SERVER_GONE, rebooted=True), "the host was"),
        (Life.DEAD, {}, Cause(sight=Sight.MISSING), "your pane was closed"),
        (Life.DEAD, {}, Cause(sight=Sight.SERVER_GONE), "the tmux server of your pane has ended"),
        (Life.DEAD, {}, Cause(sight=Sight.FOREIGN), "your pane is another program's by now"),
        (Life.DEAD, {}, Cause(sight=Sight.DEAD), "your process has ended, nobody saw how"),
        (Life.DEAD, {}, Cause(), "your process has ended, nobody saw how"),
        (Life.DEAD, {"exit_code": 1}, Cause(limited=True), "you had met a usage limit, which is over now"),
        (Life.DEAD, {"signal": 9}, Cause(limited=True), "your process was killed by signal 9 (SIGKILL), and the usage"),
        (Life.SUSPENDED, {"signal": 15}, Cause(), "you were stopped with genie stop"),
        (Life.FAILED, {"signal": 15}, Cause(), "you were stopped by genie (quota)"),
    ],
)
def test_the_reason_in_words(life: Life, end: dict[str, int], cause: Cause, words: str) -> None:
    agent = an_agent(life=life, ending=Reason.QUOTA if life is Life.FAILED else None)
    run = replace(a_run(a_session(uuid4())), **end)  # type: ignore[arg-type]
    assert reason(agent, run, cause).startswith(words)


# ---- the note --------------------------------------------------------------------------------


def test_the_default_note_tells_why_what_and_to_go_on() -> None:
    turn = Turn(prompt="fix <it>", calls={"1": "Bash: make"}, over=False)
    text = note(facts(turn=turn, changes=[" M a.py", "?? b"]))
    assert text == (
        '<genie-resume agent="ada" reason="your process was killed by signal 9 (SIGKILL)"'
        ' ended="2026-03-01 12:00:00 UTC">'
        "You were brought back by genie: your process was killed by signal 9 (SIGKILL), at 2026-03-01 12:00:00 UTC.\n"
        'Unfinished is your turn on: "fix &lt;it&gt;"\n'
        "Without a result, and perhaps done in part: Bash: make\n"
        "git status --short of /w:\n M a.py\n?? b\n"
        f"{GO_ON}</genie-resume>"
    )
    assert is_note(text)


def test_what_is_not_known_is_left_out() -> None:
    text = note(facts(turn=Turn()))
    assert "Unfinished" not in text
    assert "git status" not in text
    assert "git status of /w: nothing is changed." in note(facts(changes=[]))


def test_it_is_short_whatever_was_asked() -> None:
    turn = Turn(prompt="word " * 100_000, calls={str(n): "Bash: x" for n in range(9)}, over=False)
    text = note(facts(turn=turn))
    assert "and 4 more tool calls" in text
    assert len(text) < 1500


def test_a_text_of_the_user_s_is_given_with_its_places_filled() -> None:
    told = "{agent} of {team}: {reason}. {unfinished} | {git_status} {else} {{agent}}"
    text = note(facts(changes=["?? b"]), told)
    assert "ada of red: your process was killed by signal 9 (SIGKILL). Unfinished is your turn" in text
    assert "?? b {else} {ada}</genie-resume>" in text
    assert GO_ON not in text
    empty = note(facts(unfinished=False), "{unfinished} {git_status}")
    assert "Nothing was unfinished. There is no git work tree.</genie-resume>" in empty


@pytest.mark.parametrize(
    ("on_resume", "unfinished", "wanted"),
    [(None, True, True), (None, False, False), ("none", True, False), ("look", True, True), ("look", False, True)],
)
def test_who_is_told(on_resume: str | None, *, unfinished: bool, wanted: bool) -> None:
    assert wants(on_resume, unfinished=unfinished) is wanted


def test_git_is_asked_only_for_who_wants_to_know() -> None:
    assert [wants_changes(text) for text in (None, "see {git_status}", "go on")] == [True, True, False]


def test_a_text_says_something() -> None:
    assert check_on_resume("go") == "go"
    with pytest.raises(BadInput, match="says nothing"):
        check_on_resume("  ")
