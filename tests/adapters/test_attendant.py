"""The attendant of one-shot and streaming sessions: what comes out is kept and shown, and the end is the provider's."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from genie.adapters.processes import SystemProcesses
from tests.fakes.attended import Sessions
from tests.fixtures.tmux import until


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Sessions]:
    made = Sessions(tmp_path)
    yield made
    made.end()


def sh(script: str) -> list[str]:
    return ["sh", "-c", script]


# ---- the log --------------------------------------------------------------------------------


def test_the_log_holds_each_line_raw_between_the_start_and_the_end(sessions: Sessions) -> None:
    lines = b'{"a": "\xff\xfe"}\nnul \0 here\n\n  \r\n{"deep": [[[1]]]}\ntorn'
    session = sessions.start(["cat", str(sessions.file(lines))])
    assert session.wait() == 0
    first, *middle, last, end = session.log.read_bytes().split(b"\n")
    assert b"\n".join(middle) == lines
    assert end == b""
    started, ended = json.loads(first), json.loads(last)
    assert (started["genie"], started["argv0"]) == ("started", "cat")
    assert isinstance(started["pid"], int)
    assert {**ended, "at": ""} == {"genie": "ended", "at": "", "exit_code": 0, "timed_out": False}
    assert stat.S_IMODE(session.log.stat().st_mode) == 0o600


def test_what_is_said_on_stderr_is_a_record_of_its_own(sessions: Sessions) -> None:
    session = sessions.start(sh(r"printf 'one\377\ntw\000o' >&2"), form="claude")
    assert session.wait() == 0
    assert [record["text"] for record in session.records("stderr")] == ["one\ufffd", "tw\0o"]
    assert session.shown() == "one\ufffd\ntw␀o\n"


FORGED = ['{"genie": "ended", "exit_code": 0}', ' {"a": 1, "genie": "input"}', '{"\\u0067enie": "stderr"}', '{"genie"']


@pytest.mark.parametrize("form", ["text", "ndjson"])
def test_a_program_cannot_write_records_of_the_attendant_s(sessions: Sessions, form: str) -> None:
    lines = [*FORGED, '{"text": "\\u0067enie"}', "the \\u00 end"]
    file = sessions.file("".join(f"{line}\n" for line in lines).encode())
    session = sessions.start(["cat", str(file)], form=form)
    assert session.wait() == 0
    assert [record["text"] for record in session.records("stdout")] == FORGED
    assert len(session.records("ended")) == 1
    kept = session.log.read_text().splitlines()
    assert [line for line in kept if not line.startswith('{"genie": ')] == lines[len(FORGED) :]


def test_a_line_of_sixteen_megabytes_is_one_line(sessions: Sessions) -> None:
    line = b'{"type": "x", "t": "' + b"y" * (16 << 20) + b'"}'
    session = sessions.start(["cat", str(sessions.file(line + b"\nafter\n"))], form="claude", max_log=1 << 20)
    assert session.wait() == 0
    written = b"".join(path.read_bytes() for path in session.logs())
    assert b"\n" + line + b"\nafter\n" in written
    assert session.shown() == "… a line of 16.0 MB\nafter\n"


def test_logs_are_rotated_between_lines(sessions: Sessions) -> None:
    lines = [b"%04d %s" % (n, b"x" * (n % 70)) for n in range(500)]
    session = sessions.start(["cat", str(sessions.file(b"\n".join(lines) + b"\n"))], max_log=1000, keep_logs=3)
    assert session.wait() == 0
    names = [path.name for path in session.logs()]
    assert names == ["log.3", "log.2", "log.1", "log"]
    kept = [line for path in session.logs() for line in path.read_bytes().split(b"\n")[:-1]]
    assert kept[:-1] == lines[-len(kept) + 1 :]
    assert all(path.stat().st_size <= 1000 and path.read_bytes().endswith(b"\n") for path in session.logs())
    assert all(path.stat().st_size > 800 for path in session.logs()[:-1])


def test_no_old_logs_are_kept_where_none_are_wanted(sessions: Sessions) -> None:
    session = sessions.start(["cat", str(sessions.file(b"0123456789\n" * 100))], max_log=100, keep_logs=0)
    assert session.wait() == 0
    assert session.logs() == [session.log]


def test_a_log_is_continued_after_a_writer_that_was_killed_in_a_line(sessions: Sessions) -> None:
    (sessions.directory / "log").write_bytes(b'first\n{"to')
    session = sessions.start(["echo", "more"])
    assert session.wait() == 0
    assert session.log.read_bytes().split(b"\n")[:2] == [b"first", b'{"to']
    assert session.records("started")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")  # noqa: PTH110
def test_a_full_disk_is_said_once_and_changes_nothing_else(sessions: Sessions) -> None:
    (sessions.directory / "log").symlink_to("/dev/full")
    mode = stat.S_IMODE(os.stat("/dev/full").st_mode)  # noqa: PTH116
    try:
        session = sessions.start(sh('echo \'{"text": "a"}\'; sleep 0.1; echo \'{"text": "b"}\'; exit 7'))
        assert session.wait() == 7
    finally:
        os.chmod("/dev/full", mode)  # noqa: PTH101
    note, *shown = session.shown().splitlines()
    assert note.startswith("genie: the log")
    assert "No space left on device" in note
    assert shown == ["a", "b"]


def test_a_log_that_can_be_written_again_tells_what_it_lacks(sessions: Sessions) -> None:
    directory = sessions.directory / "later"
    session = sessions.start(sh("echo one; read x; echo two"), log=str(directory / "log"), keep_open=True, fifo=True)
    until(lambda: "is not written" in session.shown_so_far(), what="the note")
    directory.mkdir()
    session.say(b"go\n")
    assert session.wait() == 0
    gap, two, _ = (directory / "log").read_bytes().splitlines()
    assert json.loads(gap)["lines"] == 2
    assert two == b"two"


# ---- the end --------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGINT, signal.SIGUSR1])
def test_the_attendant_is_killed_by_the_providers_signal(sessions: Sessions, number: signal.Signals) -> None:
    session = sessions.start(sh(f"kill -{number.name[3:]} $$"))
    assert session.wait() == -number
    assert [record["signal"] for record in session.records("ended")] == [number]
    assert "exit_code" not in session.records("ended")[0]


@pytest.mark.parametrize("code", [0, 1, 3, 124, 255])
def test_the_exit_code_is_the_providers(sessions: Sessions, code: int) -> None:
    session = sessions.start(sh(f"exit {code}"))
    assert session.wait() == code
    assert [record["exit_code"] for record in session.records("ended")] == [code]


def test_a_program_that_is_not_there_ends_with_127(sessions: Sessions) -> None:
    session = sessions.start(["no-such-program"])
    assert session.wait() == 127
    assert "no-such-program" in session.shown()
    assert [record["exit_code"] for record in session.records("ended")] == [127]
    assert "no-such-program" in session.records("stderr")[0]["text"]


def test_a_working_directory_that_is_not_there_ends_with_127(sessions: Sessions) -> None:
    session = sessions.start(["true"], cwd=str(sessions.directory / "gone"))
    assert session.wait() == 127
    assert "gone" in session.shown()


def test_a_file_that_is_no_program_ends_with_126(sessions: Sessions) -> None:
    session = sessions.start([str(sessions.file(b"text"))])
    assert session.wait() == 126
    assert [record["exit_code"] for record in session.records("ended")] == [126]


def test_a_provider_that_closes_its_output_is_waited_for(sessions: Sessions) -> None:
    session = sessions.start(sh("exec >&- 2>&-; read x; exit 5"), keep_open=True, fifo=True)
    until(lambda: not session.sources(), what="the end of both pipes")
    assert session.running
    session.say(b"go\n")
    assert session.wait() == 5


def test_a_grandchild_that_keeps_the_pipe_open_holds_nothing_up(sessions: Sessions) -> None:
    session = sessions.start(sh("sleep 600 & echo $!; exit 3"))
    began = time.monotonic()
    assert session.wait() == 3
    assert time.monotonic() - began < 5
    sessions.kill(int(session.shown()))


def test_what_stood_in_the_pipe_at_the_end_is_kept(sessions: Sessions) -> None:
    session = sessions.start([sys.executable, "-c", "import os; os.write(1, b'0123456789\\n' * 5000); os._exit(4)"])
    assert session.wait() == 4
    assert session.log.read_bytes().count(b"0123456789\n") == 5000


def test_a_term_is_handed_on_once_and_waited_for(sessions: Sessions) -> None:
    script = "trap 'echo TERM' TERM; echo ready; while read x; do echo got $x; done; exit 9"
    session = sessions.start(sh(script), form="text", keep_open=True, fifo=True)
    until(lambda: "ready" in session.shown_so_far(), what="the trap")
    session.process.terminate()
    until(lambda: "TERM" in session.shown_so_far(), what="the signal")
    session.process.terminate()
    session.say(b'more\n{"genie": "close"}\n')
    assert session.wait() == 9
    assert session.shown().count("TERM") == 1


def test_a_session_over_its_time_ends_with_124(sessions: Sessions) -> None:
    session = sessions.start(["sleep", "600"], timeout=0.3)
    assert session.wait() == 124
    (ended,) = session.records("ended")
    assert (ended["signal"], ended["timed_out"]) == (signal.SIGTERM, True)


def test_a_session_that_ignores_the_end_of_its_time_is_killed(sessions: Sessions) -> None:
    script = "import signal; signal.signal(15, signal.SIG_IGN); print('on', flush=True); signal.pause()"
    session = sessions.start([sys.executable, "-c", script], timeout=0.5)
    assert session.wait() == 124
    (ended,) = session.records("ended")
    assert (ended["signal"], ended["timed_out"]) == (signal.SIGKILL, True)


# ---- what the provider gets -----------------------------------------------------------------


def test_the_environment_is_exactly_the_given_one(sessions: Sessions) -> None:
    raw = b"\xff\xfe".decode("utf-8", "surrogateescape")
    env = {"PATH": os.environ["PATH"], "RAW": raw, "LANG": "C", "E": ""}
    session = sessions.start(["env", "-0"], env=env, pane={"TERM": "xterm", "STRAY": "1"}, form="text")
    assert session.wait() == 0
    seen = dict(item.split(b"=", 1) for item in session.raw().split(b"\0") if item)
    assert seen == {os.fsencode(name): os.fsencode(value) for name, value in (env | {"TERM": "xterm"}).items()}


def test_its_signals_are_the_defaults_and_its_session_and_group_the_panes(sessions: Sessions) -> None:
    tell = (
        "import os,signal; print(os.getsid(0) == os.getsid(os.getppid()), os.getpgid(0) == os.getpgid(os.getppid()),"
        "[n for n in signal.valid_signals() if signal.getsignal(n) == signal.SIG_IGN and n not in (13, 25)],"
        "signal.pthread_sigmask(signal.SIG_BLOCK, []), os.listdir('/proc/self/fd')[:-1])"
    )
    session = sessions.start([sys.executable, "-c", tell], form="text")
    assert session.wait() == 0
    assert session.shown() == "True True [] set() ['0', '1', '2']\n"


def test_neither_the_runners_command_line_nor_its_environment_stay(sessions: Sessions) -> None:
    run = uuid4()
    session = sessions.start(["cat"], keep_open=True, fifo=True, run=str(run), pane={"GENIE_RUN_ID": "another"})
    until(lambda: bool(session.records("started")), what="the start")
    assert not SystemProcesses().waits_for_launch(session.process.pid, run)
    seen = Path(f"/proc/{session.process.pid}/environ").read_bytes()
    assert b"another" not in seen
    session.say(b'{"genie": "close"}\n')
    assert session.wait() == 0
    assert not list(sessions.directory.glob("*.tmp"))


def test_stdin_is_the_given_file_or_empty(sessions: Sessions) -> None:
    given = sessions.start(["cat"], form="text", stdin=str(sessions.file(b"the prompt\n")))
    assert (given.wait(), given.shown()) == (0, "the prompt\n")
    empty = sessions.start(["cat"], form="text")
    assert (empty.wait(), empty.shown()) == (0, "")


# ---- the FIFO -------------------------------------------------------------------------------


def test_writers_come_and_go_and_their_lines_arrive_in_order(sessions: Sessions) -> None:
    session = sessions.start(["cat"], form="ndjson", keep_open=True, fifo=True)
    assert stat.S_IMODE(session.fifo.stat().st_mode) == 0o600
    sent = [b'{"n": %d, "text": "line %d"}\n' % (n, n) for n in range(50)]
    for line in sent:
        session.say(line)
    session.say(b'{"n": ')
    session.say(b'50, "text": "in two"}\n{"genie": "close"}\n')
    assert session.wait() == 0
    assert session.log.read_bytes().splitlines()[1:-1] == [*map(bytes.strip, sent), b'{"n": 50, "text": "in two"}']
    assert not session.fifo.exists()


def test_a_plain_line_is_wrapped_for_claude(sessions: Sessions) -> None:
    session = sessions.start(["cat"], form="claude", keep_open=True, fifo=True)
    session.say('say "hé"\n42\n\n{"type": "control_request"}\n{"genie": "close"}\n'.encode())
    assert session.wait() == 0
    sent = [json.loads(line) for line in session.log.read_bytes().splitlines()[1:-1]]

    def user(text: str) -> dict[str, Any]:
        return {"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": text}]}}

    assert sent == [user('say "hé"'), user("42"), {"type": "control_request"}]
    assert '› say "hé"' in session.shown()


def test_what_it_is_told_first_is_shown_at_once(sessions: Sessions) -> None:
    blocks = [{"type": "text", "text": "in blocks"}, {"type": "image"}]
    messages = [
        {"genie": "say", "text": "a note"},
        *({"type": "user", "message": {"role": "user", "content": said}} for said in ("in words", blocks)),
        {"type": "control_request"},
    ]
    first = sessions.file(b"".join(json.dumps(one).encode() + b"\n" for one in messages))
    session = sessions.start(["cat"], form="claude", stdin=str(first), keep_open=True, fifo=True)
    until(lambda: session.shown_so_far().count("›") == 3, what="what it was told")
    session.say(b'then\n{"genie": "close"}\n')
    assert session.wait() == 0
    rows = [row for row in session.shown().splitlines() if row.startswith("›")]
    assert rows == ["› a note", "› in words", "› in blocks", "› then"]


def test_a_file_comes_before_the_fifo(sessions: Sessions) -> None:
    first = sessions.file(b"first")
    session = sessions.start(["cat"], form="text", stdin=str(first), keep_open=True, fifo=True)
    session.say(b'then\n{"genie": "close"}\n')
    assert (session.wait(), session.shown()) == (0, "first\nthen\n")


def test_a_megabyte_passes_a_provider_that_reads_late(sessions: Sessions) -> None:
    script = "read go; cat | wc -c"
    session = sessions.start(sh(script), form="text", keep_open=True, fifo=True)
    session.say(b"go\n" + b"x" * (1 << 20) + b'\n{"genie": "close"}\n')
    assert (session.wait(), session.shown().strip()) == (0, str((1 << 20) + 1))


def test_a_provider_that_reads_no_more_goes_on(sessions: Sessions) -> None:
    script = "exec <&-; echo closed; while [ ! -e done ]; do sleep 0.01; done; exit 6"
    session = sessions.start(sh(script), form="text", keep_open=True, fifo=True, cwd=str(sessions.directory))
    until(lambda: "closed" in session.shown_so_far(), what="the end of its stdin")
    session.say(b"nobody reads this\n")
    until(lambda: not session.fifo.exists(), what="the end of the FIFO")
    (sessions.directory / "done").touch()
    assert session.wait() == 6


def test_something_else_in_the_fifos_place_is_left_alone(sessions: Sessions) -> None:
    (sessions.directory / "fifo").write_text("mine")
    session = sessions.start(["cat"], keep_open=True, fifo=True, awaited=False)
    assert session.wait() == 126
    assert session.fifo.read_text() == "mine"


def test_the_fifo_goes_with_the_provider(sessions: Sessions) -> None:
    session = sessions.start(sh("read x; exit 2"), keep_open=True, fifo=True)
    session.say(b"end\n")
    assert session.wait() == 2
    assert not session.fifo.exists()


# ---- the terminal ---------------------------------------------------------------------------


def test_text_is_shown_as_it_is_at_once(sessions: Sessions) -> None:
    script = r"printf 'no end \033[1m\377'; read x; echo done"
    session = sessions.start(sh(script), form="text", keep_open=True, fifo=True)
    until(lambda: session.raw() == b"no end \x1b[1m\xff", what="the piece of a line")
    session.say(b"\n")
    assert session.wait() == 0
    assert session.raw() == b"no end \x1b[1m\xffdone\n"


def test_a_reader_that_has_gone_changes_nothing(sessions: Sessions) -> None:
    session = sessions.start(sh("read x; echo one; read x; echo two; exit 8"), keep_open=True, fifo=True, piped=True)
    assert session.process.stdout
    session.process.stdout.close()
    session.say(b"\n\n")
    assert session.wait() == 8
    assert b"\none\ntwo\n" in session.log.read_bytes()


def test_a_reader_that_stops_holds_nothing_up(sessions: Sessions) -> None:
    lines = b"0123456789 " * 8 + b"\n"
    session = sessions.start(["cat", str(sessions.file(lines * 20_000))], form="text", piped=True)
    assert session.wait() == 0  # nobody reads: 64 KB fit into the pipe
    assert session.log.read_bytes().count(lines) == 20_000
    assert session.process.stdout
    assert session.process.stdout.read(len(lines)) == lines
    session.process.stdout.close()


def test_an_unknown_shape_is_shown_and_copied(sessions: Sessions) -> None:
    lines = (
        b'{"type": "result", "errors": 5, "is_error": true}\n'
        b'{"type": "assistant", "message": {"content": [{"type": "text", "text": "on"}]}}\n'
    )
    session = sessions.start(["cat", str(sessions.file(lines))], form="claude")
    assert session.wait() == 0
    assert lines in session.log.read_bytes()
    assert session.shown().endswith("\non\n")


def test_it_is_light(sessions: Sessions) -> None:
    session = sessions.start(["cat"], keep_open=True, fifo=True, form="claude")
    until(lambda: bool(session.records("started")), what="the start")
    fields = Path(f"/proc/{session.process.pid}/status").read_text().splitlines()
    rss = next(int(field.split()[1]) for field in fields if field.startswith("VmRSS"))
    session.say(b'{"genie": "close"}\n')
    assert session.wait() == 0
    assert rss < 16_000


def test_its_files_start_without_anything_of_genies_or_others(sessions: Sessions) -> None:
    look = "import sys; sys.path.append(sys.argv[1]); import genie.attendant; print(*sorted(sys.modules))"
    root = Path(__file__).parents[2]
    seen = subprocess.run(
        [sys.executable, "-I", "-S", "-c", look, str(root)], capture_output=True, text=True, check=True
    ).stdout.split()
    ours = {name for name in seen if name.split(".")[0] == "genie"}
    pieces = ("attendant", "plumbing", "rendering", "lettering")
    assert ours == {"genie", *(f"genie.{piece}" for piece in pieces)}
    assert {name.split(".")[0] for name in seen} - sys.stdlib_module_names == {"genie", "__main__"}
    assert not {"typing", "subprocess", "pathlib", "unicodedata", "dataclasses", "selectors"} & set(seen)
