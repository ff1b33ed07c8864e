"""From the commit of an event to the line at its followers, beside LISTEN and NOTIFY alone; and `wait`."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from threading import Thread

import psycopg

from benchmarks.figures import Figure, Sample, main
from benchmarks.harness import Own, own, until
from genie.adapters.postgres.registry import PostgresRegistry
from genie.domain.events import Event, Kind
from genie.paths import Home

EVENTS = 60
FOLLOWERS = (1, 10, 100)
WAITS = 10


def measure() -> list[Figure]:
    with own() as genie:
        figures = [_followed(genie, count) for count in FOLLOWERS]
        figures += _waits(genie)
    return figures


# ---- followers ------------------------------------------------------------------------------


def _followed(genie: Own, followers: int) -> Figure:
    """Every follower's every line is one value. Counted from the moment the commit has returned."""
    registry, dsn = PostgresRegistry(genie.dsn(), 2), genie.dsn()
    ours: list[float] = []
    theirs: list[float] = []
    with ExitStack() as stack:
        listener = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        notifier = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        listener.execute("listen bench")
        crowd = stack.enter_context(following(genie.home, followers))
        for number in range(EVENTS + 1):
            committed = _commit(registry, number)
            came = crowd.arrivals(f'"n":{number}')
            theirs.append(_notified(listener, notifier))
            if number:
                ours += [(moment - committed) * 1000 for moment in came]
    registry.close()
    sample, plain = Sample(ours), Sample(theirs[1:])
    what = f"event committed → line at {followers} follower{'s' if followers > 1 else ''}"
    return Figure(what, sample.spread(), f"NOTIFY sent → LISTEN: {plain.spread()}", sample.median / plain.median)


def _commit(registry: PostgresRegistry, number: int) -> float:
    with registry.begin() as tx:
        tx.record(Event(kind=Kind.DAEMON_STARTED, at=datetime.now(UTC), payload={"n": number}))
    return time.perf_counter()


def _notified(
    listener: psycopg.Connection[tuple[object, ...]], notifier: psycopg.Connection[tuple[object, ...]]
) -> float:
    began = time.perf_counter()
    notifier.execute("notify bench")
    list(listener.notifies(timeout=5, stop_after=1))
    return (time.perf_counter() - began) * 1000


class Crowd:
    """Followers on sockets of their own, read by one thread of this process that does nothing else."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._texts = {one.fileno(): "" for one in sockets}
        self._selector = selectors.DefaultSelector()
        for one in sockets:
            self._selector.register(one, selectors.EVENT_READ)

    def arrivals(self, words: str) -> list[float]:
        """When a line with these words had come at each of them. The caller's thread reads."""
        waiting = dict.fromkeys(self._texts, "")
        came: list[float] = []
        deadline = time.monotonic() + 30
        while waiting:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(waiting)} followers got no line")
            for key, _ in self._selector.select(1):
                text = waiting.get(key.fd, "") + os.read(key.fd, 65536).decode()
                if f"{words}}}" in text or f"{words}," in text:
                    came.append(time.perf_counter())
                    waiting.pop(key.fd, None)
                elif key.fd in waiting:
                    waiting[key.fd] = text
        return came


@contextmanager
def following(home: Home, count: int) -> Iterator[Crowd]:
    """Each has got its answer's head before the block begins."""
    request = b"GET /v1/events?follow=true&after=-1 HTTP/1.1\r\nHost: genie\r\nConnection: close\r\n\r\n"
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(count)]
        for one in sockets:
            one.settimeout(30)
            one.connect(str(home.socket))
            one.sendall(request)
        for one in sockets:
            if b" 200 " not in (answer := one.recv(65536)):
                raise ConnectionError(answer.decode(errors="replace"))
        yield Crowd(sockets)


# ---- wait -----------------------------------------------------------------------------------


def _waits(genie: Own) -> list[Figure]:
    took = Sample([_wait(genie, number) for number in range(WAITS)])
    said = "a second look at the death is due 200 ms after the first"
    return [Figure("agent's process ends → `wait` has returned", took.spread(), said)]


def _wait(genie: Own, number: int) -> float:
    """The agent notes the time as the last thing it does."""
    name = f"w{number}"
    fifo, stamp = genie.directory / f"{name}.fifo", genie.stamp(name)
    os.mkfifo(fifo)
    genie.spawn(name, "sh", "-c", 'read line < "$0"; date +%s%N > "$1"', str(fifo), str(stamp.path))
    returned: list[int] = []

    def wait() -> None:
        genie.genie.wait(name, timeout=60)
        returned.append(time.time_ns())

    waiter = Thread(target=wait)
    waiter.start()
    time.sleep(0.3)
    fifo.write_text("go\n")
    waiter.join()
    return (returned[0] - until(stamp.starts)[0]) / 1e6


if __name__ == "__main__":
    main(measure)
