"""The providers' words, said to the real programs: `make test-real` installs them and runs this."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from genie.adapters.providers import InstalledProviders, ProviderOptions
from genie.adapters.providers.claude import find_transcript, holds_message
from genie.domain.session import Launch, Session
from genie.domain.words import PermissionMode
from genie.ports import Ask, Plan
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.fake_model_script import prompts, system_text
from tests.real.programs import FOUND, apart, needs_claude, needs_codex

PROMPT = 'say "it\'s" $(touch owned) `id` \\n 😀 é\n\n\t-x --resume\n  end '
pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


class Stage:
    """A model API, a desk, and a project in which both programs start without a dialog."""

    def __init__(self, directory: Path, api: Api, desk: kit.Desk) -> None:
        self.directory, self.api, self.desk = directory, api, desk
        self.project = directory / "project x.y_z"
        kit.seed(directory, self.project, api=api.url)
        self.env = kit.env(directory, api=api.url)
        binaries = {"claude": FOUND.claude, "codex": FOUND.codex}
        self.providers = InstalledProviders({n: ProviderOptions(binary=str(p)) for n, p in binaries.items() if p})

    def plan(self, name: str, **changes: object) -> Plan:
        ask = Ask(
            session=uuid4(),
            name="ada",
            team="core",
            role_prompt="",
            replace_system_prompt=False,
            prompt=None,
            prompt_file=None,
            command=(),
            cwd=str(self.project),
            model=None,
            effort=None,
            permission_mode=None,
            skill=None,
            skills=(),
            tools=(),
            disallowed_tools=(),
            mcp=(),
            add_dirs=(),
            extra_args=(),
            env=self.env,
        )
        return self.providers.get(name).plan(replace(ask, **changes))  # type: ignore[arg-type]  # fields of Ask

    def session(self, name: str, plan: Plan) -> Session:
        return Session(
            id=uuid4(),
            agent=uuid4(),
            provider=name,
            provider_session=plan.provider_session,
            launch=Launch(argv=plan.argv, cwd=str(self.project), prompt=plan.prompt),
            role_prompt="",
            created_at=datetime.now(UTC),
            prompted=True,
        )

    def start(self, argv: tuple[str, ...]) -> str:
        return self.desk.start(argv, env=self.env, cwd=self.project)

    def bodies(self) -> list[dict[str, Any]]:
        """What the agents' own loops have asked of the model, oldest first."""
        return [self.api.state.request(entry["id"])["body"] for entry in self.api.state.entries(kind="main")]

    def asked(self, pane: str, count: int) -> dict[str, Any]:
        """The `count`th request."""
        try:
            kit.until(lambda: len(self.bodies()) >= count, what=f"request {count}")
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.desk.screen(pane)}") from late
        return self.bodies()[count - 1]

    def shows(self, pane: str, text: str) -> None:
        kit.until(lambda: text in self.desk.screen(pane), what=f"'{text}' in {pane}")


@pytest.fixture
def stage() -> Iterator[Stage]:
    with apart() as found:
        yield Stage(*found)


def transcript(stage: Stage, session: Session) -> Path:
    def found() -> Path | None:
        return find_transcript(str(session.provider_session), cwd=str(stage.project), env=stage.env)

    return kit.until(found, what="the transcript")


def resume(stage: Stage, session: Session) -> tuple[str, ...]:
    provider = stage.providers.get(session.provider)
    return provider.resume(session.launch, session=session, env=stage.env)


# ---- claude ---------------------------------------------------------------------------------


@needs_claude
def test_claude_gets_the_prompt_and_goes_on_after_kill_9(stage: Stage) -> None:
    stage.api.state.delay = 0.3  # an answer at once can be there before claude has kept the question
    plan = stage.plan("claude", prompt=PROMPT, role_prompt="ROLE $(x) 😀\n- terse", tools=("Bash(ls:*)", "Read"))
    session = stage.session("claude", plan)
    first = stage.start(plan.argv)
    body = stage.asked(first, 1)
    assert prompts(body)[-1] == PROMPT
    assert "ROLE $(x) 😀\n- terse" in system_text(body)
    stage.shows(first, "manual mode on")
    stage.shows(first, "● ok: say")
    kit.until(lambda: b'"type":"assistant"' in transcript(stage, session).read_bytes(), what="the kept answer")
    stage.desk.crash(first)
    before = transcript(stage, session).read_bytes()
    again = stage.start(resume(stage, session))
    stage.shows(again, "● ok: say")
    stage.desk.line(again, "and now?")
    body = stage.asked(again, 2)
    assert PROMPT in prompts(body)
    assert prompts(body)[-1] == "and now?"
    assert "ROLE $(x) 😀\n- terse" in system_text(body)
    stage.shows(again, "ok: and now?")
    assert transcript(stage, session).read_bytes().startswith(before)
    assert not (stage.project / "owned").exists()
    stage.desk.line(again, "/exit")
    assert stage.desk.end(again) == 0


