"""A human is told once, and a rule is followed once, whatever becomes of the daemon."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

CONFIG = """
[notify]
command = ["sh", "-c", 'echo "$GENIE_NOTICE_OCCASION $GENIE_NOTICE_NAME: $GENIE_NOTICE_TEXT" >> "$GENIE_HOME/told"']

[[on]]
event = "agent.exhausted"
agent = "may*"
run = ["sh", "-c", 'echo "$GENIE_EVENT" >> "$GENIE_HOME/followed"; exit 3']

[[on]]
event = "exhausted"
agent = "somebody-else"
run = ["sh", "-c", 'echo never >> "$GENIE_HOME/followed"']

[[on]]
event = "daemon.started"
run = ["sh", "-c", 'echo >> "$GENIE_HOME/started"']
"""


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_who_is_given_up_is_told_of_once_also_after_the_daemon_was_killed(make_genie: Callable[..., Genie]) -> None:
    genie = make_genie(GENIE_RESUME__MAX_ATTEMPTS="1")
    genie.home.mkdir(parents=True, exist_ok=True)
    (genie.home / "config.toml").write_text(CONFIG)
    genie("spawn", "mayfly", "--", "sh", "-c", "exit 7")
    genie.until_state("mayfly", "failed")
    told, followed = genie.home / "told", genie.home / "followed"
    until(lambda: len(lines(told)) == 1 and len(lines(followed)) == 1, what="the notice and the rule")
    assert lines(told) == [
        "failed mayfly: mayfly has failed: every attempt to bring it back is spent (1) (team mayfly)",
    ]
    event = json.loads(lines(followed)[0])
    assert (event["kind"], event["name"], event["payload"]["reason"]) == ("agent.exhausted", "mayfly", "exhausted")
    log = genie.home / "logs" / "daemon.log"
    until(lambda: '"rule_failed"' in log.read_text(), what="the failure in the log")
    assert f"{genie.home}/config.toml:5" in log.read_text()
    assert genie("next", "--no-attach").split()[:2] == ["mayfly", "failed"]

    genie.kill_daemon()
    genie("spawn", "gnat", "--", "sh", "-c", "exit 0")
    until(lambda: len(lines(told)) == 2, what="the notice of another")
    assert lines(told)[1] == "done gnat: gnat is done (team gnat)"
    assert len(lines(followed)) == 1
    until(lambda: len(lines(genie.home / "started")) == 2, what="the rule of each start")
    genie("kill", "mayfly")
    assert "no agent needs you" in genie.refused("next", code=3)
