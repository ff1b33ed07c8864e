"""Permission requests: their states, what an answer means to them, and who may give it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genie.domain.agent import Activity
from genie.domain.errors import BadInput, NotAllowed, Refused
from genie.domain.permission import (
    LONGEST_LINE,
    LONGEST_TEXT,
    MOVES,
    Answer,
    Asked,
    PermissionRequest,
    State,
    Word,
    check_answerer,
    choices,
    describe,
    granted,
    moved_on,
    parse_answer,
)
from tests.contract.values import NOW, an_agent

SECOND = timedelta(seconds=1)
RULE = {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "make *"}], "behavior": "allow"}
MODE = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
COLOUR = {
    "question": "Which colour?",
    "multiSelect": False,
    "options": [{"label": "Red"}, {"label": "Blue"}, {"label": "No"}],
}
SIZES = {"question": "Which sizes?", "multiSelect": True, "options": [{"label": "S"}, {"label": "M"}, {"label": "L"}]}


def a_request(**changed: Any) -> PermissionRequest:  # noqa: ANN401
    request = PermissionRequest(
        id=UUID(int=0xABCDEF01 << 96),
        agent=UUID(int=1),
        session=UUID(int=2),
        run=UUID(int=3),
        tool="Bash",
        line="Bash: make",
        input={"command": "make"},
        suggestions=(RULE,),
        asked_at=NOW,
        until=NOW + SECOND,
        changed_at=NOW,
    )
    return replace(request, **changed)


def a_question(*questions: Any) -> PermissionRequest:  # noqa: ANN401
    return a_request(tool="AskUserQuestion", input={"questions": list(questions)}, suggestions=())


def answered(request: PermissionRequest, said: str) -> PermissionRequest:
    return request.answered(parse_answer(said), by=None, name="user", now=NOW + SECOND)


# ---- states ---------------------------------------------------------------------------------


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_it_moves_only_along_the_table(before: State, after: State) -> None:
    request = a_request(state=before, reason="so")
    if after in MOVES[before]:
        moved = request.to(after, now=NOW + SECOND, reason="why")
        assert (moved.state, moved.reason, moved.changed_at) == (after, "why", NOW + SECOND)
        assert not moved.input
        assert not moved.suggestions
    else:
        with pytest.raises(NotAllowed, match=f"request abcdef01 is {before.value}"):
            request.to(after, now=NOW)


def test_it_is_answered_once_and_then_says_by_whom() -> None:
    first = a_request().answered(Answer(Word.YES), by=UUID(int=9), name="lead", now=NOW + SECOND)
    assert (first.state, first.answer, first.by, first.answered_by) == (
        State.ALLOWED,
        Answer(Word.YES),
        UUID(int=9),
        "lead",
    )
    with pytest.raises(NotAllowed, match="request abcdef01 is allowed already, by lead"):
        answered(first, "no")
    assert a_request(state=State.EXPIRED).fate == "expired"
    assert a_request(state=State.WITHDRAWN, reason="gone").fate == "withdrawn: gone"


# ---- answers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (" Yes\n", Answer(Word.YES)),
        ("NO", Answer(Word.NO)),
        ("always", Answer(Word.ALWAYS)),
        ("text", Answer(Word.TEXT, "text")),
        (" yes, but make \n", Answer(Word.TEXT, "yes, but make")),
        ("2", Answer(Word.TEXT, "2")),
    ],
)
def test_answers_are_words_or_a_text(said: str, answer: Answer) -> None:
    assert parse_answer(said) == answer


@pytest.mark.parametrize("said", ["", " \n", "x" * (LONGEST_TEXT + 1)])
def test_what_is_no_answer(said: str) -> None:
    with pytest.raises(BadInput):
        parse_answer(said)


@pytest.mark.parametrize(
    ("said", "state", "word"),
    [
        ("yes", State.ALLOWED, Word.YES),
        ("always", State.ALLOWED, Word.ALWAYS),
        ("no", State.DENIED, Word.NO),
        ("use make", State.DENIED, Word.TEXT),
    ],
)
def test_what_a_tool_makes_of_an_answer(said: str, state: State, word: Word) -> None:
    found = answered(a_request(), said)
    assert found.answer
    assert (found.state, found.answer.word) == (state, word)


def test_what_cannot_be_allowed_always() -> None:
    bypass = {"type": "setMode", "mode": "bypassPermissions"}
    for suggestions in ((), (bypass,)):
        with pytest.raises(BadInput, match="nothing can be allowed always for Bash"):
            answered(a_request(suggestions=suggestions), "always")


def test_always_takes_the_narrow_rules_and_another_mode_only_where_there_is_nothing_else() -> None:
    assert granted([MODE, RULE]) == (RULE,)
    assert granted([MODE]) == (MODE,)
    assert granted([{"type": "setMode", "mode": "bypassPermissions"}]) == ()
    assert granted([]) == ()


@pytest.mark.parametrize(
    ("said", "state", "text"),
    [
        ("2", State.ALLOWED, "2"),
        ("blue", State.ALLOWED, "blue"),
        ("no", State.ALLOWED, "no"),
        ("green, please", State.ALLOWED, "green, please"),
    ],
)
def test_a_question_takes_what_is_said_as_its_answer(said: str, state: State, text: str) -> None:
    found = answered(a_question(COLOUR), said)
    assert (found.state, found.answer) == (state, Answer(Word.TEXT, text))


def test_a_question_can_be_declined_and_takes_no_leave() -> None:
    assert answered(a_question(SIZES), "no").state is State.DENIED
    for said in ("yes", "always"):
        with pytest.raises(BadInput, match="'abcdef01' is a question"):
            answered(a_question(SIZES), said)


@pytest.mark.parametrize(
    ("questions", "text", "chosen"),
    [
        ([COLOUR], "2", {"Which colour?": "Blue"}),
        ([COLOUR], "RED", {"Which colour?": "Red"}),
        ([COLOUR], "1, or 2", {"Which colour?": "1, or 2"}),
        ([COLOUR], "two\nlines", {"Which colour?": "two\nlines"}),
        ([SIZES], "1, l,", {"Which sizes?": "S, L"}),
        ([SIZES], "3", {"Which sizes?": "L"}),
        ([COLOUR, SIZES], "1\n\n 2,3 \n", {"Which colour?": "Red", "Which sizes?": "M, L"}),
        ([{"question": "How many?"}], "4", {"How many?": "4"}),
        ([{"question": "How many?", "options": ["a", {"label": "b"}]}], "1", {"How many?": "b"}),
    ],
)
def test_what_was_chosen(questions: list[object], text: str, chosen: dict[str, str]) -> None:
    assert choices({"questions": questions}, text) == chosen


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"questions": [COLOUR]}, "4"),
        ({"questions": [COLOUR]}, "0"),
        ({"questions": [SIZES]}, "1,9"),
        ({"questions": [COLOUR, SIZES]}, "1"),
        ({"questions": []}, "1"),
        ({"questions": "?"}, "1"),
        ({"questions": [{"question": 7}, "?"]}, "1"),
        ({}, "1"),
    ],
)
def test_what_is_no_answer_to_a_question(asked: dict[str, object], text: str) -> None:
    with pytest.raises(BadInput):
        choices(asked, text)


# ---- who may answer -------------------------------------------------------------------------


def test_people_may_answer_and_agents_for_those_below_them_only() -> None:
    root, lead, ada, other = (replace(an_agent(), id=UUID(int=n), name=f"a{n}") for n in (1, 2, 3, 4))
    line = (ada, lead, root)
    for may in (None, lead, root):
        check_answerer(ada, may, line)
    with pytest.raises(Refused, match="may not answer its own request"):
        check_answerer(ada, ada, line)
    with pytest.raises(Refused, match="'a4' may not answer for 'a3'"):
        check_answerer(ada, other, line)
    with pytest.raises(Refused, match="'a3' may not answer for 'a2'"):
        check_answerer(lead, ada, (lead, root))


@pytest.mark.parametrize("activity", Activity)
@pytest.mark.parametrize("later", [True, False])
def test_an_agent_that_goes_on_was_answered_elsewhere(activity: Activity, later: bool) -> None:
    agent = replace(an_agent(), activity=activity, activity_since=NOW + SECOND if later else NOW)
    asks = activity in (Activity.PERMISSION, Activity.QUESTION, Activity.UNKNOWN, Activity.STARTING)
    assert moved_on(agent, a_request()) is (later and not asks)


# ---- in words -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "asked", "line"),
    [
        ("Bash", {"command": "make\n  all", "description": "build"}, "Bash: make all"),
        ("Write", {"content": "x", "file_path": "/a b"}, "Write: /a b"),
        ("WebFetch", {"url": "http://x", "prompt": "read"}, "WebFetch: http://x"),
        ("mcp__x__y", {"a": 1, "b": ["é"]}, 'mcp__x__y: {"a": 1, "b": ["é"]}'),
        ("Bash", {"command": "  ", "timeout": 3}, 'Bash: {"command": " ", "timeout": 3}'),
        ("Bash", {"command": "printf '\x1b[2J'"}, "Bash: printf '\ufffd[2J'"),
        ("Bash", {}, "Bash"),
        ("AskUserQuestion", {"questions": [COLOUR]}, "AskUserQuestion: Which colour? (1 Red, 2 Blue, 3 No)"),
        ("AskUserQuestion", {"questions": [{"question": "a?"}, {"question": "b?"}]}, "AskUserQuestion: a? / b?"),
        ("AskUserQuestion", {}, "AskUserQuestion"),
    ],
)
def test_one_line_tells_what_is_asked(tool: str, asked: dict[str, object], line: str) -> None:
    assert describe(tool, asked) == line


@given(st.text(max_size=400), st.text(max_size=400))
def test_the_line_is_one_and_short(tool: str, command: str) -> None:
    line = describe(tool, {"command": command})
    assert len(line) <= LONGEST_LINE
    assert line.isprintable()


def test_what_is_asked_knows_a_question() -> None:
    assert Asked("AskUserQuestion").is_question
    assert not Asked("Bash").is_question
