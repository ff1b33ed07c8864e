"""Permission requests: what an agent's program asks before it acts, the states of that, and who may answer it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from genie.domain.agent import Activity, Agent
from genie.domain.errors import BadInput, NotAllowed, Refused

LONGEST_WAIT = timedelta(days=7)
LONGEST_LINE = 200
"""Characters of the line that tells what is asked."""
LONGEST_TEXT = 10_000
"""Characters of an answer."""
QUESTIONS = frozenset({"AskUserQuestion"})
"""Tools that ask the user something: an answer is what they want, not leave to run."""
_TELLING = ("command", "file_path", "notebook_path", "path", "url", "query", "pattern", "prompt", "plan", "description")
"""Fields of a tool's input, of which the first one that is there tells most."""

Json = Mapping[str, object]


class State(Enum):
    """The state of a request; moved only along `MOVES`. WITHDRAWN: who asked wants no answer any more. EXPIRED: it
    waited as long as it would."""

    OPEN = "open"
    ALLOWED = "allowed"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


MOVES: dict[State, frozenset[State]] = {
    State.OPEN: frozenset({State.ALLOWED, State.DENIED, State.WITHDRAWN, State.EXPIRED}),
    State.ALLOWED: frozenset(),
    State.DENIED: frozenset(),
    State.WITHDRAWN: frozenset(),
    State.EXPIRED: frozenset(),
}


class Word(Enum):
    """How it was answered. TEXT: with words, which a question takes as its answer, and a tool as what is to be done
    instead of it."""

    YES = "yes"
    NO = "no"
    ALWAYS = "always"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `text` is empty but for `Word.TEXT`."""

    word: Word
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionRequest:
    """What a run asks, in a conversation with a program of that provider. `line` tells it to people.

    `input` is what the tool would be given, `suggestions` are the provider's own rules by which it would not have to
    be asked again; both are dropped when it is over. Nobody waits for an answer after `until`. `by` is the agent that
    answered, None for a person, whose name is in `answered_by`.
    """

    id: UUID
    agent: UUID
    session: UUID | None
    run: UUID
    tool: str
    line: str
    input: Json = field(default_factory=dict)
    suggestions: tuple[Json, ...] = ()
    state: State = State.OPEN
    answer: Answer | None = None
    by: UUID | None = None
    answered_by: str | None = None
    reason: str | None = None
    asked_at: datetime
    until: datetime
    changed_at: datetime

    @property
    def mark(self) -> str:
        """How people name it."""
        return self.id.hex[:8]

    @property
    def is_question(self) -> bool:
        return self.tool in QUESTIONS

    def answered(self, answer: Answer, *, by: UUID | None, name: str, now: datetime) -> PermissionRequest:
        """Allowed or denied by that answer. Raises NotAllowed when it is over, and as `fitted`."""
        self.check_open()
        fit = fitted(self, answer)
        denied = fit.word is Word.NO or (fit.word is Word.TEXT and not self.is_question)
        moved = self.to(State.DENIED if denied else State.ALLOWED, now=now)
        return replace(moved, answer=fit, by=by, answered_by=name)

    def to(self, state: State, *, now: datetime, reason: str | None = None) -> PermissionRequest:
        """It in another state. Raises NotAllowed when the table does not have that move."""
        if state not in MOVES[self.state]:
            raise NotAllowed(f"request {self.mark} is {self.fate}", hint="genie answer --list")
        return replace(self, state=state, reason=reason, changed_at=now, input={}, suggestions=())

    def check_open(self) -> None:
        """Raises NotAllowed when it is over."""
        if self.state is not State.OPEN:
            raise NotAllowed(f"request {self.mark} is {self.fate}", hint="genie answer --list")

    @property
    def fate(self) -> str:
        """What has become of it, in words."""
        if self.answer is not None:
            return f"{self.state.value} already, by {self.answered_by}"
        return f"{self.state.value}: {self.reason}" if self.reason else self.state.value


@dataclass(frozen=True, slots=True)
class Asked:
    """What a program asks, in its own words."""

    tool: str
    input: Json = field(default_factory=dict)
    suggestions: tuple[Json, ...] = ()

    @property
    def is_question(self) -> bool:
        return self.tool in QUESTIONS


def request_of(
    agent: Agent, run: UUID, asked: Asked, *, id_: UUID, now: datetime, wait: timedelta
) -> PermissionRequest:
    """What a run of that agent asks now, and waits for so long."""
    return PermissionRequest(
        id=id_,
        agent=agent.id,
        session=agent.session,
        run=run,
        tool=asked.tool,
        line=describe(asked.tool, asked.input),
        input=asked.input,
        suggestions=asked.suggestions,
        asked_at=now,
        until=now + wait,
        changed_at=now,
    )


# ---- answers --------------------------------------------------------------------------------


def parse_answer(said: str) -> Answer:
    """`yes`, `no`, `always`, in any case; anything else is a text. Raises BadInput for an empty or a long one."""
    text = said.strip()
    if not text:
        raise BadInput("the answer is empty", hint="yes, no, always, or a text")
    if len(text) > LONGEST_TEXT:
        raise BadInput(f"the answer has {len(text)} characters; the limit is {LONGEST_TEXT}", hint="be short")
    word = text.lower()
    plain = next((one for one in Word if one.value == word and one is not Word.TEXT), None)
    return Answer(plain) if plain else Answer(Word.TEXT, text)


def fitted(request: PermissionRequest, answer: Answer) -> Answer:
    """The answer as that request takes it. Raises BadInput for one that it cannot take: `always` where nothing is
    suggested; to a question what is no choice of it, or not one for each."""
    if not request.is_question:
        if answer.word is Word.ALWAYS and not granted(request.suggestions):
            raise BadInput(f"nothing can be allowed always for {request.tool}", hint="answer yes")
        return answer
    text = answer.text or answer.word.value
    if answer.word is not Word.TEXT and not _named(text, request.input):
        if answer.word is Word.NO:
            return answer
        raise BadInput(f"'{request.mark}' is a question", hint=f"answer with a number or words: {request.line}")
    choices(request.input, text)
    return Answer(Word.TEXT, text)


def granted(suggestions: Sequence[Json]) -> tuple[Json, ...]:
    """Those of the suggested rules that `always` means: the narrow ones. Another mode for all that comes is taken only
    where nothing else is suggested, and never one that asks for nothing at all."""
    narrow = tuple(one for one in suggestions if one.get("type") != "setMode")
    modes = tuple(one for one in suggestions if one.get("type") == "setMode" and one.get("mode") == "acceptEdits")
    return narrow or modes


def choices(asked: Json, text: str) -> dict[str, str]:
    """What was chosen, by the question's own words: a line of the text for each, where there are several. A number is
    that of a choice, from 1; several are separated by commas where that is allowed. Raises BadInput."""
    questions = _questions(asked)
    if not questions:
        raise BadInput("the question does not read", hint="answer it in its pane")
    lines = [text] if len(questions) == 1 else [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != len(questions):
        raise BadInput(f"there are {len(questions)} questions and {len(lines)} answers", hint="a line for each")
    pairs = zip(questions, lines, strict=True)
    return {str(question["question"]): _chosen(question, line) for question, line in pairs}


def _questions(asked: Json) -> list[Json]:
    found = asked.get("questions")
    listed = found if isinstance(found, list | tuple) else []
    return [one for one in listed if isinstance(one, Mapping) and isinstance(one.get("question"), str)]


def _labels(question: Json) -> list[str]:
    options = question.get("options")
    listed = options if isinstance(options, list | tuple) else []
    return [str(one["label"]) for one in listed if isinstance(one, Mapping) and "label" in one]


def _chosen(question: Json, line: str) -> str:
    labels = _labels(question)
    if question.get("multiSelect") is True and "," in line:
        return ", ".join(_choice(labels, part.strip()) for part in line.split(",") if part.strip())
    return _choice(labels, line)


def _choice(labels: Sequence[str], said: str) -> str:
    """The label that is meant; other words are an answer of their own."""
    if said.isascii() and said.isdigit() and labels:
        if not 1 <= int(said) <= len(labels):
            raise BadInput(f"there is no choice {said}", hint=f"1 to {len(labels)}: {', '.join(labels)}")
        return labels[int(said) - 1]
    return next((label for label in labels if label.lower() == said.lower()), said)


def _named(text: str, asked: Json) -> bool:
    """Whether that is a choice's own name."""
    return any(label.lower() == text.lower() for question in _questions(asked) for label in _labels(question))


