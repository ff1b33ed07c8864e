"""The heartbeat over 500 live panes and 1,000 agents: CPU, statements and tmux calls of one pass."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import psycopg

from benchmarks.figures import Figure, Sample, main
from benchmarks.harness import SLEEP, TEAM, Meter, Own, own, until
from genie import bootstrap
from genie.adapters.launches import FileLaunches
from genie.adapters.postgres.embedded import Embedded, data_dir
from genie.adapters.postgres.registry import PostgresRegistry
from genie.adapters.processes import SystemProcesses
from genie.domain.agent import Agent, Desired, Life
from genie.domain.session import PaneIdentity, Run, Session, Standing
from genie.ports import Wanted
from genie.services.reconcile import reconcile
from genie.services.world import World

T = TypeVar("T")

PANES = 500
OTHERS = 500
PASSES = 15
SECONDS = 20
"""How long the daemon's beats are watched. It is left alone meanwhile: a question costs it CPU too."""
SETTLED = 5
"""Beats after which the daemon knows all of them, and has nothing left of making their acquaintance."""
LIMIT = 50.0


def measure() -> list[Figure]:
    with own(GENIE_MAX_RUNNING="2000") as genie:
        _people(genie)
        settled = f"{PANES} panes, {OTHERS} agents stopped or done"
        figures = _daemon(settled, genie) + _alone(settled, genie)
        _let_wait(genie)
        waiting = f"{PANES} panes, {OTHERS} dead agents waiting for a resume"
        figures += _daemon(waiting, genie) + _alone(waiting, genie)
    return figures


# ---- the agents -----------------------------------------------------------------------------


def _people(genie: Own) -> None:
    """One agent is spawned; the others are made after its model, their panes by tmux at one go."""
    genie.spawn("a000", *SLEEP)
    registry, launches = PostgresRegistry(genie.dsn(), 2), FileLaunches(genie.home)
    model = registry.roster(Wanted(names=("a000",)))[0]
    standings = [_copy(model, number) for number in range(OTHERS)] + _live(genie, model)
    with registry.begin() as tx:
        for one in standings:
            launches.keep_environment(_session(one).id, launches.environment(_session(model).id))
            tx.add_agent(one.agent)
            tx.add_session(_session(one))
            tx.add_run(_run(one))
    registry.close()


def _live(genie: Own, model: Standing) -> list[Standing]:
    """Running ones, each with its pane."""
    server = _sure(_run(model).pane).server
    found = []
    for pane, pid, run in _panes(genie, PANES - 1):
        agent, session = uuid4(), uuid4()
        place = PaneIdentity(server, pane, pid, _sure(SystemProcesses().started(pid)), run)
        found.append(
            Standing(
                replace(model.agent, id=agent, name=f"c{pane[1:]}", session=session, run=run, root=agent, version=1),
                replace(_session(model), id=session, agent=agent, provider_session=None),
                replace(_run(model), id=run, agent=agent, session=session, pane=place, token=None),
            )
        )
    return found


def _panes(genie: Own, count: int) -> list[tuple[str, int, UUID]]:
    """Panes whose command line carries a run as the runner's does: id, pid and run of each."""
    tmux = genie.tmux()
    made: list[tuple[str, int, UUID]] = []
    for first in range(0, count, 50):
        runs = [uuid4() for _ in range(min(50, count - first))]
        words: list[str] = []
        for run in runs:
            program = ("sh", "-c", "exec sleep 100000", "runner.py", str(run))
            words += [";"] if words else []
            words += ["new-window", "-d", "-P", "-F", "#{pane_id} #{pane_pid}", "-t", f"{TEAM}:", *program]
            words += [";", "set-option", "-p", "-t", f"{TEAM}:{{end}}", "@genie_run", str(run)]
        lines = tmux(*words).splitlines()
        found = [line.split() for line in lines]
        made += [(pane, int(pid), run) for (pane, pid), run in zip(found, runs, strict=True)]
    return made


def _copy(model: Standing, number: int) -> Standing:
    """One without a pane: every other is stopped, the rest are done."""
    now, stopped = datetime.now(UTC), number % 2 == 0
    ids = uuid4(), uuid4(), uuid4()
    agent = replace(model.agent, id=ids[0], name=f"b{number:03}", session=ids[1], run=ids[2], root=ids[0], version=1)
    life, desired = (Life.SUSPENDED, Desired.STOPPED) if stopped else (Life.DONE, Desired.RUNNING)
    session = replace(_session(model), id=ids[1], agent=ids[0], provider_session=None)
    run = replace(
        _run(model), id=ids[2], agent=ids[0], session=ids[1], pane=None, ended_at=now, exit_code=0, token=None
    )
    return Standing(replace(agent, life=life, desired=desired), session, run)


def _session(standing: Standing) -> Session:
    return _sure(standing.session)


def _run(standing: Standing) -> Run:
    return _sure(standing.run)


