"""Asking for leave from a pane and answering it from elsewhere: by the hook program, over daemons that are killed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from genie.client import Daemon
from genie.paths import Home
from tests.e2e.forest import Done, Inside, child, root
from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

HOOK = Path(__file__).parents[2] / "genie" / "hook.py"
PAYLOAD = {"tool_name": "Bash", "tool_input": {"command": "make"}, "permission_suggestions": []}


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


class Asker:
    """A program in a pane that runs the hook as claude would, and acts by what it prints."""

    def __init__(self, genie: Genie, pane: Inside, pool: ThreadPoolExecutor) -> None:
        self.genie, self.pane, self.pool = genie, pane, pool
        payload = genie.directory / "payload.json"
        payload.write_text(json.dumps(PAYLOAD))
        place = f"{genie.home}/run/genie.sock {genie.home}/spool"
        self._hook = f"{sys.executable} -I -S {HOOK} {place} claude.PermissionRequest"
        self._payload = payload

    def ask(self, wait: float = 60) -> Future[Done]:
        """Ask; what the hook came to, once it has."""
        before = len(self.genie.api.requests(self.pane.name))
        program = f"echo $$ > {self.pid_file}; exec {self._hook} wait={wait} < {self._payload}"
        asked = self.pool.submit(self.pane.run, "sh", "-c", program)
        until(lambda: len(self.genie.api.requests(self.pane.name)) > before, what="the request")
        return asked

    @property
    def pid_file(self) -> Path:
        return self.genie.directory / "hook.pid"

    def last(self) -> dict[str, Any]:
        return dict(self.genie.api.requests(self.pane.name, everything=True)[-1])

    def until(self, state: str) -> dict[str, Any]:
        until(lambda: self.last()["state"] == state, what=f"a request that is {state}")
        return self.last()


@pytest.fixture
def asker(genie: Genie, pool: ThreadPoolExecutor) -> Asker:
    return Asker(genie, root(genie, "ada"), pool)


def behavior(done: Done) -> str:
    assert (done.code, done.err) == (0, "")
    return str(json.loads(done.out)["hookSpecificOutput"]["decision"]["behavior"])


def decided_nothing(done: Done) -> bool:
    return (done.code, done.out) == (0, "")


def test_of_answers_at_once_one_wins_and_the_hook_prints_that(asker: Asker, genie: Genie) -> None:
    asked = asker.ask()
    assert "Bash: make (genie answer ada yes|no|TEXT)" in genie("show", "ada")
    words = ("yes", "no", "yes", "no")
    done = list(asker.pool.map(lambda word: Genie.run(genie, "answer", "ada", word), words))
    assert sorted(one.returncode for one in done) == [0, 6, 6, 6]
    won = words[[one.returncode for one in done].index(0)]
    assert behavior(asked.result(20)) == {"yes": "allow", "no": "deny"}[won]
    for lost in (one for one in done if one.returncode):
        assert "already, by user" in lost.stderr
    kinds = [kind for kind in genie.kinds("ada") if kind.startswith("permission.")]
    assert kinds == ["permission.asked", "permission.answered"]


def test_agents_answer_for_those_below_them_alone(asker: Asker, genie: Genie, pool: ThreadPoolExecutor) -> None:
    below = Asker(genie, child(asker.pane, "kid"), pool)
    eve, token = child(below.pane, "eve"), below.pane.run("sh", "-c", "echo $GENIE_AGENT_TOKEN").out.strip()
    asked = below.ask()
    own = genie.refused("answer", "kid", "yes", code=5, env={"GENIE_AGENT_TOKEN": token})
    assert "may not answer its own request" in own
    for by in ((), ("env", "-u", "GENIE_AGENT_TOKEN")):
        done = eve.run(*by, "genie", "answer", "kid", "yes")
        assert (done.code, "'eve' may not answer for 'kid'" in done.err) == (5, True)
    assert asker.pane.run("genie", "answer", "kid", "stop", "that").code == 0
    decision = json.loads(asked.result(20).out)["hookSpecificOutput"]["decision"]
    assert decision == {"behavior": "deny", "message": "stop that"}
    assert below.last()["by"] == "ada"


def test_a_daemon_that_is_killed_leaves_the_dialog_to_decide(asker: Asker, genie: Genie) -> None:
    asked = asker.ask()
    genie.kill_daemon()
    assert decided_nothing(asked.result(20))
    assert "withdrawn: the daemon ended" in genie.refused("answer", "ada", "yes", code=6)
    again = asker.ask()
    genie("daemon", "stop")
    assert decided_nothing(again.result(20))
    assert "withdrawn: the daemon ended" in genie.refused("answer", "ada", "yes", code=6)
    assert [row["state"] for row in genie.json("answer", "--all")] == ["withdrawn", "withdrawn"]


def test_a_hook_that_is_ended_withdraws_and_one_that_waited_enough_decides_nothing(asker: Asker, genie: Genie) -> None:
    asked = asker.ask()
    os.kill(int(asker.pid_file.read_text()), signal.SIGTERM)
    assert asker.until("withdrawn")["reason"] == "whoever asked has gone"
    assert asked.result(20).out == ""
    assert decided_nothing(asker.ask(0.3).result(20))
    assert asker.last()["state"] == "expired"
    assert "nobody answered in time" in genie.refused("answer", "ada", "yes", code=6)
    assert genie.run("answer", "nobody", "yes").returncode == 3


def test_a_program_asks_for_itself_and_is_told_the_answer(asker: Asker, genie: Genie) -> None:
    shown = json.loads(
        asker.pane.run("sh", "-c", 'printf \'{"run": "%s", "token": "%s"}\' $GENIE_RUN_ID $GENIE_AGENT_TOKEN').out
    )
    question = {"questions": [{"question": "Which?", "options": [{"label": "a"}, {"label": "b"}]}]}
    body = {**shown, "tool": "AskUserQuestion", "input": question, "wait": 60}
    daemon = Daemon(Home(genie.home), start=False)
    asked = asker.pool.submit(daemon.request, "POST", "/v1/permissions", body, timeout=90.0)
    until(lambda: bool(genie.api.requests("ada")), what="the request")
    (row,) = genie.json("answer", "ada")
    assert (row["question"], row["input"]) == (True, question)
    genie("answer", "ada", "2", "--id", row["id"][:6])
    told = asked.result(20)
    assert (told["id"], told["state"], told["answer"], told["text"]) == (row["id"], "allowed", "text", "2")
    assert (told["answers"], told["by"], told["suggestions"]) == ({"Which?": "b"}, "user", [])
    rule = {"type": "addRules"}
    body = {**shown, "tool": "Bash", "input": {"command": "make"}, "suggestions": [rule], "wait": 60}
    asked = asker.pool.submit(daemon.request, "POST", "/v1/permissions", body, timeout=90.0)
    until(lambda: bool(genie.api.requests("ada")), what="the next request")
    genie("answer", "ada", "always")
    assert asked.result(20)["suggestions"] == [rule]
    body = {**body, "wait": 0.2}
    told = daemon.request("POST", "/v1/permissions", body)
    assert (told["state"], told["answer"]) == ("expired", "none")
