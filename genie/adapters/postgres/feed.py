"""New events, pushed: one thread on one LISTEN connection, which also holds the host's lock.

A notification only wakes: what is new is always read by `id > cursor` from the registry, so a lost
connection loses nothing. A subscriber that lags is served from the table when it comes back.
"""

from __future__ import annotations

import os
import selectors
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Self

import psycopg
import structlog
from tenacity import Retrying, retry_if_exception_type, stop_when_event_set, wait_random_exponential
from tenacity.nap import sleep_using_event

from genie.adapters.postgres.connect import BoundedConnection, connect_or_away
from genie.adapters.postgres.errors import translated
from genie.adapters.postgres.sql import CHANNEL
from genie.domain.errors import Conflict, RegistryAway
from genie.domain.events import Event
from genie.ports import Registry

log = structlog.get_logger(__name__)

LOOK_EVERY = 5.0
"""Seconds between looks where no notification has come: a net under the pushes, and a sign of life."""

PAGE = 500
"""Events read at once."""

ROOM = 2000
"""Events that may wait for one subscriber; more stay in the table until it has taken these."""

LOCK_PATIENCE = 3.0
"""Seconds for the server to notice that a former holder of the host's lock has gone."""

_LOCK = "select pg_try_advisory_lock(hashtextextended(%s, 1735288169))"
_HOLDER = (
    "select a.pid from pg_locks l join pg_stat_activity a using (pid), hashtextextended(%s, 1735288169) key"
    " where l.locktype = 'advisory' and l.objsubid = 1 and l.granted and l.database = a.datid"
    " and a.datname = current_database() and (l.classid::bigint << 32 | l.objid::bigint) = key"
)

Wake = Callable[[], object]
"""Called in the feed's thread when a subscription has something new, or was closed. Must not block."""


