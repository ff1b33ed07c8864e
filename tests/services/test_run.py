"""Sessions that are run to their end: how they start, what they wait for, how they end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from genie.domain.agent import Life, Restart
from genie.domain.conversation import ConversationKind
from genie.domain.errors import BadInput, Failed, NotAllowed, NotFound, TimedOut
from genie.domain.events import Kind
from genie.domain.result import Bond, Edge, Result
from genie.domain.resume_note import GO_ON
from genie.domain.selecting import Selection
from genie.domain.session import Way
from genie.domain.settle import Hold
from genie.services.conclude import results_of
from genie.services.order import Assignment, again, kept
from genie.services.retry import attempts, retry
from genie.services.roster import decision_of, explain
from genie.services.run import rehearse_run, run
from genie.services.selecting import select_one
from genie.services.spawn import Spawned
from genie.services.tell import close, tell
from tests.services.bench import Bench

SECOND = timedelta(seconds=1)


def go(bench: Bench, name: str = "ada", *, prompt: str | None = "do it", **said: Any) -> Spawned:  # noqa: ANN401
    """`genie run`; what is no field of an order is one of its assignment."""
    own = {key: said.pop(key) for key in list(said) if key in Assignment.__dataclass_fields__}
    order = bench.order(name, prompt=prompt, assignment=Assignment(**own), **said)
    return run(bench.world, order)


def log(bench: Bench, name: str = "ada") -> str:
    return bench.recordings.path(bench.session(name).id)


def says(bench: Bench, text: str, name: str = "ada", **more: object) -> None:
    bench.recordings.say(log(bench, name), ConversationKind.SESSION_RESULT, text=text, **more)


def ends(bench: Bench, name: str = "ada", *, code: int = 0) -> None:
    bench.dies(name, exit_code=code)
    bench.beat()


def result(bench: Bench, name: str = "ada") -> Result:
    session = bench.session(name).id
    return bench.registry.results([session])[session]


# ---- the start ------------------------------------------------------------------------------


def test_it_is_attended_and_told_by_a_file(bench: Bench) -> None:
    go(bench, prompt="$HOME `x` 🐘")
    session = bench.session()
    (execution,) = bench.executions()
    assert execution.argv[:2] == ("claude", "-p")
    assert "$HOME" not in " ".join(execution.argv)
    assert session.way is Way.ONE_SHOT
    assert bench.machine.prompts[session.id] == "$HOME `x` 🐘"
    attend = bench.machine.attended[bench.run().id]
    assert attend == {
        "form": "claude",
        "log": bench.recordings.path(session.id),
        "stdin": f"/home/u/.genie/prompts/{session.id}.md",
        "keep_open": False,
        "fifo": None,
    }
    assert bench.registry.tapes("host-1")[0].path == attend["log"]


def test_it_is_never_brought_back_by_itself(bench: Bench) -> None:
    go(bench)
    agent = bench.agent()
    assert (agent.restart, agent.auto_resume) == (Restart.NEVER, False)


def test_without_a_team_it_is_among_the_runs(bench: Bench) -> None:
    go(bench)
    agent = bench.agent()
    assert (agent.team, agent.placement.session, agent.placement.window) == ("runs", "runs", "runs")
    go(bench, "bob")
    assert bench.agent("bob").team == "runs"


def test_with_a_team_it_is_in_the_window_of_its_runs(bench: Bench) -> None:
    bench.team("web")
    go(bench, team="web")
    assert (bench.agent().team, bench.agent().placement.window) == ("web", "runs")


def test_a_window_that_is_named(bench: Bench) -> None:
    go(bench, window="mine")
    assert bench.agent().placement.window == "mine"


def test_a_team_that_is_not_there(bench: Bench) -> None:
    with pytest.raises(NotFound, match="unknown team 'nix'"):
        go(bench, team="nix")


@pytest.mark.parametrize(
    ("said", "begin"),
    [
        ({}, "claude-"),
        ({"provider": "codex"}, "codex-"),
        ({"command": ("/usr/bin/make", "x")}, "make-"),
        ({"role": "engineer"}, "engineer-"),
        ({"command": ("--",)}, "run-"),
    ],
)
def test_names_that_nobody_chose(bench: Bench, said: dict[str, Any], begin: str) -> None:
    one, other = go(bench, "", **said), go(bench, "", **said)
    assert one.standing.agent.name.startswith(begin)
    assert one.standing.agent.name != other.standing.agent.name


def test_a_template_says_which_provider(bench: Bench) -> None:
    bench.templates.add("tester", provider="codex")
    go(bench, role="tester")
    assert bench.agent().provider == "codex"


def test_a_streaming_one_has_an_input(bench: Bench) -> None:
    go(bench, prompt=None, streaming=True)
    attend = bench.machine.attended[bench.run().id]
    assert (attend["keep_open"], attend["stdin"]) == (True, None)
    assert attend["fifo"] == bench.recordings.fifo(bench.session().id)
    assert bench.session().way is Way.STREAMING


def test_what_the_provider_is_asked(bench: Bench) -> None:
    go(bench, system_prompt="be brief", max_turns=3, auto_approve=True, size="small", add_dirs=("/x",))
    (task,) = bench.providers.claude.tasks
    assert (task.system_prompt, task.max_turns, task.auto_approve, task.size) == ("be brief", 3, True, "small")
    assert bench.providers.claude.asked[-1].add_dirs == ("/x",)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"prompt": None}, "nothing to do"),
        ({"inject": True}, "--inject-context"),
        ({"inject": True, "depends_on": ("x",), "streaming": True}, "--inject-context and --interactive"),
        ({"max_turns": 0}, "--max-turns 0"),
        ({"streaming": True, "schema": "s.json"}, "--json-schema"),
        ({"timeout": "soon"}, "--timeout"),
        ({"timeout": 0}, "--timeout 0"),
        ({"timeout": "99999d"}, "too long"),
    ],
)
def test_what_cannot_be_meant(bench: Bench, said: dict[str, Any], what: str) -> None:
    with pytest.raises(BadInput, match=what):
        go(bench, **said)
    assert bench.registry.find("ada") is None


def test_nothing_is_started_by_a_rehearsal(bench: Bench) -> None:
    planned = rehearse_run(bench.world, bench.order("", prompt="x", assignment=Assignment()))
    assert planned.launch.argv[0] == "claude"
    assert bench.machine.executions == []


def test_a_name_that_ran_before_gets_a_new_session(bench: Bench) -> None:
    go(bench)
    first = bench.session().id
    ends(bench)
    go(bench)
    assert bench.session().id != first
    assert bench.life() is Life.RUNNING
    go(bench)
    assert len(bench.registry.agent_names(list(bench.registry.store.agents))) == 2  # a parallel beside the live one


def test_its_markers(bench: Bench) -> None:
    go(bench)
    session = bench.session().id
    assert bench.machine.marks[session, "started"]["name"] == "ada"
    ends(bench)
    told = bench.machine.marks[session, "ended"]
    assert (told["success"], told["exit_code"], told["state"]) == (True, 0, "done")


def test_markers_that_cannot_be_written_keep_nothing_from_its_end(bench: Bench) -> None:
    bench.machine.fails["mark"] = Failed("no space")
    go(bench)
    ends(bench)
    assert bench.life() is Life.DONE


# ---- the end --------------------------------------------------------------------------------


def test_its_result_is_written_with_its_end(bench: Bench) -> None:
    go(bench)
    says(bench, "42")
    ends(bench)
    assert bench.life() is Life.DONE
    found = result(bench)
    assert (found.success, found.text, found.exit_code, found.error) == (True, "42", 0, None)


def test_one_look_is_enough_where_tmux_tells_how_it_ended(bench: Bench) -> None:
    go(bench)
    bench.dies(exit_code=0)
    bench.work_off(bench.look())
    assert bench.life() is Life.DONE


def test_a_pane_that_is_gone_is_looked_at_twice(bench: Bench) -> None:
    go(bench)
    (server,) = bench.machine.servers.values()
    bench.machine.remove(server, bench.pane())
    bench.work_off(bench.look())
    assert bench.life() is Life.RUNNING


def test_its_pane_is_closed_after_a_success(bench: Bench) -> None:
    go(bench)
    where = bench.run().pane
    ends(bench)
    assert where
    assert where.pane not in bench.machine.servers[where.server.socket].panes


@pytest.mark.parametrize(("said", "code"), [({"keep": True}, 0), ({}, 1)])
def test_its_pane_stays(bench: Bench, said: dict[str, Any], code: int) -> None:
    go(bench, **said)
    ends(bench, code=code)
    assert bench.pane().exit_code == code


def test_an_exit_code_is_a_failure(bench: Bench) -> None:
    go(bench)
    says(bench, "half")
    ends(bench, code=3)
    assert (bench.life(), bench.agent().reason) == (Life.FAILED, "exit")
    found = result(bench)
    assert (found.success, found.text, found.exit_code, found.error) == (False, "half", 3, "exit (exit code 3)")


def test_its_program_can_say_that_it_has_failed(bench: Bench) -> None:
    go(bench)
    says(bench, "", is_error=True, error="no credit\nleft")
    ends(bench)
    assert (bench.life(), bench.agent().reason) == (Life.FAILED, "exit: no credit left")
    assert bench.events()[-1].payload["reason"] == "exit: no credit left"
    assert result(bench).error == "no credit left"


def test_a_program_that_says_no_more_than_that(bench: Bench) -> None:
    go(bench)
    bench.recordings.say(log(bench), ConversationKind.SESSION_ENDED, success=False, reason="x" * 600)
    ends(bench)
    assert len(bench.agent().reason or "") == len("exit: ") + 500


def test_a_conversation_that_cannot_be_read_keeps_nothing_from_its_end(bench: Bench) -> None:
    go(bench)
    bench.recordings.troubles += [Failed("io error")]
    ends(bench)
    assert bench.life() is Life.DONE
    go(bench, "bob")
    bench.recordings.troubles += [Failed("io error")] * 3
    ends(bench, "bob", code=1)
    assert result(bench, "bob").error == "its conversation cannot be read: io error"


def test_what_was_submitted_stays_its_result(bench: Bench) -> None:
    go(bench)
    session, agent = bench.session().id, bench.agent().id
    with bench.registry.begin() as tx:
        tx.save_result(
            Result(session=session, agent=agent, success=None, text="mine", submitted=True, at=bench.clock.time)
        )
    says(bench, "the last words")
    ends(bench)
    found = result(bench)
    assert (found.text, found.submitted, found.success) == ("mine", True, True)


def test_a_start_that_fails_is_a_result(bench: Bench) -> None:
    bench.machine.fails["release"] = Failed("no space")
    with pytest.raises(Failed):
        go(bench)
    assert bench.life() is Life.FAILED
    assert (result(bench).success, result(bench).error) == (False, "no space")


def test_a_kill_is_a_result(bench: Bench) -> None:
    go(bench)
    says(bench, "so far")
    bench.kill()
    found = bench.registry.results(list(bench.registry.store.sessions))
    (only,) = found.values()
    assert (only.success, only.text, only.error) == (False, "so far", "terminated")


def test_what_it_had_come_to_outlives_a_kill(bench: Bench) -> None:
    go(bench)
    says(bench, "42")
    ends(bench)
    bench.kill()
    (only,) = bench.registry.results(list(bench.registry.store.sessions)).values()
    assert (only.success, only.text) == (True, "42")


def test_a_stop_is_no_end(bench: Bench) -> None:
    bench.spawn()
    bench.stop()
    assert bench.registry.results([bench.session().id]) == {}


def test_its_time_is_over(bench: Bench) -> None:
    go(bench, timeout="1m")
    live_at = bench.run().live_at
    assert live_at
    assert bench.look().wake_at == live_at + timedelta(minutes=1)
    bench.clock.advance(timedelta(seconds=59))
    bench.beat()
    assert bench.life() is Life.RUNNING
    bench.clock.advance(SECOND)
    assert bench.beat().look_at_all
    bench.beat()
    assert (bench.life(), bench.agent().reason) == (Life.FAILED, "timeout")
    assert (result(bench).success, result(bench).error) == (False, "timeout")


RESET = {"resets_at": "2026-03-01T15:00:00+00:00"}


@pytest.mark.parametrize("code", [0, 1])
def test_a_usage_limit_is_waited_for(bench: Bench, code: int) -> None:
    go(bench)
    session = bench.session().id
    bench.recordings.say(log(bench), ConversationKind.USAGE_LIMIT_HIT, **RESET)
    bench.dies(exit_code=code)
    bench.beat()
    bench.beat()
    assert bench.life() is Life.DEAD
    assert session not in bench.registry.results([session])
    bench.clock.advance(timedelta(hours=4))
    bench.beat()
    assert (bench.life(), bench.session().id) == (Life.RUNNING, session)
    execution = bench.executions()[-1]
    assert "--resume" in execution.argv
    told = bench.machine.prompts[bench.run().id]
    assert 'reason="you had met a usage limit, which is over now"' in told
    assert f"{GO_ON}</genie-resume>" in told
    bench.recordings.say(log(bench), ConversationKind.USAGE_LIMIT_RESUMED)
    says(bench, "42")
    ends(bench)
    assert (bench.life(), result(bench).text) == (Life.DONE, "42")


def test_a_command_is_given_again_what_it_was_given(bench: Bench) -> None:
    go(bench, command=("cat",), prompt="first")
    ends(bench, code=1)
    bench.resume()
    session = bench.session().id
    assert bench.executions()[-1].argv == ("cat",)
    assert bench.machine.attended[bench.run().id]["stdin"] == f"/home/u/.genie/prompts/{session}.md"


def test_a_result_that_does_not_fit_is_a_failure(bench: Bench) -> None:
    go(bench, schema='{"required": ["a"]}')
    says(bench, '{"b": 1}')
    ends(bench)
    assert bench.life() is Life.FAILED
    assert (bench.agent().reason or "").startswith("exit: its result does not fit the schema: ")
    assert (result(bench).error or "").startswith("its result does not fit the schema: ")
    go(bench, "b", schema='{"required": ["a"]}')
    says(bench, '{"a": 1}', "b")
    ends(bench, "b")
    assert (bench.life("b"), result(bench, "b").structured) == (Life.DONE, {"a": 1})
    go(bench, "c", schema='{"required": ["a"]}')
    ends(bench, "c", code=2)
    assert result(bench, "c").error == "exit (exit code 2)"


# ---- waiting for others ---------------------------------------------------------------------


def test_it_waits_for_all_that_it_depends_on(bench: Bench) -> None:
    go(bench, "a")
    go(bench, "b")
    go(bench, "c", depends_on=("a", "b"))
    assert bench.life("c") is Life.QUEUED
    ends(bench, "a")
    bench.beat()
    assert bench.life("c") is Life.QUEUED
    ends(bench, "b")
    bench.beat()
    assert bench.life("c") is Life.RUNNING


def test_those_may_have_ended_before(bench: Bench) -> None:
    go(bench, "a")
    ends(bench, "a")
    go(bench, "b", depends_on=(str(bench.session("a").id),))
    bench.beat()
    assert bench.life("b") is Life.RUNNING


def test_a_failure_goes_down_all_levels_with_its_cause(bench: Bench) -> None:
    go(bench, "a")
    for name, above in (("b", "a"), ("c", "b"), ("d", "c")):
        go(bench, name, depends_on=(above,))
    ends(bench, "a", code=1)
    for _ in range(3):
        bench.beat()
    for name, above in (("b", "a"), ("c", "b"), ("d", "c")):
        source = bench.session(above).id
        assert (bench.life(name), bench.agent(name).reason) == (Life.FAILED, f"dependency: {above} ({source.hex[:8]})")
        assert bench.events(name)[-1].payload["cause"] == str(source)
        assert result(bench, name).success is False
    assert bench.executions("b") == []


def test_one_that_was_changed_meanwhile_is_left_to_the_next_look(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    go(bench, "a")
    go(bench, "b", depends_on=("a",))
    ends(bench, "a", code=1)
    monkeypatch.setattr("genie.services.reconcile.held", lambda tx, agent: None)
    bench.look()
    assert bench.life("b") is Life.QUEUED


def test_it_is_explained_what_it_waits_for(bench: Bench) -> None:
    go(bench, "a")
    go(bench, "b", depends_on=("a",))
    assert explain(bench.world, "b").next == Hold("waits for a")
    ends(bench, "a", code=1)
    go(bench, "c", depends_on=("a",))
    step = explain(bench.world, "c").next
    assert (step.reason, decision_of(step)) == ("'a' has failed, which it waits for", "give_up")


def test_one_without_a_session_cannot_be_waited_for(bench: Bench) -> None:
    go(bench, "a")
    store = bench.registry.store
    agent = bench.agent("a")
    store.agents[agent.id] = replace(agent, session=None, run=None)
    with pytest.raises(BadInput, match="'a' has no session"):
        go(bench, "b", depends_on=("a",))


def test_one_that_waits_can_be_cancelled(bench: Bench) -> None:
    go(bench, "a")
    go(bench, "b", depends_on=("a",))
    bench.kill("b")
    ends(bench, "a")
    bench.beat()
    assert bench.executions("b") == []


def test_unknown_ones_are_refused_at_once(bench: Bench) -> None:
    with pytest.raises(NotFound, match="unknown session 'nix'"):
        go(bench, depends_on=("nix",))
    assert bench.registry.find("ada") is None


def test_it_is_told_what_the_others_came_to(bench: Bench) -> None:
    go(bench, "a")
    says(bench, "<b> & 1", "a")
    ends(bench, "a")
    go(bench, "b", prompt="go on", depends_on=("a",), inject=True)
    bench.beat()
    path = bench.machine.attended[bench.run("b").id]["stdin"]
    told = bench.machine.prompts[bench.run("b").id]
    assert path == f"/home/u/.genie/prompts/{bench.run('b').id}.md"
    first = bench.session("a").id.hex[:8]
    assert told == f'<session-result session="{first}" name="a">&lt;b&gt; &amp; 1</session-result>\n\ngo on'


def test_what_has_said_nothing_is_left_out(bench: Bench) -> None:
    go(bench, "a")
    ends(bench, "a")
    assert results_of(bench.world, [bench.session("a").id, uuid4()]) == []


# ---- once more ------------------------------------------------------------------------------


def chosen(bench: Bench, word: str = "ada") -> Any:  # noqa: ANN401
    return select_one(bench.world, Selection(words=(word,)))


def test_it_is_run_once_more(bench: Bench) -> None:
    go(bench, model="opus", prompt="the task", max_turns=4, env={"K": "v"})
    first = bench.session().id
    ends(bench, code=1)
    retry(bench.world, chosen(bench))
    second = bench.session()
    assert (second.retried_from, bench.life()) == (first, Life.RUNNING)
    assert bench.executions()[-1].env["K"] == "v"
    assert bench.machine.prompts[second.id] == "the task"
    assert bench.providers.claude.tasks[-1].max_turns == 4
    assert bench.registry.edges([second.id]) == [Edge(session=second.id, source=first, bond=Bond.RETRY)]
    assert (attempts(bench.world, first), attempts(bench.world, second.id)) == (1, 2)


def test_with_another_model(bench: Bench) -> None:
    go(bench, size="small")
    ends(bench, code=1)
    retry(bench.world, chosen(bench), model="opus")
    assert (bench.agent().model, bench.providers.claude.tasks[-1].size) == ("opus", None)


def test_what_it_depended_on_it_depends_on_again(bench: Bench) -> None:
    go(bench, "a")
    go(bench, depends_on=("a",))
    ends(bench, "a", code=1)
    bench.beat()
    retry(bench.world, chosen(bench, "a"))
    ends(bench, "a")
    assert bench.life() is Life.FAILED
    retry(bench.world, chosen(bench))
    source = bench.registry.needs(bench.session().id)[0].source
    assert source != bench.session("a").id  # that of then, which has failed


def test_what_lives_is_not_run_again(bench: Bench) -> None:
    go(bench)
    with pytest.raises(NotAllowed, match="'ada' is running"):
        retry(bench.world, chosen(bench))


def test_what_was_spawned_is_not_run_again(bench: Bench) -> None:
    bench.spawn()
    bench.stop()
    with pytest.raises(NotAllowed, match="genie run"):
        retry(bench.world, chosen(bench))


def test_an_order_of_another_version(bench: Bench) -> None:
    order = bench.order("x", prompt="p", tags=("t",))
    stored = kept(order) | {"unheard": 1}
    assert again(stored, order.caller) == order


# ---- input ----------------------------------------------------------------------------------


def test_messages_go_to_its_input(bench: Bench) -> None:
    go(bench, prompt=None, streaming=True)
    fifo = bench.recordings.fifo(bench.session().id)
    tell(bench.world, bench.standing(), "one\ntwo")
    close(bench.world, bench.standing())
    assert bench.recordings.fed == [(fifo, "one\ntwo"), (fifo, None)]


@pytest.mark.parametrize("message", ["", " \n", "x" * (2**20 + 1)])
def test_messages_that_are_none(bench: Bench, message: str) -> None:
    go(bench, prompt=None, streaming=True)
    with pytest.raises(BadInput, match="message"):
        tell(bench.world, bench.standing(), message)


def test_who_reads_no_messages(bench: Bench) -> None:
    go(bench, "a")
    bench.spawn("b")
    with pytest.raises(NotAllowed, match="one-shot"):
        tell(bench.world, bench.standing("a"), "x")
    for name in ("a", "b"):
        with pytest.raises(NotAllowed, match="reads no messages"):
            close(bench.world, bench.standing(name))


def test_who_reads_no_more(bench: Bench) -> None:
    go(bench, prompt=None, streaming=True)
    ends(bench)
    with pytest.raises(NotAllowed, match="'ada' is done"):
        tell(bench.world, bench.standing(), "x")
    go(bench, "b", prompt=None, streaming=True)
    bench.recordings.troubles.append(TimedOut("full"))
    with pytest.raises(TimedOut):
        tell(bench.world, bench.standing("b"), "x")


# ---- a daemon that dies ---------------------------------------------------------------------

POINTS = ["spawn.committed", "start.created", "start.dressed", "start.released", "start.committed"]


@pytest.mark.parametrize("point", POINTS)
def test_it_is_run_once_whatever_dies(bench: Bench, point: str) -> None:
    bench.dies_at(point, lambda: go(bench))
    bench.restart()
    bench.beat()
    bench.beat()
    assert bench.life() is Life.RUNNING
    assert len(bench.executions()) == 1
    says(bench, "42")
    ends(bench)
    assert result(bench).text == "42"


@pytest.mark.parametrize("point", ["take_in.before_commit", "take_in.committed", "reconcile.declared"])
def test_its_end_is_written_once(bench: Bench, point: str) -> None:
    go(bench)
    for number in range(10):
        bench.recordings.say(log(bench), ConversationKind.ASSISTANT_MESSAGE, text=str(number))
    bench.dies(exit_code=0)
    bench.dies_at(point, bench.beat)
    bench.restart()
    bench.beat()
    assert bench.kinds().count(Kind.ASSISTANT_MESSAGE) == 10
    assert bench.kinds().count(Kind.DONE) == 1
    assert result(bench).text == "9"


def test_no_session_is_nobody(bench: Bench) -> None:
    assert bench.registry.needs(UUID(int=1)) == ()
