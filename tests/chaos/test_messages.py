"""Messages under random SIGKILLs of agents and of the daemon: each is delivered once, or told to be unproven, in order.

A short run always; with CHAOS_SEEDS, which `make chaos` sets, a thousand messages to ten agents, once.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

WHOLE = "CHAOS_SEEDS" in os.environ
MESSAGES, AGENTS, WITHIN = (1000, 10, 900) if WHOLE else (24, 3, 240)
SEED = int(os.environ.get("CHAOS_SEED", "1"))
DAEMON_DIES, AGENT_DIES = (0.015, 0.04) if WHOLE else (0.05, 0.1)
ENVELOPE = re.compile(r"<message [^>]*>(\d+)</message>")
SURE = {"delivered", "answered"}
OVER = {*SURE, "failed", "unproven"}


def heard(genie: Genie, session: str) -> list[str]:
    """What that agent was told, by its own transcript; a line that a kill has cut off is none."""
    told = []
    for path in (genie.directory / "claude" / "projects").glob(f"*/{session}.jsonl"):
        for line in path.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                record = json.loads(line)
                if record.get("type") == "user":
                    told.append(str(record["message"]["content"]))
    return told


def arrived(said: str, waiting: set[str], unproven: set[str]) -> list[str]:
    """The messages in what an agent was told at once. A daemon that is killed right before Enter leaves its text in a
    box that it cannot see, and the next one is typed behind it: two, of which neither is told to be delivered bare.
    So it is where an agent dies right before Enter, and is back within 50 ms: its program takes for a new line what
    comes before it has set its terminal."""
    found: list[str] = []
    for part in (part.strip("\n") for part in ENVELOPE.split(said)):
        halves = [(part[:place], part[place:]) for place in range(1, len(part))]
        if part in waiting:
            found.append(part)
        elif part:
            found += next((pair for pair in halves if unproven.issuperset(pair)), (part,))
    return found


def kill_one(genie: Genie, chance: random.Random) -> bool:
    alive = [row for row in genie.rows() if row["state"] == "running" and row["pid"]]
    if not alive:
        return False
    with suppress(ProcessLookupError):
        os.kill(chance.choice(alive)["pid"], signal.SIGKILL)
    return True


@pytest.mark.timeout(WITHIN + 300)
def test_each_arrives_once_or_is_unproven_and_in_order(
    make_genie: Callable[..., Genie], capsys: pytest.CaptureFixture[str]
) -> None:
    genie = make_genie(GENIE_RESUME__MAX_ATTEMPTS="1000", GENIE_RESUME__COOLDOWN="50ms")
    chance, kills = random.Random(SEED), Counter[str]()
    names = [f"agent-{number}" for number in range(AGENTS)]
    genie("team", "create", "many")
    sessions = {name: genie.json("spawn", name, "--role", "engineer", "--team", "many")["session_id"] for name in names}

    def rows() -> list[dict[str, str]]:
        return [dict(row) for row in genie.api.inbox(limit=MESSAGES)]

    def quiet() -> bool:
        # What was claimed by a daemon that is dead is looked for for a minute: the short run spares itself that.
        return WHOLE or not any(row["state"] == "delivering" for row in rows())

    for number in range(MESSAGES):
        if chance.random() < DAEMON_DIES:
            until(quiet, within=90, what="a quiet moment")
            genie.kill_daemon()
            genie("daemon", "start")
            kills["daemon"] += 1
        if chance.random() < AGENT_DIES:
            kills["agent"] += kill_one(genie, chance)
        genie.api.send(chance.choice(names), str(number), key=str(number), raw=number % 2 == 0)

    def settled() -> bool:
        # In the long run they go on dying while what was sent is delivered, until most of it is.
        left = sum(row["state"] not in OVER for row in rows())
        if WHOLE and left > MESSAGES // 10 and chance.random() < AGENT_DIES / 4:
            kills["agent"] += kill_one(genie, chance)
        return not left

    until(settled, within=WITHIN, what="the end of all")
    kept = rows()
    states = Counter(row["state"] for row in kept)
    with capsys.disabled():
        print(f"\n{len(kept)} messages to {AGENTS} agents: {dict(states)}; killed: {dict(kills)}")  # noqa: T201
    assert len(kept) == MESSAGES
    assert not states["failed"], [row for row in kept if row["state"] == "failed"]
    for name in names:
        own = [row for row in kept if row["to"] == name]
        texts = {row["text"] for row in own}
        unproven = {row["text"] for row in own if row["state"] == "unproven"}
        told = [text for text in heard(genie, sessions[name]) if not text.startswith("<genie-resume")]
        got = [text for said in told for text in arrived(said, texts, unproven)]
        assert got == sorted(set(got), key=int), name
        assert {row["text"] for row in own if row["state"] in SURE} <= set(got)
        assert texts - set(got) <= unproven


@pytest.mark.skipif(not WHOLE, reason="takes minutes: make chaos")
@pytest.mark.timeout(600)
def test_lines_for_commands_arrive_once_and_in_their_order(genie: Genie) -> None:
    """What reads lines has no transcript: the daemon alone dies."""
    chance = random.Random(SEED)
    template = genie.home / "agents" / "lines"
    template.mkdir(parents=True)
    (template / "AGENTS.md").write_text("---\nprovider: shell\nstdin: true\nteam: many\n---\n")
    names = [f"reader-{number}" for number in range(5)]
    for name in names:
        genie("spawn", name, "--role", "lines", "--", "sh", "-c", f"exec cat > {genie.project}/{name}")
    for number in range(500):
        if number % 25 == 0:
            genie.kill_daemon()
            genie("daemon", "start")
        genie.api.send(chance.choice(names), str(number), key=str(number), raw=True)
    until(lambda: {row["state"] for row in genie.api.inbox(limit=1000)} <= OVER, within=300, what="all")
    kept = list(genie.api.inbox(limit=1000))
    assert len(kept) == 500
    for name in names:
        got = Path(genie.project, name).read_text().split()
        assert got == sorted(set(got), key=int), name
        assert {row["text"] for row in kept if row["to"] == name and row["state"] == "delivered"} <= set(got)
        assert not [row for row in kept if row["to"] == name and row["state"] == "failed"]
