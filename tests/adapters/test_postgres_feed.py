"""The feed: everything once, in order, through losses; and the lock on a host."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import psutil
import psycopg
import pytest

from genie.adapters.postgres import feed as module
from genie.adapters.postgres.embedded import Embedded
from genie.adapters.postgres.feed import PostgresFeed, Subscription
from genie.adapters.postgres.migrate import migrate
from genie.adapters.postgres.registry import PostgresRegistry
from genie.domain.errors import Conflict, RegistryAway
from genie.domain.events import Event, Kind
from genie.ports import Feed
from tests.contract.values import NOW
from tests.fixtures.postgres import Asker, ask

PATIENCE = 20.0


def _is_a_feed(feed: PostgresFeed) -> Feed:
    return feed


@contextmanager
def running(dsn: str, registry: PostgresRegistry, **options: object) -> Iterator[PostgresFeed]:
    feed = PostgresFeed(dsn, registry, **options)  # type: ignore[arg-type]
    feed.start()
    try:
        yield feed
    finally:
        feed.stop()


@pytest.fixture
def feed(dsn: str, registry: PostgresRegistry) -> Iterator[PostgresFeed]:
    with running(dsn, registry, look_every=30) as found:
        yield found


def write(registry: PostgresRegistry, *numbers: int) -> None:
    with registry.begin() as tx:
        tx.record(*(Event(kind=Kind.ACTIVITY, at=NOW, payload={"n": number}) for number in numbers))


def take(subscription: Subscription, count: int) -> list[object]:
    """The numbers of the next `count` events, within PATIENCE."""
    end = time.monotonic() + PATIENCE
    found: list[Event] = []
    while len(found) < count and (left := end - time.monotonic()) > 0:
        found += subscription.get(left)
    return [event.payload["n"] for event in found]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        pause.wait(0.01)


def cut_listener(dsn: str) -> None:
    ask(
        dsn,
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
        " and datname = current_database() and (query like 'listen%' or query like '%pg_try_advisory_lock%')",
    )


# ---- events ----------------------------------------------------------------------------------


def test_the_notification_is_the_event_s_id(dsn: str, registry: PostgresRegistry) -> None:
    with psycopg.connect(dsn, autocommit=True) as listener:
        listener.execute("listen genie")
        write(registry, 1, 2)
        told = list(listener.notifies(timeout=PATIENCE, stop_after=2))
    assert [notify.payload for notify in told] == [str(event.id) for event in registry.events(after=0)]


def test_a_new_event_is_pushed(feed: PostgresFeed, registry: PostgresRegistry) -> None:
    with feed.subscribe(after=0) as subscription:
        write(registry, 1)
        before = time.monotonic()
        assert take(subscription, 1) == [1]
        assert time.monotonic() - before < 5, "it was polled, not pushed"


def test_a_subscriber_gets_what_was_there_and_what_comes(feed: PostgresFeed, registry: PostgresRegistry) -> None:
    write(registry, *range(1200))
    with feed.subscribe(after=0) as all_of_them, feed.subscribe(after=registry.last_event()) as new:
        write(registry, 1200)
        assert take(all_of_them, 1201) == list(range(1201))
        assert take(new, 1) == [1200]
    with feed.subscribe(after=registry.last_event() - 1) as last:
        assert take(last, 1) == [1200]


def test_one_who_takes_nothing_costs_nothing_and_misses_nothing(
    feed: PostgresFeed, registry: PostgresRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOM", 10)
    monkeypatch.setattr(module, "PAGE", 5)
    with feed.subscribe(after=0) as slow, feed.subscribe(after=0) as quick:
        for first in range(0, 100, 10):
            write(registry, *range(first, first + 10))
            assert take(quick, 10) == list(range(first, first + 10))
        assert slow.room > -10, "what waits for a subscriber is bounded"
        assert take(slow, 100) == list(range(100))


def test_events_that_no_genie_here_knows_do_not_stop_the_feed(
    feed: PostgresFeed, registry: PostgresRegistry, sql: Asker
) -> None:
    sql("insert into events (kind, at, payload) select 'agent.levitated', now(), '{}' from generate_series(1, 20)")
    with feed.subscribe(after=0) as subscription:
        write(registry, 1)
        assert take(subscription, 1) == [1]
        with feed.subscribe(after=3) as behind:
            assert take(behind, 1) == [1]


def test_concurrent_writers_and_readers_no_gap_no_repeat(feed: PostgresFeed, registry: PostgresRegistry) -> None:
    subscriptions = [feed.subscribe(after=0) for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: write(registry, number, number), range(200)))
    written = [event.payload["n"] for event in registry.events(after=0, limit=1000)]
    for subscription in subscriptions:
        assert take(subscription, 400) == written


def test_an_async_endpoint_is_woken(feed: PostgresFeed, registry: PostgresRegistry) -> None:
    async def follow() -> list[object]:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        found: list[Event] = []
        with feed.subscribe(after=0, wake=lambda: loop.call_soon_threadsafe(woken.set)) as subscription:
            await asyncio.to_thread(write, registry, 1, 2)
            while len(found) < 2:
                await asyncio.wait_for(woken.wait(), PATIENCE)
                woken.clear()
                found += subscription.take()
        return [event.payload["n"] for event in found]

    assert asyncio.run(follow()) == [1, 2]


def test_closing_wakes_who_waits(feed: PostgresFeed) -> None:
    subscription = feed.subscribe(after=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: list(subscription))
        subscription.close()
        assert waiting.result(PATIENCE) == []
    assert subscription.closed


def test_stopping_ends_every_follower(dsn: str, registry: PostgresRegistry) -> None:
    with ThreadPoolExecutor(1) as pool:
        with running(dsn, registry) as feed:
            following = pool.submit(lambda: [event.payload["n"] for event in feed.follow(after=0)])
            write(registry, 7)
            until(lambda: any(s.cursor for s in feed._all()))
        assert following.result(PATIENCE) == [7]


def test_idle_costs_no_cpu(dsn: str, registry: PostgresRegistry) -> None:
    with running(dsn, registry, look_every=30) as feed, feed.subscribe(after=0) as subscription:
        write(registry, 1)
        assert take(subscription, 1) == [1]
        before = time.process_time()
        assert subscription.get(1.0) == []
        assert time.process_time() - before < 0.05


# ---- losses ----------------------------------------------------------------------------------


def test_a_lost_connection_loses_no_event(dsn: str, feed: PostgresFeed, registry: PostgresRegistry) -> None:
    with feed.subscribe(after=0) as subscription:
        for turn in range(3):
            write(registry, turn * 2)
            assert take(subscription, 1) == [turn * 2]
            cut_listener(dsn)
            write(registry, turn * 2 + 1)
            assert take(subscription, 1) == [turn * 2 + 1]


def test_a_restarted_server_is_followed_again(own_cluster: Embedded) -> None:
    dsn = own_cluster.start()
    migrate(dsn)
    with (
        closing(PostgresRegistry(dsn)) as registry,
        running(dsn, registry) as feed,
        feed.subscribe(after=0) as subscription,
    ):
        write(registry, 1)
        assert take(subscription, 1) == [1]
        own_cluster.stop()
        until(lambda: not feed.connected)
        own_cluster.start()
        write(registry, 2)
        assert take(subscription, 1) == [2]
        until(lambda: feed.connected)


def test_what_a_lost_notification_told_is_found_by_looking(dsn: str, registry: PostgresRegistry, sql: Asker) -> None:
    sql("alter table events disable trigger all")
    with running(dsn, registry, look_every=0.1) as feed, feed.subscribe(after=0) as subscription:
        sql("""insert into events (id, kind, at, payload) values (1, 'agent.activity', now(), '{"n": 1}')""")
        assert take(subscription, 1) == [1]


def test_a_feed_without_a_server_does_not_start() -> None:
    dsn = "postgresql://nobody@127.0.0.1:1/none"
    with closing(PostgresRegistry(dsn)) as registry:
        feed = PostgresFeed(dsn, registry)
        with pytest.raises(RegistryAway):
            feed.start()
        feed.stop()
        assert not feed.connected


def test_no_thread_and_no_descriptor_is_left(dsn: str, registry: PostgresRegistry) -> None:
    registry.last_event()
    before = psutil.Process().num_fds()
    for _ in range(3):
        with running(dsn, registry):
            pass
    assert "genie-feed" not in [thread.name for thread in threading.enumerate()]
    assert psutil.Process().num_fds() == before


# ---- one daemon a host -----------------------------------------------------------------------


def test_one_feed_a_host(dsn: str, registry: PostgresRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCK_PATIENCE", 0.1)
    with running(dsn, registry, host="a"):
        with running(dsn, registry, host="b"):
            pass
        with pytest.raises(Conflict, match="host 'a'") as conflict:
            PostgresFeed(dsn, registry, host="a").start()
        assert isinstance(conflict.value.details["backend"], int)
    with running(dsn, registry, host="a") as again:
        assert again.connected


def test_a_lock_that_another_has_taken_meanwhile_is_told(
    dsn: str, registry: PostgresRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_PATIENCE", 0.1)
    lost, entered, taken = threading.Event(), threading.Event(), threading.Event()
    original = module._take_lock

    def late(*args: object) -> None:
        entered.set()
        assert taken.wait(PATIENCE)
        original(*args)  # type: ignore[arg-type]

    with running(dsn, registry, host="a", on_lost=lost.set) as feed:
        monkeypatch.setattr(module, "_take_lock", late)
        cut_listener(dsn)
        assert entered.wait(PATIENCE)
        monkeypatch.setattr(module, "_take_lock", original)
        with running(dsn, registry, host="a"):
            taken.set()
            assert lost.wait(PATIENCE)
            assert not feed.connected


def test_a_lock_is_taken_again_after_a_loss(dsn: str, registry: PostgresRegistry) -> None:
    lost = threading.Event()
    with running(dsn, registry, host="a", on_lost=lost.set) as feed, feed.subscribe(after=0) as subscription:
        cut_listener(dsn)
        write(registry, 1)
        assert take(subscription, 1) == [1]
        locks = "select count(*) from pg_locks where locktype = 'advisory' and objsubid = 1"
        until(lambda: feed.connected and ask(dsn, locks) == [(1,)])
    assert not lost.is_set()
