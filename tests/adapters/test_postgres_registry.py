"""The registry when PostgreSQL goes, comes back, is busy or hangs; and what a heartbeat costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from genie.adapters.postgres import connect
from genie.adapters.postgres import registry as module
from genie.adapters.postgres import sql as sql_text
from genie.adapters.postgres.embedded import Embedded
from genie.adapters.postgres.heart import Heart
from genie.adapters.postgres.migrate import migrate
from genie.adapters.postgres.registry import PostgresRegistry
from genie.domain.agent import Desired, End, Life
from genie.domain.errors import BadConfig, RegistryAway
from genie.domain.events import Event, Kind
from genie.ports import Registry
from tests.contract.values import HOST, NOW, a_run, a_session, a_team, an_agent, spawn
from tests.fixtures.postgres import Asker, ask


def _is_a_registry(registry: PostgresRegistry) -> Registry:
    return registry


@contextmanager
def ready(dsn: str) -> Iterator[PostgresRegistry]:
    migrate(dsn)
    with closing(PostgresRegistry(dsn)) as registry:
        registry.join_host(HOST, name="box", boot="b", at=NOW)
        yield registry


# ---- away and back ---------------------------------------------------------------------------


def test_a_stopped_server_is_away_and_a_started_one_is_back(own_cluster: Embedded) -> None:
    with ready(own_cluster.start()) as registry:
        written = spawn(registry)
        own_cluster.stop()
        for _ in range(2):
            with pytest.raises(RegistryAway) as away:
                registry.beat(HOST, at=NOW)
            assert away.value.hint == "genie db status"
            with pytest.raises(RegistryAway), registry.begin():
                pass
        own_cluster.start()
        assert registry.find("ada") == written


def test_a_restart_between_two_calls_is_not_noticed(own_cluster: Embedded) -> None:
    with ready(own_cluster.start()) as registry:
        spawn(registry)
        registry.beat(HOST, at=NOW)
        own_cluster.stop()
        own_cluster.start()
        assert len(registry.beat(HOST, at=NOW)) == 1
        with registry.begin() as tx:
            assert tx.standing("ada")


def test_a_server_that_goes_within_a_transaction_loses_it_whole(own_cluster: Embedded) -> None:
    with ready(own_cluster.start()) as registry:

        def interrupted() -> None:
            with registry.begin() as tx:
                tx.add_team(a_team())
                own_cluster.stop()
                tx.add_team(a_team("blue"))

        with pytest.raises(RegistryAway):
            interrupted()
        own_cluster.start()
        assert registry.teams() == []


def test_a_commit_that_is_cut_off_is_away(registry: PostgresRegistry, dsn: str) -> None:
    def cut() -> None:
        with registry.begin() as tx:
            tx.add_team(a_team())
            ask(
                dsn,
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
                "and datname = current_database()",
            )

    with pytest.raises(RegistryAway):
        cut()
    assert registry.teams() == []


def backends(dsn: str) -> list[int]:
    found = ask(dsn, "select pid from pg_stat_activity where application_name = 'genie'")
    return [int(str(pid)) for (pid,) in found]


@contextmanager
def stopped(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_server_that_hangs_within_a_transaction_is_away_in_time(
    own_cluster: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ready(own_cluster.start()) as registry:
        monkeypatch.setattr(connect, "ANSWER_TIMEOUT", 0.3)

        def hang() -> None:
            with registry.begin() as tx:
                tx.team("red")
                with stopped(*backends(own_cluster.start())):
                    tx.team("red")

        with pytest.raises(RegistryAway, match="no answer"):
            hang()
        assert registry.teams() == []


def test_a_connection_that_hangs_is_replaced_and_a_server_that_hangs_is_away(
    own_cluster: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "CONNECT_TIMEOUT", 2)
    with ready(own_cluster.start()) as registry:
        monkeypatch.setattr(connect, "ANSWER_TIMEOUT", 0.3)
        with stopped(*backends(own_cluster.start())):
            assert registry.teams() == []
        pid = own_cluster.pid
        assert pid
        with stopped(*backends(own_cluster.start()), pid), pytest.raises(RegistryAway, match="timeout"):
            registry.teams()
        assert registry.teams() == []


def test_a_server_that_is_not_there_is_away() -> None:
    registry = PostgresRegistry("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(RegistryAway, match="PostgreSQL does not answer"):
        registry.last_event()


def test_a_database_without_schema_is_away_with_what_to_do(empty_dsn: str) -> None:
    with closing(PostgresRegistry(empty_dsn)) as registry, pytest.raises(RegistryAway) as away:
        registry.last_event()
    assert away.value.hint == "genie db migrate"


def test_a_pool_that_is_all_taken_is_away(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POOL_TIMEOUT", 0.05)
    with (
        closing(PostgresRegistry(dsn, pool_size=2)) as registry,
        registry.begin(),
        pytest.raises(RegistryAway, match="busy"),
    ):
        registry.last_event()


def test_a_registry_that_was_closed_for_good_is_away(registry: PostgresRegistry) -> None:
    registry.join_host(HOST, name="box", boot="b", at=NOW)
    registry.beat(HOST, at=NOW)
    registry.retire()
    for ask_it in (registry.last_event, lambda: registry.beat(HOST, at=NOW), lambda: registry.begin().__enter__()):
        with pytest.raises(RegistryAway, match="closed"):
            ask_it()


def test_a_url_that_does_not_read_is_bad_config() -> None:
    with pytest.raises(BadConfig, match="database_url"):
        PostgresRegistry("postgresql://a b:c/d?e=f&g")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_server_of_the_user_s_is_used_over_tcp(tcp_postgres: str, scheme: str) -> None:
    url = tcp_postgres.replace("postgresql", scheme, 1)
    with ready(url) as registry:
        assert spawn(registry).agent.name == "ada"
        assert registry.version().startswith("18")


def test_times_come_back_in_utc_whatever_the_server_says(dsn: str, sql: Asker) -> None:
    sql("do $$ begin execute format('alter database %I set timezone = ''Asia/Kolkata''', current_database()); end $$")
    with ready(dsn) as registry:
        standing = spawn(registry)
        found = registry.find("ada")
        assert found == standing
        assert found.agent.created_at.utcoffset() == NOW.utcoffset()


def test_the_pool_holds_at_most_five_connections(registry: PostgresRegistry, sql: Asker) -> None:
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: registry.last_event(), range(60)))
    count = sql(
        "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'genie'"
    )
    assert 1 <= int(str(count[0][0])) <= 5


# ---- cost ------------------------------------------------------------------------------------


def many(registry: PostgresRegistry, count: int) -> None:
    """Agents of which every other one is running; the rest are done."""
    with registry.begin() as tx:
        tx.add_team(a_team())
        for number in range(count):
            live = number % 2 == 0
            agent = an_agent(f"agent-{number}", life=Life.RUNNING if live else Life.DONE)
            session = a_session(agent.id, role_prompt="You are an engineer. " * 100)
            run = a_run(session, live_at=NOW)
            tx.add_agent(replace(agent, session=session.id, run=run.id))
            tx.add_session(session)
            tx.add_run(run if live else run.ended(End(exit_code=0), at=NOW))


def test_a_heartbeat_is_one_statement_however_many_agents(registry: PostgresRegistry, dsn: str, tmp_path: Path) -> None:
    registry.join_host(HOST, name="box", boot="b", at=NOW)
    many(registry, 40)
    with closing(Heart(partial(connect.connect, dsn))) as heart, (tmp_path / "wire").open("w+b") as wire:
        pulse = partial(heart.beat, sql_text.BEAT, {"host": HOST, "at": NOW})
        pulse()
        assert heart._connection
        heart._connection.pgconn.trace(wire.fileno())
        assert len(pulse()) == 20
        heart._connection.pgconn.untrace()
        wire.seek(0)
        sent = [line.split(b"\t")[3] for line in wire if line.split(b"\t")[1] == b"F"]
    assert [word for word in sent if word in (b"Execute", b"Query")] == [b"Execute"]
    assert sum(word.startswith(b"Sync") for word in sent) == 1


def test_a_heartbeat_over_a_thousand_agents_is_cheap(registry: PostgresRegistry, sql: Asker) -> None:
    registry.join_host(HOST, name="box", boot="b", at=NOW)
    many(registry, 1000)
    sql("analyze")
    assert len(registry.beat(HOST, at=NOW)) == 500
    costs = []
    for _ in range(7):
        before = time.process_time()
        registry.beat(HOST, at=NOW)
        costs.append((time.process_time() - before) * 1000)
    assert min(costs) < 30, f"milliseconds of CPU: {costs}"


def test_a_beat_does_not_wait_for_the_disk(registry: PostgresRegistry, sql: Asker) -> None:
    """Only the beat: the connection's next transaction waits again."""
    registry.join_host(HOST, name="box", boot="b", at=NOW)
    registry.beat(HOST, at=NOW)
    assert registry._fetch("show synchronous_commit", {}) == [("on",)]


