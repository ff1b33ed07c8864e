"""A whole genie over memory, for the tests of the use cases, with a daemon that can be killed and restarted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from genie.domain.agent import Agent, Life
from genie.domain.errors import GenieError, RegistryAway
from genie.domain.events import Event, Kind
from genie.domain.session import Run, Session, Standing
from genie.domain.team import Team
from genie.services.kill import kill
from genie.services.leave import leave
from genie.services.order import Caller, Order
from genie.services.orphans import close_orphans
from genie.services.reconcile import Pass, reconcile
from genie.services.resume import resume
from genie.services.spawn import Spawned, spawn
from genie.services.stop import stop
from genie.services.teams import TeamOrder, create_team
from genie.services.world import Rules, World
from tests.services.archive import MemoryLeavings
from tests.services.chance import HandClock, Killed, KillSwitch, SeededIds, SeededSecrets
from tests.services.host import MemoryLaunches, MemoryProcesses, MemoryRunLogs
from tests.services.machine import HOME, Execution, Machine, Pane, Process
from tests.services.mail import MemoryChannels
from tests.services.natives import MemoryNatives
from tests.services.ports import MemoryPlaces, MemoryProviders, MemoryTeamFiles, MemoryTemplates
from tests.services.recordings import MemoryRecordings
from tests.services.registry import MemoryRegistry
from tests.services.supplies import MemorySupplies
from tests.services.terminal import MemoryTerminal

HOST = "host-1"
BEAT = timedelta(seconds=2)
SECOND_LOOK = timedelta(milliseconds=200)
ENV = {"HOME": "/home/u", "PATH": "/bin"}


class Bench:
    """What outlives the daemon (registry, machine, files) and the daemon's present world."""

    def __init__(self, **rules: Any) -> None:  # noqa: ANN401
        self.clock = HandClock()
        self.machine = Machine(self.clock)
        self.registry = MemoryRegistry()
        self.providers = MemoryProviders()
        self.templates = MemoryTemplates()
        self.files = MemoryTeamFiles()
        self.places = MemoryPlaces()
        self.supplies = MemorySupplies()
        self.recordings = MemoryRecordings()
        self.machine.folders = self.recordings.folders
        self.channels = MemoryChannels(self.recordings)
        self.leavings = MemoryLeavings()
        self.natives = MemoryNatives()
        self.ids = SeededIds()
        self.secrets = SeededSecrets()
        self.switch = KillSwitch()
        self.rules = Rules(**rules)
        self.at_project: Callable[[Rules], Rules] = lambda rules: rules
        self.watched: list[Run] = []
        self.errors: list[GenieError] = []
        self.away_since: datetime | None = None
        self.judged: set[UUID] = set()
        self.templates.add("engineer")
        self.machine.on_exec = self._heard
        self.registry.join_host(HOST, name="box", boot="b", at=self.clock.time)
        self.world = self._world()

    def _world(self) -> World:
        return World(
            registry=self.registry,
            terminal=MemoryTerminal(self.machine),
            processes=MemoryProcesses(self.machine),
            providers=self.providers,
            templates=self.templates,
            team_files=self.files,
            launches=MemoryLaunches(self.machine),
            run_logs=MemoryRunLogs(self.machine),
            recordings=self.recordings,
            inputs=self.recordings,
            channels=self.channels,
            leavings=self.leavings,
            natives=self.natives,
            places=self.places,
            supplies=self.supplies.port(),
            clock=self.clock,
            ids=self.ids,
            secrets=self.secrets,
            fault=self.switch,
            host=HOST,
            home=HOME,
            rules=self.rules,
            rules_at=lambda cwd, env: self.at_project(self.rules),
            watch=self.watched.append,
        )

    def _heard(self, execution: Execution) -> None:
        for flag in ("--session-id", "--resume"):
            if flag in execution.argv:
                self.providers.claude.heard.add(execution.argv[execution.argv.index(flag) + 1])

    # ---- the daemon ----

    def restart(self) -> None:
        """Another daemon over what the former has left, which sweeps first."""
        self.switch.point = None
        self.away_since = self.registry.beats[HOST]
        self.judged = set()
        self.world = self._world()

    def dies_at(self, point: str, work: Callable[[], object], *, after: int = 1) -> None:
        """Do it with the daemon killed at that point. The point must be passed."""
        self.switch.point = point
        self.switch.after = after + self.switch.passed.count(point)
        try:
            work()
        except Killed:
            return
        raise AssertionError(f"never came to {point}; passed {self.switch.passed}")

    def look(self, *, only: set[UUID] | None = None) -> Pass:
        done = reconcile(self.world, only=only, away_since=self.away_since)
        for ended in done.left:
            leave(self.world, ended)
        return done

    def beat(self) -> Pass:
        """One heartbeat as the pacemaker makes it: a pass, its errands, the second look 200 ms later."""
        done = self.look()
        self.work_off(done)
        if done.look_again:
            self.clock.advance(SECOND_LOOK)
            self.work_off(self.look(only=done.look_again))
        self.away_since = None
        return done

    def work_off(self, done: Pass) -> None:
        self.errors.extend(done.errors.values())
        for errand in done.errands:
            assert self.world.flights.board(errand.agent)
            try:
                errand.work()
            except GenieError as error:
                self.errors.append(error)
            finally:
                self.world.flights.land(errand.agent)
        close_orphans(self.world, done.strangers, self.judged)

    def beats(self, span: timedelta) -> None:
        """Heartbeats for so long."""
        until = self.clock.time + span
        while self.clock.time < until:
            self.clock.advance(BEAT)
            self.beat()

    # ---- commands ----

    def caller(self, env: Mapping[str, str] | None = None, *, pid: int = 0, **more: str) -> Caller:
        return Caller(cwd="/w", env={**ENV, **(env or {}), **more}, pid=pid)

    def order(self, name: str, *, caller: Caller | None = None, **said: Any) -> Order:  # noqa: ANN401
        return Order(name=name, caller=caller or self.caller(), **said)

    def spawn(self, name: str = "ada", *, role: str | None = "engineer", **said: Any) -> Spawned:  # noqa: ANN401
        return spawn(self.world, self.order(name, role=role, **said))

    def stop(self, name: str = "ada") -> tuple[Standing, bool]:
        return stop(self.world, name)

    def kill(self, name: str = "ada") -> Standing:
        return kill(self.world, name)

    def resume(self, name: str = "ada") -> Standing:
        return resume(self.world, name)

    def team(self, name: str, **said: Any) -> Team:  # noqa: ANN401
        return create_team(self.world, TeamOrder(name=name, cwd="/w", **said))

    # ---- what is ----

    def standing(self, name: str = "ada") -> Standing:
        found = self.registry.find(name)
        assert found
        return found

    def agent(self, name: str = "ada") -> Agent:
        return self.standing(name).agent

    def life(self, name: str = "ada") -> Life:
        return self.agent(name).life

    def session(self, name: str = "ada") -> Session:
        session = self.standing(name).session
        assert session
        return session

    def run(self, name: str = "ada") -> Run:
        run = self.standing(name).run
        assert run
        return run

    def pane(self, name: str = "ada") -> Pane:
        """The pane of its latest run, as tmux has it."""
        run = self.run(name)
        assert run.pane
        return self.machine.pane(run.pane)

    def process(self, name: str = "ada") -> Process:
        return self.machine.of_run(self.run(name).id)

    def executions(self, name: str = "ada") -> list[Execution]:
        runs = {run.id for run in self.registry.runs(self.agent(name).id)}
        return [execution for execution in self.machine.executions if execution.run in runs]

    def events(self, name: str = "ada") -> list[Event]:
        return self.registry.history(self.agent(name).id, limit=1000)

    def kinds(self, name: str = "ada") -> list[Kind]:
        return [happened.kind for happened in self.events(name)]

    # ---- what happens to agents ----

    def dies(self, name: str = "ada", *, exit_code: int | None = None, signal: int | None = None) -> None:
        """Its process ends: by SIGKILL where nothing is said."""
        self.machine.end(self.process(name), exit_code=exit_code, signal=signal or (9 if exit_code is None else None))

    def bring_to(self, life: Life, name: str = "ada") -> Standing:
        """A new agent, brought to that life as a user or fate would."""
        if life is Life.QUEUED:
            self.world = replace(self.world, rules=replace(self.rules, max_running=0))
            self.at_project = lambda rules: replace(rules, max_running=0)
        if life in (Life.SPAWNING, Life.RESUMING):
            self._interrupt(life, name)
        else:
            self.spawn(name, auto_resume=life is not Life.FAILED)
        if life is Life.QUEUED:
            self.world = replace(self.world, rules=self.rules)
        self._end(life, name)
        assert self.life(name) is life
        return self.standing(name)

    def _interrupt(self, life: Life, name: str) -> None:
        if life is Life.SPAWNING:
            self.dies_at("spawn.committed", lambda: self.spawn(name))
        else:
            self.spawn(name)
            self.stop(name)
            self.dies_at("resume.claimed", lambda: self.resume(name))
        self.restart()

    def _end(self, life: Life, name: str) -> None:
        match life:
            case Life.SUSPENDED:
                self.stop(name)
            case Life.DONE:
                self.dies(name, exit_code=0)
                self.beat()
            case Life.FAILED:
                self.dies(name)
                self.beat()
            case Life.TERMINATED:
                self.kill(name)
            case Life.DEAD:
                self.dies(name)
                for _ in range(self.rules.dead_cycles):
                    self.look()
            case _:
                pass


def env_of(bench: Bench, name: str = "ada") -> Mapping[str, str]:
    """The environment that its latest process got."""
    return bench.executions(name)[-1].env


def away(bench: Bench, work: Callable[[], object]) -> None:
    """Do it with PostgreSQL away; it must say so."""
    bench.registry.away = True
    try:
        work()
    except RegistryAway:
        return
    finally:
        bench.registry.away = False
    raise AssertionError("nobody noticed")
