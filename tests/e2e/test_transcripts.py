"""What an agent's program writes of its conversation, as events: with a daemon that is killed, and a session that is
cleared."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from tests.e2e.dying import crash_at
from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

POINTS = ("take_in.before_commit", "take_in.committed")


def said(genie: Genie) -> list[str]:
    """What the model has said, by the events."""
    rows = genie.api.events(after=0, follow=False, types=["assistant_message"])
    return [str(row["payload"]["text"]) for row in rows]


def transcript(genie: Genie, session: str) -> Path:
    """Its transcript, once it is there."""
    found: list[Path] = []

    def there() -> bool:
        found[:] = (genie.directory / "claude" / "projects").glob(f"*/{session}.jsonl")
        return bool(found)

    until(there, what="the transcript")
    return found[0]


class Model:
    """Who writes into a transcript what it has said."""

    def __init__(self, path: Path, session: str) -> None:
        self.path = path
        self.session = session
        self.texts: list[str] = []
        self._left = b""

    def say(self, count: int) -> None:
        """So many messages, the last one torn in the middle; the next ones begin with its end."""
        lines = b"".join(self._lines(count))
        with self.path.open("ab") as file:
            file.write(self._left + lines[:-40])
        self._left = lines[-40:]

    def end(self) -> None:
        with self.path.open("ab") as file:
            file.write(self._left)

    def _lines(self, count: int) -> Iterator[bytes]:
        for _ in range(count):
            self.texts.append(f"{len(self.texts)} {uuid4()}")
            content = [{"type": "text", "text": self.texts[-1]}]
            message = {"id": str(uuid4()), "role": "assistant", "content": content}
            yield json.dumps({"type": "assistant", "message": message, "sessionId": self.session}).encode() + b"\n"


def test_each_line_is_an_event_once_whatever_becomes_of_the_daemon(genie: Genie) -> None:
    """It is killed twice as it takes lines in, somewhere between the reading and the end; more is written meanwhile."""
    row = genie.json("spawn", "engineer", "--prompt", "hello")
    model = Model(transcript(genie, row["session_id"]), row["session_id"])
    until(lambda: said(genie) == ["ok: hello"], what="the answer to the prompt")
    points = [random.choice(POINTS) for _ in range(2)]
    for point in points:
        crash_at(genie, point)
        model.say(random.randint(1, 3000))
        until(lambda: genie.daemon_pid() is None, what=f"a daemon that dies at {point}")
        model.say(random.randint(1, 3000))
        genie("daemon", "start")
        model.say(2)
    model.end()
    until(lambda: len(said(genie)) >= 1 + len(model.texts), what=f"all lines, killed at {points}")
    assert said(genie) == ["ok: hello", *model.texts], points


def test_a_session_that_its_user_clears_goes_on_in_another_transcript(genie: Genie) -> None:
    """The program says so in its own list of open sessions."""
    row = genie.json("spawn", "engineer", "--prompt", "hello")
    path, other = transcript(genie, row["session_id"]), str(uuid4())
    until(lambda: said(genie) == ["ok: hello"], what="the answer to the prompt")
    entry = genie.directory / "claude" / "sessions" / f"{row['pid']}.json"
    until(lambda: json.loads(entry.read_text())["status"] == "idle", what="the end of the turn")
    entry.write_text(json.dumps(json.loads(entry.read_text()) | {"sessionId": other}))
    model = Model(path.with_name(f"{other}.jsonl"), other)
    model.say(1)
    model.end()
    until(lambda: said(genie) == ["ok: hello", *model.texts], what="what was said after it was cleared")
    (captured,) = genie.api.events(after=0, follow=False, types=["session_captured"])
    assert captured["payload"] == {"provider_session": other}
