"""Messages to agents, as people and agents send them: typed, proved, answered; once, also when the daemon is killed."""

from __future__ import annotations

import re
from typing import Any

from tests.e2e.dying import crash_at
from tests.fixtures.daemon import Genie
from tests.fixtures.postgres import ask
from tests.fixtures.tmux import until


def letter(genie: Genie, text: str) -> dict[str, Any]:
    """The message of that text."""
    return next(row for row in genie.api.inbox() if row["text"] == text)


def until_idle(genie: Genie, name: str) -> None:
    """Its provider's word that it waits for input, as the daemon takes it in."""
    statement = (
        "update agents set activity = 'idle', activity_since = clock_timestamp(), version = version + 1"  # noqa: S608
        f" where name = '{name}' and life = 'running' returning 1"
    )
    until(lambda: bool(ask(genie.env["GENIE_DATABASE_URL"], statement)), what="its life")


def heard(genie: Genie, session: str) -> list[str]:
    """What its transcript says that it was told."""
    rows = genie.api.session_events(session, types=["user_message"])
    return [str(row["payload"]["text"]) for row in rows]


def test_people_and_agents_write_to_each_other(genie: Genie) -> None:
    session = genie.json("spawn", "engineer", "--prompt", "hello")["session_id"]
    until(lambda: heard(genie, session) == ["hello"], what="its first prompt")
    asking = genie.start("send", "engineer", "--ask", "--timeout", "60", "how <many>?")
    until(lambda: len(genie.api.inbox("engineer")) == 1, what="the message")
    until_idle(genie, "engineer")
    until(lambda: letter(genie, "how <many>?")["state"] in ("delivered", "answered"), what="its delivery")
    until_idle(genie, "engineer")
    answer, _ = asking.communicate(timeout=60)
    assert asking.returncode == 0
    told = re.search(r'<message from="user" id="[0-9a-f]{12}">how &lt;many&gt;\?</message>', answer)
    assert told
    assert heard(genie, session) == ["hello", told[0]]

    template = genie.home / "agents" / "lines"
    template.mkdir(parents=True)
    (template / "AGENTS.md").write_text("---\nprovider: shell\nstdin: true\nteam: engineer\n---\n")
    said = "genie send engineer 'it is done' --key once; genie send engineer no --key once"
    answering = f'read -r line; echo "$line" > got; {said}; read -r line'
    genie("spawn", "worker", "--role", "lines", "--", "sh", "-c", answering)
    assert "'worker' answers no messages" in genie.refused("send", "worker", "--ask", "begin", code=6)
    genie("send", "worker", "--wait-delivered", "--timeout", "20", "begin")
    until(lambda: len(genie.api.inbox("engineer")) == 2, what="its answer")
    sent = letter(genie, "it is done")
    assert (sent["from"], sent["to"], sent["key"]) == ("worker@engineer", "engineer", "once")
    assert "<message" in (genie.project / "got").read_text()
    until_idle(genie, "engineer")
    until(lambda: letter(genie, "it is done")["state"] in ("delivered", "answered"), what="its delivery")
    assert 'from="worker@engineer"' in heard(genie, session)[-1]
    assert 'reply="genie send worker …"' in heard(genie, session)[-1]

    genie("kill", "worker")
    assert "'worker' was killed" in genie.refused("send", "worker", "late", code=6)
    genie("spawn", "plain", "--", "sleep", "1000")
    assert "reads no messages" in genie.refused("send", "plain", "x", code=6)
    assert "unknown session" in genie.refused("send", "nobody", "x", code=3)


def test_a_message_is_typed_once_whatever_becomes_of_the_daemon(genie: Genie) -> None:
    """It is killed when it has claimed a message, and when it has typed one."""
    session = genie.json("spawn", "engineer", "--prompt", "hello")["session_id"]
    until(lambda: heard(genie, session) == ["hello"], what="its first prompt")
    for point in ("deliver.handed", "deliver.claimed"):
        crash_at(genie, point)
        # The daemon can die before it has answered: the sender is told so, and the message is there.
        assert genie.run("send", "engineer", point).returncode in (0, 7)
        until_idle(genie, "engineer")
        until(lambda: genie.daemon_pid() is None, what=f"a daemon that dies at {point}")
        genie("daemon", "start")
    until(lambda: letter(genie, "deliver.handed")["state"] in ("delivered", "answered"), what="the proof")
    assert letter(genie, "deliver.claimed")["state"] == "delivering"
    told = heard(genie, session)
    assert len(told) == 2
    assert "deliver.handed" in told[1]
