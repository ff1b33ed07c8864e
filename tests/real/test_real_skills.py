"""What the real programs do with a skill that a prompt begins with: the model gets its text before it works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.fake_model_script import prompts
from tests.real.genies import asked
from tests.real.programs import needs_claude, needs_codex

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

FOLDERS = {"claude": ".claude/skills", "codex": ".agents/skills"}


def make_skill(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "SKILL.md").write_text(f"---\nname: {name}\ndescription: How to {name}.\n---\n\n{text}\n")


@needs_claude
def test_claude_begins_with_the_skill(genie: Genie, api: Api) -> None:
    make_skill(genie.project / FOLDERS["claude"], "greet", "Always greet with XYLOPHONE.")
    genie("spawn", "engineer", "--skill", "greet", "--prompt", "say hello\nto /usr/bin")
    said = prompts(asked(api, 1))
    text = next(one for one in said if "XYLOPHONE" in one)
    assert text.index("XYLOPHONE") < text.index("say hello\nto /usr/bin"), "the prompt comes after the skill"
    kit.until(lambda: "ok:" in genie.screen("engineer"), what="the answer")


@needs_claude
def test_claude_begins_with_all_skills_of_the_template(genie: Genie, api: Api) -> None:
    make_skill(genie.project / FOLDERS["claude"], "greet", "Always greet with XYLOPHONE.")
    make_skill(genie.directory / "claude" / "skills", "thank", "Always thank with BASSOON.")
    template = genie.project / ".genie" / "agents" / "polite" / "AGENTS.md"
    template.parent.mkdir(parents=True)
    template.write_text("---\nname: polite\nskills: [greet, thank]\n---\n\nYou are polite.\n")
    genie("spawn", "polite", "--prompt", "say hello")
    said = "\n".join(prompts(asked(api, 1)))
    assert said.index("XYLOPHONE") < said.index("BASSOON")
    assert "say hello" in said


@needs_claude
def test_a_skill_that_claude_does_not_know_is_refused_before_anything_is_started(genie: Genie, api: Api) -> None:
    make_skill(genie.project / FOLDERS["claude"], "greet", "Always greet with XYLOPHONE.")
    done = genie.run("spawn", "engineer", "--skill", "gret", "--prompt", "say hello")
    assert done.returncode == 2
    assert "claude has no skill 'gret' — did you mean 'greet'?" in done.stderr
    assert done.stderr.count("\n") == 1
    assert genie.json("ls", "--all") == []
    genie("spawn", "engineer", "--skill", "code-review", "--prompt", "the last commit")
    assert any("the last commit" in one for one in prompts(asked(api, 1))), "one of its own"


@needs_codex
def test_codex_begins_with_the_skills(genie: Genie, api: Api) -> None:
    make_skill(genie.project / FOLDERS["codex"], "greet", "Always greet with XYLOPHONE.")
    make_skill(genie.directory / "codex" / "skills", "thank", "Always thank with BASSOON.")
    words = ("--role", "engineer", "--provider", "codex", "--prompt", "say hello")
    genie("spawn", "coder", "--skill", "greet", *words)
    said = prompts(asked(api, 1))
    assert "$greet say hello" in said
    assert any("XYLOPHONE" in one for one in said)
    done = genie.run("spawn", "other", "--skill", "gret", *words)
    assert done.returncode == 2
    assert "codex has no skill 'gret' — did you mean 'greet'?" in done.stderr
    template = genie.project / ".genie" / "agents" / "polite" / "AGENTS.md"
    template.parent.mkdir(parents=True)
    template.write_text("---\nname: polite\nprovider: codex\nskills: [greet, thank]\n---\n\nYou are polite.\n")
    genie("spawn", "polite", "--prompt", "say goodbye")
    both = "\n".join(prompts(asked(api, 2)))
    assert "XYLOPHONE" in both
    assert "BASSOON" in both
