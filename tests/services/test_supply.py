"""What a spawn is supplied with, and that nothing stays of one that fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from genie.domain.agent import Life
from genie.domain.errors import BadConfig, BadInput, Conflict, Failed, LimitReached, MissingProgram, Refused
from genie.domain.events import Kind
from genie.domain.result import Bond, Result
from genie.domain.session import Session
from genie.ports import WorktreeState
from genie.services.order import Assignment, Order, again, kept
from genie.services.spawn import Spawned, rehearse, spawn
from tests.services.bench import Bench, env_of
from tests.services.machine import HOME

SCHEMA = '{"required": ["answer"]}'
TREES = f"{HOME}/worktrees/w"


def order(bench: Bench, *, prompt: str | None = "do it", **wanted: Any) -> Order:  # noqa: ANN401
    """A session that is run to its end."""
    of_order = ("name", "command", "cwd", "env", "caller", "bonds", "role", "team")
    role = None if "command" in wanted else "engineer"
    said = {"name": "ada", "role": role} | {key: wanted.pop(key) for key in of_order if key in wanted}
    return bench.order(prompt=prompt, assignment=Assignment(**wanted), **said)


def run(bench: Bench, **wanted: Any) -> Spawned:  # noqa: ANN401
    return spawn(bench.world, order(bench, **wanted))


def made(bench: Bench) -> list[str]:
    return [one.path for one in bench.supplies.worktrees.list()]


def told(bench: Bench, session: Session | None) -> str | None:
    assert session
    return bench.machine.prompts.get(session.id)


# ---- worktrees -------------------------------------------------------------------------------


def test_a_plain_spawn_asks_for_nothing(bench: Bench) -> None:
    bench.spawn(prompt="x")
    assert (made(bench), bench.session().launch.cwd) == ([], "/w")
    assert bench.spawn("b").worktree is None


@pytest.mark.parametrize(("asked", "name"), [("", "ada"), ("fix", "fix")])
def test_an_agent_in_a_worktree_of_its_own(bench: Bench, asked: str, name: str) -> None:
    done = bench.spawn(worktree=asked, cwd="sub")
    assert done.worktree
    assert (done.worktree.path, done.worktree.branch) == (f"{TREES}/{name}", f"genie/{name}")
    cwd = f"{TREES}/{name}/sub"
    assert (bench.agent().cwd, bench.session().launch.cwd, bench.executions()[-1].cwd) == (cwd, cwd, cwd)
    assert bench.providers.claude.asked[-1].cwd == cwd


def test_the_team_has_the_directory_that_was_asked_for(bench: Bench) -> None:
    bench.spawn(worktree="")
    (team,) = bench.registry.teams()
    assert team.cwd == "/w"


def test_a_team_can_ask_for_one_for_each_of_its_agents(bench: Bench) -> None:
    bench.team("shop", repo="sub", worktrees=True)
    assert bench.spawn(team="shop").worktree
    assert bench.session().launch.cwd == f"{TREES}/ada/sub"
    run(bench, name="short", team="shop")
    bench.spawn("make", command=("make",), team="shop")
    assert made(bench) == [f"{TREES}/ada"], "what converses gets one, and nobody else"


def test_agents_of_a_team_work_in_its_repository_unless_they_are_told_otherwise(bench: Bench) -> None:
    assert bench.team("shop", repo="sub").repo == "/w/sub"
    bench.spawn(team="shop")
    assert bench.session().launch.cwd == "/w/sub"
    bench.spawn("b", role="engineer", team="shop", cwd="other")
    assert bench.session("b").launch.cwd == "/w/other"
    assert bench.team("bare").repo is None
    with pytest.raises(BadInput, match="no directory") as refused:
        bench.team("lost", repo="/nowhere")
    assert refused.value.hint == "give an existing one with --repo"


def test_worktrees_of_no_repository_are_refused_before_the_team_is_made(bench: Bench) -> None:
    bench.supplies.worktrees.repos = ["/elsewhere"]
    with pytest.raises(BadInput, match="no git repository"):
        bench.team("shop", worktrees=True)
    assert bench.registry.teams() == []


def test_a_template_can_ask_for_one(bench: Bench) -> None:
    bench.templates.add("engineer", worktree=True)
    bench.spawn()
    bench.spawn()
    assert made(bench) == [f"{TREES}/ada", f"{TREES}/ada-2"]
    run(bench, name="bob", role="engineer")
    assert bench.session("bob").launch.cwd == f"{TREES}/bob"


def test_who_is_resumed_stays_where_it_is(bench: Bench) -> None:
    bench.spawn(worktree="")
    bench.stop()
    done = bench.spawn(worktree="other")
    assert done.worktree is None
    assert "--worktree" in done.warnings[0]
    assert (made(bench), bench.executions()[-1].cwd) == ([f"{TREES}/ada"], f"{TREES}/ada")


def test_outside_of_a_repository_nothing_is_written(bench: Bench) -> None:
    with pytest.raises(BadInput, match="in no git repository"):
        bench.spawn(worktree="", cwd="/elsewhere")
    assert bench.registry.find("ada") is None
    assert not bench.registry.log


def test_over_a_limit_none_is_made(bench: Bench) -> None:
    bench.templates.add("engineer", worktree=True)
    bench.spawn("lead", limits={"children": "1"})
    for name in ("a", "b"):
        parent = bench.caller(pid=bench.process("lead").pid)
        if name == "a":
            bench.spawn(name, caller=parent)
            continue
        with pytest.raises(LimitReached):
            bench.spawn(name, caller=parent)
    assert made(bench) == [f"{TREES}/a", f"{TREES}/lead"]


def test_a_spawn_that_fails_takes_its_worktree_back(bench: Bench) -> None:
    bench.providers.claude.missing = True
    with pytest.raises(MissingProgram):
        bench.spawn(worktree="")
    assert made(bench) == []
    assert bench.registry.find("ada") is None


def test_what_somebody_has_put_into_it_meanwhile_stays(bench: Bench) -> None:
    bench.providers.claude.missing = True
    bench.supplies.worktrees.states[f"{TREES}/ada"] = WorktreeState.UNCOMMITTED
    with pytest.raises(MissingProgram):
        bench.spawn(worktree="")
    assert made(bench) == [f"{TREES}/ada"]


def test_a_start_that_fails_keeps_it_for_a_session_that_can_be_brought_back(bench: Bench) -> None:
    bench.machine.fails["release"] = Failed("no space left")
    with pytest.raises(Failed):
        bench.spawn(worktree="")
    assert (bench.life(), made(bench)) == (Life.FAILED, [f"{TREES}/ada"])
    del bench.machine.fails["release"]
    bench.spawn(worktree="")
    assert bench.executions()[-1].cwd == f"{TREES}/ada"


def test_a_start_that_fails_keeps_none_for_one_that_is_run_to_its_end(bench: Bench) -> None:
    bench.machine.fails["release"] = Failed("no space left")
    with pytest.raises(Failed):
        run(bench, worktree="")
    assert (bench.life(), made(bench)) == (Life.FAILED, [])


def test_a_daemon_that_is_killed_leaves_it_to_be_seen(bench: Bench) -> None:
    bench.dies_at("spawn.before_commit", lambda: bench.spawn(worktree=""))
    bench.restart()
    assert made(bench) == [f"{TREES}/ada"]
    assert bench.spawn(worktree="").worktree


def test_who_begins_anew_gives_the_former_one_up(bench: Bench) -> None:
    bench.spawn(worktree="")
    bench.dies(exit_code=0)
    bench.beat()
    done = bench.spawn(worktree="")
    assert (done.decision.reason != "", made(bench)) == (True, [f"{TREES}/ada-2"])
    assert Kind.WORKTREE_REMOVED in bench.kinds()


def test_a_plan_that_changes_meanwhile_is_supplied_anew(bench: Bench) -> None:
    """Two spawns of one sleeping name: one has it resumed between the plan and the writing of the other."""
    bench.spawn(worktree="")
    bench.kill()
    worktrees, world = bench.supplies.worktrees, bench.world
    once = worktrees.make

    def make(repo_dir: str, name: str) -> Any:  # noqa: ANN401
        worktrees.make = once  # type: ignore[method-assign]
        bench.spawn()
        bench.stop()
        return once(repo_dir, name)

    worktrees.make = make  # type: ignore[method-assign]
    done = spawn(world, bench.order("ada", role="engineer", worktree="late"))
    assert (type(done.decision).__name__, done.worktree) == ("Resume", None)
    assert f"{TREES}/late" not in made(bench)
    assert bench.executions()[-1].cwd == "/w"


def test_one_that_is_changed_by_others_all_the_time_is_given_up(bench: Bench) -> None:
    worktrees, names = bench.supplies.worktrees, iter("bcdefgh")
    once = worktrees.make

    def make(repo_dir: str, name: str) -> Any:  # noqa: ANN401
        bench.templates.add("engineer", cwd=f"/w/{next(names)}")
        return once(repo_dir, name)

    worktrees.make = make  # type: ignore[method-assign]
    with pytest.raises(Conflict, match="changed by others all the time"):
        bench.spawn(worktree="")
    assert made(bench) == []


def test_an_error_that_nobody_has_foreseen_takes_it_back_too(bench: Bench) -> None:
    bench.providers.claude.plan = lambda ask: 1 // 0  # type: ignore[assignment, method-assign, return-value]
    with pytest.raises(ZeroDivisionError):
        bench.spawn(worktree="")
    assert made(bench) == []


# ---- prompts ---------------------------------------------------------------------------------


def result_of(bench: Bench, name: str, text: str | None) -> UUID:
    """An earlier session with that result."""
    standing = run(bench, name=name).standing
    assert standing.session
    with bench.registry.begin() as tx:
        tx.save_result(
            Result(session=standing.session.id, agent=standing.agent.id, success=True, text=text, at=bench.clock.now())
        )
    return standing.session.id


def test_results_come_first_then_files_then_what_was_asked_for(bench: Bench) -> None:
    one, two = result_of(bench, "one", "first <result>"), result_of(bench, "two", "second")
    bench.supplies.add_file("/w/notes.md", "take care")
    bench.supplies.add_file("/data/log", None)
    bonds = ((Bond.CONTEXT, two), (Bond.DEPENDS, uuid4()), (Bond.PIPE, one))
    session = run(bench, files=("notes.md", "/data/log"), prompt="go on", bonds=bonds).standing.session
    assert told(bench, session) == (
        f'<session-result session="{two.hex[:8]}" index="1" name="two">second</session-result>\n'
        f'<session-result session="{one.hex[:8]}" index="2" name="one">first &lt;result&gt;</session-result>\n\n'
        '<attached-files>\n<file path="/w/notes.md">take care</file>\n'
        '<file path="/data/log" bytes="1000000" inline="false"/>\n</attached-files>\n\n'
        "go on"
    )


def test_a_pipe_needs_no_words_of_its_own(bench: Bench) -> None:
    source = result_of(bench, "one", "all of it")
    session = run(bench, prompt=None, bonds=((Bond.PIPE, source),)).standing.session
    envelope = f'<session-result session="{source.hex[:8]}" name="one">all of it</session-result>'
    assert told(bench, session) == envelope


def test_what_has_no_result_leaves_the_prompt_as_it_is(bench: Bench) -> None:
    source = result_of(bench, "one", None)
    session = run(bench, prompt="go on", bonds=((Bond.CONTEXT, source),)).standing.session
    assert told(bench, session) == "go on"


def test_a_file_that_is_missing_is_told_before_anything_is_made(bench: Bench) -> None:
    with pytest.raises(BadInput, match="file 'nothing' is not there"):
        run(bench, files=("nothing",), worktree="")
    assert (made(bench), bench.registry.find("ada")) == ([], None)


def test_the_order_is_kept_as_it_was_given(bench: Bench) -> None:
    bench.supplies.add_file("/w/notes.md", "take care")
    session = run(bench, files=("notes.md",), worktree="", schema=SCHEMA, prompt="go on").standing.session
    assert session
    stored = bench.registry.order(session.id)
    assert stored
    assert (stored["prompt"], stored["cwd"]) == ("go on", None)
    wanted = stored["assignment"]
    assert isinstance(wanted, dict)
    assert (list(wanted["files"]), wanted["worktree"]) == (["notes.md"], "")
    assert wanted["schema"] == f"{HOME}/schemas/0.json"


def test_what_was_said_for_the_environment_is_said_again_without_being_kept(bench: Bench) -> None:
    asked = order(bench, env={"TOKEN": "s3cret", "GONE": "x"})
    stored = kept(asked)
    assert "s3cret" not in repr(stored)
    caller = replace(bench.caller(), env={"TOKEN": "s3cret", "FOUND": "around"})
    assert again(stored, caller).env == {"TOKEN": "s3cret"}


# ---- schemas ---------------------------------------------------------------------------------


def test_a_private_copy_of_the_schema_is_what_counts(bench: Bench) -> None:
    session = run(bench, schema=SCHEMA).standing.session
    assert session
    assert session.attend
    path = f"{HOME}/schemas/0.json"
    assert (session.attend.schema, bench.providers.claude.tasks[-1].schema) == (path, path)
    assert bench.supplies.schemas.kept == {path: SCHEMA}


def test_a_schema_that_is_none_is_told_before_anything_is_made(bench: Bench) -> None:
    with pytest.raises(BadInput, match=r"JSON schema 's.json' is not there"):
        run(bench, schema="s.json", worktree="")
    assert (made(bench), bench.registry.find("ada")) == ([], None)


# ---- sandboxes -------------------------------------------------------------------------------


def test_the_argv_in_the_registry_is_that_of_the_container(bench: Bench) -> None:
    caller = bench.caller(API_KEY="s3cret", CALLERS="own")
    done = run(bench, sandbox="", caller=caller, env={"X": "1", "CALLERS": "own"})
    session = done.standing.session
    assert session
    names = "AGENT_GOAL,API_KEY,CALLERS,FROM_PROVIDER,GENIE_AGENT_NAME,GENIE_PROVIDER,GENIE_SESSION_ID,GENIE_TEAM"
    assert session.launch.argv == (
        *("/bin/docker", str(session.id), "/w:rw", "/w", f"{names},LLM_PROVIDER,SPAWN_DEPTH,X", "bridge"),
        *("agents/claude", "claude", "-p", "--session-id", str(session.id)),
    )
    assert bench.executions()[-1].argv == session.launch.argv
    assert env_of(bench)["API_KEY"] == "s3cret"


def test_the_workspace_is_the_worktree(bench: Bench) -> None:
    bench.supplies.add_file("/data/large", None)
    bench.supplies.add_file("/w/small", "text")
    bench.supplies.add_file(f"{TREES}/ada/there", None)
    files = ("/data/large", "small", f"{TREES}/ada/there")
    run(bench, sandbox="slim:2", network="none", worktree="", cwd="sub", files=files, schema=SCHEMA)
    argv = bench.session().launch.argv
    assert argv[2:6] == (f"{TREES}/ada:rw", "/data/large:ro", f"{HOME}/schemas/0.json:ro", f"{TREES}/ada/sub")
    assert argv[7:9] == ("none", "slim:2")


def test_a_command_is_run_as_it_was_typed(bench: Bench) -> None:
    run(bench, sandbox="busybox", command=("/bin/ls", "-l"))
    assert bench.session().launch.argv[-3:] == ("busybox", "/bin/ls", "-l")


@pytest.mark.parametrize(
    ("wanted", "kind", "said"),
    [
        ({"network": "none"}, BadInput, "--network is that of a sandbox"),
        ({"sandbox": "", "add_dirs": ("/data",)}, BadInput, "--add-dir /data cannot be seen"),
        ({"sandbox": "", "add_dirs": ("/workshop",)}, BadInput, "--add-dir /workshop cannot be seen"),
        ({"sandbox": "", "add_dirs": ("a/../../b",)}, BadInput, "cannot be seen"),
        ({"sandbox": "", "add_dirs": ("~/b",)}, BadInput, "cannot be seen"),
        ({"sandbox": "", "add_dirs": ("/w/deep",), "worktree": ""}, BadInput, "--add-dir /w/deep cannot be seen"),
        ({"sandbox": "", "mcp_config": "/etc/mcp.json"}, BadInput, "--mcp-config /etc/mcp.json cannot be seen"),
        ({"sandbox": "", "command": ("ls",)}, BadConfig, "no image is set for sandboxes of provider 'shell'"),
    ],
)
def test_what_could_not_be_had_inside_is_told_before_anything_is_made(
    bench: Bench, wanted: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        run(bench, **{"worktree": "", **wanted} if "add_dirs" not in wanted else wanted)
    assert (made(bench), bench.registry.find("ada")) == ([], None)


def test_a_template_s_directories_cannot_be_seen_either(bench: Bench) -> None:
    bench.templates.add("engineer", add_dirs=("/data",))
    with pytest.raises(BadInput, match="--add-dir /data cannot be seen"):
        run(bench, sandbox="", role="engineer")


def test_a_program_of_genies_runs_in_no_sandbox(bench: Bench) -> None:
    bench.providers.claude.name = "claude-sdk"
    with pytest.raises(BadInput, match="provider claude-sdk runs in no sandbox"):
        run(bench, sandbox="", worktree="")
    assert (made(bench), bench.registry.find("ada")) == ([], None)


def test_what_lies_in_the_workspace_can_be_seen(bench: Bench) -> None:
    run(bench, sandbox="", add_dirs=("/w", "/w/deep", "near"), mcp_config="mcp.json")
    run(bench, name="bob", sandbox="", mcp_config='{"mcpServers": {}}')
    assert bench.life("bob") is Life.RUNNING


def test_no_engine_no_session(bench: Bench) -> None:
    bench.supplies.sandboxes.away = True
    with pytest.raises(Refused, match="no container engine answers"):
        run(bench, sandbox="", worktree="")
    assert (made(bench), bench.registry.find("ada"), bench.registry.log) == ([], None, [])


# ---- rehearsed -------------------------------------------------------------------------------


def test_a_rehearsal_makes_no_worktree(bench: Bench) -> None:
    done = rehearse(bench.world, bench.order("ada", role="engineer", worktree=""))
    assert (done.launch.cwd, made(bench)) == ("/w", [])


def test_a_rehearsal_tells_what_a_container_would_run(bench: Bench) -> None:
    done = rehearse(bench.world, order(bench, sandbox="", schema=SCHEMA))
    assert done.launch.argv[0] == "/bin/docker"
    assert done.launch.argv[-1] != "/bin/docker"
    assert bench.registry.find("ada") is None


# ---- afterwards ------------------------------------------------------------------------------


def test_a_room_of_nobody_is_waited_in_with_a_worktree(bench: Bench) -> None:
    bench.world = replace(bench.world, rules=replace(bench.rules, max_running=0))
    run(bench, worktree="")
    assert (bench.life(), made(bench)) == (Life.QUEUED, [f"{TREES}/ada"])
