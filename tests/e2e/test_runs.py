"""Sessions that are run to their end keep what they promise: with a whole genie, real panes and real processes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.runs import (
    Row,
    alive,
    artists,
    asked,
    edges,
    events_of,
    heard,
    marker,
    of_run,
    one_for_all,
    pane_of,
    run,
    typed,
)
from tests.fixtures.quick import Quick
from tests.fixtures.tmux import until

LONG = "CHAOS_SEEDS" in os.environ
SHELL = "$HOME `id` $(id) \"q\" 'p' \\ \\n %s !! ~ * &&;|<>\n\ttab\n\n"
EVERY = "".join(map(chr, range(1, 256)))
PROMPTS = {
    "shell": SHELL.encode(),
    "every": EVERY.encode(),
    "long": b"".join(b"line %d \xf0\x9f\x90\x98\n" % number for number in range(8000)) + b"no end of line",
    "emoji": "🐘👩‍👩‍👧 e\u0301 \u202e \ufeff".encode(),
}


@pytest.fixture(scope="module")
def genie(template: str) -> Iterator[Quick]:
    """One for all that do not kill its daemon."""
    with one_for_all(template, GENIE_MAX_RUNNING="50" if LONG else "16") as one:
        yield one


# ---- what it is told ------------------------------------------------------------------------


def test_prompts_arrive_byte_for_byte(genie: Quick) -> None:
    assert len(PROMPTS["long"]) > 100_000
    sessions = {}
    for name, prompt in PROMPTS.items():
        file = genie.directory / f"{name}.prompt"
        file.write_bytes(prompt)
        copy = ("--", "sh", "-c", f'cat > {file}.got; printf %s "$AGENT_GOAL" > {file}.goal')
        genie("run", "--tag", "prompts", "--prompt-file", str(file), *copy)
        row = run(genie, "--tag", "prompts", "--provider", "claude", "--prompt-file", str(file))
        sessions[name] = str(row["session_id"])
    genie("run", "--tag", "prompts", SHELL, "--", "sh", "-c", "cat > argued")
    assert typed(genie, "run", "--tag", "prompts", "-", "--", "sh", "-c", "cat > piped", stdin=PROMPTS["every"]).stdout
    genie("wait", "--tag", "prompts", "--timeout", "50s")
    for name, prompt in PROMPTS.items():
        assert (genie.directory / f"{name}.prompt.got").read_bytes() == prompt, name
        assert heard(genie, sessions[name]) == [prompt.decode()], name
    assert (genie.directory / "shell.prompt.goal").read_bytes() == PROMPTS["shell"]
    assert (genie.project / "argued").read_bytes() == PROMPTS["shell"]
    assert (genie.project / "piped").read_bytes() == PROMPTS["every"]


def test_what_is_no_text_is_refused_before_anything_is_done(genie: Quick) -> None:
    every = bytes(range(1, 256))
    (genie.project / "bytes").write_bytes(every)
    words = ("run", "--name", "never")
    why = "genie: the prompt is not valid UTF-8 — rename or re-encode it"
    assert genie.refused(*words, "--prompt-file", "bytes", "--", "cat", code=2) == why
    assert genie.refused(*words, "\udcff", "--", "cat", code=2) == why
    done = typed(genie, *words, "-", "--", "cat", stdin=every)
    assert (done.returncode, done.stderr.decode()) == (2, f"{why}\n")
    assert "nothing to do" in genie.refused(*words, code=2)
    assert all(row["name"] != "never" for row in genie.rows())


# ---- how it ends ----------------------------------------------------------------------------


def test_nothing_of_it_outlives_its_end(genie: Quick) -> None:
    late, of_late = artists(genie, "late", "--timeout", "4s")
    cancelled, of_cancelled = artists(genie, "cancelled")
    assert len(of_run(genie, cancelled["run_id"])) >= 8
    genie("cancel", "cancelled", "--reason", "enough")
    assert (alive(of_cancelled), of_run(genie, cancelled["run_id"])) == ([], [])
    assert pane_of(genie, cancelled["run_id"]) is None
    assert genie.json("collect", "cancelled")[0]["status"] == "terminated"
    assert genie.until_state("late", "failed")["reason"] == "timeout"
    assert (alive(of_late), of_run(genie, late["run_id"])) == ([], [])
    for row, state in ((cancelled, "terminated"), (late, "failed")):
        until(lambda: marker(genie, row, "ended") is not None, what="the marker")  # noqa: B023  now
        told = marker(genie, row, "ended")
        assert told
        assert (told["success"], told["state"]) == (False, state)


def test_the_exit_code_is_the_sessions(genie: Quick) -> None:
    for script, words, code in (
        ("exit 0", (), 0),
        ("exit 7", (), 7),
        ("exit 124", (), 124),
        ("exec sleep 100", ("--timeout", "300ms"), 124),
        ("kill -9 $$", (), 137),
        ("kill -15 $$", (), 143),
        ("kill -SEGV $$", (), 139),
    ):
        done = genie.run("run", "--wait", *words, "--", "sh", "-c", f"echo said; {script}")
        assert (done.returncode, done.stdout) == (code, "said\n"), script
        assert bool(done.stderr) == bool(code), done.stderr
    done = genie.run("run", "--wait", "--provider", "claude", "[[exit:3]] x")
    assert (done.returncode, done.stdout) == (3, "ok: [[exit:3]] x\n")
    genie.refused("run", "--wait", "--", "no-such-program", code=3)


def test_ways_to_print_the_result(genie: Quick) -> None:
    words = ("run", "--wait", "--provider", "claude", "--name", "said", "<b> & ü", "--output")
    shown = {form: genie.run(*words, form) for form in ("text", "json", "json-pretty", "stream-json")}
    assert all(done.returncode == 0 for done in shown.values())
    assert shown["text"].stdout == "ok: <b> & ü\n"
    told = json.loads(shown["json"].stdout)
    assert shown["json"].stdout.count("\n") == 1
    assert shown["json-pretty"].stdout.count("\n") > 10
    assert json.loads(shown["json-pretty"].stdout).keys() == told.keys()
    assert (told["result_text"], told["status"], told["error"]) == ("ok: <b> & ü", "completed", None)
    assert told["usage"] == {"input": 10, "output": 5, "cache_read": 0, "cache_write": 0, "cost": 0.25}
    events = [json.loads(line) for line in shown["stream-json"].stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    kinds = [event["kind"] for event in events]
    assert (kinds[0], kinds[-1], kinds.count("session.session_result")) == ("agent.requested", "agent.done", 1)
    used = genie.run("run", "--wait", "--show-usage", "--provider", "claude", "x")
    assert (used.stdout, used.stderr) == ("ok: x\n", "10 in, 5 out, $0.2500\n")
    assert "add --wait" in genie.refused("run", "--output", "json", "--", "true", code=2)


def test_it_answers_at_once(genie: Quick) -> None:
    row = run(genie, "--name", "told", "--", "sleep", "1000")
    assert {"session_id", "name", "pid", "log_path", "interactive", "pane", "state"} <= row.keys()
    assert (row["name"], row["state"], row["interactive"]) == ("told", "running", False)
    until(lambda: row["pid"] in of_run(genie, row["run_id"]), what="its process")
    until(Path(row["log_path"]).exists, what="the log")
    session = genie("run", "-q", "--name", "quiet", "--", "true").strip()
    assert session == genie.agent("quiet")["session_id"]
    plain = genie.run("run", "--name", "plain", "--", "true")
    assert plain.stdout.strip() == genie.agent("plain")["session_id"]
    genie("cancel", "told")


# ---- where it is seen -----------------------------------------------------------------------


def test_its_pane(genie: Quick) -> None:
    for name, words in (("gone", ()), ("kept", ("--keep",)), ("bad", ())):
        prompt = "[[exit:3]] hello" if name == "bad" else "hello"
        genie.run("run", "--wait", "--name", name, "--provider", "claude", *words, prompt)
    for name in ("kept", "bad"):
        pane = pane_of(genie, genie.agent(name)["run_id"])
        assert pane
        shown = genie.tmux("capture-pane", "-p", "-S", "-", "-t", pane)
        assert "hello" in shown
        assert "$0.2500" in shown
        assert '{"' not in shown
        where = genie.tmux("display-message", "-p", "-t", pane, "#{session_name}:#{window_name}:#{pane_dead}")
        assert where == "runs:runs:1"
    gone = genie.agent("gone")
    until(lambda: pane_of(genie, gone["run_id"]) is None, what="the end of its pane")
    genie("team", "create", "web")
    row = run(genie, "--team", "web", "--name", "web-run", "--", "sleep", "1000")
    assert (row["tmux_session"], row["window"]) == ("web", "runs")
    genie("cancel", "web-run")


def test_its_markers(genie: Quick) -> None:
    fifo = genie.directory / "marked"
    os.mkfifo(fifo)
    row = run(genie, "--name", "marked", "--", "sh", "-c", f"read x < {fifo}; exit 5")
    until(lambda: marker(genie, row, "started") is not None, what="the marker of the start")
    started = marker(genie, row, "started")
    assert started
    assert (started["session_id"], started["name"], started["pid"]) == (row["session_id"], "marked", row["pid"])
    assert marker(genie, row, "ended") is None
    fifo.write_text("go\n")
    until(lambda: marker(genie, row, "ended") is not None, what="the marker of the end")
    ended = marker(genie, row, "ended")
    assert ended
    assert (ended["success"], ended["exit_code"], ended["state"]) == (False, 5, "failed")
    assert started["at"] == ended["started_at"] < ended["at"]


# ---- whom it waits for ----------------------------------------------------------------------


def test_what_it_depends_on(genie: Quick) -> None:
    fifo = genie.directory / "root"
    os.mkfifo(fifo)
    root = run(genie, "--name", "root", "--", "sh", "-c", f"read code < {fifo}; exit $code")
    rows = {"root": root}
    for name, source in (("one", "root"), ("two", "one"), ("three", "two"), ("dropped", "root"), ("after", "dropped")):
        rows[name] = run(genie, "--name", name, "--depends-on", source, "--", "true")
        assert (rows[name]["state"], rows[name]["pane"]) == ("queued", None)
    assert "unknown session 'nobody'" in genie.refused("run", "--name", "x", "--depends-on", "nobody", "hi", code=3)
    assert all(row["name"] != "x" for row in genie.rows())
    genie("cancel", "dropped")
    assert genie.state("dropped") == "terminated"
    fifo.write_text("3\n")
    chain = [("one", "root"), ("two", "one"), ("three", "two"), ("after", "dropped")]
    for name, source in chain:
        reason = f"dependency: {source} ({rows[source]['session_id'][:8]})"
        assert genie.until_state(name, "failed")["reason"] == reason
        failed = genie.json("history", name)[-1]
        assert (failed["kind"], failed["payload"]["cause"]) == ("agent.failed", rows[source]["session_id"])
    assert genie.run("wait", *(name for name, _ in chain), "root").returncode == 1
    assert genie.run("wait", "three", "--json").returncode == 1
    error = genie.json("collect", "three")[0]["error"]
    assert error == f"'two' ({rows['two']['session_id']}), which it waited for, has failed"
    assert "spawning" not in genie.kinds("three")


def test_results_that_it_is_told(genie: Quick) -> None:
    for name in ("left", "right"):
        genie("run", "--name", name, "--", "sh", "-c", f"sleep 0.2; echo '<{name}> & more'")
    words = ("--depends-on", "left", "--depends-on", "right", "--inject-context")
    done = genie("run", "--wait", "--name", "heir", *words, "and $now", "--", "cat")
    left, right = (genie.agent(name)["session_id"][:8] for name in ("left", "right"))
    assert done == (
        f'<session-result session="{left}" index="1" name="left">&lt;left&gt; &amp; more</session-result>\n'
        f'<session-result session="{right}" index="2" name="right">&lt;right&gt; &amp; more</session-result>\n\n'
        "and $now\n"
    )
    told = genie("run", "--wait", "--context", "left", "go", "--", "cat")
    assert told.startswith(f'<session-result session="{left}" name="left">')


# ---- fed line by line -----------------------------------------------------------------------


def test_it_is_fed(genie: Quick) -> None:
    row = run(genie, "--interactive", "--name", "fed", "--provider", "claude", "--tag", "fed")
    other = run(genie, "--interactive", "--name", "raw", "--tag", "fed", "--", "sh", "-c", "cat > raw.got")
    assert row["interactive"]
    long = "x" * 200_000 + "\nend"
    genie("input", "fed", "one\ntwo `$HOME` 🐘")
    assert typed(genie, "input", "fed", "-", stdin=long.encode()).returncode == 0
    genie("input", "fed", '{"genie": "close"}')
    genie("input", str(row["session_id"])[:8], "[[text:by its id]]")
    Path(row["input_path"]).write_text("from a shell\n")
    until(lambda: len(heard(genie, row["session_id"])) == 5, what="five messages")
    assert typed(genie, "input", "raw", "-", stdin=long.encode()).returncode == 0
    assert sorted(genie("broadcast", "--tag", "fed", "to all").split()) == ["fed", "raw"]
    genie("input", "raw", "--close")
    genie("input", "fed", "the last", "--close")
    assert genie.run("wait", "fed", "raw").returncode == 0
    said = ["one\ntwo `$HOME` 🐘", long, '{"genie": "close"}', "[[text:by its id]]", "from a shell"]
    assert heard(genie, row["session_id"]) == [*said, "to all", "the last"]
    assert (genie.project / "raw.got").read_text() == f"{long}\nto all\n"
    result = genie.json("collect", "fed")[0]
    assert (result["result_text"], result["usage"]["cost"]) == ("ok: the last", 7 * 0.25)
    assert not Path(other["input_path"]).exists()
    gone = run(genie, "--interactive", "--name", "gone-fed", "--", "sleep", "1000")
    genie("cancel", "gone-fed")
    assert not Path(gone["input_path"]).exists()


def test_who_writes_to_one_that_is_fed_gets_its_answer(genie: Quick) -> None:
    run(genie, "--interactive", "--name", "asked", "--provider", "claude", "begin")
    done = genie("send", "asked", "--raw", "--ask", "--timeout", "60", "how many? [[text:forty-two]]")
    assert done == "forty-two\n"
    genie("input", "asked", "--close")
    genie("wait", "asked")


def test_who_is_not_fed(genie: Quick) -> None:
    run(genie, "--interactive", "--name", "short", "--tag", "unfed", "--", "true")
    genie.until_state("short", "done")
    assert "'short' is done" in genie.refused("input", "short", "hello", code=6)
    assert "'short' reads no messages now" in genie.refused("input", "short", "--close", code=6)
    run(genie, "--name", "deaf", "--tag", "unfed", "--", "sleep", "1000")
    assert "'deaf' reads no messages: it is one-shot" in genie.refused("input", "deaf", "hello", code=6)
    assert "none of them reads messages" in genie.refused("broadcast", "--tag", "unfed", "hello", code=3)
    assert "the message is empty" in genie.refused("input", "deaf", " ", code=2)
    assert genie.json("kill", "deaf")[0]["state"] == "terminated"


# ---- again, and one into another ------------------------------------------------------------


def test_once_more(genie: Quick) -> None:
    script = 'test -e fixed && echo "$0 $AGENT_GOAL $X"'
    words = ("--name", "flaky", "--tag", "again", "--env", "X=1", "a goal")
    assert genie.run("run", "--wait", *words, "--", "sh", "-c", script, "a $b").returncode == 1
    first = genie.agent("flaky")
    genie("run", "--wait", "--name", "fine", "--tag", "again", "--", "true")
    (genie.project / "fixed").touch()
    (row,) = genie.json("retry", "--tag", "again", "--failed")
    assert (row["name"], row["retried_from"], row["attempts"]) == ("flaky", first["session_id"], 2)
    assert row["session_id"] != first["session_id"]
    genie("wait", row["session_id"])
    assert genie("output", "flaky") == "a $b a goal 1"
    assert [one["attempts"] for one in genie.json("retry", "fine", "flaky")] == [2, 3]
    genie("wait", "fine", "flaky")
    assert genie.json("collect", first["session_id"])[0]["status"] == "failed"

    genie.run("run", "--wait", "--name", "model", "--provider", "claude", "--model", "small", "[[exit:1]]")
    genie("retry", "model", "--failed", "--model", "large")
    assert genie.run("wait", "model").returncode == 1
    starts = [record["argv"] for record in genie.starts() if "argv" in record][-2:]
    models = [argv[argv.index("--model") + 1] for argv in starts]
    assert len(set(models)) == 2
    lives = run(genie, "--name", "lives", "--", "sleep", "1000")
    assert "'lives' is running" in genie.refused("retry", "lives", code=6)
    genie("spawn", "plain-one", "--", "true")
    genie.until_state("plain-one", "done")
    assert "was not started by genie run" in genie.refused("retry", "plain-one", code=6)
    genie("cancel", lives["session_id"])


def test_results_into_another(genie: Quick) -> None:
    for name in ("a", "b"):
        genie("run", "--name", f"pipe-{name}", "--tag", "pipes", "--", "sh", "-c", f"sleep 0.3; echo {name}")
    found = genie("pipe", "--tag", "pipes", "--provider", "claude", "--name", "piped", "--", "say $it")
    a, b = (genie.agent(f"pipe-{name}")["session_id"][:8] for name in "ab")
    told = (
        f'<session-result session="{a}" index="1" name="pipe-a">a</session-result>\n'
        f'<session-result session="{b}" index="2" name="pipe-b">b</session-result>\n\nsay $it'
    )
    assert found == f"ok: {told}\n"
    assert heard(genie, genie.agent("piped")["session_id"]) == [told]

    early = run(genie, "--name", "early", "--interactive", "--provider", "claude", "so far")
    until(lambda: genie.run("output", "early").returncode == 0, what="its first answer")
    row = genie.json("pipe", "early", "--no-wait", "--detach", "--provider", "claude", "--", "and?")
    genie("wait", row["session_id"])
    assert heard(genie, row["session_id"])[0].startswith(f'<session-result session="{early["session_id"][:8]}"')
    assert genie.state("early") == "running"
    genie("input", "early", "--close")
    assert "there is no prompt" in genie.refused("pipe", "early", code=2)
    assert "unknown session" in genie.refused("pipe", "nobody", "--", "x", code=3)


def test_pipes_of_many(genie: Quick) -> None:
    names = [f"many-{number}" for number in range(12)]
    for name in names:
        genie("run", "--tag", "crowd", "--name", name, "--", "echo", name)
    found = genie("pipe", "--tag", "crowd", "--provider", "claude", "--name", "sum", "--", "all")
    assert [f'name="{name}">{name}<' in found for name in names] == [True] * 12
    assert [edge for edge in edges(genie, "sum") if edge[1] == "pipe"] == [(name, "pipe") for name in sorted(names)]


# ---- very many ------------------------------------------------------------------------------


def test_many_at_once(genie: Quick) -> None:
    count = 200 if LONG else 40
    names = [f"at-once-{number}" for number in range(count)]
    log = genie.directory / "at-once"

    def start(name: str) -> Row:
        return asked(genie, name, ["sh", "-c", f"echo {name} >> {log}; echo {name}"], tags=["at-once"])

    with ThreadPoolExecutor(count) as pool:
        rows = list(pool.map(start, names))
    assert genie.run("wait", "--tag", "at-once", "--timeout", "3m").returncode == 0
    assert len({row["session_id"] for row in rows}) == len({row["run_id"] for row in rows if row["run_id"]}) + sum(
        row["state"] == "queued" for row in rows
    )
    told = {row["name"]: row for row in genie.json("collect", "--tag", "at-once")}
    assert {name: (row["status"], row["result_text"]) for name, row in told.items()} == {
        name: ("completed", name) for name in names
    }
    assert sorted(log.read_text().split()) == sorted(names)
    counts = events_of(genie, "at-once")
    for kind in ("agent.requested", "agent.spawning", "agent.running", "session.session_ended", "agent.done"):
        assert counts[kind] == count, counts
    until(lambda: not [pane for pane, run, _ in genie.panes() if run in {row["run_id"] for row in rows}], what="panes")


def test_a_usage_limit_is_waited_for_and_the_conversation_goes_on(genie: Quick) -> None:
    row = run(genie, "--name", "limited", "--provider", "claude", "[[limit:3]] the task")
    until(lambda: genie.state("limited") == "dead", what="the limit")
    until(lambda: "usage limit" in genie("explain", "limited"), what="the reason")
    genie("wait", "limited")
    said = genie("output", "limited")
    assert said.startswith('ok: <genie-resume agent="limited" reason="you had met a usage limit, which is over now"')
    assert "Go on with your task where you left off." in said
    assert genie.json("status", "limited")["session_id"] == row["session_id"]