class Subscription:
    """The events after one id, in order, each once. Safe to use from any thread.

    Iterate over it in a thread of its own, or give `wake` and `take` what is there when woken.
    """

    def __init__(self, after: int, *, wake: Wake | None, drained: Wake, forget: Callable[[Subscription], None]) -> None:
        self.cursor = after
        """The id of the last event that was put in; the feed's thread alone writes it."""
        self._wake = wake
        self._drained = drained
        self._forget = forget
        self._events: deque[Event] = deque()
        self._some = threading.Condition()
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def room(self) -> int:
        return ROOM - len(self._events)

    def put(self, events: Sequence[Event]) -> None:
        """Called by the feed alone."""
        with self._some:
            self._events.extend(event for event in events if (event.id or 0) > self.cursor)
            self.cursor = max(self.cursor, events[-1].id or 0)
            self._some.notify_all()
        if self._wake:
            self._wake()

    def take(self) -> list[Event]:
        """What is there now, without waiting."""
        with self._some:
            full = self.room <= 0
            taken = list(self._events)
            self._events.clear()
        if full:
            self._drained()
        return taken

    def get(self, timeout: float | None = None) -> list[Event]:
        """What is there as soon as there is something; nothing after `timeout` seconds or once closed."""
        with self._some:
            self._some.wait_for(lambda: self._events or self._closed, timeout)
        return self.take()

    def __iter__(self) -> Iterator[Event]:
        while events := self.get():
            yield from events

    def close(self) -> None:
        """End it: who waits is woken."""
        self._forget(self)
        with self._some:
            self._closed = True
            self._some.notify_all()
        if self._wake:
            self._wake()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PostgresFeed:
    """`genie.ports.Feed`, and the lock "one daemon a host and registry".

    With `host`, `start` takes the host's lock and the connection holds it; `on_lost` is called (in the
    feed's thread) when the connection was lost and another daemon has the lock by the time it is back.
    """

    def __init__(
        self,
        dsn: str,
        registry: Registry,
        *,
        host: str | None = None,
        on_lost: Callable[[], None] | None = None,
        look_every: float = LOOK_EVERY,
    ) -> None:
        self._dsn = dsn
        self._registry = registry
        self._host = host
        self._on_lost = on_lost
        self._look_every = look_every
        self._connection: BoundedConnection | None = None
        self._cursor = 0
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._bell_in, self._bell_out = -1, -1
        self._thread: threading.Thread | None = None

    # ---- for the daemon ----

    @property
    def connected(self) -> bool:
        """Whether the LISTEN connection is up, and with it the host's lock held."""
        return self._connection is not None

    def start(self) -> None:
        """Connect, take the host's lock, begin to listen. Raises RegistryAway, and Conflict where another
        daemon serves that host in this registry."""
        self._connection = self._connect()
        self._cursor = self._registry.last_event()
        self._bell_out, self._bell_in = os.pipe()
        os.set_blocking(self._bell_out, False)
        os.set_blocking(self._bell_in, False)
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="genie-feed", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, every subscription, the connection and with it the host's lock."""
        self._stopping.set()
        self._ring()
        if self._thread:
            self._thread.join()
            self._thread = None
            os.close(self._bell_in)
            os.close(self._bell_out)
            self._bell_in = self._bell_out = -1
        for subscription in self._all():
            subscription.close()
        self._disconnect()

    def subscribe(self, *, after: int, wake: Wake | None = None) -> Subscription:
        """The events after that id, those that are there already included."""
        subscription = Subscription(after, wake=wake, drained=self._ring, forget=self._forget)
        with self._lock:
            self._subscriptions.add(subscription)
        self._ring()
        return subscription

    def follow(self, *, after: int) -> Iterator[Event]:
        """Events from now on, without an end; for a thread of its own."""
        with self.subscribe(after=after) as subscription:
            yield from subscription

    # ---- the connection ----

    def _connect(self) -> BoundedConnection:
        connection = connect_or_away(self._dsn)
        try:
            with translated():
                connection.execute(f"listen {CHANNEL}")
                if self._host is not None:
                    _take_lock(connection, self._host, self._stopping)
        except BaseException:
            connection.close()
            raise
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            with suppress(psycopg.Error):
                connection.close()

    def _reconnect(self) -> None:
        """Until it is back, or the feed is stopped. Raises Conflict when the host's lock is another's."""
        self._disconnect()
        retrying = Retrying(
            retry=retry_if_exception_type(RegistryAway),
            wait=wait_random_exponential(multiplier=0.2, max=3),
            stop=stop_when_event_set(self._stopping),
            sleep=sleep_using_event(self._stopping),
            reraise=True,
        )
        self._connection = retrying(self._connect)
        log.info("feed_reconnected")

    # ---- the thread ----

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._connection is None:
                    self._reconnect()
                self._serve()
            except RegistryAway as error:
                if not self._stopping.is_set():
                    log.warning("feed_lost", error=error.message)
                self._disconnect()
            except Conflict as error:
                if not self._stopping.is_set():
                    log.error("host_lock_lost", host=self._host, error=error.message)
                    if self._on_lost:
                        self._on_lost()
                return
            except Exception:  # the thread's outermost edge
                log.exception("feed_failed")
                self._disconnect()
                self._stopping.wait(1)

    def _serve(self) -> None:
        """Hand out what comes, as long as the connection holds. Raises RegistryAway."""
        connection = self._connection
        if connection is None:
            return
        with selectors.DefaultSelector() as selector, translated():
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.register(self._bell_out, selectors.EVENT_READ)
            while not self._stopping.is_set():
                self._hand_out()
                ready = {key.fd for key, _ in selector.select(self._look_every)}
                if self._bell_out in ready:
                    self._silence()
                if not ready:
                    connection.execute("select 1")
                elif connection.fileno() in ready:
                    list(connection.notifies(timeout=0))

    def _hand_out(self) -> None:
        """Everything new to everybody, in pages."""
        while not self._stopping.is_set():
            page = self._registry.events(after=self._cursor, limit=PAGE)
            for subscription in self._all():
                self._catch_up(subscription, page)
            if page:
                self._cursor = page[-1].id or self._cursor
            if len(page) < PAGE and not any(self._behind(subscription) for subscription in self._all()):
                return

    def _catch_up(self, subscription: Subscription, page: list[Event]) -> None:
        if subscription.room <= 0:
            return
        news = page
        if self._behind(subscription):
            news = self._registry.events(after=subscription.cursor, limit=PAGE)
        if news:
            subscription.put(news)
        else:
            subscription.cursor = max(subscription.cursor, self._cursor)

    def _behind(self, subscription: Subscription) -> bool:
        return subscription.cursor < self._cursor and subscription.room > 0

    # ---- subscriptions ----

    def _all(self) -> list[Subscription]:
        with self._lock:
            return list(self._subscriptions)

    def _forget(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions.discard(subscription)

    def _ring(self) -> None:
        """Wake the thread. A full pipe has woken it already."""
        if self._bell_in >= 0:
            with suppress(BlockingIOError, OSError):
                os.write(self._bell_in, b"x")

    def _silence(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._bell_out, 4096):
                pass


def _take_lock(connection: BoundedConnection, host: str, stopping: threading.Event) -> None:
    """Raises Conflict when another session keeps the host's lock."""
    name = f"genie:host:{host}"
    end = monotonic() + LOCK_PATIENCE
    while not _try_lock(connection, name):
        if monotonic() > end or stopping.wait(0.05):
            holder = connection.execute(_HOLDER, (name,)).fetchone()
            raise Conflict(
                f"another daemon serves the host '{host}' in this registry",
                hint="stop it, or use another database_url or GENIE_HOME",
                backend=holder[0] if holder else None,
            )


def _try_lock(connection: BoundedConnection, name: str) -> bool:
    row = connection.execute(_LOCK, (name,)).fetchone()
    return bool(row and row[0])