@needs_claude
def test_claude_is_started_anew_where_no_message_was_kept(stage: Stage) -> None:
    plan = stage.plan("claude", prompt="hello")
    session = stage.session("claude", plan)
    assert resume(stage, session) == plan.argv
    first = stage.start(plan.argv)
    stage.shows(first, "● ok: hello")
    stage.desk.crash(first)
    path = transcript(stage, session)
    # What a crash in the moment before the first message leaves: neither flag is accepted with it.
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    assert not holds_message(path)
    refused = stage.start(plan.argv)
    assert stage.desk.end(refused) == 1
    again = stage.start(resume(stage, session))
    assert prompts(stage.asked(again, 2))[-1] == "hello"
    stage.shows(again, "● ok: hello")


@needs_claude
def test_claude_killed_in_its_first_turn_goes_on(stage: Stage) -> None:
    plan = stage.plan("claude", prompt="[[hang]] work")
    session = stage.session("claude", plan)
    first = stage.start(plan.argv)
    kit.until(lambda: holds_message(transcript(stage, session)), what="a message in the transcript")
    stage.desk.crash(first)
    argv = resume(stage, session)
    assert "--resume" in argv
    again = stage.start(argv)
    stage.shows(again, "[[hang]] work")
    stage.desk.line(again, "go on")
    stage.shows(again, "ok: go on")


@needs_claude
@pytest.mark.parametrize(
    ("prompt", "arrives"),
    [
        ("/nosuch thing", "\n/nosuch thing"),
        ("!touch owned", "!touch owned"),
        ("#note", "#note"),
        ("-p", "-p"),
        ("é" * 50_000, "é" * 50_000),
    ],
    ids=["slash", "bang", "hash", "dash", "long"],
)
def test_claude_takes_any_prompt_as_text(prompt: str, arrives: str, stage: Stage) -> None:
    pane = stage.start(stage.plan("claude", prompt=prompt).argv)
    assert prompts(stage.asked(pane, 1))[-1] == arrives
    assert not (stage.project / "owned").exists()


@needs_claude
def test_claude_reads_a_long_prompt_from_its_file(stage: Stage) -> None:
    long = "x" * 100_001
    file = stage.directory / "prompt"
    file.write_text(long)
    pane = stage.start(stage.plan("claude", prompt=long, prompt_file=str(file)).argv)
    assert str(file) in prompts(stage.asked(pane, 1))[-1]


@needs_claude
@pytest.mark.parametrize(
    ("mode", "footer"),
    [
        (PermissionMode.ACCEPT_EDITS, "accept edits on"),
        (PermissionMode.PLAN, "plan mode on"),
        (PermissionMode.AUTO, "auto mode on"),
        (PermissionMode.DONT_ASK, "don't ask on"),
        (PermissionMode.BYPASS, "bypass permissions on"),
    ],
)
def test_claude_knows_the_permission_modes(mode: PermissionMode, footer: str, stage: Stage) -> None:
    stage.env["IS_SANDBOX"] = "1"
    stage.shows(stage.start(stage.plan("claude", permission_mode=mode).argv), footer)


@needs_claude
def test_claude_options(stage: Stage) -> None:
    skill = stage.project / ".claude" / "skills" / "tdd" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: tdd\ndescription: test first\n---\nWrite tests first: $ARGUMENTS\n")
    plan = stage.plan(
        "claude",
        prompt="build it",
        skill="tdd",
        model="small",
        effort="low",
        role_prompt="ONLY THIS",
        replace_system_prompt=True,
        disallowed_tools=("Write", "Edit"),
    )
    body = stage.asked(stage.start(plan.argv), 1)
    assert "Write tests first: build it" in prompts(body)[-1]
    assert "haiku" in body["model"]
    assert "ONLY THIS" in system_text(body)
    assert not {"Write", "Edit"} & {tool["name"] for tool in body["tools"]}
    assert "2." in str(stage.providers.get("claude").version())


