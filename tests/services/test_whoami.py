"""Who a caller is, and what it says and reads of its own session."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest

from genie.domain.agent import Life
from genie.domain.errors import BadInput, NotFound, Refused
from genie.domain.events import CHANGES, Event, Kind, kinds_of
from genie.domain.note import DEEPEST, LONGEST, Level, check_data, check_message
from genie.ports import Badge
from genie.services import notes, roster
from genie.services.notes import Asked, note
from genie.services.order import Caller
from genie.services.whoami import Left, environment, whoami
from tests.services.bench import Bench, env_of
from tests.services.machine import HOME

TOKEN = "GENIE_AGENT_TOKEN"


def within(bench: Bench, name: str = "ada") -> Caller:
    """A caller that shows that agent's token."""
    return bench.caller({TOKEN: env_of(bench, name)[TOKEN]})


def grow(bench: Bench, *names: str, **limits: str) -> None:
    """An agent that spawns an agent that …; `limits` are the first one's."""
    above = bench.spawn(names[0], limits=limits).standing.agent.name
    for name in names[1:]:
        above = bench.spawn(name, caller=within(bench, above)).standing.agent.name


def said(bench: Bench, name: str = "ada", **asked: object) -> list[Event]:
    return [one for page in notes.pages(bench.world, name, Asked(**asked)) for one in page]  # type: ignore[arg-type]


def seqs(bench: Bench, name: str = "ada", **asked: object) -> list[int]:
    return [one.seq or 0 for one in said(bench, name, **asked)]


# ---- who ------------------------------------------------------------------------------------


def test_by_its_token(bench: Bench) -> None:
    grow(bench, "ada", "bob")
    found = whoami(bench.world, within(bench, "bob"))
    assert (found.standing, found.parent, found.root) == (bench.standing("bob"), "ada", "ada")
    own = whoami(bench.world, within(bench))
    assert (own.standing.agent.name, own.parent, own.root) == ("ada", None, "ada")


def test_by_the_kernels_word(bench: Bench) -> None:
    bench.spawn()
    assert whoami(bench.world, bench.caller(pid=bench.process().pid)).standing == bench.standing()


def test_the_token_goes_before_the_kernel(bench: Bench) -> None:
    bench.spawn("ada")
    bench.spawn("bob")
    caller = bench.caller({TOKEN: env_of(bench, "bob")[TOKEN]}, pid=bench.process("ada").pid)
    assert whoami(bench.world, caller).standing.agent.name == "bob"


@pytest.mark.parametrize("ask", [whoami, environment, lambda world, who: note(world, who, "x")])
def test_nobody(bench: Bench, ask: Callable[..., object]) -> None:
    bench.spawn()
    commits = bench.registry.commits
    with pytest.raises(NotFound, match="you are nobody: this is in no run"):
        ask(bench.world, bench.caller(pid=4711))
    with pytest.raises(Refused, match="not a token of this genie"):
        ask(bench.world, bench.caller({TOKEN: "0" * 64}, pid=bench.process().pid))
    old = within(bench)
    bench.stop()
    with pytest.raises(Refused, match="of an ended run of 'ada'"):
        ask(bench.world, old)
    assert Kind.USER_EVENT not in bench.kinds()
    assert bench.registry.commits > commits


def test_what_is_left_is_the_tightest_of_the_line(bench: Bench) -> None:
    grow(bench, "ada", "bob", children="5", depth="2", descendants="4")
    bench.spawn("cyd", caller=within(bench, "bob"))
    assert whoami(bench.world, within(bench)).left == Left(children=4, descendants=2, depth=2)
    assert whoami(bench.world, within(bench, "bob")).left == Left(children=4, descendants=2, depth=1)
    assert whoami(bench.world, within(bench, "cyd")).left == Left(children=5, descendants=2, depth=0)


def test_a_static_agent_may_start_nobody(bench: Bench) -> None:
    grow(bench, "ada", mode="static")
    assert whoami(bench.world, within(bench)).left == Left(0, 0, 0)


def test_asking_writes_nothing(bench: Bench) -> None:
    bench.spawn()
    before = bench.registry.store, len(bench.registry.log)
    whoami(bench.world, within(bench))
    environment(bench.world, within(bench))
    assert (bench.registry.store.agents, len(bench.registry.log)) == (before[0].agents, before[1])


# ---- its variables --------------------------------------------------------------------------


