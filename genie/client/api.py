"""What can be asked of the daemon: one method a request, the same for every face."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypedDict, Unpack
from urllib.parse import quote, urlencode

from genie.client.daemon import Daemon
from genie.client.waits import Wait
from genie.domain.errors import BadInput, TimedOut

Row = dict[str, Any]
"""One JSON object of an answer."""

LONG = 300.0
"""Seconds for what starts or ends processes."""


class Spawn(TypedDict, total=False):
    """What a spawn may ask for; what is left out is decided by the template, the settings or the team."""

    command: Sequence[str]
    provider: str | None
    team: str | None
    role: str | None
    model: str | None
    skill: str | None
    prompt: str | None
    new_window: bool
    window: str | None
    layout: str | None
    color: str | None
    plan_mode: bool
    permission_mode: str | None
    extra_args: Sequence[str]
    cwd: str | None
    session: str | None
    auto_resume: bool | None
    env: dict[str, str]
    tags: Sequence[str]
    description: str | None
    parent: str | None
    parent_pid: int | None
    restart: str | None
    ttl: str | float | None
    limits: dict[str, str]
    dry_run: bool


class Genie:
    """The daemon's requests as methods. Each raises the GenieError that the daemon answers with, and
    Unreachable when there is no daemon to answer."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    # ---- agents ----------------------------------------------------------------------------

    def spawn(self, name: str, **asked: Unpack[Spawn]) -> Row:
        """Create, resume or make a parallel of `name`, as its state says; with `dry_run` only tell."""
        body = {"name": name, **asked, "caller": caller()}
        return self._row(self._daemon.request("POST", "/v1/agents", body, timeout=LONG))

    def ls(
        self,
        *,
        names: Iterable[str] = (),
        team: str | None = None,
        tags: Iterable[str] = (),
        states: Iterable[str] = (),
        everything: bool = False,
        timeout: float = 60.0,
    ) -> list[Row]:
        """The agents that fit, one row each; those that are over only with `everything` or by their state."""
        pairs = [*_each("name", names), *_each("tag", tags), *_each("state", states)]
        pairs += [("team", team)] if team else []
        pairs += [("all", "true")] if everything else []
        return self._rows(self._daemon.request("GET", _path("/v1/agents", pairs), timeout=timeout))

    def tree(self, name: str | None = None, *, everything: bool = False) -> list[Row]:
        """All spawn trees, or that agent and those below it: parents before their children, with what they use."""
        pairs = [*_each("name", [name] if name is not None else []), *_each("all", ["true"] if everything else [])]
        return self._rows(self._daemon.request("GET", _path("/v1/tree", pairs)))

    def runs(self, names: Iterable[str] = (), *, team: str | None = None, tags: Iterable[str] = ()) -> list[Row]:
        """The live runs that fit, with what they used in the last minutes."""
        pairs = [*_each("name", names), *_each("tag", tags), *_each("team", [team] if team else [])]
        return self._rows(self._daemon.request("GET", _path("/v1/runs", pairs)))

    def show(self, name: str) -> Row:
        """All that is known of one agent, its sessions and runs."""
        return self._row(self._daemon.request("GET", _agent(name)))

    def explain(self, name: str) -> Row:
        """Why an agent is in its state, how its team was found, and what the daemon does next."""
        return self._row(self._daemon.request("GET", _agent(name, "/explain")))

    def history(self, name: str, *, limit: int = 200) -> list[Row]:
        """The last `limit` events of an agent, oldest first."""
        return self._rows(self._daemon.request("GET", _path(_agent(name, "/history"), [("limit", str(limit))])))

    def screen(self, name: str, *, lines: int | None = None) -> Row:
        """The text of an agent's pane: what is visible, or its last `lines` lines."""
        pairs = [("lines", str(lines))] if lines is not None else []
        return self._row(self._daemon.request("GET", _path(_agent(name, "/screen"), pairs)))

    def log(self, name: str, *, lines: int | None = None, after: str | None = None) -> Row:
        """A piece of what an agent's command wrote: from its beginning, of the last `lines`, or after the `mark` of an
        earlier piece. While `more` is true the next is there already."""
        pairs = [("lines", str(lines))] if lines is not None else []
        pairs += [("after", after)] if after is not None else []
        return self._row(self._daemon.request("GET", _path(_agent(name, "/log"), pairs)))

    def place(self, name: str) -> Row:
        """Where an agent's pane is: tmux socket, session, window and pane."""
        return self._row(self._daemon.request("GET", _agent(name, "/place")))

    def wait(self, name: str, *, timeout: float | None = None) -> Row:
        """The row of an agent once it has ended and will not come back by itself. `timeout` is in seconds.
        Raises TimedOut."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LONG if deadline is None else max(deadline - time.monotonic(), 0.0)
            turn = min(left, LONG)
            try:
                target = _path(_agent(name, "/wait"), [("timeout", f"{turn:.3f}")])
                return self._row(self._daemon.request("GET", target, timeout=turn + 30))
            except TimedOut:
                if deadline is not None and time.monotonic() >= deadline:
                    raise

    # ---- sessions --------------------------------------------------------------------------

    def select(
        self, words: Sequence[str] = (), *, team: str | None = None, tags: Sequence[str] = (), latest: bool = False
    ) -> Row:
        """The `sessions` that are meant by names, ids or their beginnings, by team and tags, or as the newest; `notes`
        for people, and `after`, the last event before they were looked at. Raises NotFound, Conflict."""
        return self._row(self._daemon.request("GET", _path("/v1/sessions", _selection(words, team, tags, latest))))

    def wait_for(self, selected: Row, *, any_: bool = False, tags: Sequence[str] = (), team: str | None = None) -> Wait:
        """A wait for the end of what `select` has answered; `tags` are followed."""
        return Wait(self._daemon, selected, any_=any_, tags=tags, team=team)

    def status(
        self, words: Sequence[str] = (), *, team: str | None = None, tags: Sequence[str] = (), latest: bool = False
    ) -> Row:
        """How one session is. Raises Conflict where several are meant."""
        pairs = _selection(words, team, tags, latest)
        return self._row(self._daemon.request("GET", _path("/v1/sessions/status", pairs)))

    def cancel(self, agents: Sequence[str], *, reason: str | None = None) -> list[Row]:
        """End the sessions of these agents, by their `agent_id`, for good; what became of each."""
        body: Row = {"agents": list(agents), "reason": reason}
        return self._rows(self._daemon.request("POST", "/v1/sessions/cancel", body, timeout=LONG))

    # ---- ending and coming back ------------------------------------------------------------

    def stop(self, names: Sequence[str] = (), *, team: str | None = None, tags: Sequence[str] = ()) -> list[Row]:
        """End agents politely and keep their sessions; what became of each."""
        return self._act("stop", names, team, tags)

    def kill(self, names: Sequence[str] = (), *, team: str | None = None, tags: Sequence[str] = ()) -> list[Row]:
        """End agents and their whole process trees for good; what became of each."""
        return self._act("kill", names, team, tags)

    def resume(
        self,
        names: Sequence[str] = (),
        *,
        team: str | None = None,
        tags: Sequence[str] = (),
        everything: bool = False,
    ) -> list[Row]:
        """Bring agents back into their sessions; what became of each."""
        return self._act("resume", names, team, tags, everything=everything)

    def _act(
        self, verb: str, names: Sequence[str], team: str | None, tags: Sequence[str], *, everything: bool = False
    ) -> list[Row]:
        body: Row = {"names": list(names), "team": team, "tags": list(tags)}
        if verb == "resume":
            body["all"] = everything
        return self._rows(self._daemon.request("POST", f"/v1/agents/{verb}", body, timeout=LONG))

    # ---- teams, templates, events ----------------------------------------------------------

    def teams(self, *, timeout: float = 60.0) -> list[Row]:
        """All teams."""
        return self._rows(self._daemon.request("GET", "/v1/teams", timeout=timeout))

    def create_team(
        self,
        name: str,
        *,
        session: str | None = None,
        layout: str | None = None,
        lead: str | None = None,
        limits: dict[str, str] | None = None,
    ) -> Row:
        """Make a team. `limits` are those of the spawn trees in it. Raises Conflict when there is one of that name."""
        body: Row = {"name": name, "session": session, "layout": layout, "lead": lead, "cwd": _cwd()}
        body["limits"] = limits or {}
        return self._row(self._daemon.request("POST", "/v1/teams", body))

    def close_team(self, name: str) -> Row:
        """Close the tmux session of a team, if genie made it and no live agent is left in it."""
        return self._row(self._daemon.request("POST", f"/v1/teams/{_quoted(name)}/close", {}))

    def templates(self, *, timeout: float = 60.0) -> list[Row]:
        """The templates that can be seen from the current directory."""
        return self._rows(self._daemon.request("GET", _path("/v1/templates", [("cwd", _cwd())]), timeout=timeout))

    def events(
        self,
        *,
        after: int = -1,
        follow: bool = True,
        types: Iterable[str] = (),
        team: str | None = None,
        tags: Iterable[str] = (),
    ) -> Iterator[Row]:
        """Events after the id `after` (-1: from now on), one by one; with `follow` for ever. Of these types, of agents
        of that team or with one of the tags, where that is said."""
        pairs = [("after", str(after)), ("follow", "true" if follow else "false")]
        pairs += [*_each("type", types), *_each("team", [team] if team else []), *_each("tag", tags)]
        return self._daemon.stream(_path("/v1/events", pairs))

    def last_event(self) -> int:
        """The id of the last event that there is."""
        return int(self._daemon.request("GET", "/v1/events/last")["id"])

    def session_events(
        self,
        name: str,
        *,
        types: Iterable[str] = (),
        last: int | None = None,
        after: int | None = None,
        before: int | None = None,
    ) -> Iterator[Row]:
        """What was told in an agent's session, by the number `seq` that each event has there: of these types, after
        and before these numbers, the last so many of them."""
        return self._daemon.stream(_path(_agent(name, "/events"), _stretch(types, last, after, before)))

    def count_events(
        self,
        name: str,
        *,
        types: Iterable[str] = (),
        last: int | None = None,
        after: int | None = None,
        before: int | None = None,
    ) -> Row:
        """How many events `session_events` would give."""
        pairs = [*_stretch(types, last, after, before), ("count", "true")]
        return self._row(self._daemon.request("GET", _path(_agent(name, "/events"), pairs)))

    # ---- the caller itself -----------------------------------------------------------------

    def whoami(self) -> Row:
        """The agent in whose run this process is. Raises NotFound where it is in none."""
        return self._row(self._daemon.request("POST", "/v1/whoami", {"caller": _myself()}))

    def environment(self, name: str | None = None) -> Row:
        """The variables that tell which session this process, or the agent of that name, is."""
        return self._row(self._daemon.request("POST", "/v1/env", {"caller": _myself(), "name": name}))

    def note(self, message: str, *, level: str, data: object = None) -> Row:
        """Add a message to the session that this process is in."""
        body = {"caller": _myself(), "message": message, "level": level, "data": data}
        return self._row(self._daemon.request("POST", "/v1/log", body))

    # ---- the daemon and its database -------------------------------------------------------

    def ensure(self) -> None:
        """Start the daemon where none runs, and return once it answers."""
        self._daemon.ensure()

    def health(self) -> Row:
        """Whether the daemon is ready; never touches the database."""
        return self._row(self._daemon.request("GET", "/v1/health", timeout=5.0))

    def daemon(self) -> Row:
        """What the daemon tells about itself."""
        return self._row(self._daemon.request("GET", "/v1/daemon", timeout=10.0))

    def stop_daemon(self) -> Row:
        """Ask the daemon to end. Agents go on."""
        return self._row(self._daemon.request("POST", "/v1/daemon/stop", {}))

    def database(self) -> Row:
        """Where the registry is, and its schema."""
        return self._row(self._daemon.request("GET", "/v1/database"))

    def migrate(self) -> Row:
        """Bring the registry's schema up to this version."""
        return self._row(self._daemon.request("POST", "/v1/database/migrate", {}, timeout=None))

    def backup(self, path: str) -> Row:
        """Write the registry into a file; `path` is relative to the caller's directory."""
        return self._row(self._daemon.request("POST", "/v1/database/backup", {"path": _absolute(path)}, timeout=None))

    def restore(self, path: str) -> Row:
        """Replace the registry by what a backup holds."""
        return self._row(self._daemon.request("POST", "/v1/database/restore", {"path": _absolute(path)}, timeout=None))

    def doctor(self) -> list[Row]:
        """What fits and what does not, check by check."""
        return self._rows(self._daemon.request("GET", _path("/v1/doctor", [("cwd", _cwd())]), timeout=LONG))

    def _row(self, answer: Any) -> Row:  # noqa: ANN401 — JSON is anything
        return dict(answer or {})

    def _rows(self, answer: Any) -> list[Row]:  # noqa: ANN401
        return list(answer or ())