# ---- codex ----------------------------------------------------------------------------------


@needs_codex
def test_codex_gets_the_prompt_is_found_and_goes_on_after_kill_9(stage: Stage) -> None:
    codex = stage.providers.get("codex")
    plan = stage.plan("codex", prompt=PROMPT, role_prompt='ROLE "$(x)" 😀\n- terse')
    session = stage.session("codex", plan)
    panes = [stage.start(plan.argv) for _ in range(2)]
    body = stage.asked(panes[0], 1)
    assert prompts(body)[-1] == PROMPT
    assert json.dumps('ROLE "$(x)" 😀\n- terse')[1:-1] in json.dumps(body["input"])
    for pane in panes:
        stage.shows(pane, "• ok: say")

    def find(pane: str) -> str | None:
        return codex.find_session(session, env=stage.env, since=session.created_at, pid=stage.desk.pid(pane))

    ids = [kit.until(lambda pane=pane: find(pane), what="the session's id") for pane in panes]  # type: ignore[misc]
    assert len(set(ids)) == 2
    stage.desk.crash(panes[0])
    known = replace(session, provider_session=ids[0])
    again = stage.start(resume(stage, known))
    stage.shows(again, "• ok: say")
    assert kit.until(lambda: len(stage.bodies()) == 2, what="only the first prompts")
    assert not (stage.project / "owned").exists()


@needs_codex
def test_codex_that_died_unknown_is_found_by_its_prompt(stage: Stage) -> None:
    plan = stage.plan("codex", prompt=PROMPT)
    session = stage.session("codex", plan)
    first = stage.start(plan.argv)
    stage.asked(first, 1)
    stage.shows(first, "• ok: say")
    stage.desk.crash(first)
    argv = resume(stage, session)
    assert argv[1] == "resume"
    stage.shows(stage.start(argv), "• ok: say")
    assert len(stage.bodies()) == 1


@needs_codex
@pytest.mark.parametrize(
    ("prompt", "arrives"),
    [("/quit", "/quit"), ("!touch owned", "\n!touch owned"), ("-x", "-x"), ("é" * 50_000, "é" * 50_000)],
    ids=["slash", "bang", "dash", "long"],
)
def test_codex_takes_any_prompt_as_text(prompt: str, arrives: str, stage: Stage) -> None:
    pane = stage.start(stage.plan("codex", prompt=prompt).argv)
    assert prompts(stage.asked(pane, 1))[-1] == arrives
    assert not (stage.project / "owned").exists()


@needs_codex
@pytest.mark.parametrize("mode", [None, *(mode for mode in PermissionMode if mode is not PermissionMode.PLAN)])
def test_codex_knows_the_permission_modes(mode: PermissionMode | None, stage: Stage) -> None:
    pane = stage.start(stage.plan("codex", prompt="hello", permission_mode=mode).argv)
    assert prompts(stage.asked(pane, 1))[-1] == "hello"


@needs_codex
def test_codex_options(stage: Stage) -> None:
    skill = stage.directory / "codex" / "skills" / "tdd" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: tdd\ndescription: test first\n---\nSKILL BODY\n")
    plan = stage.plan(
        "codex",
        prompt="build it",
        skill="tdd",
        model="gpt-x",
        effort="low",
        role_prompt="ONLY THIS",
        replace_system_prompt=True,
    )
    body = stage.asked(stage.start(plan.argv), 1)
    assert "$tdd build it" in prompts(body)
    assert "SKILL BODY" in prompts(body)[-1]
    assert body["model"] == "gpt-x"
    assert body["reasoning"]["effort"] == "low"
    first = system_text(body) or body["input"][0]["content"][0]["text"]
    assert first == "ONLY THIS"
    assert shutil.which("codex", path=stage.env["PATH"])
    assert "codex-cli" in str(stage.providers.get("codex").version())
