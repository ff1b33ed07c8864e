"""A provider that a user declares in a file is one, at once."""

from __future__ import annotations

import json
import os
import signal

from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

DECLARED = """\
start = ["sh", "-c", "echo started $0 with $1; exec sleep 600", "{session}", ["{prompt}"]]
resume = ["sh", "-c", "echo resumed $0; exec sleep 600", "{session}"]
"""


def test_a_declared_provider_is_spawned_and_brought_back(genie: Genie) -> None:
    assert "mine" not in genie("providers", "ls", "-q").split()
    path = genie.home / "providers" / "mine.toml"
    path.parent.mkdir()
    path.write_text(DECLARED)
    listed = {row["name"]: row for row in json.loads(genie("providers", "ls", "--json"))}
    assert listed["mine"]["source"] == str(path)
    assert listed["mine"]["ways"] == ["interactive"]
    ada = genie.json("spawn", "ada", "--provider", "mine", "--prompt", "a task")
    until(lambda: f"started {ada['session_id']} with a task" in genie.screen("ada"), what="the start")
    os.kill(ada["pid"], signal.SIGKILL)
    genie.until_again("ada", ada)
    until(lambda: f"resumed {ada['session_id']}" in genie.screen("ada"), what="the resume")

    path.write_text("start = 3\n")
    assert "mine.toml:1: field 'start'" in genie.refused("spawn", "bob", "--provider", "mine", code=2)
    assert genie.state("ada") == "running"
    assert any(check["detail"].startswith(str(path)) for check in genie.json("doctor"))
    genie("kill", "ada")
