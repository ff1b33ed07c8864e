"""The first of the examples with the real claude: what one session answers is in the prompt of the next."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.daemon import ROOT, Genie
from tests.real.fake_model_api import Api
from tests.real.fake_model_script import prompts
from tests.real.genies import bodies
from tests.real.programs import needs_claude

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@needs_claude
@pytest.mark.parametrize("kind", ["sh", "py"])
def test_the_pipeline(genie: Genie, api: Api, kind: str) -> None:
    program = sys.executable if kind == "py" else "sh"
    argv = [program, str(ROOT / "examples" / "pipeline" / f"pipeline.{kind}"), "what a <FIFO> is"]
    env = genie.env | {"PATH": f"{Path(sys.executable).parent}:{genie.env['PATH']}"}
    done = subprocess.run(argv, env=env, cwd=genie.project, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = bodies(api)
    facts, draft, edited = (prompts(body)[-1] for body in told)
    assert facts.endswith("no introduction: what a <FIFO> is")
    assert draft.startswith("<session-result ")
    assert "what a &lt;FIFO&gt; is</session-result>" in draft
    assert "Write an article of 200 words" in draft
    assert 'name="author-' in edited
    assert "&amp;lt;FIFO&amp;gt;" in edited.partition("</session-result>")[0]
    assert edited.endswith("Answer with the article alone.")
    assert done.stdout.startswith("ok: ")
    rows = {row["name"].partition("-")[0]: row["state"] for row in genie.rows()}
    assert rows == dict.fromkeys(("researcher", "author", "editor"), "terminated")
    assert genie.panes() == []
