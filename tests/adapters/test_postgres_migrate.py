"""The migrations arrive at the tables that the code has in mind, once, and refuse what they do not know."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from genie.adapters.postgres.connect import connect
from genie.adapters.postgres.embedded import Embedded
from genie.adapters.postgres.migrate import migrate, revisions, schema
from genie.adapters.postgres.registry import PostgresRegistry
from genie.adapters.postgres.tables import metadata
from genie.domain.errors import NewerSchema, RegistryAway
from genie.domain.events import Event, Kind
from genie.domain.tree import Limits
from genie.ports import Wanted
from tests.contract.values import HOST, NOW, spawn
from tests.fixtures.postgres import ask, database

CATALOG = """
select json_agg(line order by line) from (
  select format('column %s.%s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                pg_get_expr(d.adbin, d.adrelid)) as line
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
   where a.attnum > 0 and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and c.relname <> 'alembic_version'
  union all
  select format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint
   where connamespace = 'public'::regnamespace and conrelid::regclass::text <> 'alembic_version'
  union all
  select indexdef from pg_indexes where schemaname = 'public' and tablename <> 'alembic_version') catalog (line)
"""


def catalog(dsn: str) -> list[str]:
    found = ask(dsn, CATALOG)[0][0]
    assert isinstance(found, list)
    return [str(line) for line in found]


def test_the_schema_is_made_once(empty_dsn: str) -> None:
    head = revisions()[-1]
    assert schema(empty_dsn) == (None, head)
    assert migrate(empty_dsn) == (None, head)
    assert schema(empty_dsn) == (head, head)
    before = catalog(empty_dsn)
    assert migrate(empty_dsn) == (head, head)
    assert catalog(empty_dsn) == before


def test_several_that_migrate_at_once_make_it_once(empty_dsn: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: migrate(empty_dsn), range(3)))
    assert {after for _, after in found} == {revisions()[-1]}
    assert schema(empty_dsn)[0] == revisions()[-1]


def test_the_migrated_schema_is_that_of_the_tables(dsn: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(dsn), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_also_in_what_alembic_does_not_compare(dsn: str, empty_dsn: str) -> None:
    """Check constraints, what is deferred, the conditions of indexes."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(empty_dsn), poolclass=NullPool)
    with engine.begin() as connection:
        metadata.create_all(connection)
    assert catalog(dsn) == catalog(empty_dsn)


def test_a_registry_of_a_newer_genie_is_refused_in_one_line(dsn: str) -> None:
    ask(dsn, "update alembic_version set version_num = '9999'")
    with pytest.raises(NewerSchema) as newer:
        migrate(dsn)
    assert newer.value.hint.startswith("upgrade genie")
    assert "9999" in newer.value.message
    assert "\n" not in newer.value.message
    assert schema(dsn) == ("9999", revisions()[-1])


def test_a_migration_that_fails_leaves_nothing(empty_dsn: str) -> None:
    ask(empty_dsn, "create table events (id int)")
    before = catalog(empty_dsn)
    with pytest.raises(Exception, match="events"):
        migrate(empty_dsn)
    assert catalog(empty_dsn) == before
    assert schema(empty_dsn)[0] is None


def test_a_server_that_is_away_is_away() -> None:
    for ask_for in (schema, migrate):
        with pytest.raises(RegistryAway):
            ask_for("postgresql://nobody@127.0.0.1:1/none")


def test_trees_of_before_have_their_roots(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = command.upgrade
    monkeypatch.setattr(command, "upgrade", lambda config, _: real(config, "0001"))
    migrate(empty_dsn)
    monkeypatch.undo()
    names = ("a", "b", "c", "alone")
    ids = {name: f"00000000-0000-0000-0000-00000000000{number}" for number, name in enumerate(names)}
    ask(empty_dsn, "insert into hosts (id, name, boot, joined_at) values ('h', 'h', 'b', now())")
    ask(
        empty_dsn,
        "insert into teams (id, name, tmux_session, layout, cwd, created_at)"
        " values (gen_random_uuid(), 't', 't', 'mosaic', '/', now())",
    )
    for name, parent in (("a", None), ("b", "a"), ("c", "b"), ("alone", None)):
        above = f"'{ids[parent]}'" if parent else "null"
        ask(
            empty_dsn,
            "insert into agents (id, name, role, host, team, team_explicit, team_chain, provider, color, life, desired,"  # noqa: S608
            " activity, activity_since, activity_source, auto_resume, restart, max_attempts, cooldown, stable_after,"
            " attempts, cwd, tags, description, parent, depth, socket, tmux_session, tmux_window, layout, own_window,"
            f" created_at, changed_at, version) values ('{ids[name]}', '{name}', 'r', 'h', 't', false, '[]', 'shell',"
            " 'blue', 'suspended', 'stopped', 'unknown', now(), 'none', true, 'on-failure', 3, '1 s', '1 s', 0, '/',"
            f" '{{}}', '', {above}, 0, '/s', 't', 't', 'mosaic', false, now(), now(), 1)",
        )
    assert migrate(empty_dsn)[0] == "0001"
    registry = PostgresRegistry(empty_dsn)
    try:
        found = {standing.agent.name: standing.agent for standing in registry.roster(Wanted())}
    finally:
        registry.close()
    assert {name: str(agent.root) for name, agent in found.items()} == {
        "a": ids["a"],
        "b": ids["a"],
        "c": ids["a"],
        "alone": ids["alone"],
    }
    assert {agent.limits for agent in found.values()} == {Limits()}


def test_every_script_is_named_by_its_revision() -> None:
    for path in (Path(__file__).parents[2] / "migrations" / "versions").glob("*.py"):
        assert f'revision = "{path.name[:4]}"' in path.read_text()


def test_a_backup_restores_the_registry_and_its_order_of_events(
    cluster: Embedded, template: str, registry: PostgresRegistry, dsn: str, tmp_path: Path
) -> None:
    registry.join_host(HOST, name="box", boot="b", at=NOW)
    written = spawn(registry)
    for _ in range(2):
        with registry.begin() as tx:
            tx.record(Event(kind=Kind.ACTIVITY, at=NOW, agent=written.agent.id, session=written.agent.session))
    file = tmp_path / "backup"
    environment = {"PATH": os.environ["PATH"]}
    subprocess.run([cluster.bin("pg_dump"), "-Fc", "-f", file, "-d", dsn], check=True, env=environment)
    with database(template) as other:
        subprocess.run([cluster.bin("pg_restore"), "--no-owner", "-d", other, file], check=True, env=environment)
        with closing(PostgresRegistry(other)) as restored:
            assert restored.find("ada") == written
            with restored.begin() as tx:
                tx.record(Event(kind=Kind.ACTIVITY, at=NOW, session=written.agent.session))
            assert [(event.id, event.seq) for event in restored.events(after=0)] == [(1, 1), (2, 2), (3, 3)]
    assert json.dumps(catalog(dsn))