def test_its_variables_are_those_that_it_was_started_with(bench: Bench) -> None:
    grow(bench, "ada", "bob")
    bench.spawn("cyd", caller=within(bench, "bob"), model="opus")
    for name in ("ada", "bob", "cyd"):
        given, told = env_of(bench, name), environment(bench.world, within(bench, name))
        assert told == {key: given[key] for key in told}
        assert told == environment(bench.world, bench.caller(), name)
        assert TOKEN not in told
        assert given[TOKEN] not in json.dumps(dict(told))
    assert list(environment(bench.world, within(bench, "cyd"))) == [
        "GENIE_SESSION_ID",
        "GENIE_RUN_ID",
        "GENIE_AGENT_NAME",
        "GENIE_TEAM",
        "GENIE_PARENT",
        "GENIE_ROOT",
        "SPAWN_DEPTH",
        "GENIE_PROVIDER",
        "GENIE_MODEL",
        "GENIE_HOME",
    ]
    assert environment(bench.world, within(bench))["GENIE_HOME"] == HOME
    assert "GENIE_PARENT" not in environment(bench.world, within(bench))


def test_the_variables_of_another(bench: Bench) -> None:
    bench.spawn()
    forged = bench.caller({TOKEN: "x"})
    assert environment(bench.world, forged, "ada")["GENIE_AGENT_NAME"] == "ada"
    with pytest.raises(NotFound, match="unknown agent 'adda'"):
        environment(bench.world, within(bench), "adda")


# ---- saying something -----------------------------------------------------------------------


def test_what_is_said_stands_in_its_session(bench: Bench) -> None:
    bench.spawn()
    data = {"größe": [1, 2.5, None, True, {"": "\N{GRINNING FACE}"}]}
    standing = note(bench.world, within(bench), "halb fertig ✓\n", level=Level.WARNING, data=data)
    assert standing == bench.standing()
    last = bench.events()[-1]
    assert (last.kind, last.session, last.run) == (Kind.USER_EVENT, bench.agent().session, bench.agent().run)
    assert last.payload == {"message": "halb fertig ✓\n", "level": "warning", "data": data}
    note(bench.world, bench.caller(pid=bench.process().pid), "")
    assert bench.events()[-1].payload == {"message": "", "level": "info"}
    assert roster.history(bench.world, "ada", limit=1) == bench.events()[-1:]


def test_it_does_not_hide_why_an_agent_is_in_its_state(bench: Bench) -> None:
    bench.spawn()
    before = roster.explain(bench.world, "ada")
    for _ in range(20):
        note(bench.world, within(bench), "x")
    after = roster.explain(bench.world, "ada")
    assert (after.why, after.events) == (before.why, before.events)
    assert Kind.USER_EVENT not in CHANGES
    assert Kind.FAILED in CHANGES


def test_a_run_that_ends_meanwhile_says_no_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.spawn()
    caller = within(bench)
    told = bench.registry.bearer

    def ended_behind(token: str) -> object:
        found = told(token)
        monkeypatch.setattr(bench.registry, "bearer", told)
        bench.kill()
        return found

    monkeypatch.setattr(bench.registry, "bearer", ended_behind)
    with pytest.raises(Refused, match="the run of 'ada' has ended"):
        note(bench.world, caller, "too late")
    assert bench.life() is Life.TERMINATED
    assert bench.kinds()[-1] is Kind.TERMINATED