def _sure(value: T | None) -> T:
    """The value, where there must be one."""
    if value is None:
        raise LookupError("an agent of the benchmark is not complete")
    return value


def _let_wait(genie: Own) -> None:
    """Make dead ones of those without a pane, that wait an hour for their second resume."""
    registry = PostgresRegistry(genie.dsn(), 2)
    waiting = [standing.agent for standing in registry.roster(Wanted()) if standing.agent.name.startswith("b")]
    with registry.begin() as tx:
        for agent in waiting:
            tx.save_agent(_dead(agent))
    registry.close()


def _dead(agent: Agent) -> Agent:
    policy = replace(agent.policy, cooldown=timedelta(hours=1), stable_after=timedelta(days=1))
    changed = replace(agent, life=Life.DEAD, desired=Desired.RUNNING, policy=policy)
    return replace(changed, attempts=1, last_attempt=datetime.now(UTC))


# ---- in the daemon --------------------------------------------------------------------------


def _daemon(scene: str, genie: Own) -> list[Figure]:
    """CPU of the daemon's process over some beats, everything that follows a pass included."""
    passes = _passes(genie)
    until(lambda: _passes(genie) > passes + SETTLED, pause=0.2)
    passes, meter = _passes(genie), Meter(genie)
    time.sleep(SECONDS)
    used = meter.used()
    done = _passes(genie) - passes
    used = {name: value / done for name, value in used.items()}
    each = used.pop("daemon")
    said = f"CPU of others a beat: {', '.join(f'{name} {value:.0f} ms' for name, value in used.items())}"
    what = f"heartbeat in the daemon, {scene}: CPU a beat"
    return [Figure(what, f"{each:.0f} ms (mean of {done})", said, None, f"{LIMIT:.0f} ms", each < LIMIT)]


def _passes(genie: Own) -> int:
    return int(genie.genie.daemon()["heartbeat"]["passes"])


# ---- apart from it --------------------------------------------------------------------------


def _alone(scene: str, genie: Own) -> list[Figure]:
    """`reconcile` by itself in this process, the daemon stopped: its CPU, statements and tmux calls."""
    genie.stop()
    configured = bootstrap.configure(genie.home)
    dsn = bootstrap.database(genie.home, configured).start()
    registry = PostgresRegistry(dsn)
    world = bootstrap.open_world(
        genie.home, configured, registry, bootstrap.database(genie.home, configured), watch=lambda _: None
    )
    reconcile(world)
    took = Sample([_cpu_of_a_pass(world) for _ in range(PASSES)])
    beat = Sample([_cpu(lambda: world.registry.beat(world.host, at=world.clock.now())) for _ in range(PASSES)])
    look = Sample([_cpu(lambda: world.terminal.panes(genie.socket)) for _ in range(PASSES)])
    calls, statements = _count(genie, world, dsn)
    registry.close()
    genie.launch()
    parts = f"of it `Registry.beat` {beat.median:.1f} ms, `Terminal.panes` {look.median:.1f} ms"
    counted = f"{statements:g} statements, {calls:g} tmux calls"
    met = took.median < LIMIT
    return [
        Figure(f"`reconcile` by itself, {scene}: CPU a pass", str(took), parts, None, f"{LIMIT:.0f} ms", met),
        Figure(f"`reconcile`, {scene}: calls a pass", counted, "", None, "1 and 1", (statements, calls) == (1, 1)),
    ]


def _cpu_of_a_pass(world: World) -> float:
    return _cpu(lambda: reconcile(world))


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def _count(genie: Own, world: World, dsn: str) -> tuple[float, float]:
    """Programs started and statements sent, a pass."""
    started = Counter[str]()
    sys.addaudithook(lambda event, _: started.update([event]) if event == "subprocess.Popen" else None)
    log = Embedded(data_dir(genie.home)).log
    with psycopg.connect(dsn, autocommit=True) as own_connection:
        own_connection.execute("alter system set log_statement = 'all'")
        own_connection.execute("select pg_reload_conf()")
        until(lambda: _logs(own_connection), pause=0.05)
        size = log.stat().st_size
        started.clear()
        for _ in range(PASSES):
            reconcile(world)
        calls = started["subprocess.Popen"] / PASSES
        own_connection.execute("alter system reset log_statement")
        own_connection.execute("select pg_reload_conf()")
    lines = log.read_bytes()[size:].decode(errors="replace").splitlines()
    sent = [line for line in lines if "LOG:  statement:" in line or "LOG:  execute" in line]
    mine = [line for line in sent if "alter system" not in line and "pg_reload_conf" not in line]
    if "--show" in sys.argv:
        print(Counter(line.split("LOG:")[1][:60] for line in mine), file=sys.stderr)
    return calls, len(mine) / PASSES


def _logs(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    row = connection.execute("show log_statement").fetchone()
    return row is not None and row[0] == "all"


if __name__ == "__main__":
    main(measure)
