"""What a spawn of a name does, by what the name already is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread
from uuid import UUID

import pytest

from genie.domain.agent import Create, Desired, Life, Parallel, Resume, Why
from genie.domain.errors import BadInput, Conflict, NotFound, Stale, TimedOut
from genie.domain.events import Kind
from genie.domain.session import Standing
from genie.domain.template import Template
from genie.ports import Wanted
from genie.services.claim import claim
from genie.services.flights import Flights
from genie.services.spawn import Spawned
from tests.services.bench import Bench
from tests.services.machine import Pane
from tests.services.ports import MemoryTemplates


def test_a_new_name_is_created_and_runs(bench: Bench) -> None:
    spawned = bench.spawn("ada", tags=("x", "y", "x"), description="first of all")
    agent, session, run = spawned.standing.agent, spawned.standing.session, spawned.standing.run
    assert spawned.decision == Create("no agent of that name")
    assert session
    assert run
    assert run.pane
    assert (agent.life, agent.desired, agent.tags) == (Life.RUNNING, Desired.RUNNING, ("x", "y"))
    assert (agent.session, agent.run, run.session) == (session.id, run.id, session.id)
    assert agent.description == "first of all"
    assert session.prompted
    assert bench.standing() == spawned.standing
    assert bench.kinds() == [Kind.REQUESTED, Kind.SPAWNING, Kind.RUNNING]
    assert [e.argv for e in bench.executions()] == [("claude", "--session-id", str(session.id))]
    assert bench.watched == [run]
    pane = bench.pane()
    assert (pane.tag, pane.command_run, pane.remain) == (run.id, run.id, True)
    assert pane.face
    assert (pane.face.name, pane.face.state, pane.face.resumes) == ("ada", "running", "0/3")


def test_the_pane_s_identity_is_recorded_whole(bench: Bench) -> None:
    run = bench.spawn().standing.run
    assert run
    assert run.pane
    process, server = bench.process(), bench.machine.server()
    assert (run.pane.pid, run.pane.started, run.pane.run) == (process.pid, process.started, run.id)
    assert run.pane.server == server.identity
    assert run.live_at


def test_the_registry_knows_the_run_before_there_is_a_pane(bench: Bench) -> None:
    bench.dies_at("spawn.committed", bench.spawn)
    assert (bench.life(), bench.machine.servers) == (Life.SPAWNING, {})
    assert bench.run().deadline > bench.clock.time


def test_a_terminated_name_is_created_on_a_new_row(bench: Bench) -> None:
    first = bench.bring_to(Life.TERMINATED)
    again = bench.spawn()
    assert isinstance(again.decision, Create)
    assert not again.decision.anew
    assert again.standing.agent.id != first.agent.id
    assert again.standing.agent.session != first.agent.session


@pytest.mark.parametrize("life", [Life.SUSPENDED, Life.DEAD, Life.FAILED])
def test_one_that_is_not_live_is_resumed_on_its_session(bench: Bench, life: Life) -> None:
    first = bench.bring_to(life)
    before = bench.executions()[-1].argv
    spawned = bench.spawn(model="other")
    assert isinstance(spawned.decision, Resume)
    assert spawned.standing.agent.id == first.agent.id
    assert spawned.standing.agent.session == first.agent.session
    assert spawned.standing.run
    assert spawned.standing.run.why is Why.RESUME
    assert bench.life() is Life.RUNNING
    assert bench.executions()[-1].argv == ("claude", "--resume", before[2])
    assert spawned.warnings == ("a resumed session keeps what it was spawned with; ignored: --model",)


@pytest.mark.parametrize("life", [Life.SUSPENDED, Life.DEAD, Life.FAILED, Life.DONE])
def test_another_role_is_made_anew_on_the_same_row(bench: Bench, life: Life) -> None:
    bench.templates.add("critic")
    first = bench.bring_to(life)
    spawned = bench.spawn(role="critic")
    agent = spawned.standing.agent
    assert isinstance(spawned.decision, Create)
    assert spawned.decision.anew
    assert (agent.id, agent.role, agent.created_at) == (first.agent.id, "critic", first.agent.created_at)
    assert agent.session != first.agent.session
    assert [session.id for session in bench.registry.sessions(agent.id)] == [first.agent.session, agent.session]


def test_done_is_made_anew_and_the_old_session_stays_in_its_history(bench: Bench) -> None:
    first = bench.bring_to(Life.DONE)
    agent = bench.spawn().standing.agent
    assert (agent.id, agent.life, agent.attempts) == (first.agent.id, Life.RUNNING, 0)
    assert agent.session != first.agent.session
    assert first.agent.session in {session.id for session in bench.registry.sessions(agent.id)}


def test_a_command_has_no_conversation_and_is_made_anew(bench: Bench) -> None:
    first = bench.spawn(role=None, command=("sleep", "1")).standing
    bench.stop()
    again = bench.spawn(role=None, command=("sleep", "2"))
    assert isinstance(again.decision, Create)
    assert again.standing.agent.id == first.agent.id
    assert again.standing.agent.provider == "shell"
    assert bench.executions()[-1].argv == ("sleep", "2")


def test_anew_goes_back_into_its_own_pane(bench: Bench) -> None:
    first = bench.bring_to(Life.DONE)
    assert first.run
    assert first.run.pane
    bench.spawn()
    assert bench.pane().id == first.run.pane.pane


def test_made_anew_ends_what_the_former_run_left_behind(bench: Bench) -> None:
    first = bench.spawn().standing
    assert first.run
    tool = bench.machine.begin(run=first.run.id, parent=77)
    bench.dies(exit_code=0)
    bench.beat()
    bench.spawn()
    assert not tool.alive


@pytest.mark.parametrize("life", [Life.QUEUED, Life.SPAWNING, Life.RUNNING, Life.RESUMING])
def test_a_live_one_gets_a_parallel_beside_it(bench: Bench, life: Life) -> None:
    first = bench.bring_to(life)
    spawned = bench.spawn()
    agent = spawned.standing.agent
    assert isinstance(spawned.decision, Parallel)
    assert spawned.standing.session
    assert agent.name == f"ada-{spawned.standing.session.id.hex[:4]}"
    assert agent.team == first.agent.team
    assert bench.standing() == first, "a bare name never touches the row that has it"


def test_a_row_of_another_team_gets_a_parallel(bench: Bench) -> None:
    bench.team("red")
    bench.team("blue")
    bench.spawn(team="red")
    bench.stop()
    spawned = bench.spawn(team="blue")
    assert spawned.decision == Parallel("'ada' belongs to team red")
    assert spawned.standing.agent.team == "blue"
    assert bench.life() is Life.SUSPENDED


def test_a_full_parallel_id_follows_the_same_table(bench: Bench) -> None:
    bench.spawn()
    parallel = bench.spawn().standing.agent
    bench.stop(parallel.name)
    resumed = bench.spawn(parallel.name)
    assert isinstance(resumed.decision, Resume)
    assert resumed.standing.agent.id == parallel.id
    assert bench.agent().id != parallel.id


def test_a_suffix_is_longer_on_a_collision_and_free_again_after_a_kill(bench: Bench) -> None:
    def named(*tails: str) -> None:
        # Each spawn takes the session's id first; what follows is the bench's own.
        bench.ids.first = [UUID(f"abcd{tail:0<28}") for tail in tails]

    bench.spawn()
    named("1")
    assert bench.spawn().standing.agent.name == "ada-abcd"
    named("2")
    assert bench.spawn().standing.agent.name == "ada-abcd2"
    bench.kill("ada-abcd")
    named("3")
    assert bench.spawn().standing.agent.name == "ada-abcd"


def test_a_row_that_is_to_be_gone_is_not_taken_over(bench: Bench) -> None:
    bench.spawn()
    bench.process().lasting = True
    with pytest.raises(Exception, match="outlived"):
        bench.kill()
    assert bench.agent().desired is Desired.GONE
    assert isinstance(bench.spawn().decision, Parallel)


def test_without_a_role_the_row_s_own_role_counts(bench: Bench) -> None:
    bench.spawn()
    bench.stop()
    spawned = bench.spawn(role=None)
    assert isinstance(spawned.decision, Resume)
    assert spawned.standing.agent.role == "engineer"


def test_a_row_whose_template_is_gone_is_resumed_by_its_own_provider(bench: Bench) -> None:
    bench.spawn(provider="claude")
    bench.stop()
    bench.templates.known.clear()
    assert isinstance(bench.spawn(role=None).decision, Resume)
    bench.stop()
    assert isinstance(bench.spawn(role="engineer").decision, Resume), "which it has"


# ---- what is refused, with nothing written ---------------------------------------------------


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ({"name": "Ada!"}, BadInput, "illegal agent name"),
        ({"role": "../x"}, BadInput, "illegal role name"),
        ({"team": "a b"}, BadInput, "illegal team name"),
        ({"parent": ""}, BadInput, "illegal parent name"),
        ({"team": "nobody"}, NotFound, "unknown team 'nobody'"),
        ({"role": "enginer"}, NotFound, "no template 'enginer'"),
        ({"role": "enginer", "provider": "claude"}, NotFound, "no template 'enginer'"),
        ({"role": "enginer", "command": ("ls",)}, NotFound, "no template 'enginer'"),
        ({"provider": "cloude"}, BadInput, "unknown provider"),
        ({"provider": "claude", "command": ("ls",)}, BadInput, "takes no command"),
        ({"parent": "nobody"}, NotFound, "unknown parent"),
        ({"cwd": "/nowhere"}, BadInput, "no directory"),
        ({"layout": "mosaik"}, BadInput, "unknown layout"),
        ({"color": "blu"}, BadInput, "unknown colour"),
        ({"restart": "alway"}, BadInput, "unknown restart policy"),
        ({"permission_mode": "paln"}, BadInput, "unknown permission mode"),
        ({"plan_mode": True, "permission_mode": "auto"}, BadInput, "contradict"),
        ({"window": "a:b"}, BadInput, "window 'a:b' is not a plain name"),
        ({"window": ""}, BadInput, "is not a plain name"),
        ({"session": "=x"}, BadInput, "tmux session '=x' is not"),
        ({"session": "absent"}, NotFound, "no tmux session 'absent'"),
        ({"env": {"A=B": "c"}}, BadInput, "is not a variable"),
        ({"env": {"": "c"}}, BadInput, "is not a variable"),
        ({"env": {"A": "\0"}}, BadInput, "is not a variable"),
        ({"prompt": "a\0"}, BadInput, "NUL"),
        ({"role": None, "command": ("a\0",)}, BadInput, "NUL"),
        ({"extra_args": ("a\0",)}, BadInput, "NUL"),
        ({"prompt": "ä" * (8 * 1024 * 1024 + 1)}, BadInput, "the limit is 16777216 bytes"),
        ({"description": "a\0"}, BadInput, "cannot keep"),
        ({"skill": " "}, BadInput, "--skill says nothing"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(
    bench: Bench, said: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        bench.spawn(**said)  # type: ignore[arg-type]
    assert bench.registry.commits == 0
    assert (bench.machine.servers, bench.machine.executions) == ({}, [])


def test_a_template_that_does_not_read_is_refused(bench: Bench) -> None:
    bench.templates.broken.add("engineer")
    with pytest.raises(BadInput, match="unknown field"):
        bench.spawn()
    assert bench.registry.commits == 0


def test_a_missing_program_is_told_and_nothing_is_written(bench: Bench) -> None:
    bench.providers.claude.missing = True
    with pytest.raises(NotFound, match="needs the program"):
        bench.spawn()
    assert bench.registry.commits == 0


def test_a_missing_template_is_told_with_the_nearest(bench: Bench) -> None:
    with pytest.raises(NotFound) as refused:
        bench.spawn(role="enginer")
    assert "did you mean 'engineer'?" in refused.value.hint
    assert refused.value.details == {"kind": "template", "name": "enginer"}


def test_a_missing_template_is_told_though_the_team_is_known(bench: Bench) -> None:
    bench.team("red")
    for given in ({"role": "enginer"}, {"name": "enginer", "role": None}):
        with pytest.raises(NotFound, match="no template 'enginer'") as refused:
            bench.spawn(**given, team="red")
        assert "did you mean 'engineer'?" in refused.value.hint


# ---- others at the same time ----------------------------------------------------------------


def test_racing_spawns_of_a_new_name_give_one_canonical_and_parallels(bench: Bench) -> None:
    start = Barrier(8)
    failed: list[Exception] = []

    def one() -> None:
        start.wait()
        try:
            bench.spawn()
        except Exception as error:  # noqa: BLE001 - told by the assertion below
            failed.append(error)

    threads = [Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    names = [standing.agent.name for standing in bench.registry.roster(Wanted())]
    assert failed == []
    assert (len(names), names.count("ada"), len(set(names))) == (8, 1, 8)
    assert {pane.command_run for pane in _panes(bench)} == {r.id for r in bench.registry.store.live_runs()}
    assert len(bench.machine.agents()) == 8


def _panes(bench: Bench) -> list[Pane]:
    return [pane for server in bench.machine.servers.values() for pane in server.panes.values() if pane.command_run]


def test_a_spawn_waits_for_another_command_on_the_row(bench: Bench) -> None:
    bench.spawn()
    bench.stop()
    agent = bench.agent().id
    assert bench.world.flights.board(agent)
    land = Thread(target=bench.world.flights.land, args=(agent,))
    spawned: list[Spawned] = []
    thread = Thread(target=lambda: spawned.append(bench.spawn()))
    thread.start()
    land.start()
    thread.join(10)
    land.join(10)
    assert isinstance(spawned[0].decision, Resume)
    assert not bench.world.flights.busy(agent)


class Hurried(Flights):
    """Nobody waits for another command."""

    def wait(self, agent: UUID, *, within: timedelta) -> None:
        super().wait(agent, within=timedelta(0))


@pytest.mark.parametrize("life", [Life.SUSPENDED, Life.DONE])
def test_a_command_that_never_lands_ends_the_patience(bench: Bench, life: Life) -> None:
    bench.bring_to(life)
    before = bench.registry.commits
    bench.world = replace(bench.world, flights=Hurried())
    assert bench.world.flights.board(bench.agent().id)
    with pytest.raises(TimedOut):
        bench.spawn()
    assert (bench.life(), bench.registry.commits) == (life, before)


class Changing(MemoryTemplates):
    """Somebody always comes in between."""

    tries = 0

    def find(self, name: str, *, cwd: str) -> Template | None:
        self.tries += 1
        raise Stale(f"'{name}' was changed by somebody else just now")


def test_a_name_that_is_changed_all_the_time_is_a_conflict(bench: Bench) -> None:
    templates = Changing()
    bench.world = replace(bench.world, templates=templates)
    with pytest.raises(Conflict, match="by others all the time"):
        bench.spawn()
    assert templates.tries == 5


def test_a_claim_of_what_somebody_else_has_changed_is_stale(bench: Bench) -> None:
    seen = bench.bring_to(Life.SUSPENDED)
    with bench.registry.begin() as tx:
        tx.save_agent(replace(seen.agent, color="red"))
    with pytest.raises(Stale):
        claim(bench.world, seen, why=Why.RESUME, attempt=0)
    assert bench.life() is Life.SUSPENDED


def test_a_claim_without_a_session_is_refused(bench: Bench) -> None:
    seen = bench.bring_to(Life.SUSPENDED)
    with bench.registry.begin() as tx:
        agent = tx.save_agent(replace(seen.agent, session=None))
    with pytest.raises(Exception, match="no session"):
        claim(bench.world, Standing(agent, None, seen.run), why=Why.RESUME, attempt=0)


def test_a_plain_command_that_was_stopped_is_run_again_without_being_named_again(bench: Bench) -> None:
    bench.spawn("build", role="engineer", command=("sleep", "7"))
    bench.stop("build")
    again = bench.spawn("build", role=None)
    assert isinstance(again.decision, Create)
    assert again.decision.anew
    assert bench.agent("build").provider == "shell"
    assert [execution.argv for execution in bench.executions("build")] == [("sleep", "7")] * 2
    other = bench.spawn("build", role=None, command=("sleep", "8"))
    assert isinstance(other.decision, Parallel)


def test_a_command_s_name_with_a_provider_asked_for_is_that_provider_s(bench: Bench) -> None:
    bench.spawn("build", role=None, command=("sleep", "7"))
    bench.stop("build")
    again = bench.spawn("build", role=None, provider="claude")
    assert again.standing.agent.provider == "claude"
    bench.stop("build")
    with pytest.raises(BadInput):
        bench.spawn("build", role=None, provider="shell")
