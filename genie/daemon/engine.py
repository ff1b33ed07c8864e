"""The daemon's engine: it keeps a registry and a pacemaker running, and says when it cannot.

With the registry away nothing is declared dead and every request is answered with what is wrong; the
engine comes back by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from threading import Event, RLock, Thread
from uuid import UUID

import structlog

from genie import bootstrap
from genie.daemon.attention import Attention
from genie.daemon.curator import UNTOLD, Curator
from genie.daemon.envoy import Envoy
from genie.daemon.herald import Herald
from genie.daemon.leaving import Leaving
from genie.daemon.pacemaker import Pacemaker
from genie.daemon.postman import Postman
from genie.daemon.reader import POLL, Reader
from genie.daemon.rules import Rulekeeper
from genie.daemon.timekeeper import Timekeeper, timetable
from genie.domain.activity import Patience
from genie.domain.errors import GenieError, RegistryAway
from genie.domain.events import Event as Happening
from genie.domain.events import Kind
from genie.domain.session import Run
from genie.paths import Home
from genie.ports import Feed
from genie.services.activity import Watched
from genie.services.ask import withdraw_all
from genie.services.world import World
from genie.settings import Settings

log = structlog.get_logger("genie.engine")

LONGEST_PAUSE = 5.0


class Health(Enum):
    """How the daemon is."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"


