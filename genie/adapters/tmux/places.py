"""Where a new pane goes: session, window, split; made where they are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count, groupby

from genie.adapters.tmux.listing import FORMAT, Row, look, read
from genie.adapters.tmux.server import Denied, Server, literal
from genie.domain.agent import Placement
from genie.domain.errors import BadInput, Failed
from genie.domain.layout import TMUX_LAYOUT, fits
from genie.domain.team import Layout
from genie.domain.words import one_of

KEEPER = "genie"
"""The name of the window that keeps a session of genie's when no agent is in it."""
_KEEPER_TEXT = "This window keeps the tmux session of this team while no agent is in it. Leave it be."
_KEEPER_ARGV = ("sh", "-c", "trap '' INT QUIT TSTP; echo \"$1\"; exec tail -f /dev/null", "genie-keeper", _KEEPER_TEXT)

BORDER = (
    "#{?@genie_run,"
    "#[fg=#{@genie_color}]#[bold] #{q/h:@genie_name} #[nobold]#{q/h:@genie_role}"
    " · #{q/h:@genie_state} · #{q/h:@genie_resumes} #[default],"
    " #{q/h:pane_title} }"
)
"""`q/h` doubles every #, so that a name cannot carry a style; a pane that is nobody's shows its title."""

_NO_SPACE = ("no space for new pane", "pane too small", "create pane failed")


class Maker:
    """Makes the pane of one agent. Everything it needs to know of the server is in one listing."""

    def __init__(self, server: Server, *, team: str, cwd: str, argv: Sequence[str], size: tuple[int, int]) -> None:
        self._server = server
        self._team = team
        self._cwd = _start_directory(cwd)
        self._argv = tuple(argv)
        self._width, self._height = size

    def make(self, placement: Placement) -> Row:
        """Raises BadInput for a name tmux cannot take, Failed, TerminalAway."""
        _, rows = look(self._server)
        if placement.beside and not placement.own_window:
            made = self._beside(placement.beside, rows)
            if made is not None:
                return made
        inside = self._inside(tmux_name(placement.session), rows)
        if placement.own_window:
            return self._window(inside, placement.window, placement, alone=True)
        return self._in_team_window(inside, placement)

    # ---- session ----

    def _inside(self, session: str, rows: list[Row]) -> list[Row]:
        """The panes of that session, which is made when it is missing."""
        inside = [row for row in rows if row.seen.session == session]
        if inside:
            return inside
        try:
            return [self._session(session)]
        except Denied as error:
            if "duplicate session" not in error.said:
                raise
            return [row for row in look(self._server)[1] if row.seen.session == session]

    def _session(self, session: str) -> Row:
        """A new session with its keeper. Destroying it while nobody is attached is switched off in the same
        call: a user's global option would end it at once."""
        if not session or session[0] in "$@%=+-!{^~" or "#" in session:
            raise BadInput(f"tmux cannot make a session of the name {session!r}", hint="start it with a letter")
        size = ("-x", str(self._width), "-y", str(self._height))
        target = f"={session}:"
        self._server.make_room()
        lines = self._server.do(
            ("new-session", "-d", "-P", "-F", FORMAT, "-s", session, "-n", KEEPER, *size, *self._cwd, *_KEEPER_ARGV),
            ("set-option", "-t", target, "destroy-unattached", "off"),
            ("set-option", "-t", target, "@genie_team", self._team),
            *_fixed_name(target),
            ("set-option", "-w", "-t", target, "@genie_keeper", "1"),
            ("list-panes", "-s", "-t", target, "-F", FORMAT),
        )
        return read(lines[-1])

    # ---- windows ----

    def _in_team_window(self, inside: list[Row], placement: Placement) -> Row:
        """In the window of that name; when it is full in `<name>-2`, `<name>-3` …"""
        for number in count(1):
            name = placement.window if number == 1 else f"{placement.window}-{number}"
            windows = _windows_called(name, inside)
            for panes in windows:
                if number > 1 and panes[0].team != self._team:
                    continue
                made = self._split(panes)
                if made is not None:
                    return made
            if not windows:
                return self._window(inside, name, placement, alone=False)
        raise AssertionError("count() does not end")

    def _window(self, inside: list[Row], name: str, placement: Placement, *, alone: bool) -> Row:
        """A new window of genie's. It comes to the front only where the keeper is there now."""
        layout = TMUX_LAYOUT[one_of("layout", placement.layout, Layout)]
        keeper_shown = any(row.keeper and row.window_active for row in inside)
        back = () if keeper_shown else ("-d",)
        target = f"{inside[0].session_id}:"
        name_words = ("-n", literal(name))
        row = self._printed(
            ("new-window", *back, "-P", "-F", FORMAT, "-t", target, *name_words, *self._cwd, *self._argv)
        )
        window = row.seen.window_id
        options = {
            "@genie_window": self._team,
            "@genie_place": name,
            "@genie_layout": layout,
            "@genie_alone": "1" if alone else "0",
            "pane-border-status": "top",
            "pane-border-format": BORDER,
        }
        settings = [("set-option", "-w", "-t", window, key, value) for key, value in options.items()]
        self._server.do(*_fixed_name(window), *settings)
        return _in_session_of(inside[0], row)

    # ---- panes ----

    def _beside(self, pane: str, rows: list[Row]) -> Row | None:
        """A split of the caller's pane; None when it is gone or too small."""
        caller = next((row for row in rows if row.seen.pane == pane), None)
        if caller is None:
            return None
        if caller.ours:
            return self._split([row for row in rows if row.seen.window_id == caller.seen.window_id])
        return self._split([caller])

    def _split(self, panes: list[Row]) -> Row | None:
        """A split of the largest of these panes, all of one window; None when there is no room left. Only a window
        of genie's is arranged anew."""
        first = panes[0]
        if first.ours and not _has_room(panes):
            return None
        largest = max(panes, key=lambda row: row.area)
        side = "-h" if largest.seen.width > largest.seen.height * 2 else "-v"
        split = ("split-window", "-d", side, "-P", "-F", FORMAT, "-t", largest.seen.pane, *self._cwd, *self._argv)
        try:
            return _in_session_of(first, self._printed(split, *reflow(first)))
        except Denied as error:
            if any(words in error.said for words in _NO_SPACE):
                return None
            raise

    def _printed(self, *commands: Sequence[str]) -> Row:
        """The pane that the first command made and printed, even if a later one failed."""
        try:
            lines = self._server.do(*commands)
        except Denied as error:
            if not error.lines:
                raise
            lines = error.lines
        try:
            return read(lines[0])
        except (ValueError, IndexError) as error:
            raise Failed(f"tmux answered {lines!r} to {commands[0][0]}") from error


