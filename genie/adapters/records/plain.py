"""Any command at all: what it writes is text. Each line is a STDOUT, and the lines together are its result."""

from __future__ import annotations

from datetime import datetime

from genie.adapters.records._record import Entry, LineParser, Parsed, read_text
from genie.adapters.records._state import NEW, State
from genie.domain.conversation import ConversationKind as Kind
from genie.domain.conversation import Said


class TextParser(LineParser):
    """Blank lines count, too. A line that happens to be JSON is text; only the runner's own records are read."""

    def record(self, entry: Entry, state: State) -> Parsed | None:
        return [entry.kept()], state

    def parse(self, line: bytes, state: State = NEW, *, at: datetime | None = None) -> Parsed:
        if line.startswith(b'{"genie"'):
            return super().parse(line, state, at=at)
        return self.unread(line, at, state)

    def unread(self, line: bytes, at: datetime | None, state: State) -> Parsed:
        return [Said(Kind.STDOUT, at, {"text": read_text(line)})], state


FORMS = {"text": TextParser}
