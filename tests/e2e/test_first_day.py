"""What an engineer does on the first day: spawn, look, kill -9, watch it return, stop, resume, kill."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable

from tests.fixtures.daemon import Genie, belonging
from tests.fixtures.tmux import until


def test_an_agent_comes_back_in_its_pane_on_its_conversation(genie: Genie) -> None:
    genie("team", "create", "simone")
    made = genie.json("spawn", "engineer", "--team", "simone", "--prompt", "hello there")
    assert (made["decision"], made["state"], made["team"], made["team_tier"]) == ("create", "running", "simone", 1)
    until(lambda: "ok: hello there" in genie.screen("engineer"), what="the answer on the screen")

    before = genie.agent("engineer")
    os.kill(before["pid"], signal.SIGKILL)
    after = genie.until_again("engineer", before)

    assert after["pane"] == before["pane"]
    assert after["session_id"] == before["session_id"]
    assert after["resume_attempts"] == 1
    until(lambda: f"resumed {made['session_id']}" in genie.screen("engineer"), what="the conversation on the screen")
    kinds = [kind for kind in genie.kinds("engineer") if not kind.startswith("session.")]
    assert kinds[-3:] == ["died", "resume_claimed", "resumed"]


def test_a_resume_differs_from_the_spawn_in_the_session_flag_and_the_first_prompt_alone(genie: Genie) -> None:
    prompt = 'it\'s "quoted", $(touch never) `touch never` ünï ☃ 🚀\nsecond line\\n'
    genie.json("spawn", "engineer", "--prompt", prompt, "--model", "opus", "--extra-args", "--verbose")
    until(lambda: len(genie.starts()) == 1, what="the first start")
    row = genie.agent("engineer")
    until(lambda: "ok:" in genie.screen("engineer"), what="the answer")
    until(lambda: genie.agent("engineer")["activity"] == "idle", what="the end of its turn")
    os.kill(row["pid"], signal.SIGKILL)
    genie.until_again("engineer", row)
    until(lambda: len(genie.starts()) == 2, what="the second start")

    first, second = (start["argv"] for start in genie.starts())
    assert first[-1] == prompt
    assert prompt not in second
    session = row["session_id"]
    at = first.index("--session-id")
    assert first[at : at + 2] == ["--session-id", session]
    without = [*first[:at], "--resume", session, *first[at + 2 : first.index("--", at)]]
    assert second == without
    assert not (genie.project / "never").exists()
    one, two = (start["env"] for start in genie.starts())
    changed = {key for key in one.keys() | two.keys() if one.get(key) != two.get(key)}
    assert changed <= {"GENIE_RUN_ID", "GENIE_AGENT_TOKEN", "LINES", "COLUMNS"}


def test_stop_keeps_the_session_resume_goes_on_and_kill_frees_the_name(genie: Genie) -> None:
    made = genie.json("spawn", "engineer", "--prompt", "remember 42")
    until(lambda: "ok:" in genie.screen("engineer"), what="the answer")
    genie("stop", "engineer")
    stopped = genie.agent("engineer")
    assert (stopped["state"], stopped["pid"]) == ("suspended", None)
    assert genie.panes() == []
    assert not belonging(genie.home)

    genie("resume", "engineer")
    resumed = genie.agent("engineer")
    assert (resumed["state"], resumed["session_id"]) == ("running", made["session_id"])
    until(lambda: f"resumed {made['session_id']} (2 messages)" in genie.screen("engineer"), what="the conversation")

    genie("kill", "engineer")
    assert genie.state("engineer") == "terminated"
    assert genie.json("ls") == []
    assert genie.panes() == []
    assert not belonging(genie.home)
    again = genie.json("spawn", "engineer")
    assert (again["decision"], again["name"]) == ("create", "engineer")
    assert again["session_id"] != made["session_id"]


def test_spawning_a_name_resumes_what_sleeps_and_makes_a_parallel_of_what_lives(genie: Genie) -> None:
    genie("team", "create", "simone")
    made = genie.json("spawn", "engineer", "--team", "simone")
    beside = genie.json("spawn", "engineer", "--team", "simone")
    assert beside["decision"] == "parallel"
    assert beside["name"] == f"engineer-{beside['session_id'][:4]}"

    genie("stop", "engineer")
    back = genie.json("spawn", "engineer", "--team", "simone")
    assert (back["decision"], back["session_id"]) == ("resume", made["session_id"])
    genie("stop", beside["name"])
    same = genie.json("spawn", beside["name"], "--team", "simone")
    assert (same["decision"], same["session_id"]) == ("resume", beside["session_id"])
    other = genie.json("spawn", "engineer", "--role", "qa", "--team", "simone")
    assert other["decision"] == "parallel"
    genie("stop", "engineer")
    anew = genie.json("spawn", "engineer", "--role", "qa", "--team", "simone")
    assert (anew["decision"], anew["name"]) == ("create", "engineer")
    assert anew["session_id"] != made["session_id"]
    assert [s["id"] for s in genie.json("show", "engineer")["sessions"]].count(made["session_id"]) == 1


def test_leaving_by_exit_is_done_and_is_not_brought_back(genie: Genie) -> None:
    genie.json("spawn", "engineer", env={"FAKE_AGENT": "[[exit:0:after=0.3]]"})
    row = genie.until_state("engineer", "done")
    assert (row["exit_code"], row["resume_attempts"]) == (0, 0)
    anew = genie.json("spawn", "engineer")
    assert (anew["decision"], anew["session_id"] == row["session_id"]) == ("create", False)


def test_the_command_of_a_shell_agent_gets_environment_and_directory_byte_for_byte(
    make_genie: Callable[..., Genie],
) -> None:
    genie = make_genie()
    value = 'it\'s "x" $(id) `id` \\ ü 🚀\nline\tend \udcff'
    odd = genie.project / "a b 'c' $(d) ü"
    odd.mkdir()
    told = "json.dumps([os.environ['ODD'], os.environ['MORE'], sys.argv[1:]])"
    script = f"import os, sys, json; open('out', 'w').write({told}); input()"
    genie.json(
        "spawn", "odd", "--env", f"MORE={value}", "--", sys.executable, "-c", script, "it's", "$(x)", "`y`", "🚀\n",
        env={"ODD": value}, cwd=odd,
    )  # fmt: skip
    until((odd / "out").exists, what="the command's file")
    until(lambda: (odd / "out").stat().st_size > 0, what="its text")
    assert json.loads((odd / "out").read_text()) == [value, value, ["it's", "$(x)", "`y`", "🚀\n"]]


def test_the_demo_shows_four_of_which_one_comes_back(genie: Genie) -> None:
    rows = genie.json("demo")
    names = ["demo-engineer-1", "demo-engineer-2", "demo-engineer-3", "demo-lead"]
    assert sorted(row["name"] for row in rows) == names
    assert {row["state"] for row in rows} == {"running"}
    genie.until_again("demo-engineer-3", next(row for row in rows if row["name"] == "demo-engineer-3"))
    until(lambda: "resumed: " in genie.screen("demo-engineer-3"), what="its conversation")
    assert {row["name"] for row in genie.json("demo")} == set(names), "who runs is left alone"
    genie("demo", "--stop")
    assert genie.json("ls") == []