def test_a_message_has_a_length() -> None:
    check_message("é" * (LONGEST // 2))
    with pytest.raises(BadInput, match=f"the message has {LONGEST + 1} bytes; the limit is 64KiB"):
        check_message("é" * (LONGEST // 2) + "x")
    check_data("x" * (LONGEST - 2))
    with pytest.raises(BadInput, match="the data has"):
        check_data(["x" * (LONGEST - 2)])


@pytest.mark.parametrize("text", ["\0", "a\0b", "\udcff", "x\ud800"])
def test_what_the_registry_cannot_keep_is_refused(bench: Bench, text: str) -> None:
    bench.spawn()
    for message, data in ((text, None), ("x", text), ("x", {"k": [text]}), ("x", {text: 1})):
        with pytest.raises(BadInput, match=r"NUL|UTF-8"):
            note(bench.world, within(bench), message, data=data)
    assert Kind.USER_EVENT not in bench.kinds()


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_data_has_numbers_of_json_only(number: float) -> None:
    with pytest.raises(BadInput, match="a number that JSON does not have"):
        check_data({"n": [number]})


def test_data_is_not_nested_without_end() -> None:
    data: object = 1
    for _ in range(DEEPEST - 1):
        data = [data]
    check_data(data)
    with pytest.raises(BadInput, match="nested more than 64"):
        check_data({"k": data})
    for _ in range(100_000):
        data = [data]
    with pytest.raises(BadInput, match="nested more than 64"):
        check_data(data)
    while isinstance(data, list):  # a value so deep is taken apart from outside
        data = data.pop()


# ---- reading a session ----------------------------------------------------------------------


def test_a_session_is_read_by_its_numbers(bench: Bench) -> None:
    bench.spawn()
    start = len(bench.events())
    for number in range(4):
        note(bench.world, within(bench), str(number))
    last = start + 4
    assert seqs(bench) == list(range(1, last + 1))
    assert seqs(bench, after=start) == list(range(start + 1, last + 1))
    assert seqs(bench, before=3) == [1, 2]
    assert seqs(bench, after=1, before=start + 1, last=1) == [start]
    assert seqs(bench, last=2) == [last - 1, last]
    assert seqs(bench, last=1000) == list(range(1, last + 1))
    assert seqs(bench, kinds=(Kind.USER_EVENT,), last=3) == [last - 2, last - 1, last]
    assert seqs(bench, kinds=(Kind.RUNNING, Kind.USER_EVENT), before=start + 2) == [start, start + 1]
    assert seqs(bench, after=last) == []


def test_events_are_counted(bench: Bench) -> None:
    bench.spawn()
    start = len(bench.events())
    note(bench.world, within(bench), "x")
    assert notes.count(bench.world, "ada", Asked()) == start + 1
    assert notes.count(bench.world, "ada", Asked(kinds=(Kind.USER_EVENT,))) == 1
    assert notes.count(bench.world, "ada", Asked(last=1)) == 1
    assert notes.count(bench.world, "ada", Asked(last=100)) == start + 1


def test_long_sessions_come_in_pages(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "PAGE", 3)
    bench.spawn()
    start = len(bench.events())
    for number in range(9 - start):
        note(bench.world, within(bench), str(number))
    assert [len(page) for page in notes.pages(bench.world, "ada", Asked())] == [3, 3, 3]
    assert [len(page) for page in notes.pages(bench.world, "ada", Asked(last=7))] == [3, 3, 1]
    assert [len(page) for page in notes.pages(bench.world, "ada", Asked(last=6))] == [3, 3]
    assert seqs(bench, last=7) == [3, 4, 5, 6, 7, 8, 9]


def test_what_comes_while_it_is_read_is_not_too_much(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "PAGE", 2)
    bench.spawn()
    caller = within(bench)
    read = notes.pages(bench.world, "ada", Asked(last=3))
    found = list(next(read))
    for _ in range(10):
        note(bench.world, caller, "more")
    found += [one for page in read for one in page]
    assert [one.seq for one in found] == [1, 2, 3]


def test_an_agent_that_has_no_session_has_no_events(bench: Bench) -> None:
    bench.spawn()
    with bench.registry.begin() as tx:
        tx.save_agent(replace(bench.agent(), session=None, run=None))
    assert seqs(bench) == []
    assert notes.count(bench.world, "ada", Asked(last=3)) == 0


def test_the_events_of_a_stranger(bench: Bench) -> None:
    for ask in (notes.pages, notes.count):
        with pytest.raises(NotFound, match="unknown session 'eve'"):
            ask(bench.world, "eve", Asked())


# ---- words ----------------------------------------------------------------------------------


def test_types_are_named_with_their_prefix_or_without() -> None:
    words = {kind.word: kind for kind in reversed(Kind)}  # of several the first: an agent's
    for kind in Kind:
        assert kinds_of([kind.value]) == (kind,)
        assert kinds_of([kind.word]) == (words[kind.word],)
    assert (words["stopped"], words["failed"], words["queued"]) == (Kind.STOPPED, Kind.FAILED, Kind.QUEUED)
    assert kinds_of(["failed", "user_event", "agent.failed"]) == (Kind.FAILED, Kind.USER_EVENT)
    assert kinds_of([]) == ()


@pytest.mark.parametrize(
    ("word", "hint"),
    [("faild", "did you mean 'failed'?"), ("agent.faild", "did you mean 'agent.failed'?"), ("", "known: activity, ")],
)
def test_an_unknown_type_is_told_with_the_nearest(word: str, hint: str) -> None:
    with pytest.raises(BadInput, match=f"unknown type of event '{word}'") as caught:
        kinds_of(["failed", word])
    assert caught.value.hint.startswith(hint)


def test_names_of_strangers_are_absent(bench: Bench) -> None:
    bench.spawn(tags=("x", "y"))
    badges = bench.registry.badges([bench.agent().id, uuid4()])
    assert badges == {bench.agent().id: Badge("ada", bench.agent().team, frozenset({"x", "y"}))}