def caller() -> Row:
    """Who asks, for what a spawn takes from its surroundings."""
    return {"cwd": _cwd(), "env": dict(os.environ), "pid": os.getpid()}


def _myself() -> Row:
    """Who asks, by no more than what shows it."""
    shown = {name: os.environ[name] for name in ("GENIE_AGENT_TOKEN",) if name in os.environ}
    return {"cwd": "", "env": shown, "pid": os.getpid()}


def _stretch(types: Iterable[str], last: int | None, after: int | None, before: int | None) -> list[tuple[str, str]]:
    said = {"last": last, "after_seq": after, "before_seq": before}
    return [*_each("type", types), *((key, str(value)) for key, value in said.items() if value is not None)]


def _cwd() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 — the bytes as they are
    except FileNotFoundError as error:
        raise BadInput("the current directory does not exist any more", hint="cd into one that does") from error


def _absolute(path: str) -> str:
    return os.path.normpath(os.path.join(_cwd(), os.path.expanduser(path)))  # noqa: PTH111, PTH118


def _quoted(word: str) -> str:
    return quote(word, safe="", errors="surrogateescape")


def _agent(name: str, rest: str = "") -> str:
    return f"/v1/agents/{_quoted(name)}{rest}"


def _each(key: str, values: Iterable[str]) -> list[tuple[str, str]]:
    return [(key, value) for value in values]


def _selection(words: Iterable[str], team: str | None, tags: Iterable[str], latest: bool) -> list[tuple[str, str]]:
    group = [*_each("team", [team] if team is not None else []), *_each("latest", ["true"] if latest else [])]
    return [*_each("word", words), *_each("tag", tags), *group]


def _path(path: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{path}?{urlencode(pairs, errors='surrogateescape')}" if pairs else path
