"""A team of real programs by its file: up, deaths, up again, down, up: the same conversations."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.genies import until_doing
from tests.real.programs import needs_claude, needs_codex

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

TEAM = """
name: shop
lead: boss
members:
  - name: boss
    template: team-lead
    prompt: lead number 1
  - name: dev
    template: engineer
    count: 2
    prompt: build number 2
    after: [boss]
  - name: judge
    template: reviewer
    prompt: judge number 4
  - name: coder
    template: fix
    provider: codex
    prompt: mend number 5
"""
PROMPTS = {
    "boss": "lead number 1",
    "dev-1": "build number 2",
    "dev-2": "build number 2",
    "judge": "judge number 4",
    "coder": "mend number 5",
}


def conversations(genie: Genie) -> dict[str, tuple[str, str | None]]:
    """The session of each member, and the id that its program has given it."""
    found: dict[str, tuple[str, str | None]] = {}
    for name in PROMPTS:
        (current,) = [one for one in genie.json("show", name)["sessions"] if one["current"]]
        found[name] = (str(current["id"]), current["provider_session"])
    return found


def until_shown(genie: Genie) -> None:
    for name, prompt in PROMPTS.items():
        kit.until(lambda n=name, p=prompt: f"ok: {p}" in genie.screen(n), what=f"the conversation of {name}")  # type: ignore[misc]


def until_kept(genie: Genie) -> None:
    """Until each program has written down its first answer: what dies sooner is told to go on, as it should be."""

    def kept() -> bool:
        claude = (genie.directory / "claude" / "projects").glob("*/*.jsonl")
        codex = (genie.directory / "codex" / "sessions").rglob("rollout-*.jsonl")
        answered = [b'"type":"assistant"' in path.read_bytes() for path in claude]
        answered += [b'"task_complete"' in path.read_bytes() for path in codex]
        return sum(answered) == len(PROMPTS)

    kit.until(kept, what="the kept answers")
    for name in PROMPTS:
        until_doing(genie, name, "idle")


def did(told: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["outcome"] for step in told["steps"]}


@needs_claude
@needs_codex
def test_five_come_back_on_their_conversations(genie: Genie, api: Api) -> None:
    file = genie.project / ".genie" / "team.yaml"
    file.parent.mkdir()
    file.write_text(TEAM)
    api.state.delay = 0.3  # an answer at once can be there before claude has kept the question
    assert did(genie.json("team", "up")) == {"shop": "created"} | dict.fromkeys(PROMPTS, "spawned")
    until_shown(genie)
    kit.until(lambda: all(own for _, own in conversations(genie).values()), what="the programs' own ids")
    first = conversations(genie)
    until_kept(genie)

    before = {name: genie.agent(name) for name in ("dev-2", "coder")}
    for row in before.values():
        os.kill(row["pid"], signal.SIGKILL)
    genie("team", "up")
    for name, row in before.items():
        genie.until_again(name, row)
    until_shown(genie)
    assert conversations(genie) == first

    assert did(genie.json("team", "down")) == dict.fromkeys(PROMPTS, "stopped")
    assert did(genie.json("team", "up")) == dict.fromkeys(PROMPTS, "resumed")
    until_shown(genie)
    assert conversations(genie) == first
    assert len(api.state.entries(kind="main")) == len(PROMPTS), "something was asked twice"