def reflow(row: Row) -> list[tuple[str, ...]]:
    """The command that arranges a window anew, where it is genie's."""
    return [("select-layout", "-t", row.seen.window_id, row.layout)] if row.ours else []


def tmux_name(session: str) -> str:
    """The name that tmux makes of a session's name: it has a use of its own for colon and full stop."""
    return session.replace(":", "_").replace(".", "_")


def _in_session_of(known: Row, made: Row) -> Row:
    """Of sessions that share a window, tmux names any: name the one that was meant."""
    return replace(made, seen=replace(made.seen, session=known.seen.session))


def _windows_called(name: str, inside: list[Row]) -> list[list[Row]]:
    """The windows of that name, each with its panes: genie's by the name they were made under."""
    wanted = [row for row in inside if (row.place == name and not row.alone if row.ours else row.seen.window == name)]
    wanted = [row for row in wanted if not row.keeper]
    wanted.sort(key=lambda row: int(row.seen.window_id[1:]))
    return [list(panes) for _, panes in groupby(wanted, key=lambda row: row.seen.window_id)]


def _has_room(panes: list[Row]) -> bool:
    first = panes[0]
    layout = next(layout for layout, word in TMUX_LAYOUT.items() if word == first.layout)
    return fits(layout, len(panes) + 1, width=first.window_width, height=first.window_height)


def _fixed_name(window: str) -> list[tuple[str, ...]]:
    return [("set-option", "-w", "-t", window, option, "off") for option in ("automatic-rename", "allow-rename")]


def _start_directory(cwd: str) -> tuple[str, ...]:
    """Where tmux starts the pane. The runner changes the directory by itself: this one only serves the splits that
    a user makes later, and tmux would expand a # in it."""
    return () if "#" in cwd else ("-c", cwd)