def test_importing_the_registry_does_not_import_the_orm_or_alembic() -> None:
    modules = "registry", "feed", "migrate", "embedded"
    code = "import sys; " + "; ".join(f"import genie.adapters.postgres.{name}" for name in modules)
    code += "; print([name for name in ('sqlalchemy.orm', 'alembic') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_event_that_nobody_can_order_is_not_written(registry: PostgresRegistry) -> None:
    """A row that points nowhere is refused before the events are, with nothing left behind."""
    agent = an_agent(host="nowhere")

    def write() -> None:
        with registry.begin() as tx:
            tx.add_team(a_team())
            tx.add_agent(agent)
            tx.record(Event(kind=Kind.REQUESTED, at=NOW, agent=agent.id))

    with pytest.raises(Exception, match="agents_host_fkey"):
        write()
    assert registry.last_event() == 0


def test_a_beat_makes_anew_what_has_changed_and_nothing_else(registry: Registry) -> None:
    registry.join_host(HOST, name="box", boot="b", at=NOW)
    ada, bob = spawn(registry, "ada"), spawn(registry, "bob")
    before = {standing.agent.name: standing for standing in registry.beat(HOST, at=NOW)}
    assert ada.run
    with registry.begin() as tx:
        tx.save_run(replace(ada.run, missed=1))
        tx.save_agent(replace(bob.agent, description="changed"))
    spawn(registry, "eve")
    after = {standing.agent.name: standing for standing in registry.beat(HOST, at=NOW)}
    assert after["ada"].run == replace(ada.run, missed=1)
    assert after["bob"].agent == replace(bob.agent, description="changed", version=bob.agent.version + 1)
    assert sorted(after) == ["ada", "bob", "eve"]
    assert all(after[name] is not before[name] for name in before)
    again = {standing.agent.name: standing for standing in registry.beat(HOST, at=NOW)}
    assert all(again[name] is after[name] for name in after)
    with registry.begin() as tx:
        tx.save_run(ada.run.ended(End(exit_code=0), at=NOW))
        tx.save_agent(replace(ada.agent, life=Life.SUSPENDED, desired=Desired.STOPPED))
    assert sorted(standing.agent.name for standing in registry.beat(HOST, at=NOW)) == ["bob", "eve"]
