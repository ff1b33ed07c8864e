"""Teams and templates."""

from __future__ import annotations

from collections.abc import Iterable

from genie.client.asking import Row, caller, cwd, segment, to_path, words_of
from genie.client.daemon import Daemon

LONG = 600.0
"""Seconds for what starts or ends many processes."""


class Teams:
    """The part of `Genie` that is about whole teams and template files."""

    _daemon: Daemon

    def team_up(self, file: str | None = None, *, done_too: bool = False, dry_run: bool = False) -> Row:
        """Bring a team to what its file says, the nearest project's where none is given: `steps` tell what was done,
        with `dry_run` what would be. `done_too` also brings back those that are done. Raises BadTeamFile, BadTemplate,
        NotFound, Conflict."""
        body: Row = {"caller": caller(), "path": file, "done_too": done_too, "dry_run": dry_run}
        return self._post("up", body)

    def team_down(self, team: str | None = None, *, file: str | None = None, dry_run: bool = False) -> Row:
        """Stop a team, or the members of a team file, and keep their sessions: `steps` tell what was done; with
        `dry_run` only the `names` of those that would be stopped."""
        return self._post("down", {"cwd": cwd(), "team": team, "path": file, "dry_run": dry_run})

    def add_to_team(self, team: str, names: Iterable[str]) -> list[Row]:
        """Move agents into a team. Raises NotFound, NotAllowed."""
        return list(self._daemon.request("POST", _team(team, "add"), {"names": words_of(names)}) or ())

    def remove_from_team(self, team: str, names: Iterable[str]) -> list[Row]:
        """Take agents out of a team: each is a team of one then. Raises NotFound, Conflict."""
        return list(self._daemon.request("POST", _team(team, "remove"), {"names": words_of(names)}) or ())

    def rename_team(self, team: str, to: str) -> Row:
        """Raises NotFound, Conflict, NotAllowed while an agent of it lives."""
        return dict(self._daemon.request("POST", _team(team, "rename"), {"to": to}))

    def archive_team(self, team: str) -> Row:
        """Hide it from lists and from the ways in which a spawn finds its team. Raises NotFound, NotAllowed."""
        return dict(self._daemon.request("POST", _team(team, "archive"), {}))

    def unarchive_team(self, team: str) -> Row:
        """Raises NotFound."""
        return dict(self._daemon.request("POST", _team(team, "unarchive"), {}))

    def disband_team(self, team: str, *, dry_run: bool = False) -> Row:
        """End a team for good: `agents`, those that end `along` with them, `worktrees`; and what became of it. Raises
        NotFound."""
        return dict(self._daemon.request("POST", _team(team, "disband"), {"dry_run": dry_run}, timeout=LONG))

    def template(self, name: str, *, edit: bool = False) -> Row:
        """One template by its name or its path; with `edit` raises NotAllowed for one that is built in."""
        pairs = [("cwd", cwd()), ("name", name), *([("edit", "true")] if edit else [])]
        return dict(self._daemon.request("GET", to_path("/v1/templates/one", pairs)))

    def new_template(self, name: str, *, base: str | None = None, scope: str | None = None) -> Row:
        """Write a commented template, a copy of `base` where that is named. `scope` is project or user. Raises
        Conflict where it is there already, NotFound, BadInput."""
        body: Row = {"name": name, "cwd": cwd(), "base": base, "scope": scope}
        return dict(self._daemon.request("POST", "/v1/templates", body))

    def sync_templates(self) -> Row:
        """Bring the registry in step with the template files: what was `added`, `changed`, `removed`, and the
        `problems` of those that do not read."""
        return dict(self._daemon.request("POST", "/v1/templates/sync", {"cwd": cwd()}))

    def _post(self, verb: str, body: Row) -> Row:
        return dict(self._daemon.request("POST", f"/v1/teams/{verb}", body, timeout=LONG))


def _team(name: str, verb: str) -> str:
    return f"/v1/teams/{segment(name)}/{verb}"
