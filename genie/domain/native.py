"""Teams of Claude Code's own, which genie leads: how they name themselves, who is in one, and what its members say to
their lead.

The rules of names and the frames are those that claude 2.1.328 and 2.1.329 were seen to follow; nothing promises that
they stay.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID

from genie.domain.agent import Life
from genie.domain.errors import BadInput
from genie.domain.permission import Answer, Asked, PermissionRequest, State, Word, choices, granted

PROVIDER = "claude"
LEAD = "team-lead"
"""Under this name genie is in each of them."""
SWITCH = ("CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS", "1")
MARKER = ".genie-team"
"""The file by which the folder of a team is known that a genie has made."""
_RESERVED = frozenset({LEAD, "user", "system", "main"})
_OWN_TEAMS = ("session", "default")
"""The program calls its own teams so, or `session-…`."""
_NOT_IN_TEAM = re.compile("[^a-z0-9]")
_NOT_IN_MEMBER = re.compile("[^a-z0-9_-]")


class Standing(Enum):
    """How a member stands in the team's file. LISTED: it is live. AWAITED: it is to come back, and not active. ASIDE:
    it has ended and may come back; it is in the file no more."""

    LISTED = "listed"
    AWAITED = "awaited"
    ASIDE = "aside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An agent that was started as a member. `name` is what its mates call it."""

    agent: UUID
    name: str
    color: str
    cwd: str
    model: str | None
    pane: str
    joined_at: datetime
    standing: Standing = Standing.LISTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """The members of a team in the configuration directory of a user's claude. `name` is what the program calls the
    team, `lead` the session id of its lead, which is genie."""

    directory: str
    name: str
    team: str
    lead: UUID
    created_at: datetime
    members: tuple[Member, ...] = ()

    def member(self, name: str) -> Member | None:
        return next((one for one in self.members if one.name == name), None)

    def of(self, agent: UUID) -> Member | None:
        return next((one for one in self.members if one.agent == agent), None)


def team_name(team: str) -> str:
    """What the program calls a team of that name: its folder has no other characters. Raises BadInput for what it
    keeps for its own teams."""
    name = _NOT_IN_TEAM.sub("-", team)
    if name in _OWN_TEAMS or name.startswith("session-"):
        raise BadInput(f"'{name}' is a name that Claude Code gives to teams of its own", hint="take another name")
    return name


def member_name(agent: str) -> str:
    """What the program calls an agent of that name. Raises BadInput for a name that means somebody else there."""
    name = _NOT_IN_MEMBER.sub("-", agent)
    if name in _RESERVED:
        raise BadInput(f"'{name}' is somebody else in a team of Claude Code's own", hint="take another name")
    return name


def flags(roll: Roll, member: Member) -> tuple[str, ...]:
    """What its program is started with."""
    return (
        *("--agent-id", f"{member.name}@{roll.name}"),
        *("--agent-name", member.name),
        *("--team-name", roll.name),
        *("--agent-color", member.color),
        *("--parent-session-id", str(roll.lead)),
    )


def standing_in(life: Life) -> Standing | None:
    """How an agent of that life stands in the file; None for one that is gone for good."""
    if life in (Life.SPAWNING, Life.RUNNING, Life.RESUMING):
        return Standing.LISTED
    if life is Life.DEAD:
        return Standing.AWAITED
    return None if life is Life.TERMINATED else Standing.ASIDE


# ---- what members say -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """An entry of an inbox. `id` is the same as long as it lies there."""

    id: str
    sender: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A member asks whether a tool may run, and waits until it is told."""

    id: str
    call: str
    asked: Asked


@dataclass(frozen=True, slots=True)
class Words:
    """A message in words."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What genie knows otherwise, or has no use for: that a member is idle, and frames that it asks for by nothing."""

    kind: str = field(default="")


def read_mail(mail: Mail) -> Request | Words | Notice:
    """What an entry of the lead's inbox says. What is no frame of the program's is a message."""
    frame = _frame(mail.text)
    if frame is None:
        return Words(mail.text)
    kind, said = str(frame["type"]), frame.get("input")
    request, call, tool = (frame.get(key) for key in ("request_id", "tool_use_id", "tool_name"))
    if kind == "permission_request" and isinstance(request, str) and isinstance(tool, str):
        asked = Asked(tool, said if isinstance(said, Mapping) else {}, _rules(frame.get("permission_suggestions")))
        return Request(id=request, call=call if isinstance(call, str) else "", asked=asked)
    return Notice(kind)


def _frame(text: str) -> Mapping[str, object] | None:
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("type"), str) else None


def _rules(said: object) -> tuple[Mapping[str, object], ...]:
    return tuple(one for one in said if isinstance(one, Mapping)) if isinstance(said, list) else ()


def response(request: Request, over: PermissionRequest) -> str | None:
    """The frame that tells the member; None as long as nobody has answered. What went by without an answer is
    refused: it would wait for ever."""
    if over.state is State.OPEN:
        return None
    head = {"type": "permission_response", "request_id": request.id, "tool_use_id": request.call}
    answer = over.answer
    if over.state is State.ALLOWED and answer is not None:
        rules = [dict(one) for one in granted(request.asked.suggestions)] if answer.word is Word.ALWAYS else []
        told = {"updated_input": _input(request.asked, over, answer), "permission_updates": rules}
        return json.dumps(head | {"subtype": "success", "response": told})
    return json.dumps(head | {"subtype": "error", "error": _refusal(over, answer)})


def _input(asked: Asked, over: PermissionRequest, answer: Answer) -> dict[str, object]:
    """What the tool is given: a question gets its answers with it."""
    chosen = {"answers": choices(asked.input, answer.text)} if over.is_question and answer.text else {}
    return {**asked.input, **chosen}


def _refusal(over: PermissionRequest, answer: Answer | None) -> str:
    if answer is not None and answer.text:
        return answer.text
    return "the answer was no" if answer is not None else f"nobody answered: {over.fate}"
