"""What can be asked of the daemon: one method a request, the same for every face."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, Unpack

from genie.client.asking import Row, caller, chosen, each, segment, words_of
from genie.client.asking import cwd as _cwd
from genie.client.asking import myself as _myself
from genie.client.asking import selection as _selection
from genie.client.asking import to_path as _path
from genie.client.daemon import Daemon
from genie.client.messages import Messages
from genie.client.needs import Needs
from genie.client.permissions import Permissions
from genie.client.running import Running
from genie.client.schedules import Schedules
from genie.client.teams import Teams
from genie.client.telling import Telling
from genie.client.worktrees import Worktrees

if TYPE_CHECKING:
    from genie.client.asks import Spawn
    from genie.client.rows import ActRow, AgentRow, SpawnRow, StatusRow

LONG = 300.0
"""Seconds for what starts or ends processes."""


class Genie(Running, Telling, Schedules, Worktrees, Messages, Permissions, Teams, Needs):
    """The verbs of genie as methods. `Genie()` is about the daemon of GENIE_HOME (`~/.genie`), which is started where
    it does not run; another `Daemon` can be given.

    Each method is one request over a connection of its own: an instance can be shared by threads, and there is nothing
    to be closed. As a context manager it starts the daemon at once; leaving it ends nothing. Wherever several words,
    names or tags can be given, a text alone is one of them. Raises the errors of `genie.client.errors` that the daemon
    answers with, and Unreachable where there is no answer.
    """

    def __init__(self, daemon: Daemon | None = None) -> None:
        self._daemon = daemon or Daemon()

    def __enter__(self) -> Self:
        self.ensure()
        return self

    def __exit__(self, *_: object) -> None:
        """Agents and the daemon go on."""

    # ---- agents ----------------------------------------------------------------------------

    def spawn(self, name: str, **asked: Unpack[Spawn]) -> SpawnRow:
        """Create, resume or make a parallel of `name`, as its state says; with `dry_run` only tell."""
        body: Row = {"name": name, **asked, "caller": caller()}
        answer: SpawnRow = self._daemon.request("POST", "/v1/agents", body, timeout=LONG)
        return answer

    def ls(
        self,
        *,
        names: Iterable[str] = (),
        team: str | None = None,
        tags: Iterable[str] = (),
        states: Iterable[str] = (),
        everything: bool = False,
        timeout: float = 60.0,
    ) -> list[AgentRow]:
        """The agents that fit, one row each; those that are over only with `everything` or by their state."""
        pairs = [*each("name", names), *each("tag", tags), *each("state", states)]
        pairs += [("team", team)] if team else []
        pairs += [("all", "true")] if everything else []
        return list(self._daemon.request("GET", _path("/v1/agents", pairs), timeout=timeout))

    def tree(self, name: str | None = None, *, everything: bool = False) -> list[Row]:
        """All spawn trees, or that agent and those below it: parents before their children, with what they use."""
        pairs = [*each("name", [name] if name is not None else []), *each("all", ["true"] if everything else [])]
        return self._rows(self._daemon.request("GET", _path("/v1/tree", pairs)))

    def runs(self, *names: str, team: str | None = None, tags: Iterable[str] = ()) -> list[Row]:
        """The live runs that fit, with what they used in the last minutes."""
        pairs = [*each("name", names), *each("tag", tags), *each("team", [team] if team else [])]
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

    # ---- sessions --------------------------------------------------------------------------

    def status(
        self, *sessions: str, team: str | None = None, tags: Iterable[str] = (), latest: bool = False
    ) -> StatusRow:
        """How one session is. Raises NotFound, and Conflict where several are meant."""
        pairs = _selection(sessions, team, tags, latest)
        answer: StatusRow = self._daemon.request("GET", _path("/v1/sessions/status", pairs))
        return answer

    def cancel(
        self,
        *sessions: str,
        team: str | None = None,
        tags: Iterable[str] = (),
        latest: bool = False,
        reason: str | None = None,
    ) -> list[ActRow]:
        """End sessions with their whole process trees for good; what became of each. One that has ended stays as it is.
        Raises NotFound, Conflict."""
        body = chosen(sessions, team, tags, latest) | {"reason": reason}
        return list(self._daemon.request("POST", "/v1/sessions/cancel", body, timeout=LONG))

    def cancel_agents(self, agents: Iterable[str], *, reason: str | None = None) -> list[ActRow]:
        """The same for what was selected before, by each `agent_id`."""
        body: Row = {"agents": list(agents), "reason": reason}
        return list(self._daemon.request("POST", "/v1/sessions/cancel", body, timeout=LONG))

    # ---- ending and coming back ------------------------------------------------------------

    def stop(self, *names: str, team: str | None = None, tags: Iterable[str] = ()) -> list[ActRow]:
        """End agents politely and keep their sessions; what became of each."""
        return self._act("stop", names, team, tags)

    def kill(self, *names: str, team: str | None = None, tags: Iterable[str] = ()) -> list[ActRow]:
        """End agents and their whole process trees for good; what became of each."""
        return self._act("kill", names, team, tags)

    def resume(
        self, *names: str, team: str | None = None, tags: Iterable[str] = (), everything: bool = False
    ) -> list[ActRow]:
        """Bring agents back into their sessions, with `everything` all that are neither done nor live; what became of
        each."""
        return self._act("resume", names, team, tags, everything=everything)

    def _act(
        self, verb: str, names: Iterable[str], team: str | None, tags: Iterable[str], *, everything: bool = False
    ) -> list[ActRow]:
        body: Row = {"names": words_of(names), "team": team, "tags": words_of(tags)}
        if verb == "resume":
            body["all"] = everything
        return list(self._daemon.request("POST", f"/v1/agents/{verb}", body, timeout=LONG))

    # ---- teams, templates, providers-------------------------------------------------------

    def teams(self, *, everything: bool = False, timeout: float = 60.0) -> list[Row]:
        """The teams; archived ones with `everything`."""
        pairs = [("all", "true")] if everything else []
        return self._rows(self._daemon.request("GET", _path("/v1/teams", pairs), timeout=timeout))

    def create_team(
        self,
        name: str,
        *,
        session: str | None = None,
        layout: str | None = None,
        lead: str | None = None,
        limits: dict[str, str] | None = None,
        native: bool | None = None,
        repo: str | None = None,
        worktrees: bool = False,
    ) -> Row:
        """Make a team. `limits` are those of the spawn trees in it; `native` says whether its members are those of a
        team of Claude Code's own, None what the configuration says. Its agents work in `repo` where nothing nearer says
        otherwise, with `worktrees` each in a git worktree of it. Raises Conflict when there is one of that name."""
        body: Row = {"name": name, "session": session, "layout": layout, "lead": lead, "cwd": _cwd()}
        body |= {"limits": limits or {}, "native": native, "env": _configuration()}
        body |= {"repo": repo, "worktrees": worktrees}
        return self._row(self._daemon.request("POST", "/v1/teams", body))

    def close_team(self, name: str) -> Row:
        """Close the tmux session of a team, if genie made it and no live agent is left in it."""
        return self._row(self._daemon.request("POST", f"/v1/teams/{segment(name)}/close", {}))

    def templates(self, *, timeout: float = 60.0) -> list[Row]:
        """The templates that can be seen from the current directory."""
        return self._rows(self._daemon.request("GET", _path("/v1/templates", [("cwd", _cwd())]), timeout=timeout))

    def providers(self, *, timeout: float = 60.0) -> list[Row]:
        """The programs that agents can be, with what each can do."""
        return self._rows(self._daemon.request("GET", "/v1/providers", timeout=timeout))

    def provider_problems(self, *, timeout: float = 60.0) -> list[Row]:
        """What is wrong in files that declare providers."""
        return self._rows(self._daemon.request("GET", "/v1/providers/problems", timeout=timeout))

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


def _absolute(path: str) -> str:
    return os.path.normpath(os.path.join(_cwd(), os.path.expanduser(path)))  # noqa: PTH111, PTH118


def _agent(name: str, rest: str = "") -> str:
    return f"/v1/agents/{segment(name)}{rest}"


def _configuration() -> dict[str, str]:
    """By what a claude that is run from here finds its configuration."""
    return {name: os.environ[name] for name in ("HOME", "CLAUDE_CONFIG_DIR") if name in os.environ}
