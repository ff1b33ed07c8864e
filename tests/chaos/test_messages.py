"""A thousand messages under daemons that are killed: with CHAOS_SEEDS only, for which `make chaos` sees."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

MESSAGES, AGENTS, AT_ONCE = 1000, 5, 25
OVER = {"delivered", "answered", "failed", "unproven"}

pytestmark = pytest.mark.skipif("CHAOS_SEEDS" not in os.environ, reason="takes minutes: make chaos")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, int(os.environ.get("CHAOS_SEEDS", "0")) + 1))
def test_each_arrives_once_and_in_its_order(genie: Genie, seed: int) -> None:
    chance = random.Random(seed)
    template = genie.home / "agents" / "lines"
    template.mkdir(parents=True)
    (template / "AGENTS.md").write_text("---\nprovider: shell\nstdin: true\nteam: many\n---\n")
    names = [f"reader-{number}" for number in range(AGENTS)]
    for name in names:
        genie("spawn", name, "--role", "lines", "--", "sh", "-c", f"exec cat > {genie.project}/{name}")
    for number in range(MESSAGES):
        if number % AT_ONCE == 0:
            genie.kill_daemon()
            genie("daemon", "start")
        genie.api.send(chance.choice(names), str(number), key=str(number), raw=True)
    genie.kill_daemon()
    genie("daemon", "start")

    def rows() -> list[dict[str, str]]:
        return list(genie.api.inbox(limit=MESSAGES))

    until(lambda: {row["state"] for row in rows()} <= OVER, within=300, what="all")
    kept = rows()
    assert len(kept) == MESSAGES
    for name in names:
        got = Path(genie.project, name).read_text().split()
        assert got == sorted(set(got), key=int), (seed, name)
        sure = [row["text"] for row in kept if row["to"] == name and row["state"] == "delivered"]
        assert set(sure) <= set(got)
        lost = [row for row in kept if row["to"] == name and row["state"] == "failed"]
        assert not lost, json.dumps(lost)
