"""What an agent is told when it is brought back: who is, of what, by which words, and once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from genie.domain.agent import Activity, Life
from genie.domain.conversation import ConversationKind as Said
from genie.domain.errors import BadInput, Failed
from genie.domain.events import Kind
from genie.domain.resume_note import GO_ON, is_note
from genie.services import roster
from genie.services.order import Assignment
from genie.services.resuming_note import resuming_note
from tests.services.bench import Bench

SAID = "/said"


@pytest.fixture
def bench(bench: Bench) -> Bench:
    bench.machine.open("main")
    bench.providers.claude.prompt_limit = 100_000
    return bench


def begin(bench: Bench, *, on_resume: str | None = None, prompt: str | None = "fix it") -> None:
    """An agent whose conversation is in a file."""
    bench.spawn(prompt=prompt, on_resume=on_resume)
    bench.providers.claude.transcripts[bench.session().id] = SAID
    if prompt:
        bench.recordings.say(SAID, Said.USER_MESSAGE, bench.clock.time, text=prompt)


def doing(bench: Bench, activity: Activity, source: str = "hook: it says so") -> None:
    with bench.registry.begin() as tx:
        now = bench.clock.time
        tx.save_agent(replace(bench.agent(), activity=activity, activity_source=source, activity_since=now))


def told(bench: Bench) -> str | None:
    """What its latest process was told by its command line, beyond the first prompt."""
    argv = bench.executions()[-1].argv
    return argv[argv.index("--") + 1] if "--resume" in argv and "--" in argv else None


def note_of(bench: Bench) -> str:
    text = told(bench)
    assert text is not None
    assert is_note(text)
    return text


# ---- who is told -----------------------------------------------------------------------------


@pytest.mark.parametrize("activity", [Activity.WORKING, Activity.PERMISSION, Activity.QUESTION])
def test_an_agent_that_died_in_a_turn_is_told_why_and_goes_on(bench: Bench, activity: Activity) -> None:
    begin(bench)
    doing(bench, activity)
    bench.dies()
    bench.beat()
    text = note_of(bench)
    assert 'reason="your process was killed by signal 9 (SIGKILL)"' in text
    assert 'Unfinished is your turn on: "fix it"' in text
    assert text.endswith(f"{GO_ON}</genie-resume>")
    assert bench.executions()[-1].argv.count("fix it") == 0


def test_an_idle_agent_is_told_nothing(bench: Bench) -> None:
    begin(bench)
    bench.clock.advance(timedelta(seconds=2))
    doing(bench, Activity.IDLE)
    bench.dies()
    bench.beat()
    assert (bench.life(), told(bench)) == (Life.RUNNING, None)


def test_its_conversation_tells_where_nothing_else_does(bench: Bench) -> None:
    begin(bench)
    bench.recordings.say(SAID, Said.TOOL_CALL, bench.clock.time, call="1", tool="Bash", input={"command": "make"})
    bench.dies()
    bench.beat()
    assert "Without a result, and perhaps done in part: Bash: make" in note_of(bench)
    bench.recordings.say(SAID, Said.USER_MESSAGE, bench.clock.time, text=told(bench))
    bench.recordings.say(SAID, Said.SESSION_RESULT, bench.clock.time)
    bench.clock.advance(timedelta(minutes=2))
    bench.dies()
    bench.beat()
    assert (bench.life(), told(bench)) == (Life.RUNNING, None)


def test_an_old_prompt_is_found_before_many_calls(bench: Bench) -> None:
    begin(bench)
    for number in range(250):
        bench.recordings.say(SAID, Said.TOOL_CALL, bench.clock.time, call=str(number), tool="Bash")
    doing(bench, Activity.WORKING)
    bench.dies()
    bench.beat()
    assert 'Unfinished is your turn on: "fix it"' in note_of(bench)


@pytest.mark.parametrize("how", ["resume", "spawn", "beat"])
def test_it_is_told_however_it_comes_back(bench: Bench, how: str) -> None:
    begin(bench)
    doing(bench, Activity.WORKING)
    if how == "beat":
        bench.dies()
        bench.beat()
    else:
        bench.stop()
        bench.resume() if how == "resume" else bench.spawn()
        assert 'reason="you were stopped with genie stop"' in note_of(bench)
    assert GO_ON in note_of(bench)


def test_who_is_given_something_new_to_do_gets_no_note(bench: Bench) -> None:
    begin(bench)
    doing(bench, Activity.WORKING)
    bench.stop()
    bench.spawn(prompt="do that instead")
    assert told(bench) == "do that instead"


def test_a_second_death_before_the_note_was_read_tells_it_again_of_the_same_turn(bench: Bench) -> None:
    begin(bench)
    doing(bench, Activity.WORKING)
    bench.dies()
    bench.beat()
    first = note_of(bench)
    bench.recordings.say(SAID, Said.USER_MESSAGE, bench.clock.time, text=first)
    bench.clock.advance(timedelta(minutes=2))
    bench.dies(exit_code=1)
    bench.beat()
    assert 'reason="your process has ended with exit code 1"' in note_of(bench)
    assert 'Unfinished is your turn on: "fix it"' in note_of(bench)


def test_what_begins_anew_gets_its_first_prompt_alone(bench: Bench) -> None:
    """Nothing of the conversation was ever kept."""
    begin(bench)
    doing(bench, Activity.WORKING)
    bench.providers.claude.heard.clear()
    bench.dies()
    bench.beat()
    argv = bench.executions()[-1].argv
    assert ("--session-id" in argv, argv[-1]) == (True, "fix it")


def test_a_command_is_told_nothing(bench: Bench) -> None:
    bench.spawn("job", role=None, command=("make",))
    bench.dies("job")
    bench.beat()
    assert bench.executions("job")[-1].argv == ("make",)
    assert resuming_note(bench.world, bench.standing("job")) is None


def test_a_start_that_failed_tells_of_the_run_before_it(bench: Bench) -> None:
    begin(bench)
    doing(bench, Activity.WORKING)
    bench.dies()
    bench.look()
    bench.look()
    bench.machine.fails["respawn"] = bench.machine.fails["create"] = Failed("no pane")
    with pytest.raises(Failed):
        bench.resume()
    bench.machine.fails.clear()
    bench.resume()
    assert "killed by signal 9 (SIGKILL)" in note_of(bench)


def test_a_conversation_that_cannot_be_read_keeps_nobody_from_coming_back(bench: Bench) -> None:
    begin(bench)
    doing(bench, Activity.WORKING)
    bench.dies()
    bench.recordings.troubles = [Failed("cannot read it")] * 3
    bench.beat()
    assert GO_ON in note_of(bench)
    assert "Unfinished" not in note_of(bench)


# ---- by which words --------------------------------------------------------------------------


def test_a_text_of_the_user_s_is_always_given(bench: Bench) -> None:
    begin(bench, on_resume="{agent}: look at git, then go on. ({reason})")
    doing(bench, Activity.IDLE)
    bench.dies()
    bench.beat()
    assert note_of(bench).endswith(
        "ada: look at git, then go on. (your process was killed by signal 9 (SIGKILL))</genie-resume>"
    )
    assert bench.places.looked == []


def test_none_is_silence(bench: Bench) -> None:
    begin(bench, on_resume="none")
    doing(bench, Activity.WORKING)
    bench.dies()
    bench.beat()
    assert (bench.life(), told(bench)) == (Life.RUNNING, None)


def test_the_template_says_it_and_the_flag_goes_before_it(bench: Bench) -> None:
    bench.templates.add("engineer", on_resume="of the template")
    bench.spawn("one")
    bench.spawn("two", on_resume="of the flag")
    assert [bench.session(name).on_resume for name in ("one", "two")] == ["of the template", "of the flag"]
    bench.stop("one")
    warned = bench.spawn("one", on_resume="other").warnings
    assert any("--on-resume" in text for text in warned)
    assert bench.session("one").on_resume == "of the template"


@pytest.mark.parametrize(("said", "shown"), [(None, "default"), ("none", "none"), ("go", "go")])
def test_show_and_explain_tell_which_one_applies(bench: Bench, said: str | None, shown: str) -> None:
    bench.spawn(on_resume=said)
    assert roster.show(bench.world, "ada").on_resume == shown
    assert roster.explain(bench.world, "ada").on_resume == shown


def test_a_command_and_a_provider_that_is_gone_show_none(bench: Bench) -> None:
    bench.spawn("job", role=None, command=("make",))
    assert roster.show(bench.world, "job").on_resume is None
    strange = replace(bench.session("job"), provider="away")
    standing = replace(bench.standing("job"), session=strange)
    assert roster.on_resume_of(bench.world, standing) is None


def test_what_keeps_no_conversation_refuses_it(bench: Bench) -> None:
    with pytest.raises(BadInput, match="keeps no conversation"):
        bench.spawn("job", role=None, command=("make",), on_resume="go on")
    with pytest.raises(BadInput, match="says nothing"):
        bench.spawn(on_resume=" ")
    bench.templates.add("engineer", on_resume="go on")
    bench.spawn("job", command=("make",))
    assert bench.session("job").on_resume is None


# ---- the work tree, and causes ---------------------------------------------------------------


def test_the_changes_of_its_directory_are_told(bench: Bench) -> None:
    begin(bench)
    doing(bench, Activity.WORKING)
    bench.places.changed["/w"] = (" M a.py", "?? b.py")
    bench.dies()
    bench.beat()
    assert "git status --short of /w:\n M a.py\n?? b.py\n" in note_of(bench)


def test_git_is_not_run_on_what_a_sandboxed_session_has_written(bench: Bench) -> None:
    begin(bench)
    doing(bench, Activity.WORKING)
    with bench.registry.begin() as tx:
        session = bench.session()
        tx.save_session(replace(session, launch=replace(session.launch, argv=("/bin/docker", str(session.id)))))
    bench.dies()
    bench.look()
    bench.look()
    assert is_note(resuming_note(bench.world, bench.standing()) or "")
    assert bench.places.looked == []


def test_memory_reboots_and_closed_panes_are_told(bench: Bench) -> None:
    for name, words in {"a": "out of memory", "b": "host was restarted", "c": "pane was closed"}.items():
        bench.spawn(name)
        with bench.registry.begin() as tx:
            tx.save_agent(replace(bench.agent(name), activity=Activity.WORKING, activity_source="hook: x"))
        if name == "c":
            bench.machine.remove(bench.machine.server(), bench.pane(name))
        else:
            bench.dies(name)
        run = bench.run(name)
        assert run.pane
        if name == "a":
            bench.machine.starved.add(run.id)
        for _ in range(2):
            bench.look()
        bench.machine.before_boot = {run.pane.server.started} if name == "b" else set()
        assert words in (resuming_note(bench.world, bench.standing(name)) or ""), name
        bench.kill(name)


# ---- usage limits ----------------------------------------------------------------------------


def limit(bench: Bench) -> None:
    resets = (bench.clock.time + timedelta(hours=1)).isoformat()
    bench.recordings.say(SAID, Said.USAGE_LIMIT_HIT, bench.clock.time, resets_at=resets)
    bench.recordings.say(SAID, Said.SESSION_RESULT, bench.clock.time, is_error=True)
    doing(bench, Activity.LIMITED)
    with bench.registry.begin() as tx:
        tx.save_agent(replace(bench.agent(), limited_until=bench.clock.time + timedelta(hours=1)))


def test_nothing_is_said_into_a_usage_limit(bench: Bench) -> None:
    begin(bench, on_resume="go on")
    limit(bench)
    bench.dies()
    bench.beat()
    assert bench.life() is Life.DEAD
    bench.resume()
    assert (bench.life(), told(bench)) == (Life.RUNNING, None)


def test_who_died_at_a_limit_goes_on_after_it(bench: Bench) -> None:
    begin(bench)
    limit(bench)
    bench.dies()
    bench.beat()
    bench.clock.advance(timedelta(hours=2))
    bench.beat()
    assert "and the usage limit that had stopped you is over now" in note_of(bench)
    assert bench.kinds().count(Kind.RESUMED) == 1


# ---- sessions that are fed, and run to their end ---------------------------------------------


def attended(bench: Bench, *, streaming: bool, on_resume: str | None = None) -> None:
    work = Assignment(streaming=streaming)
    bench.spawn("job", prompt="fix it", assignment=work, on_resume=on_resume)
    path = bench.recordings.path(bench.session("job").id)
    bench.recordings.say(path, Said.USER_MESSAGE, bench.clock.time, text="fix it")


def read_first(bench: Bench) -> str | None:
    run = bench.run("job").id
    path = bench.machine.attended[run]["stdin"]
    return None if path is None else bench.machine.prompts[run]


def test_a_fed_session_gets_the_note_as_one_message(bench: Bench) -> None:
    attended(bench, streaming=True)
    bench.dies("job")
    bench.beat()
    bench.resume("job")
    record = json.loads(read_first(bench) or "")
    assert record["genie"] == "say"
    assert is_note(record["text"])
    assert "\n" in record["text"]


@pytest.mark.parametrize("on_resume", [None, "none"])
def test_a_fed_session_without_an_unfinished_turn_waits_for_what_it_is_fed(bench: Bench, on_resume: str | None) -> None:
    attended(bench, streaming=True, on_resume=on_resume)
    if on_resume is None:
        bench.recordings.say(bench.recordings.path(bench.session("job").id), Said.SESSION_RESULT, bench.clock.time)
    bench.dies("job")
    bench.beat()
    bench.resume("job")
    assert read_first(bench) is None


@pytest.mark.parametrize("on_resume", [None, "none", "look first"])
def test_a_session_that_is_run_to_its_end_is_always_told(bench: Bench, on_resume: str | None) -> None:
    """It does nothing else."""
    attended(bench, streaming=False, on_resume=on_resume)
    bench.dies("job")
    bench.beat()
    bench.resume("job")
    text = read_first(bench) or ""
    assert is_note(text)
    assert ("look first" if on_resume == "look first" else GO_ON) in text


def test_one_that_is_resumed_by_hand_at_its_limit_has_something_to_read(bench: Bench) -> None:
    attended(bench, streaming=False)
    bench.dies("job")
    bench.beat()
    with bench.registry.begin() as tx:
        tx.save_agent(replace(bench.agent("job"), limited_until=bench.clock.time + timedelta(hours=1)))
    bench.resume("job")
    assert read_first(bench) == GO_ON
