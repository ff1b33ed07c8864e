"""Teams of Claude Code's own: names, flags, and what members say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from genie.domain.agent import Activity, Life
from genie.domain.errors import BadInput
from genie.domain.message import Channel, Message, suits
from genie.domain.native import (
    Mail,
    Member,
    Notice,
    Request,
    Roll,
    Standing,
    Words,
    flags,
    member_name,
    read_mail,
    response,
    standing_in,
    team_name,
)
from genie.domain.permission import Answer, Asked, PermissionRequest, State, Word

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ADA = Member(agent=UUID(int=1), name="ada", color="green", cwd="/w", model=None, pane="%1", joined_at=NOW)
ROLL = Roll(directory="/c", name="web", team="web", lead=UUID(int=9), created_at=NOW, members=(ADA,))


@pytest.mark.parametrize(
    ("team", "name"), [("web", "web"), ("web.site_2", "web-site-2"), ("9-to-5", "9-to-5"), ("sessions", "sessions")]
)
def test_a_team_is_called_as_its_folder(team: str, name: str) -> None:
    assert team_name(team) == name


@pytest.mark.parametrize("team", ["session", "session-1a2b3c4d", "session.x", "default"])
def test_names_of_claudes_own_teams_are_refused(team: str) -> None:
    with pytest.raises(BadInput, match="gives to teams of its own"):
        team_name(team)


@pytest.mark.parametrize(("agent", "name"), [("ada", "ada"), ("a.b_c-d", "a-b_c-d")])
def test_a_member_is_called_as_its_inbox(agent: str, name: str) -> None:
    assert member_name(agent) == name


@pytest.mark.parametrize("agent", ["team-lead", "team.lead", "user", "system", "main"])
def test_names_that_mean_somebody_else_are_refused(agent: str) -> None:
    with pytest.raises(BadInput, match="somebody else"):
        member_name(agent)


def test_what_a_member_is_started_with() -> None:
    said = flags(ROLL, ADA)
    assert dict(zip(said[::2], said[1::2], strict=True)) == {
        "--agent-id": "ada@web",
        "--agent-name": "ada",
        "--team-name": "web",
        "--agent-color": "green",
        "--parent-session-id": str(UUID(int=9)),
    }


@pytest.mark.parametrize(
    ("life", "standing"),
    [
        (Life.SPAWNING, Standing.LISTED),
        (Life.RUNNING, Standing.LISTED),
        (Life.RESUMING, Standing.LISTED),
        (Life.DEAD, Standing.AWAITED),
        (Life.SUSPENDED, Standing.ASIDE),
        (Life.DONE, Standing.ASIDE),
        (Life.FAILED, Standing.ASIDE),
        (Life.QUEUED, Standing.ASIDE),
        (Life.TERMINATED, None),
    ],
)
def test_how_a_life_stands_in_the_file(life: Life, standing: Standing | None) -> None:
    assert standing_in(life) is standing


def test_who_is_in_a_team() -> None:
    assert (ROLL.member("ada"), ROLL.member("bob")) == (ADA, None)
    assert (ROLL.of(UUID(int=1)), ROLL.of(UUID(int=2))) == (ADA, None)


@pytest.mark.parametrize(
    ("activity", "raw", "fits"),
    [
        (Activity.IDLE, False, True),
        (Activity.WORKING, False, True),
        (Activity.UNKNOWN, False, True),
        (Activity.PERMISSION, False, False),
        (Activity.QUESTION, False, False),
        (Activity.LIMITED, False, False),
        (Activity.IDLE, True, False),
    ],
)
def test_when_an_inbox_is_a_way(activity: Activity, *, raw: bool, fits: bool) -> None:
    message = Message(
        id=uuid4(), agent=uuid4(), sender=None, wrote="user", text="x", raw=raw, created_at=NOW, changed_at=NOW
    )
    assert suits(Channel.INBOX, message, activity) is fits


# ---- what members say -----------------------------------------------------------------------


def mail(frame: object) -> Mail:
    return Mail(id="1", sender="ada", text=frame if isinstance(frame, str) else json.dumps(frame))


ASKS: dict[str, Any] = {
    "type": "permission_request",
    "request_id": "perm-1",
    "tool_name": "Bash",
    "tool_use_id": "toolu_1",
    "input": {"command": "ls"},
    "permission_suggestions": [{"type": "addRules"}, 3],
}


@pytest.mark.parametrize("text", ["hello", "", "{", '{"no": "type"}', '{"type": 3}', "[1]", "{" * 100_000, '["{"]'])
def test_words_are_words(text: str) -> None:
    assert read_mail(mail(text)) == Words(text)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "idle_notification", "from": "ada"},
        {"type": "something_new"},
        ASKS | {"request_id": None},
        ASKS | {"tool_name": 3},
    ],
)
def test_what_genie_has_no_use_for(frame: dict[str, Any]) -> None:
    assert read_mail(mail(frame)) == Notice(frame["type"])


def test_a_request() -> None:
    said = read_mail(mail(ASKS))
    assert said == Request(id="perm-1", call="toolu_1", asked=Asked("Bash", {"command": "ls"}, ({"type": "addRules"},)))
    bare = read_mail(mail(ASKS | {"input": 3, "tool_use_id": None, "permission_suggestions": None}))
    assert bare == Request(id="perm-1", call="", asked=Asked("Bash", {}, ()))


# ---- what they are told ---------------------------------------------------------------------


def over(state: State, answer: Answer | None = None, *, tool: str = "Bash") -> PermissionRequest:
    return PermissionRequest(
        id=uuid4(),
        agent=uuid4(),
        session=None,
        run=uuid4(),
        tool=tool,
        line="ls",
        state=state,
        answer=answer,
        answered_by="user" if answer else None,
        asked_at=NOW,
        until=NOW + timedelta(days=1),
        changed_at=NOW,
    )


RULES = ({"type": "addRules"}, {"type": "setMode", "mode": "acceptEdits"})
REQUEST = Request(id="perm-1", call="toolu_1", asked=Asked("Bash", {"command": "ls"}, RULES))


def told(request: Request, answered: PermissionRequest) -> dict[str, Any]:
    frame = response(request, answered)
    assert frame is not None
    found: dict[str, Any] = json.loads(frame)
    assert (found["type"], found["request_id"], found["tool_use_id"]) == ("permission_response", "perm-1", "toolu_1")
    return found


def test_nothing_is_told_before_there_is_an_answer() -> None:
    assert response(REQUEST, over(State.OPEN)) is None


@pytest.mark.parametrize(("word", "rules"), [(Word.YES, []), (Word.ALWAYS, [{"type": "addRules"}])])
def test_leave(word: Word, rules: list[object]) -> None:
    found = told(REQUEST, over(State.ALLOWED, Answer(word)))
    assert found["subtype"] == "success"
    assert found["response"] == {"updated_input": {"command": "ls"}, "permission_updates": rules}


@pytest.mark.parametrize(
    ("answered", "why"),
    [
        (over(State.DENIED, Answer(Word.NO)), "the answer was no"),
        (over(State.DENIED, Answer(Word.TEXT, "use rg")), "use rg"),
        (over(State.EXPIRED), "nobody answered: expired"),
        (over(State.WITHDRAWN), "nobody answered: withdrawn"),
    ],
)
def test_no_leave(answered: PermissionRequest, why: str) -> None:
    found = told(REQUEST, answered)
    assert (found["subtype"], found["error"]) == ("error", why)


def test_a_question_gets_its_answers() -> None:
    asked = {"questions": [{"question": "Which?", "options": [{"label": "red"}, {"label": "blue"}]}]}
    request = Request(id="perm-1", call="toolu_1", asked=Asked("AskUserQuestion", asked))
    found = told(request, over(State.ALLOWED, Answer(Word.TEXT, "2"), tool="AskUserQuestion"))
    assert found["response"]["updated_input"] == {**asked, "answers": {"Which?": "blue"}}
