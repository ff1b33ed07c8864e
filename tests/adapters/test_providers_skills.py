"""Skills that a session begins with: how they lead the prompt, where they are looked for, and refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from genie.domain.errors import BadInput
from tests.adapters import test_providers
from tests.adapters.test_providers import make_ask, provider

bin_dir = test_providers.bin_dir
SKILLS = {"claude": ".claude/skills", "codex": ".agents/skills"}


def make_skill(folder: Path, name: str, said: str | None = None) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "SKILL.md").write_text(f"---\nname: {said or name}\ndescription: x\n---\n\nDo it so.\n")


def talking(tmp_path: Path, commands: list[str]) -> Path:
    """Programs that tell which commands they know, as claude does when it is asked."""
    answer = {"type": "control_response", "response": {"response": {"commands": [{"name": one} for one in commands]}}}
    folder = tmp_path / "talking"
    folder.mkdir()
    for name in ("claude", "codex"):
        (folder / name).write_text(f"#!/bin/sh\necho torn\nread line\necho '{json.dumps(answer)}'\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize(("name", "sign"), [("claude", "/"), ("codex", "$")])
def test_skills_lead_the_prompt(name: str, sign: str, bin_dir: Path, tmp_path: Path) -> None:
    for skill in ("tdd", "review"):
        make_skill(tmp_path / SKILLS[name], skill)
    ask = make_ask(bin_dir, cwd=str(tmp_path), skills=("review", "tdd"))
    plan = provider(name).plan(replace(ask, prompt="build it", skill="tdd"))
    assert plan.argv[-1] == f"{sign}tdd {sign}review build it"
    assert any("review, tdd" in argument for argument in plan.argv[:-1])
    assert provider(name).plan(replace(ask, skill="tdd")).argv[-1] == f"{sign}tdd {sign}review"
    assert provider(name).plan(replace(ask, prompt="build it")).argv[-1] == f"{sign}review {sign}tdd build it"
    silent = provider(name).plan(ask)
    assert silent.prompt is None, "a template's skills alone begin no turn"
    assert any("review, tdd" in argument for argument in silent.argv)


@pytest.mark.parametrize("name", ["claude", "codex"])
@pytest.mark.parametrize("place", ["above", "user", "own name"])
def test_skills_are_found_where_the_program_looks(name: str, place: str, bin_dir: Path, tmp_path: Path) -> None:
    work, home = tmp_path / "work" / "deep", tmp_path / "home"
    work.mkdir(parents=True)
    if place == "above":
        make_skill(tmp_path / "work" / SKILLS[name], "tdd")
    elif place == "user":
        make_skill(home / (".claude/skills" if name == "claude" else ".codex/skills/.system"), "tdd")
    else:
        make_skill(work / SKILLS[name], "other", "tdd")
    env = {"PATH": str(talking(tmp_path, [])), "HOME": str(home)}
    assert "tdd" in provider(name).plan(make_ask(bin_dir, cwd=str(work), env=env, skill="tdd")).argv[-1]


@pytest.mark.parametrize("name", ["claude", "codex"])
@pytest.mark.parametrize("given", [{"skill": "tdx"}, {"skills": ("tdd", "tdx")}])
def test_a_skill_that_is_not_there_is_refused(
    name: str, given: dict[str, object], bin_dir: Path, tmp_path: Path
) -> None:
    make_skill(tmp_path / SKILLS[name], "tdd")
    env = {"PATH": str(talking(tmp_path, ["loop"])), "HOME": str(tmp_path)}
    with pytest.raises(BadInput, match=f"{name} has no skill 'tdx'") as refused:
        provider(name).plan(make_ask(bin_dir, cwd=str(tmp_path), env=env, **given))
    assert "did you mean 'tdd'" in refused.value.hint
    assert refused.value.details["field"] == "skills"


def test_claude_is_asked_for_skills_of_its_own_and_believed(bin_dir: Path, tmp_path: Path) -> None:
    env = {"PATH": str(talking(tmp_path, ["loop", "plug:in"])), "HOME": str(tmp_path)}
    ask = make_ask(bin_dir, cwd=str(tmp_path), env=env, prompt="5m")
    assert provider("claude").plan(replace(ask, skill="loop")).argv[-1] == "/loop 5m"
    assert provider("claude").plan(replace(ask, skill="plug:in")).argv[-1] == "/plug:in 5m"
    assert provider("codex").plan(replace(ask, skill="plug:in")).argv[-1] == "$plug:in 5m"
    commands = tmp_path / ".claude" / "commands"
    commands.mkdir(parents=True)
    (commands / "ship.md").write_text("Ship it.\n")
    assert provider("claude").plan(replace(ask, skill="ship")).argv[-1] == "/ship 5m"


def test_a_claude_that_does_not_say_is_trusted(bin_dir: Path) -> None:
    """An older one: it says on its screen what it does not know."""
    assert provider("claude").plan(make_ask(bin_dir, skill="tdd", prompt="it")).argv[-1] == "/tdd it"


@pytest.mark.parametrize("name", ["claude", "codex"])
@pytest.mark.parametrize("skill", ["/tdd", "a b", "-x", "a\nb"])
def test_what_can_be_no_name_of_a_skill_is_refused(name: str, skill: str, bin_dir: Path) -> None:
    with pytest.raises(BadInput, match="no name of a skill"):
        provider(name).plan(make_ask(bin_dir, skill=skill))