# ---- who may answer -------------------------------------------------------------------------


def check_answerer(asker: Agent, caller: Agent | None, line: Sequence[Agent]) -> None:
    """`line` is the asker, its parent, and so on up to its root. A person may always answer; an agent may answer for
    those below it in its spawn tree, and for nobody else. Raises Refused."""
    if caller is None:
        return
    if caller.id == asker.id:
        raise Refused("an agent may not answer its own request", hint="a person must, or an agent above it")
    if caller.id not in {agent.id for agent in line[1:]}:
        raise Refused(
            f"'{caller.name}' may not answer for '{asker.name}'",
            hint="an agent answers for those below it in its tree only; a person must do this",
        )


def moved_on(agent: Agent, request: PermissionRequest) -> bool:
    """Whether that agent's program was seen to go on after it had asked: somebody has answered it in its pane."""
    asks = agent.activity in (Activity.PERMISSION, Activity.QUESTION, Activity.UNKNOWN, Activity.STARTING)
    return not asks and agent.activity_since > request.asked_at


# ---- in words -------------------------------------------------------------------------------


def describe(tool: str, asked: Json) -> str:
    """One line that tells what is asked."""
    told = _question_line(asked) if tool in QUESTIONS else _input_line(asked)
    line = " ".join(f"{tool}: {told}".split()) if told else tool
    shown = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)
    return shown if len(shown) <= LONGEST_LINE else f"{shown[: LONGEST_LINE - 1]}…"


def _question_line(asked: Json) -> str:
    return " / ".join(f"{one['question']} {_numbered(_labels(one))}".strip() for one in _questions(asked))


def _numbered(labels: Sequence[str]) -> str:
    return f"({', '.join(f'{number} {label}' for number, label in enumerate(labels, 1))})" if labels else ""


def _input_line(asked: Json) -> str:
    for name in _TELLING:
        if isinstance(told := asked.get(name), str) and told.strip():
            return told
    return json.dumps(dict(asked), ensure_ascii=False, default=str) if asked else ""
