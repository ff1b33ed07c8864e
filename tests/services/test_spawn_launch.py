"""What a spawn runs: argv, environment byte for byte, prompts, wishes, dry runs, places in the queue."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from genie.domain.agent import Desired, Life, Placement, Restart, Resume, Why
from genie.domain.errors import BadInput, Failed, MissingProgram, NotAllowed, Refused, Stale, TerminalAway
from genie.domain.events import Kind
from genie.domain.resume import Policy
from genie.domain.session import PaneSeen, ServerIdentity, Standing
from genie.domain.template import PromptMode
from genie.domain.words import PermissionMode
from genie.services.begin import begin, carry_on
from genie.services.compose import NOT_INHERITED
from genie.services.spawn import rehearse
from genie.services.start import start
from tests.services.bench import HOST, Bench, env_of
from tests.services.machine import DEFAULT_SOCKET, HOME
from tests.services.terminal import MemoryTerminal

SECOND = timedelta(seconds=1)


# ---- the environment -------------------------------------------------------------------------


def test_the_environment_of_a_child_byte_for_byte(bench: Bench) -> None:
    bench.templates.add("engineer", env=(("FROM_TEMPLATE", "t"), ("BOTH", "template")), model="opus")
    caller = bench.caller(CLAUDECODE="1", CODEX_THREAD_ID="x", KEEP="größe\udcff\n", BOTH="caller", EMPTY="")
    standing = bench.spawn(caller=caller, env={"BOTH": "flag", "X": "="}, prompt="do it").standing
    assert standing.session
    assert standing.run
    assert env_of(bench) == {
        "HOME": "/home/u",
        "PATH": "/bin",
        "KEEP": "größe\udcff\n",
        "EMPTY": "",
        "BOTH": "flag",
        "FROM_TEMPLATE": "t",
        "X": "=",
        "FROM_PROVIDER": "yes",
        "AGENT_GOAL": "do it",
        "GENIE_HOME": HOME,
        "GENIE_SESSION_ID": str(standing.session.id),
        "GENIE_AGENT_NAME": "ada",
        "GENIE_TEAM": "ada",
        "GENIE_PROVIDER": "claude",
        "GENIE_MODEL": "opus",
        "LLM_PROVIDER": "claude",
        "SPAWN_DEPTH": "0",
        "GENIE_RUN_ID": str(standing.run.id),
        "GENIE_AGENT_TOKEN": env_of(bench)["GENIE_AGENT_TOKEN"],
    }
    assert standing.run.token == bench.secrets.digest(env_of(bench)["GENIE_AGENT_TOKEN"])


def test_nothing_of_the_caller_s_own_pane_and_run_is_inherited(bench: Bench) -> None:
    told = dict.fromkeys(NOT_INHERITED, "caller's") | {"GENIE_TEAM": "", "TMUX": "", "TMUX_PANE": "%0"}
    told["GENIE_AGENT_TOKEN"] = ""
    bench.spawn(caller=bench.caller(told))
    assert "caller's" not in env_of(bench).values()
    assert not {"TMUX", "TMUX_PANE", "GENIE_PARENT", "GENIE_ROOT"} & set(env_of(bench))


def test_the_registry_keeps_names_the_file_keeps_values(bench: Bench) -> None:
    bench.spawn(env={"SECRET": "s3cr3t"})
    session = bench.session()
    assert "SECRET" in session.launch.env_names
    assert "s3cr3t" not in repr(bench.registry.store)
    assert "s3cr3t" not in repr(bench.registry.log)
    assert bench.machine.environments[session.id]["SECRET"] == "s3cr3t"


def test_a_resume_gets_the_same_environment_with_its_own_run(bench: Bench) -> None:
    bench.spawn(env={"X": "1"})
    before = env_of(bench)
    bench.stop()
    bench.resume()
    own = {"GENIE_RUN_ID": str(bench.run().id), "GENIE_AGENT_TOKEN": env_of(bench)["GENIE_AGENT_TOKEN"]}
    assert env_of(bench) == {**before, **own}
    assert before["GENIE_AGENT_TOKEN"] != own["GENIE_AGENT_TOKEN"]
    assert before["GENIE_RUN_ID"] != env_of(bench)["GENIE_RUN_ID"]


def test_a_command_s_prompt_is_its_goal(bench: Bench) -> None:
    bench.spawn(role=None, command=("make",), prompt="build it")
    assert env_of(bench)["AGENT_GOAL"] == "build it"
    assert bench.executions()[-1].argv == ("make",)
    assert "GENIE_MODEL" not in env_of(bench)


# ---- argv and prompts ------------------------------------------------------------------------


def test_argv_of_a_resume_differs_by_session_flag_and_first_prompt_only(bench: Bench) -> None:
    bench.spawn(prompt="$(rm -rf /) 'x'", model="opus", extra_args=("--x", "a b"))
    bench.stop()
    bench.resume()
    first, second = (execution.argv for execution in bench.executions())
    session = str(bench.session().id)
    flags = ("--model", "opus", "--x", "a b")
    assert first == ("claude", "--session-id", session, *flags, "--", "$(rm -rf /) 'x'")
    assert second == ("claude", "--resume", session, *flags)


def test_the_first_prompt_is_given_again_only_where_the_session_never_got_it(bench: Bench) -> None:
    bench.machine.on_exec = lambda _: None
    bench.spawn(prompt="begin")
    bench.stop()
    bench.resume()
    assert [execution.argv[-1] for execution in bench.executions()] == ["begin", "begin"]


def test_a_long_prompt_goes_by_file(bench: Bench) -> None:
    prompt = "ä" * 51
    bench.spawn(prompt=prompt)
    session = bench.session()
    assert bench.executions()[-1].argv[-1] == f"read {HOME}/prompts/{session.id}.md"
    assert bench.machine.prompts == {session.id: prompt}


def test_a_prompt_that_fits_is_given_as_it_is(bench: Bench) -> None:
    bench.spawn(prompt="ä" * 50)
    assert bench.executions()[-1].argv[-1] == "ä" * 50
    assert bench.machine.prompts == {}


def test_the_provider_is_asked_for_everything_that_was_said(bench: Bench) -> None:
    bench.templates.add(
        "engineer",
        prompt_mode=PromptMode.REPLACE,
        model="small",
        effort="high",
        permission_mode=PermissionMode.AUTO,
        skills=("one",),
        tools=("Read",),
        disallowed_tools=("Bash",),
        mcp=("m.json",),
        add_dirs=("/d",),
        extra_args=("--t",),
        cwd="sub",
        description="from the template",
    )
    bench.spawn(skill="two", extra_args=("--o",), prompt="go", plan_mode=True)
    ask = bench.providers.claude.asked[-1]
    assert (ask.name, ask.team, ask.role_prompt, ask.replace_system_prompt) == ("ada", "ada", "You are engineer.", True)
    assert (ask.model, ask.effort, ask.permission_mode) == ("small", "high", PermissionMode.PLAN)
    assert (ask.skill, ask.skills) == ("two", ("one",))
    assert (ask.tools, ask.disallowed_tools) == (("Read",), ("Bash",))
    assert (ask.mcp, ask.add_dirs, ask.extra_args) == (("m.json",), ("/d",), ("--t", "--o"))
    assert (ask.cwd, ask.prompt, ask.prompt_file, ask.session) == ("/w/sub", "go", None, bench.session().id)
    assert bench.agent().description == "from the template"
    assert bench.session().role_prompt == "You are engineer."
    assert bench.machine.pane_of(bench.run().id)
    assert bench.executions()[-1].cwd == "/w/sub"


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ({}, None),
        ({"permission_mode": "default"}, PermissionMode.MANUAL),
        ({"permission_mode": "acceptEdits"}, PermissionMode.ACCEPT_EDITS),
        ({"plan_mode": True}, PermissionMode.PLAN),
        ({"plan_mode": True, "permission_mode": "plan"}, PermissionMode.PLAN),
    ],
)
def test_permission_modes(bench: Bench, said: dict[str, object], mode: PermissionMode | None) -> None:
    bench.spawn(**said)  # type: ignore[arg-type]
    assert bench.providers.claude.asked[-1].permission_mode is mode


def test_flag_over_template_over_rules(bench: Bench) -> None:
    bench.spawn("bare", role=None, command=("ls",))
    bare = bench.agent("bare")
    assert (bare.restart, bare.auto_resume, bare.policy) == (Restart.ON_FAILURE, True, Policy())
    minute = timedelta(minutes=1)
    bench.templates.add(
        "engineer",
        restart=Restart.ALWAYS,
        auto_resume=False,
        max_resume_attempts=0,
        cooldown=minute,
        stable_after=minute,
    )
    agent, policy = bench.spawn().standing.agent, Policy(max_attempts=0, cooldown=minute, stable_after=minute)
    assert (agent.restart, agent.auto_resume, agent.policy) == (Restart.ALWAYS, False, policy)
    agent = bench.spawn("zoe", restart="never", auto_resume=True).standing.agent
    assert (agent.restart, agent.auto_resume) == (Restart.NEVER, True)


@pytest.mark.parametrize(
    "said",
    [
        {"prompt": "\udcff"},
        {"role": None, "command": ("\udcff",)},
        {"extra_args": ("\udcff",)},
        {"cwd": "/\udcff"},
        {"description": "\udcff"},
        {"tags": ("\udcff",)},
    ],
)
def test_what_the_registry_keeps_must_be_text(bench: Bench, said: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="is not valid UTF-8"):
        bench.spawn(**said)  # type: ignore[arg-type]
    assert bench.registry.commits == 0


def test_a_command_knows_nothing_of_a_template_s_model_and_tools(bench: Bench) -> None:
    asked = bench.providers.claude.asked
    bench.templates.add("engineer", model="opus", tools=("Read",), permission_mode=PermissionMode.AUTO)
    bench.spawn(command=("ls",))
    assert (asked, bench.executions()[-1].argv) == ([], ("ls",))
    assert "GENIE_MODEL" not in env_of(bench)


@pytest.mark.parametrize("prompt", ["go on", "ä" * 51])
def test_a_resume_by_spawn_is_told_its_prompt(bench: Bench, prompt: str) -> None:
    bench.spawn(prompt="begin")
    bench.stop()
    bench.spawn(prompt=prompt)
    session, run = str(bench.session().id), bench.run().id
    told = prompt if len(prompt) < 10 else f"{HOME}/prompts/{run}.md"
    argv = bench.executions()[-1].argv
    assert argv[:4] == ("claude", "--resume", session, "--")
    assert told in argv[4]
    bench.dies()
    bench.beat()
    assert bench.executions()[-1].argv == ("claude", "--resume", session), "not told again"


# ---- dry run ---------------------------------------------------------------------------------


def _untouched(bench: Bench) -> tuple[object, ...]:
    machine = bench.machine
    return (
        repr(bench.registry.store),
        list(bench.registry.log),
        dict(machine.environments),
        dict(machine.prompts),
        dict(machine.waiting),
        list(machine.executions),
        {socket: list(server.panes) for socket, server in machine.servers.items()},
    )


def test_a_dry_run_of_a_new_name_writes_nothing(bench: Bench) -> None:
    bench.machine.open("main")
    before = _untouched(bench)
    dry = rehearse(bench.world, bench.order("ada", role="engineer", prompt="x" * 101))
    assert _untouched(bench) == before
    assert (dry.name, dry.color, dry.launch.cwd) == ("ada", "blue", "/w")
    assert dry.launch.argv[-1].startswith(f"read {HOME}/prompts/")
    assert "GENIE_AGENT_NAME" in dry.launch.env_names


def test_a_dry_run_of_a_resume_shows_the_launch_that_is_kept(bench: Bench) -> None:
    bench.bring_to(Life.SUSPENDED)
    before = _untouched(bench)
    dry = rehearse(bench.world, bench.order("ada", role="engineer", model="other"))
    assert _untouched(bench) == before
    assert isinstance(dry.planned.decision, Resume)
    assert (dry.name, dry.launch, dry.color) == ("ada", bench.session().launch, bench.agent().color)


def test_a_dry_run_of_a_parallel_names_it(bench: Bench) -> None:
    bench.spawn()
    before = _untouched(bench)
    dry = rehearse(bench.world, bench.order("ada", role="engineer"))
    assert _untouched(bench) == before
    assert dry.name.startswith("ada-")


# ---- the queue -------------------------------------------------------------------------------


def test_over_max_running_it_is_queued_and_started_once_a_place_is_free() -> None:
    bench = Bench(max_running=1)
    bench.spawn("first")
    queued = bench.spawn("second", prompt="begin").standing
    assert (queued.agent.life, queued.run) == (Life.QUEUED, None)
    assert bench.kinds("second") == [Kind.REQUESTED, Kind.QUEUED]
    bench.beat()
    assert bench.life("second") is Life.QUEUED
    bench.stop("first")
    bench.beat()
    assert bench.life("second") is Life.RUNNING
    assert bench.run("second").why is Why.SPAWN
    assert bench.executions("second")[-1].argv[-1] == "begin"
    assert bench.kinds("second")[2:] == [Kind.SPAWNING, Kind.RUNNING]


def test_of_two_queued_ones_the_earlier_gets_the_place() -> None:
    bench = Bench(max_running=1)
    for name in ("first", "second", "third"):
        bench.spawn(name)
    bench.stop("first")
    bench.beats(timedelta(seconds=6))
    assert (bench.life("second"), bench.life("third")) == (Life.RUNNING, Life.QUEUED)


def test_a_queued_one_is_not_resumed_by_hand(bench: Bench) -> None:
    bench.bring_to(Life.QUEUED)
    with pytest.raises(NotAllowed, match="is queued already"):
        bench.resume()


def test_a_place_that_was_taken_again_refuses_the_start() -> None:
    bench = Bench(max_running=1)
    bench.spawn("first")
    queued = bench.spawn("second").standing
    with pytest.raises(Refused) as refused:
        begin(bench.world, queued)
    assert refused.value.details == {"limit": "max_running", "max": 1, "now": 1}
    assert bench.life("second") is Life.QUEUED


def test_a_queued_one_that_changed_is_stale(bench: Bench) -> None:
    queued = bench.bring_to(Life.QUEUED)
    with bench.registry.begin() as tx:
        tx.save_agent(queued.agent.wanting(Desired.RUNNING))
    with pytest.raises(Stale):
        begin(bench.world, queued)
    assert bench.life() is Life.QUEUED


def test_a_full_host_refuses_a_resume() -> None:
    bench = Bench(max_running=1)
    bench.spawn()
    bench.stop()
    bench.spawn("other")
    with pytest.raises(Refused, match="1 agents run on this host"):
        bench.resume()
    assert bench.life() is Life.SUSPENDED


# ---- a start that fails ----------------------------------------------------------------------


@pytest.mark.parametrize("call", ["create", "dress", "release"])
def test_a_failed_start_is_told_and_leaves_nothing(bench: Bench, call: str) -> None:
    keeper = bench.machine.open("main")
    bench.machine.fails[call] = Failed("no space for new pane")
    with pytest.raises(Failed, match="no space"):
        bench.spawn()
    assert (bench.life(), bench.agent().reason) == (Life.FAILED, "start_failed")
    assert bench.kinds()[-1] is Kind.FAILED
    assert bench.events()[-1].payload["error"] == "no space for new pane"
    assert bench.run().ended_at
    assert bench.machine.pane_of(bench.run().id) is None
    assert bench.machine.waiting == {}
    assert keeper.process.alive
    bench.machine.fails.clear()
    bench.beats(timedelta(minutes=5))
    assert bench.kinds()[-1] is Kind.FAILED, "nobody but a hand tries it again"
    bench.resume()
    assert bench.life() is Life.RUNNING


def test_a_pane_that_cannot_be_closed_after_a_failed_start_is_closed_later(bench: Bench) -> None:
    bench.machine.fails |= {"release": Failed("disk full"), "close": TerminalAway("no answer")}
    with pytest.raises(Failed):
        bench.spawn()
    bench.machine.fails.clear()
    run = bench.run()
    assert bench.life() is Life.FAILED
    pane = bench.machine.pane_of(run.id)
    assert pane
    assert not pane.process.alive
    assert bench.resume().agent.life is Life.RUNNING
    assert bench.pane() is pane, "it goes on in the pane it has"


def test_a_kill_that_comes_between_wins(bench: Bench) -> None:
    """A start whose agent was given another run meanwhile writes nothing over it."""

    def steal() -> None:
        with bench.registry.begin() as tx:
            standing = tx.standing("ada")
            assert standing
            assert standing.run
            tx.save_run(replace(standing.run, ended_at=bench.clock.now()))
            tx.save_agent(replace(standing.agent.to(Life.TERMINATED, now=bench.clock.now()), run=None))

    bench.switch.meanwhile["start.released"] = steal
    with pytest.raises(NotAllowed, match="changed while it was started"):
        bench.spawn()
    assert bench.life() is Life.TERMINATED


def test_a_failed_start_of_what_was_changed_meanwhile_writes_nothing(bench: Bench) -> None:
    def steal() -> None:
        bench.machine.fails["dress"] = TerminalAway("no answer")
        with bench.registry.begin() as tx:
            standing = tx.standing("ada")
            assert standing
            assert standing.run
            tx.save_run(replace(standing.run, ended_at=bench.clock.now()))
            tx.save_agent(replace(standing.agent.to(Life.TERMINATED, now=bench.clock.now()), run=None))

    bench.switch.meanwhile["start.created"] = steal
    with pytest.raises(TerminalAway):
        bench.spawn()
    assert bench.life() is Life.TERMINATED
    assert bench.kinds()[-1] is Kind.SPAWNING


def test_what_has_no_run_cannot_be_started(bench: Bench) -> None:
    bench.spawn()
    with pytest.raises(Failed, match="no run to start"):
        start(bench.world, Standing(bench.agent(), bench.session(), None))


def test_a_resume_that_fails_by_our_fault_spends_no_attempt(bench: Bench) -> None:
    bench.spawn()
    bench.dies()
    bench.machine.fails["respawn"] = TerminalAway("no answer")
    bench.beat()
    assert (bench.life(), bench.agent().attempts) == (Life.DEAD, 0)
    assert bench.kinds()[-1] is Kind.RESUME_FAILED
    bench.machine.fails.clear()
    bench.clock.advance(timedelta(seconds=70))
    bench.beat()
    assert (bench.life(), bench.agent().attempts) == (Life.RUNNING, 1)


def test_a_resume_that_fails_by_itself_spends_one(bench: Bench) -> None:
    bench.spawn()
    bench.dies()
    bench.machine.fails["release"] = Failed("disk full")
    bench.beat()
    assert (bench.life(), bench.agent().attempts) == (Life.DEAD, 1)
    attempt = bench.registry.store.attempts[bench.run().id]
    assert (attempt.number, attempt.automatic, attempt.outcome) == (1, True, "failed: disk full")


def test_a_failed_resume_by_hand_gives_no_attempt_back(bench: Bench) -> None:
    bench.bring_to(Life.SUSPENDED)
    bench.providers.claude.missing = True
    with pytest.raises(MissingProgram):
        bench.resume()
    assert (bench.life(), bench.agent().attempts, bench.agent().desired) == (Life.DEAD, 0, Desired.RUNNING)


def test_everything_is_on_this_host(bench: Bench) -> None:
    bench.spawn()
    assert bench.agent().host == HOST
    assert bench.agent().placement.socket == DEFAULT_SOCKET


class Stillborn(MemoryTerminal):
    """The runner of a new pane has ended before anybody could look at it."""

    def create(self, placement: Placement, *, team: str, run: UUID, cwd: str) -> tuple[ServerIdentity, PaneSeen]:
        server, seen = super().create(placement, team=team, run=run, cwd=cwd)
        self._machine.end(self._machine.of_run(run), exit_code=127)
        return server, seen


def test_a_runner_that_ends_at_once_fails_the_start(bench: Bench) -> None:
    bench.world = replace(bench.world, terminal=Stillborn(bench.machine))
    with pytest.raises(Failed, match="ended before it was started"):
        bench.spawn()
    assert (bench.life(), bench.agent().reason) == (Life.FAILED, "start_failed")


def test_a_queued_one_that_was_stopped_is_resumed_with_its_first_prompt() -> None:
    bench = Bench(max_running=1)
    bench.spawn("first")
    bench.spawn(prompt="begin")
    bench.stop()
    bench.stop("first")
    bench.resume()
    assert bench.executions()[-1].argv[-1] == "begin"


def test_a_start_without_run_or_session_cannot_be_gone_on_with(bench: Bench) -> None:
    queued = bench.bring_to(Life.QUEUED)
    with pytest.raises(Failed, match="no run to start"):
        carry_on(bench.world, queued)
    with bench.registry.begin() as tx:
        saved = tx.save_agent(replace(queued.agent, session=None))
    with pytest.raises(Failed, match="has no session"):
        begin(bench.world, Standing(saved, None, None))