class Engine:
    """Owns the database server, the registry, the world and the pacemaker of a running daemon."""

    def __init__(self, home: Home, configured: Settings) -> None:
        self.home = home
        self.configured = configured
        self.database = bootstrap.database(home, configured)
        self.since = datetime.now(UTC)
        self.health = Health.STARTING
        self.problem: GenieError | None = None
        self.dsn: str | None = None
        self.pacemaker: Pacemaker | None = None
        self.reader: Reader | None = None
        self._curator: Curator | None = None
        self.attention: Attention | None = None
        self._timekeeper: Timekeeper | None = None
        self._postman: Postman | None = None
        self._herald: Herald | None = None
        self._rules: Rulekeeper | None = None
        self._envoy: Envoy | None = None
        self.leaving = Leaving()
        self.dialogs = bootstrap.dialogs()
        self.on_taken_over: Callable[[], None] = lambda: None
        self._world: World | None = None
        self._open: bootstrap.Open | None = None
        self._watcher = bootstrap.watcher()
        self._watched: set[UUID] = set()
        self._released = False
        self._changing = RLock()
        self._stopping = Event()
        self._trouble = Event()
        self._settled = Event()
        self._thread = Thread(target=self._supervise, name="engine", daemon=True)

    def start(self) -> None:
        self._trouble.set()
        self._thread.start()

    def stop(self) -> None:
        """Stop the beat, close the registry, stop the embedded server. Panes and agents go on."""
        self._stopping.set()
        self._trouble.set()
        self._thread.join(timeout=30)
        self._record(Kind.DAEMON_STOPPED)
        self._close()
        self._watcher.close()
        self.database.stop()

    def settled(self, timeout: float) -> bool:
        """Wait for the first attempt to open the registry to end."""
        return self._settled.wait(timeout)

    @property
    def world(self) -> World:
        """Raises the error that keeps the registry away."""
        world = self._world
        if world is None:
            problem = self.problem
            kind = type(problem) if isinstance(problem, RegistryAway) else RegistryAway
            raise kind(
                problem.message if problem else "the registry is still being opened",
                hint=problem.hint if problem else "try again in a moment",
                state=self.health.value,
            )
        return world

    @property
    def timekeeper(self) -> Timekeeper:
        """Raises RegistryAway."""
        keeper = self._timekeeper
        if keeper is None:
            raise RegistryAway("the registry is away", hint="genie daemon status")
        return keeper

    @property
    def host(self) -> str:
        return bootstrap.this_host(self.home)

    @property
    def feed(self) -> Feed:
        opened = self._open
        if opened is None:
            raise RegistryAway("the registry is away", hint="genie daemon status")
        return opened.feed

    def release(self) -> None:
        """Let go of the registry (for a restore); the engine opens it again by `reopen`, and not sooner."""
        with self._changing:
            self._released = True
            self._close()

    def reopen(self) -> None:
        self._released = False
        self._settled.clear()
        self._trouble.set()
        self.settled(30)

    # ---- keeping it up ----

    def _supervise(self) -> None:
        pause = 0.1
        while not self._stopping.is_set():
            self._trouble.wait()
            if self._stopping.is_set():
                return
            self._trouble.clear()
            if self._try_to_open():
                pause = 0.1
                continue
            self._stopping.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            self._trouble.set()

    def _try_to_open(self) -> bool:
        try:
            with self._changing:
                if self._released:
                    return True
                self.dsn = self.database.start()
                if self._world is None:
                    self._open_all(self.dsn)
                else:
                    self._world.registry.last_event()
            self._ready()
        except GenieError as error:
            self._degraded(error)
            return False
        except Exception as error:
            log.exception("engine_failed")
            self._degraded(RegistryAway(f"the registry could not be opened: {error}", hint="genie daemon logs"))
            return False
        finally:
            self._settled.set()
        return True

    def _open_all(self, dsn: str) -> None:
        moved = bootstrap.migrate(dsn)
        log.info("migrated", before=moved[0], after=moved[1])
        self._open = bootstrap.open_registry(self.home, dsn, on_lost=self._lost)
        try:
            self._begin(self._open)
        except BaseException:
            self._close()  # else what is open holds the host against the next try
            raise

    def _begin(self, opened: bootstrap.Open) -> None:
        world = bootstrap.open_world(self.home, self.configured, opened.registry, self.database, watch=self._watch)
        withdraw_all(world)
        resume = self.configured.resume
        pacemaker = Pacemaker(
            world,
            heartbeat=resume.heartbeat,
            second_look=resume.second_look,
            max_in_flight=resume.max_in_flight,
            away_since=opened.registry.last_beat(world.host),
            registry_away=self._away,
            registry_back=self._ready,
            titles=self._titled,
        )
        self._world, self.pacemaker = world, pacemaker
        self.reader = Reader(world, bootstrap.wakes(poll=POLL))
        self.attention = Attention(
            world,
            bootstrap.signs(),
            bootstrap.wakes(poll=POLL),
            opened.feed,
            patience=Patience(stall=self.configured.activity.stall_after),
            accepts=self.configured.claude.accept_dialogs,
            expects=self.reader.expect,
        )
        self._tell_of(world, opened.feed)
        self._record(Kind.DAEMON_STARTED)
        self.attention.start()
        self.reader.start()
        pacemaker.start()
        self._timekeeper = Timekeeper(timetable(world, opened.alarms))
        self._timekeeper.start()
        self._curator = Curator(world, bootstrap.wakes(poll=UNTOLD))
        self._curator.start()
        self._postman = Postman(world, opened.feed)
        self._postman.start()
        self._envoy = Envoy(world, opened.feed, self.attention.told)
        self._envoy.start()

    def _tell_of(self, world: World, feed: Feed) -> None:
        """Have people told of what happens, and their commands run."""
        rules = [one.rule for one in self.configured.on]
        self._rules = Rulekeeper(
            world, feed, bootstrap.programs_of(self.home), rules, bootstrap.memory(self.home, "rules")
        )
        self._rules.start()
        outlets, wishes = bootstrap.outlets(self.home), self.configured.notify.wishes
        self._herald = Herald(world, feed, outlets, wishes, bootstrap.memory(self.home, "notices"))
        self._herald.start()

    def _tell_no_more(self) -> None:
        herald, rules = self._herald, self._rules
        self._herald = self._rules = None
        if herald:
            herald.stop()
        if rules:
            rules.stop()

    def _close(self) -> None:
        pacemaker, timekeeper, opened, reader = self.pacemaker, self._timekeeper, self._open, self.reader
        attention, postman = self.attention, self._postman
        self._postman = None
        self._world = self._open = self.pacemaker = self._timekeeper = self.reader = self.attention = None
        self._tell_no_more()
        if postman:
            postman.stop()
        envoy, self._envoy = self._envoy, None
        if envoy:
            envoy.stop()
        curious, self._curator = self._curator, None
        if curious:
            curious.stop()
        if timekeeper:
            timekeeper.stop()
        if pacemaker:
            pacemaker.stop()
        if reader:
            reader.stop()
        if attention:
            attention.stop()
        if opened:
            opened.close()

    def _record(self, kind: Kind) -> None:
        world = self._world
        if world is None:
            return
        try:
            with world.registry.begin() as tx:
                tx.record(Happening(kind=kind, at=world.clock.now(), payload={"host": world.host}))
        except GenieError as error:
            log.warning("not_recorded", kind=kind.value, error=error.message)

    def _watch(self, run: Run) -> None:
        reader, attention, curator = self.reader, self.attention, self._curator  # another thread may close them
        if run.pane and reader:
            reader.watch(run)
        if attention:
            attention.watch(run)
        if run.pane and run.id not in self._watched:
            agent = run.agent
            self._watched.add(run.id)
            if curator:
                curator.look()
            self._watcher.watch(run.id, run.pane.pid, run.pane.started, lambda ended: self._died(agent, ended))

    def _died(self, agent: UUID, run: UUID) -> None:
        self._watched.discard(run)
        reader, pacemaker, attention = self.reader, self.pacemaker, self.attention
        if reader:
            reader.ended(run)
        if attention:
            attention.ended(run)
        if pacemaker:
            pacemaker.look_at(agent)

    def _titled(self, titles: Mapping[UUID, str]) -> None:
        attention = self.attention
        if attention:
            attention.titles(titles)

    def seen(self, run: UUID | None) -> Watched | None:
        """What is known now of what a live run is doing; None where nobody watches it."""
        attention = self.attention
        return attention.seen(run) if attention else None

    def hooked(self, name: str, payload: str, at: float | None, *, token: str, run: str | None) -> None:
        """A hook of an agent has told something. Raises RegistryAway."""
        attention = self.attention
        if attention:
            attention.hook(name, payload, at, token=token, run=run)

    # ---- what the others tell ----

    def _away(self, error: GenieError) -> None:
        if self.health is not Health.DEGRADED:
            self._degraded(error)
        self._trouble.set()

    def _lost(self) -> None:
        log.error("host_taken_over")
        self.problem = RegistryAway("another daemon serves this host in this registry now")
        self.on_taken_over()

    def _degraded(self, error: GenieError) -> None:
        log.warning("degraded", error=error.message)
        self.problem, self.health = error, Health.DEGRADED

    def _ready(self) -> None:
        if self.health is not Health.READY:
            log.info("ready", database=self.database.kind)
        self.problem, self.health = None, Health.READY
