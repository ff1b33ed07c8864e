"""What tmux tells about its panes: one format, and its reading."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from genie.adapters.tmux.server import Denied, NoServer, Server
from genie.domain.session import PaneSeen

_NUMBERS = [
    *("pid", "pane_id", "pane_pid", "pane_dead", "pane_dead_status", "pane_dead_signal"),
    *("pane_width", "pane_height", "pane_synchronized"),
    *("session_id", "window_id", "window_active", "window_width", "window_height"),
]
_TEXTS = [
    *("session_name", "window_name", "@genie_run", "@genie_team"),
    *("@genie_window", "@genie_place", "@genie_layout", "@genie_alone", "@genie_keeper"),
]

_TITLE = "title"
_QUOTED = [*(f"#{{q:{name}}}" for name in _TEXTS), "#{=64;s/[ \\\\]/~/:pane_title}"]

FORMAT = " ".join([*(f"#{{{name}}}" for name in _NUMBERS), *_QUOTED, "#{pane_start_command}"])
"""Fields with a blank between them. `q:` puts a backslash before every blank within a text; a control character
as separator would not do: some versions of tmux mangle them on the way to the client. A title is what any program
likes: it is cut short, which `q:` would not survive, so it has no blanks."""

_FIELD = re.compile(r"((?:\\.|[^ \\])*) ")
_ESCAPE = re.compile(r"\\(.)")
_RUN = re.compile(r"runner\.py[\"']?\s+[\"']?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One pane, with what the adapter needs of its window and session. `team` and `layout` are set on windows of
    genie's, `place` is the name such a window was made under, `alone` that it belongs to one agent only;
    `session_team` is set on sessions of genie's; `keeper` on the window that keeps such a session."""

    seen: PaneSeen
    server_pid: int
    session_id: str
    session_team: str
    window_active: bool
    window_width: int
    window_height: int
    team: str
    place: str
    layout: str
    alone: bool
    keeper: bool
    synchronized: bool

    @property
    def ours(self) -> bool:
        """Whether the window is genie's to arrange."""
        return bool(self.layout)

    @property
    def area(self) -> int:
        return self.seen.width * self.seen.height


def look(server: Server) -> tuple[int | None, list[Row]]:
    """The pid of the server, None when none runs, and all its panes, by one call. Raises TerminalAway."""
    try:
        pid, *lines = server.do(("display-message", "-p", "#{pid}"), ("list-panes", "-a", "-F", FORMAT))
    except NoServer:
        return None, []
    except Denied as error:
        if not error.lines:
            raise
        pid, lines = error.lines[0], []  # a server without any session has no target for the listing
    return int(pid), read_all(lines)


@lru_cache(maxsize=8192)
def read(line: str) -> Row:
    """Raises ValueError for a line that is not of FORMAT. Kept, because most lines of a beat are those of the last."""
    fields: list[str] = []
    place = 0
    for _ in range(len(_NUMBERS) + len(_QUOTED)):
        field = _FIELD.match(line, place)
        if field is None:
            raise ValueError(f"not a line of the listing: {line!r}")
        fields.append(_ESCAPE.sub(r"\1", field[1]))
        place = field.end()
    return _row(dict(zip([*_NUMBERS, *_TEXTS, _TITLE], fields, strict=True)), command=line[place:])


def read_all(lines: Iterable[str]) -> list[Row]:
    """Every pane once: a window that several sessions share is listed with each; genie's session is preferred."""
    rows: dict[str, Row] = {}
    for line in lines:
        row = read(line)
        known = rows.get(row.seen.pane)
        if known is None or (row.session_team and not known.session_team):
            rows[row.seen.pane] = row
    return list(rows.values())


def _row(field: dict[str, str], *, command: str) -> Row:
    run = _RUN.search(command)
    seen = PaneSeen(
        pane=field["pane_id"],
        pid=_number(field["pane_pid"]),
        tag=_uuid(field["@genie_run"]),
        command_run=UUID(run[1]) if run else None,
        dead=field["pane_dead"] == "1",
        exit_code=_maybe(field["pane_dead_status"]),
        signal=_maybe(field["pane_dead_signal"]),
        session=field["session_name"],
        window=field["window_name"],
        window_id=field["window_id"],
        width=_number(field["pane_width"]),
        height=_number(field["pane_height"]),
        title=field[_TITLE].replace("~", " "),
    )
    return Row(
        seen=seen,
        server_pid=_number(field["pid"]),
        session_id=field["session_id"],
        session_team=field["@genie_team"],
        window_active=field["window_active"] == "1",
        window_width=_number(field["window_width"]),
        window_height=_number(field["window_height"]),
        team=field["@genie_window"],
        place=field["@genie_place"],
        layout=field["@genie_layout"],
        alone=field["@genie_alone"] == "1",
        keeper=field["@genie_keeper"] == "1",
        synchronized=field["pane_synchronized"] == "1",
    )


def _number(text: str) -> int:
    return int(text or 0)


def _maybe(text: str) -> int | None:
    return int(text) if text else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
