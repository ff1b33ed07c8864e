"""Spawn trees: who asks, what is refused, what ends with whom, and what comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from genie.domain.agent import Desired, Life, Reason, Why
from genie.domain.errors import BadInput, LimitReached, NotFound, Refused, Stale, Survivors
from genie.domain.events import Kind
from genie.domain.tree import SAMPLES_OVER, Limits, Mode, Rate, Termination, Wish
from genie.ports import Wanted
from genie.services.expire import expire
from genie.services.family import held
from genie.services.fell import fell
from genie.services.kin import kin_of
from genie.services.order import Caller
from genie.services.quota import enforce_quotas
from genie.services.resume import resume
from genie.services.roster import decision_of, explain, ls
from genie.services.spawn import rehearse
from genie.services.stop import stop
from genie.services.want import want
from tests.services.bench import Bench, env_of

MIB = 2**20


def inside(bench: Bench, name: str) -> Caller:
    """A caller within the run of that agent, with its token."""
    return bench.caller({"GENIE_AGENT_TOKEN": env_of(bench, name)["GENIE_AGENT_TOKEN"]})


def child(bench: Bench, above: str, name: str, **said: Any) -> None:  # noqa: ANN401
    bench.spawn(name, caller=inside(bench, above), **said)


def refusal(bench: Bench, above: str, name: str) -> dict[str, object] | None:
    """What the refusal of a child says; None where there is none."""
    try:
        child(bench, above, name)
    except LimitReached as refused:
        return refused.details
    return None


def line(bench: Bench, *names: str, **said: Any) -> None:  # noqa: ANN401
    """A root with a child, with a child …; what is said goes for all."""
    bench.spawn(names[0], **said)
    for parent, name in pairwise(names):
        child(bench, parent, name, **said)


def lives(bench: Bench, *names: str) -> list[Life]:
    return [bench.life(name) for name in names]


# ---- who asks ---------------------------------------------------------------------------------


def test_a_token_makes_a_child_of_its_run(bench: Bench) -> None:
    line(bench, "a", "b", "c")
    a, b, c = (bench.agent(name) for name in "abc")
    assert [(one.parent, one.root, one.depth) for one in (a, b, c)] == [
        (None, a.id, 0),
        (a.id, a.id, 1),
        (b.id, a.id, 2),
    ]
    env = env_of(bench, "c")
    assert (env["GENIE_PARENT"], env["GENIE_ROOT"], env["SPAWN_DEPTH"]) == ("b", "a", "2")
    assert env["SPAWN_PARENT_PID"] == str(bench.process("b").pid)
    assert len({env_of(bench, name)["GENIE_AGENT_TOKEN"] for name in "abc"}) == 3


def test_the_registry_never_sees_a_token(bench: Bench) -> None:
    bench.spawn("a")
    token = env_of(bench, "a")["GENIE_AGENT_TOKEN"]
    assert bench.machine.tokens == {}
    kept = repr(bench.registry.store).replace(f"digest of {token}", "")
    assert token not in kept
    assert token not in repr(bench.registry.log)
    assert token not in repr(bench.machine.environments)


@pytest.mark.parametrize("token", ["x", "0" * 64, "größe\udcff"])
def test_a_forged_token_is_refused(bench: Bench, token: str) -> None:
    with pytest.raises(Refused, match="is not a token of this genie") as refused:
        bench.spawn("b", caller=bench.caller(GENIE_AGENT_TOKEN=token))
    assert token not in refused.value.message
    assert bench.registry.find("b") is None


def test_a_token_ends_with_its_run(bench: Bench) -> None:
    bench.spawn("a")
    old = inside(bench, "a")
    bench.stop("a")
    with pytest.raises(Refused, match="that of an ended run of 'a'"):
        bench.spawn("b", caller=old)
    bench.resume("a")
    with pytest.raises(Refused, match="that of an ended run of 'a'"):
        bench.spawn("b", caller=old)
    child(bench, "a", "b")
    assert bench.agent("b").parent == bench.agent("a").id


@pytest.mark.parametrize("lost", [True, False])
def test_a_start_that_is_gone_on_with_has_a_token_that_counts(bench: Bench, *, lost: bool) -> None:
    bench.dies_at("start.created", lambda: bench.spawn("a"))
    bench.restart()
    if lost:
        bench.machine.tokens.clear()
    bench.beat()
    assert bench.life("a") is Life.RUNNING
    child(bench, "a", "b")
    assert bench.agent("b").parent == bench.agent("a").id


def test_an_agent_that_was_changed_gets_no_token(bench: Bench) -> None:
    bench.dies_at("start.created", lambda: bench.spawn("a"))
    bench.restart()
    bench.machine.tokens.clear()
    bench.switch.meanwhile["start.dressed"] = lambda: bench.registry.store.agents.update(
        {bench.agent("a").id: replace(bench.agent("a"), run=None)}
    )
    bench.beat()
    assert "was changed while it was started" in str(bench.errors[0])


def test_without_a_token_the_kernel_tells(bench: Bench) -> None:
    bench.spawn("a")
    bench.spawn("other")
    shell = bench.machine.begin(parent=bench.process("a").pid)
    below = bench.machine.begin(parent=shell.pid)
    bench.spawn("b", caller=bench.caller(pid=below.pid))
    assert bench.agent("b").parent == bench.agent("a").id


def test_a_process_that_has_left_the_tree_is_known_by_its_environment(bench: Bench) -> None:
    bench.spawn("a")
    loose = bench.machine.begin(run=bench.run("a").id)
    loose.argv = ("sh",)
    bench.spawn("b", caller=bench.caller(pid=loose.pid))
    assert bench.agent("b").parent == bench.agent("a").id


def test_a_caller_in_no_run_makes_a_root(bench: Bench) -> None:
    bench.spawn("a")
    stranger = bench.machine.begin()
    ended = bench.machine.begin(run=UUID(int=5))
    ended.argv = ("sh",)
    bench.spawn("b", caller=bench.caller(pid=stranger.pid))
    bench.spawn("c", caller=bench.caller(pid=ended.pid))
    assert bench.agent("b").parent is bench.agent("c").parent is None


def test_with_nobody_running_nobody_is_asked_for(bench: Bench) -> None:
    bench.spawn("a", caller=bench.caller(pid=bench.machine.begin().pid))
    assert bench.agent("a").parent is None


def test_a_recycled_pid_is_nobody(bench: Bench) -> None:
    bench.spawn("a")
    pid = bench.process("a").pid
    bench.dies("a")
    bench.machine.begin(pid=pid)
    bench.spawn("b", caller=bench.caller(pid=pid))
    assert bench.agent("b").parent is None


def test_an_agent_cannot_spawn_for_another(bench: Bench) -> None:
    bench.spawn("a")
    bench.spawn("other")
    with pytest.raises(Refused, match="you are in 'a', and cannot spawn for 'other'"):
        child(bench, "a", "b", parent="other")
    child(bench, "a", "b", parent="a")
    assert bench.agent("b").parent == bench.agent("a").id


def test_a_pid_of_another_run_is_refused(bench: Bench) -> None:
    bench.spawn("a")
    bench.spawn("other")
    below = bench.machine.begin(parent=bench.process("other").pid)
    with pytest.raises(Refused, match=r"you are in 'a', and pid .* belongs to 'other'"):
        bench.spawn("b", caller=replace(inside(bench, "a"), pid=below.pid), parent_pid=bench.process("other").pid)


def test_an_unknown_parent(bench: Bench) -> None:
    with pytest.raises(NotFound, match="unknown parent 'nobody'"):
        bench.spawn("b", parent="nobody")


def test_a_parent_that_is_being_ended_has_no_more_children(bench: Bench) -> None:
    bench.spawn("a")
    bench.dies_at("kill.wanted", lambda: bench.kill("a"))
    bench.restart()
    with pytest.raises(Refused, match="parent 'a' is being ended"):
        child(bench, "a", "b")


def test_a_parent_that_was_moved_just_now(bench: Bench) -> None:
    line(bench, "a", "b")
    with bench.registry.begin() as tx:
        real = tx.line
        answers = [real(bench.agent("b").id), [replace(bench.agent("b"), root=bench.agent("b").id)]]
        tx.line = lambda agent: answers.pop(0)  # type: ignore[method-assign]  # another transaction between two looks
        with pytest.raises(Stale):
            kin_of(tx, bench.agent("b").id)


def test_an_ancestor_is_never_its_own_descendant(bench: Bench) -> None:
    line(bench, "a", "b", limits={"termination": "orphan"})
    bench.dies("a", exit_code=0)
    bench.beat()
    assert bench.life("a") is Life.DONE
    spawned = bench.spawn("a", caller=inside(bench, "b"))
    assert spawned.decision.reason == "'a' is above its spawner in the tree"
    assert bench.agent(spawned.standing.agent.name).parent == bench.agent("b").id


def test_a_name_that_is_spawned_anew_in_its_place_leaves_its_children_in_theirs(bench: Bench) -> None:
    line(bench, "a", "b", limits={"termination": "orphan"})
    bench.dies("a", exit_code=0)
    bench.beat()
    version = bench.agent("b").version
    bench.spawn("a")
    assert (bench.agent("b").parent, bench.agent("b").depth) == (bench.agent("a").id, 1)
    assert bench.agent("b").version == version


def test_a_name_that_is_spawned_anew_elsewhere_takes_its_children_along(bench: Bench) -> None:
    line(bench, "a", "b", "c", limits={"termination": "orphan"})
    bench.dies("a", exit_code=0)
    bench.beat()
    bench.spawn("new-root")
    child(bench, "new-root", "a")
    assert [bench.agent(name).depth for name in "abc"] == [1, 2, 3]
    assert {bench.agent(name).root for name in "abc"} == {bench.agent("new-root").id}


# ---- what is refused ----------------------------------------------------------------------------


def test_a_refusal_writes_one_event_and_nothing_else(bench: Bench) -> None:
    bench.spawn("a", limits={"children": 1})
    child(bench, "a", "b")
    before, events = bench.registry.store, len(bench.registry.log)
    with pytest.raises(LimitReached) as refused:
        child(bench, "a", "c")
    assert refused.value.details == {"limit": "children", "max": 1, "now": 1, "of": "a"}
    assert bench.registry.store == before
    (told,) = bench.registry.log[events:]
    assert (told.kind, told.agent) == (Kind.SPAWN_REFUSED, bench.agent("a").id)
    assert told.payload == {"child": "c", "limit": "children", "max": 1, "now": 1, "of": "a"}


def test_a_rehearsal_is_refused_without_an_event(bench: Bench) -> None:
    bench.spawn("a", limits={"mode": "static"})
    events = len(bench.registry.log)
    with pytest.raises(LimitReached, match="may not spawn"):
        rehearse(bench.world, bench.order("b", role="engineer", caller=inside(bench, "a")))
    assert len(bench.registry.log) == events


def test_a_static_agent_does_not_bring_others_back_either(bench: Bench) -> None:
    bench.spawn("b")
    bench.stop("b")
    bench.spawn("a", team="b", limits={"mode": "static"})
    with pytest.raises(LimitReached, match="may not spawn"):
        child(bench, "a", "b")


def test_an_agent_may_bring_one_back_without_becoming_its_parent(bench: Bench) -> None:
    bench.spawn("b")
    bench.stop("b")
    bench.spawn("a", team="b")
    child(bench, "a", "b")
    assert bench.life("b") is Life.RUNNING
    assert bench.agent("b").parent is None


def test_a_window_that_slides(bench: Bench) -> None:
    bench.spawn("a", limits={"rate": "10/s"})
    taken = []
    for number in range(20):
        refused = refusal(bench, "a", f"c{number}")
        if refused is None:
            taken.append(number)
        else:
            assert (refused["limit"], refused["max"], refused["now"]) == ("rate", 10, 10)
        bench.clock.advance(timedelta(milliseconds=40))
    assert taken == list(range(10))
    bench.clock.advance(timedelta(milliseconds=220))
    child(bench, "a", "c20")
    with pytest.raises(LimitReached):
        child(bench, "a", "c21")
    bench.clock.advance(timedelta(milliseconds=40))
    child(bench, "a", "c21")


def test_limits_come_from_config_team_template_and_flag(bench: Bench) -> None:
    configured = Limits(children=1, depth=9, total=9)
    bench.rules = replace(bench.rules, limits=configured)
    bench.team("red", limits={"children": "2", "rate": "2/m"})
    bench.templates.add("engineer", spawn=Wish(depth=4, termination=Termination.REPARENT))
    bench.spawn("a", team="red", limits={"termination": "orphan"})
    limits = bench.agent("a").limits
    assert limits == replace(
        configured, children=2, depth=4, rate=Rate(2, timedelta(minutes=1)), termination=Termination.ORPHAN
    )
    child(bench, "a", "b", limits={"children": 50, "mode": "static", "depth": 5})
    own = replace(limits, mode=Mode.STATIC, termination=Termination.REPARENT)
    assert bench.agent("b").limits == own


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"limits": {"childs": "3"}}, "--limit: spawn limit 'childs': unknown limit 'childs'"),
        ({"limits": {"memory": "much"}}, "--limit: spawn limit 'memory': 'much' is not a size"),
        ({"ttl": "soon"}, "--ttl: 'soon' is not a duration"),
        ({"ttl": 0}, "--ttl 0 would end it at once"),
        ({"ttl": "99999d"}, "--ttl 99999d is too long"),
    ],
)
def test_what_does_not_read_is_refused_before_anything(bench: Bench, said: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        bench.spawn("a", **said)
    assert bench.registry.commits == 0


def test_limits_of_a_team_that_do_not_read(bench: Bench) -> None:
    with pytest.raises(BadInput, match="--limit: spawn limit 'x'"):
        bench.team("red", limits={"x": 1})


def test_a_resume_needs_a_place_in_the_tree(bench: Bench) -> None:
    bench.spawn("a", limits={"children": 1})
    child(bench, "a", "b")
    bench.stop("b")
    child(bench, "a", "c")
    with pytest.raises(LimitReached, match="'a' has 1 live children of 1"):
        bench.resume("b")
    bench.kill("c")
    assert bench.resume("b").agent.life is Life.RUNNING


# ---- time to live -------------------------------------------------------------------------------


def test_at_its_time_it_ends_with_a_moment_of_grace(bench: Bench) -> None:
    bench.spawn("a", ttl="30s")
    assert bench.agent("a").expires_at == bench.agent("a").created_at + timedelta(seconds=30)
    assert bench.look().wake_at == bench.agent("a").expires_at
    bench.clock.advance(timedelta(seconds=30))
    bench.beat()
    assert bench.life("a") is Life.TERMINATED
    assert bench.machine.graces[bench.run("a").id] == bench.rules.ttl_grace
    assert bench.kinds("a")[-2:] == [Kind.TTL_EXPIRED, Kind.TERMINATED]
    assert bench.machine.agents() == []


def test_it_ends_though_the_daemon_was_away(bench: Bench) -> None:
    bench.spawn("a", ttl=30)
    bench.clock.advance(timedelta(hours=1))
    bench.restart()
    bench.beat()
    assert bench.life("a") is Life.TERMINATED


@pytest.mark.parametrize("life", [Life.QUEUED, Life.SUSPENDED, Life.DEAD])
def test_one_that_does_not_run_expires_too(bench: Bench, life: Life) -> None:
    bench.bring_to(life)
    agent = bench.agent()
    bench.registry.store.agents[agent.id] = replace(agent, expires_at=bench.clock.time)
    bench.beat()
    assert bench.life() is Life.TERMINATED


@pytest.mark.parametrize("life", [Life.DONE, Life.FAILED])
def test_one_that_has_ended_is_left_and_gets_its_time_anew(bench: Bench, life: Life) -> None:
    bench.spawn("a", ttl=30, auto_resume=False)
    bench.dies("a", exit_code=0 if life is Life.DONE else 1)
    bench.beat()
    bench.clock.advance(timedelta(seconds=60))
    bench.beat()
    assert bench.life("a") is life
    before = bench.clock.time
    bench.resume("a")
    expires = bench.agent("a").expires_at
    assert expires
    assert before < expires - timedelta(seconds=30) <= bench.clock.time


def test_a_resume_in_time_does_not_buy_time(bench: Bench) -> None:
    bench.spawn("a", ttl=30)
    expires = bench.agent("a").expires_at
    bench.stop("a")
    bench.resume("a")
    assert bench.agent("a").expires_at == expires


def test_a_spawn_that_resumes_may_set_its_time_anew(bench: Bench) -> None:
    bench.spawn("a", ttl=30)
    bench.stop("a")
    before = bench.clock.time
    done = bench.spawn("a", ttl="1h", limits={"children": 1})
    assert done.warnings == ("a resumed session keeps what it was spawned with; ignored: --limit",)
    agent = bench.agent("a")
    assert agent.ttl == timedelta(hours=1)
    assert agent.expires_at
    assert before < agent.expires_at - timedelta(hours=1) <= bench.clock.time
    assert agent.limits == Limits()


def test_a_template_says_how_long(bench: Bench) -> None:
    bench.templates.add("short", ttl=timedelta(minutes=1))
    bench.spawn("a", role="short")
    bench.spawn("b", role="short", ttl="2m")
    assert bench.agent("a").ttl == timedelta(minutes=1)
    assert bench.agent("b").ttl == timedelta(minutes=2)


def test_one_that_was_brought_to_its_end_already_expires_once(bench: Bench) -> None:
    bench.spawn("a", ttl=30)
    seen = bench.standing("a")
    bench.clock.advance(timedelta(seconds=30))
    bench.beat()
    assert expire(bench.world, seen).agent.life is Life.TERMINATED
    assert bench.kinds("a").count(Kind.TTL_EXPIRED) == 1


# ---- when a parent ends ---------------------------------------------------------------------------


def test_cascade_ends_all_leaves_first(bench: Bench) -> None:
    line(bench, "a", "b", "c", "d")
    bench.kill("a")
    assert lives(bench, *"abcd") == [Life.TERMINATED] * 4
    runs = [bench.run(name).id for name in "dcba"]
    killed = [process.run for process in bench.machine.killed]
    assert [killed.index(run) for run in runs] == sorted(killed.index(run) for run in runs)
    assert [e.payload.get("by") for e in bench.events("d") if e.kind is Kind.KILL_REQUESTED] == ["a"]


def test_orphans_go_on(bench: Bench) -> None:
    line(bench, "a", "b", "c", "d", limits={"termination": "orphan"})
    bench.kill("a")
    assert lives(bench, *"abcd") == [Life.TERMINATED, *[Life.RUNNING] * 3]
    rows = {row.agent.name: row for row in ls(bench.world, Wanted())}
    assert [rows[name].orphan for name in "bcd"] == [True, False, False]
    assert {rows[name].root for name in "bcd"} == {"a"}
    assert Kind.ORPHANED in bench.kinds("b")
    assert Kind.ORPHANED not in bench.kinds("c")


def test_orphans_keep_their_limits(bench: Bench) -> None:
    line(bench, "a", "b", limits={"termination": "orphan", "descendants": 2})
    bench.kill("a")
    child(bench, "b", "c")
    with pytest.raises(LimitReached, match="2 of 2 live below 'a'"):
        child(bench, "b", "d")


def test_reparented_they_belong_to_the_lead(bench: Bench) -> None:
    bench.team("red", lead="lead")
    bench.spawn("lead", team="red")
    line(bench, "a", "b", "c", "d", team="red", limits={"termination": "reparent"})
    bench.kill("a")
    assert lives(bench, *"abcd") == [Life.TERMINATED, *[Life.RUNNING] * 3]
    assert bench.agent("b").parent == bench.agent("lead").id
    assert [bench.agent(name).depth for name in "bcd"] == [1, 2, 3]
    assert {bench.agent(name).root for name in "bcd"} == {bench.agent("lead").id}
    (told,) = [e for e in bench.events("b") if e.kind is Kind.REPARENTED]
    assert told.payload == {"of": "a", "to": "lead"}


def test_reparented_they_belong_to_the_nearest_ancestor(bench: Bench) -> None:
    line(bench, "a", "b", "c", "d", limits={"termination": "reparent"})
    bench.kill("c")
    assert bench.agent("d").parent == bench.agent("b").id
    assert bench.agent("d").depth == 2


def test_reparented_with_nobody_above_they_are_roots(bench: Bench) -> None:
    line(bench, "a", "b", "c", limits={"termination": "reparent"})
    bench.stop("a")
    b, c = bench.agent("b"), bench.agent("c")
    assert (b.parent, b.root, b.depth) == (None, b.id, 0)
    assert (c.parent, c.root, c.depth) == (b.id, b.id, 1)


def test_a_lead_among_the_children(bench: Bench) -> None:
    bench.team("red", lead="b")
    line(bench, "a", "b", team="red", limits={"termination": "reparent"})
    child(bench, "a", "c", team="red")
    bench.kill("a")
    assert bench.agent("b").parent is None
    assert bench.agent("c").parent == bench.agent("b").id
    assert bench.agent("c").depth == 1


def test_a_stop_suspends_them_and_the_resume_brings_those_back(bench: Bench) -> None:
    line(bench, "a", "b", "c")
    child(bench, "a", "own")
    bench.stop("own")
    bench.stop("a")
    assert lives(bench, "a", "b", "c", "own") == [Life.SUSPENDED] * 4
    bench.resume("a")
    assert bench.life("b") is Life.SUSPENDED
    bench.beat()
    assert lives(bench, "a", "b", "c", "own") == [*[Life.RUNNING] * 3, Life.SUSPENDED]
    (claimed,) = [e for e in bench.events("a") if e.kind is Kind.RESUME_CLAIMED]
    assert claimed.payload["brings"] == "b, c"
    assert bench.run("b").why is Why.RESUME


def test_they_come_back_though_the_daemon_dies_in_between(bench: Bench) -> None:
    line(bench, "a", "b", "c")
    bench.stop("a")
    bench.dies_at("resume.claimed", lambda: bench.resume("a"))
    bench.restart()
    bench.beat()
    assert lives(bench, *"abc") == [Life.RUNNING] * 3


def test_a_stop_leaves_alone_what_is_not_alive(bench: Bench) -> None:
    line(bench, "a", "b", "c")
    bench.dies("c", exit_code=0)
    bench.beat()
    bench.stop("a")
    assert lives(bench, *"abc") == [Life.SUSPENDED, Life.SUSPENDED, Life.DONE]


@pytest.mark.parametrize(("exit_code", "life"), [(0, Life.DONE), (1, Life.FAILED)])
def test_a_parent_that_is_over_takes_them_along(bench: Bench, exit_code: int, life: Life) -> None:
    line(bench, "a", "b", "c", auto_resume=False)
    bench.dies("a", exit_code=exit_code)
    done = bench.beat()
    assert bench.life("a") is life
    if life is Life.DONE:
        assert not done.look_at_all  # the first look only marks
    bench.beat()
    assert lives(bench, "b", "c") == [Life.SUSPENDED] * 2
    bench.resume("a")
    bench.beat()
    assert lives(bench, *"abc") == [Life.RUNNING] * 3


def test_children_of_a_dead_one_wait_for_the_decision(bench: Bench) -> None:
    line(bench, "a", "b")
    bench.dies("a")
    bench.beat()
    assert lives(bench, "a", "b") == [Life.RUNNING] * 2
    assert bench.run("a").why is Why.AUTO_RESUME


def test_exhausted_it_takes_them_along(bench: Bench) -> None:
    line(bench, "a", "b")
    for _ in range(4):
        bench.dies("a")
        bench.beats(timedelta(seconds=70))
    assert (bench.life("a"), bench.agent("a").reason) == (Life.FAILED, "exhausted")
    assert bench.life("b") is Life.SUSPENDED


def test_time_to_live_takes_them_along(bench: Bench) -> None:
    line(bench, "a", "b")
    bench.spawn("x", ttl=5)
    child(bench, "x", "y")
    bench.clock.advance(timedelta(seconds=5))
    bench.beat()
    assert lives(bench, "a", "b", "x", "y") == [Life.RUNNING, Life.RUNNING, Life.TERMINATED, Life.TERMINATED]


@pytest.mark.parametrize("point", ["kill.wanted", "finish.ended", "finish.closed", "finish.before_commit"])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_cascade_goes_on_after_a_crash(bench: Bench, point: str, after: int) -> None:
    line(bench, "a", "b", "c", "d")
    bench.dies_at(point, lambda: bench.kill("a"), after=1 if point == "kill.wanted" else after)
    bench.restart()
    bench.beat()
    bench.beat()
    assert lives(bench, *"abcd") == [Life.TERMINATED] * 4
    assert bench.machine.agents() == []


def test_the_rest_ends_though_one_survives(bench: Bench) -> None:
    line(bench, "a", "b", "c")
    bench.process("c").lasting = True
    with pytest.raises(Survivors):
        bench.kill("a")
    assert lives(bench, *"abc") == [Life.TERMINATED, Life.TERMINATED, Life.RUNNING]
    assert bench.agent("c").desired is Desired.GONE
    bench.process("c").lasting = False
    bench.beats(timedelta(seconds=40))
    assert bench.life("c") is Life.TERMINATED


def test_a_generation_ends_at_the_same_time(bench: Bench) -> None:
    bench.spawn("a")
    for number in range(9):
        child(bench, "a", f"c{number}")
    bench.kill("a")
    assert bench.machine.agents() == []


def test_a_kill_reaches_those_that_were_stopped_with_it(bench: Bench) -> None:
    line(bench, "a", "b")
    bench.stop("a")
    bench.kill("a")
    assert lives(bench, "a", "b") == [Life.TERMINATED] * 2


def test_a_stop_after_a_kill_was_wanted_changes_nothing(bench: Bench) -> None:
    line(bench, "a", "b")
    bench.dies_at("kill.wanted", lambda: bench.kill("b"))
    bench.restart()
    bench.stop("a")
    assert lives(bench, "a", "b") == [Life.SUSPENDED, Life.TERMINATED]


def test_a_stop_that_comes_twice(bench: Bench) -> None:
    line(bench, "a", "b", "c")
    bench.dies_at("stop.wanted", lambda: bench.stop("b"))
    bench.restart()
    bench.stop("a")
    assert lives(bench, *"abc") == [Life.SUSPENDED] * 3
    bench.resume("a")
    bench.beat()
    assert lives(bench, *"abc") == [Life.RUNNING, Life.SUSPENDED, Life.SUSPENDED]


def test_one_that_is_wanted_again_is_not_felled(bench: Bench) -> None:
    bench.spawn("a")
    bench.dies_at("stop.wanted", lambda: bench.stop("a"))
    seen = bench.standing("a")
    bench.restart()
    bench.beat()
    resume(bench.world, "a")
    assert fell(bench.world, seen).agent.life is Life.RUNNING


def test_one_that_ends_by_itself_while_others_are_felled(bench: Bench) -> None:
    line(bench, "a", "b", "c")

    def b_is_done() -> None:
        agent = bench.agent("b")
        bench.registry.store.agents[agent.id] = replace(agent, life=Life.TERMINATED)

    bench.switch.meanwhile["finish.closed"] = b_is_done
    bench.kill("a")
    assert lives(bench, *"abc") == [Life.TERMINATED] * 3


def test_one_that_is_gone_is_not_felled(bench: Bench) -> None:
    bench.spawn("a")
    seen = bench.standing("a")
    bench.registry.store.agents.clear()
    assert fell(bench.world, seen) is seen
    with bench.registry.begin() as tx:
        assert held(tx, seen.agent.id) is None


def test_a_tree_that_moves_all_the_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.spawn("a")
    tries = []

    def moved(*_: object) -> None:
        tries.append(1)
        raise Stale("moved")

    monkeypatch.setattr("genie.services.want.held", moved)
    with pytest.raises(Stale):
        stop(bench.world, "a")
    assert len(tries) == 5
    assert bench.life("a") is Life.RUNNING


def test_a_move_between_two_looks_is_seen(bench: Bench) -> None:
    line(bench, "a", "b")
    bench.spawn("c")
    with bench.registry.begin() as tx:

        def move(root: UUID) -> None:
            b = bench.agent("b")
            tx.store.agents[b.id] = replace(b, root=bench.agent("c").id)

        tx.lock_tree = move  # type: ignore[method-assign]  # another transaction that held the tree
        with pytest.raises(Stale):
            held(tx, bench.agent("b").id)


def test_explain_says_that_it_ends_with_its_parent(bench: Bench) -> None:
    line(bench, "a", "b")
    bench.dies_at("kill.wanted", lambda: bench.kill("a"))
    assert explain(bench.world, "b").next.reason == "ends with its parent"
    assert explain(bench.world, "a").next.reason == "wanted gone"
    bench.spawn("x", ttl=1)
    bench.clock.advance(timedelta(seconds=1))
    assert decision_of(explain(bench.world, "x").next) == "kill"


# ---- the memory quota -----------------------------------------------------------------------------


def looks(bench: Bench, times: int) -> None:
    for _ in range(times):
        enforce_quotas(bench.world)
        bench.clock.advance(timedelta(seconds=2))
        bench.beat()


def test_at_the_quota_the_next_is_refused(bench: Bench) -> None:
    bench.spawn("a", limits={"memory": "20MiB", "on_breach": "refuse"})
    child(bench, "a", "b")
    with pytest.raises(LimitReached, match="the tree of 'a' uses 20MiB of 20MiB") as refused:
        child(bench, "a", "c")
    assert refused.value.details == {"limit": "memory", "max": 20 * MIB, "now": 20 * MIB, "of": "a"}
    bench.process("b").memory = 5 * MIB
    enforce_quotas(bench.world)
    child(bench, "a", "c")
    assert bench.machine.enclosed[bench.run("c").id] == 20 * MIB


def test_refuse_ends_nobody(bench: Bench) -> None:
    bench.spawn("a", limits={"memory": "5MiB", "on_breach": "refuse"})
    looks(bench, 6)
    assert bench.life("a") is Life.RUNNING
    assert bench.kinds("a").count(Kind.QUOTA_EXCEEDED) == 1


def test_the_newest_ends_until_it_is_below(bench: Bench) -> None:
    bench.spawn("a", limits={"memory": "25MiB"})
    for name in "bc":
        bench.clock.advance(timedelta(seconds=1))
        child(bench, "a", name)
    bench.process("b").memory = 30 * MIB
    looks(bench, SAMPLES_OVER - 1)
    assert lives(bench, *"abc") == [Life.RUNNING] * 3
    looks(bench, 1)
    assert (bench.life("c"), bench.agent("c").reason) == (Life.FAILED, "quota")
    looks(bench, SAMPLES_OVER)
    assert (bench.life("b"), bench.agent("b").reason) == (Life.FAILED, "quota")
    looks(bench, SAMPLES_OVER)
    assert bench.life("a") is Life.RUNNING
    assert Kind.QUOTA_EXCEEDED in bench.kinds("a")
    assert bench.session("b").ended_at is None
    assert resume(bench.world, "b").agent.ending is None


def test_kill_tree_ends_all(bench: Bench) -> None:
    line(bench, "a", "b", "c", limits={"memory": "25MiB", "on_breach": "kill-tree"})
    bench.spawn("stranger", limits={"memory": "25MiB"})
    looks(bench, SAMPLES_OVER)
    assert [bench.agent(name).reason for name in "abc"] == ["quota"] * 3
    assert bench.life("stranger") is Life.RUNNING


def test_a_tighter_quota_is_that_of_its_part(bench: Bench) -> None:
    bench.spawn("a", limits={"memory": "1GiB"})
    child(bench, "a", "b", limits={"memory": "15MiB"})
    child(bench, "b", "c")
    bench.clock.advance(timedelta(seconds=1))
    child(bench, "a", "d")
    looks(bench, SAMPLES_OVER)
    assert lives(bench, *"abcd") == [Life.RUNNING, Life.RUNNING, Life.FAILED, Life.RUNNING]


def test_without_a_quota_nobody_is_weighed(bench: Bench) -> None:
    bench.spawn("a")
    assert not bench.look().quotas
    assert enforce_quotas(bench.world) == []
    bench.spawn("b", limits={"memory": "1GiB"})
    assert bench.look().quotas
    (weighed,) = enforce_quotas(bench.world)
    assert (weighed.agent.name, weighed.used, weighed.over, weighed.ended) == ("b", 10 * MIB, 0, ())


def test_one_that_is_ended_by_somebody_else_is_nobody_s_victim(bench: Bench) -> None:
    bench.spawn("a", limits={"memory": "5MiB"})
    for _ in range(SAMPLES_OVER - 1):
        enforce_quotas(bench.world)
    bench.dies_at("kill.wanted", lambda: bench.kill("a"))
    assert enforce_quotas(bench.world)[0].ended == ()


def test_a_victim_that_changes_all_the_time_is_left_for_the_next_look(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise Stale("busy")

    bench.spawn("a", limits={"memory": "5MiB"})
    monkeypatch.setattr("genie.services.quota.want", busy)
    for _ in range(SAMPLES_OVER):
        (weighed,) = enforce_quotas(bench.world)
    assert (weighed.over, weighed.ended) == (SAMPLES_OVER, ())


def test_a_stop_that_is_a_failure(bench: Bench) -> None:
    bench.spawn("a")
    assert want(bench.world, bench.standing("a"), Desired.STOPPED, Kind.STOP_REQUESTED, ending=Reason.TIMEOUT)
    bench.dies("a")
    bench.beat()
    assert (bench.life("a"), bench.agent("a").reason) == (Life.FAILED, "timeout")


def test_one_that_is_gone_in_between_keeps_the_depth_below_it(bench: Bench) -> None:
    line(bench, "a", "b", "c", "d", limits={"termination": "orphan"})
    bench.spawn("lead", limits={"termination": "reparent"})
    bench.kill("c")
    bench.dies("a", exit_code=0)
    bench.beat()
    child(bench, "lead", "a")
    assert [bench.agent(name).depth for name in "abd"] == [1, 2, 4]
    assert {bench.agent(name).root for name in "abd"} == {bench.agent("lead").id}
