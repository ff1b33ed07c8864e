"""Teams and template files in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from genie.adapters.postgres import rows, tables
from genie.adapters.postgres._statements import Reads, Writes
from genie.adapters.postgres.sql import MOVE_AGENTS
from genie.domain.agent import Agent
from genie.domain.team import Team
from genie.domain.template import Kept, Template
from genie.domain.tree import read_wish, write_limits

_COLUMNS = [column.name for column in tables.teams.columns]
_SET = [name for name in _COLUMNS if name != "name"]
_ASSIGN = ", ".join(f"{name} = %({name})s" for name in _SET)
_SHOWN = ", ".join(f"t.{name}" for name in _COLUMNS)

TEAMS = f"select {_SHOWN} from teams t where t.disbanded_at is null order by t.name"  # noqa: S608
TEAM_OF_NAME = f"select {_SHOWN} from teams t where t.name = %(name)s and t.disbanded_at is null"  # noqa: S608
ADD_TEAM = (
    # An upsert would lock the row, and racing spawns of one team would queue for it.
    f"with taken as (update teams set {_ASSIGN} where name = %(name)s and disbanded_at is not null)"  # noqa: S608
    f" insert into teams ({', '.join(_COLUMNS)}) values ({', '.join(f'%({name})s' for name in _COLUMNS)})"
    " on conflict (name) do nothing"
)
SAVE_TEAM = f"update teams set {_ASSIGN} where name = %(name)s"  # noqa: S608
REMOVE_TEAM = "delete from teams where name = %(old)s"

KEEP_TEMPLATE = (
    # Looked at first, for the same reason.
    "insert into agent_templates (host, source, name, scope, checksum, prompt, fields, read_at)"
    " select %(host)s, %(source)s, %(name)s, %(scope)s, %(checksum)s, %(prompt)s, %(fields)s, now() where not exists"
    " (select from agent_templates where host = %(host)s and source = %(source)s and checksum = %(checksum)s"
    " and name = %(name)s)"
    " on conflict (host, source) do update set name = excluded.name, scope = excluded.scope,"
    " checksum = excluded.checksum, prompt = excluded.prompt, fields = excluded.fields, read_at = excluded.read_at"
)
FORGET_TEMPLATE = "delete from agent_templates where host = %(host)s and source = %(source)s"
TEMPLATES = "select source, name, checksum from agent_templates where host = %(host)s order by source"

Params = Mapping[str, object]


class TeamsTx(Writes):
    """`genie.ports.teams.TeamsTx`, over the statements of the transaction that it is a part of."""

    def team(self, name: str) -> Team | None:
        found = self._fetch(TEAM_OF_NAME, {"name": name})
        return _to_team(found[0]) if found else None

    def add_team(self, team: Team) -> None:
        self._write(ADD_TEAM, _of_team(team))

    def save_team(self, team: Team) -> None:
        self._write(SAVE_TEAM, _of_team(team))

    def rename_team(self, old: str, team: Team) -> list[Agent]:
        self.add_team(team)
        moved = self._fetch(MOVE_AGENTS, {"name": team.name, "old": old})
        self._write(REMOVE_TEAM, {"old": old})
        return [rows.to_agent(row) for row in moved]

    def keep_template(self, template: Template, *, host: str) -> None:
        self._write(KEEP_TEMPLATE, _of_template(template) | {"host": host})

    def forget_template(self, source: str, *, host: str) -> None:
        self._write(FORGET_TEMPLATE, {"source": source, "host": host})


class Teams(Reads):
    """`genie.ports.teams.Teams`, over the connections of the registry that it is a part of."""

    def teams(self) -> list[Team]:
        return [_to_team(row) for row in self._fetch(TEAMS, {})]

    def templates(self, host: str) -> list[Kept]:
        return [Kept(*row) for row in self._fetch(TEMPLATES, {"host": host})]


# ---- rows -----------------------------------------------------------------------------------


def _to_team(row: rows.Row) -> Team:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Team(**values | {"spawn": read_wish(values["spawn"])})


def _of_team(team: Team) -> dict[str, object]:
    return asdict(team) | {"spawn": rows.to_json(write_limits(team.spawn))}


def _of_template(template: Template) -> dict[str, object]:
    fields = asdict(template)
    kept = {name: fields.pop(name) for name in ("source", "name", "scope", "checksum", "prompt")}
    fields["spawn"] = write_limits(template.spawn)
    return kept | {"scope": template.scope.value, "fields": rows.to_json(fields)}
