"""Messages to the real claude and codex: typed, by a socket, by a queue; never where Enter would do harm."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import pytest

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.fake_model_script import prompts
from tests.real.genies import bodies, press, until_doing
from tests.real.programs import needs_claude, needs_codex

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

OVER = ("delivered", "answered", "failed", "unproven")
ARRIVED = ("delivered", "answered")


def sent(genie: Genie, name: str, text: str, *words: str) -> str:
    return str(genie.json("send", name, text, *words)["id"])


def row(genie: Genie, message: str) -> dict[str, Any]:
    return dict(genie.api.message(message))


def until_state(genie: Genie, message: str, *states: str, within: float = 30) -> dict[str, Any]:
    try:
        kit.until(lambda: row(genie, message)["state"] in states, within=within, what=f"{'|'.join(states)}")
    except AssertionError as error:
        raise AssertionError(f"{error}: {row(genie, message)}") from error
    return row(genie, message)


def heard(genie: Genie) -> list[tuple[str, str]]:
    """What claude's transcripts say that it was told: the text, and by whom (`human` typed, a `peer` by the socket)."""
    found = []
    for path in (genie.directory / "claude" / "projects").glob("*/*.jsonl"):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if record.get("type") == "attachment" and record["attachment"].get("type") == "queued_command":
                inner = record["attachment"]
                found.append((str(inner["prompt"]), inner["origin"]["kind"]))
            elif record.get("type") == "user" and isinstance(record["message"]["content"], str):
                found.append((record["message"]["content"], record.get("origin", {}).get("kind", "")))
    return found


def told(api: Api) -> list[str]:
    """Every text of the last request to the model."""
    return prompts(bodies(api)[-1])


@needs_claude
def test_a_message_waits_for_an_open_dialog_and_approves_nothing(genie: Genie) -> None:
    genie("spawn", "engineer", "--permission-mode", "manual", "--prompt", "do it [[bash:touch approved]]")
    until_doing(genie, "engineer", "permission")
    message = sent(genie, "engineer", "are you there?")
    kit.until(lambda: "not idle: permission" in str(row(genie, message)["waits"]), what="the reason")
    dialog = genie.screen("engineer")
    assert "Do you want to proceed?" in dialog
    assert row(genie, message)["state"] == "queued"

    press(genie, "Escape", lambda: genie.agent("engineer")["activity"] != "permission", patience=3)
    until_state(genie, message, *ARRIVED)
    assert [text for text, _ in heard(genie) if f'id="{message.replace("-", "")[:12]}"' in text]
    assert not (genie.project / "approved").exists()
    until_doing(genie, "engineer", "idle")
    assert not (genie.project / "approved").exists()


@needs_claude
def test_a_long_message_arrives_byte_for_byte_and_is_no_paste(genie: Genie, api: Api) -> None:
    genie("spawn", "engineer")
    until_doing(genie, "engineer", "idle")
    lines = [f"line {number} of 140: {'größe 🐘 #{x} $HOME `y` ' * 3}"[:75] + "." for number in range(140)]
    text = "\n".join(lines)
    assert len(text.encode()) > 10_000
    done = genie.json("send", "engineer", "--wait-delivered", "--timeout", "30", text)
    mark = str(done["id"]).replace("-", "")[:12]
    whole = f'<message from="user" id="{mark}">{text}</message>'
    assert [one for one in heard(genie) if mark in one[0]] == [(whole, "human")]
    until_state(genie, str(done["id"]), "answered")
    assert whole in told(api)
    assert "<pasted_content" not in "".join(told(api))


@needs_claude
def test_the_answer_is_given_to_who_asks(genie: Genie) -> None:
    genie("spawn", "engineer")
    until_doing(genie, "engineer", "idle")
    assert genie("send", "engineer", "--ask", "--timeout", "40", "how many? [[text:42 of them]]") == "42 of them\n"
    assert genie("send", "engineer", "--ask", "--timeout", "40", "sure? [[text:yes]]") == "yes\n"


@needs_claude
def test_who_works_is_told_by_its_socket_and_the_order_is_kept(genie: Genie) -> None:
    genie("spawn", "engineer", "--prompt", "go [[slow:6]]")
    until_doing(genie, "engineer", "working")
    messages = [sent(genie, "engineer", f"message {number}") for number in range(3)]
    for message in messages:
        until_state(genie, message, *ARRIVED, within=60)
    marks = [message.replace("-", "")[:12] for message in messages]
    arrived = [(text, by) for text, by in heard(genie) if any(mark in text for mark in marks)]
    assert [next(mark for mark in marks if mark in text) for text, _ in arrived] == marks
    assert arrived[0][1] == "peer"
    until_doing(genie, "engineer", "idle")
    last = sent(genie, "engineer", "typed")
    until_state(genie, last, *ARRIVED)
    assert heard(genie)[-1][1] == "human"


@needs_claude
def test_a_draft_is_neither_sent_nor_lost(genie: Genie) -> None:
    """Where its user is asked for nothing its socket would hold the message back: so it waits for the box."""
    genie.env["IS_SANDBOX"] = "1"
    pane = genie.json("spawn", "engineer", "--permission-mode", "bypassPermissions")["pane"]
    until_doing(genie, "engineer", "idle")
    genie.tmux("send-keys", "-t", pane, "-l", "my unfinished")
    kit.until(lambda: "my unfinished" in genie.screen("engineer"), what="the draft")
    message = sent(genie, "engineer", "hello")
    kit.until(lambda: "draft" in str(row(genie, message)["reason"]), what="the reason")
    assert row(genie, message)["state"] == "queued"
    assert "draft" in str(row(genie, message)["waits"])
    genie.tmux("send-keys", "-t", pane, "-l", " thought")
    genie.tmux("send-keys", "-t", pane, "Enter")
    until_state(genie, message, *ARRIVED)
    assert [text.partition(">")[2] or text for text, _ in heard(genie)] == ["my unfinished thought", "hello</message>"]


@needs_claude
def test_a_draft_is_passed_by_where_it_listens(genie: Genie) -> None:
    pane = genie.json("spawn", "engineer")["pane"]
    until_doing(genie, "engineer", "idle")
    genie.tmux("send-keys", "-t", pane, "-l", "my unfinished")
    kit.until(lambda: "my unfinished" in genie.screen("engineer"), what="the draft")
    message = sent(genie, "engineer", "hello")
    until_state(genie, message, *ARRIVED)
    assert [by for _, by in heard(genie)] == ["peer"]
    assert "my unfinished" in genie.screen("engineer")


@needs_claude
def test_after_an_api_error_the_next_message_arrives(genie: Genie) -> None:
    genie("spawn", "engineer", "--prompt", "go [[http:400]]")
    until_doing(genie, "engineer", "error")
    message = sent(genie, "engineer", "try again")
    until_state(genie, message, *ARRIVED)
    assert [by for text, by in heard(genie) if "try again" in text] == ["human"]
    until_state(genie, message, "answered")
    done = genie.run("send", "engineer", "--ask", "--timeout", "60", "and now? [[http:400]]")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the turn of the message has failed: API Error: 400" in done.stderr


@needs_claude
def test_at_a_usage_limit_it_waits_until_the_program_goes_on_by_itself(genie: Genie, api: Api) -> None:
    del genie.env["ANTHROPIC_API_KEY"]
    genie.env["CLAUDE_CODE_OAUTH_TOKEN"] = "sk-ant-oat01-dummy"
    genie("spawn", "engineer", "--prompt", "do it [[limit:5]]")
    assert "until" in until_doing(genie, "engineer", "limited")["activity_source"]
    message = sent(genie, "engineer", "and then?")
    kit.until(lambda: "usage limit until" in str(row(genie, message)["waits"]), what="the reason")
    requests = len(api.state.entries(kind="main"))
    until_state(genie, message, *ARRIVED, within=200)
    told = [text for text, _ in heard(genie)]
    assert sum(text.startswith("do it") for text in told) == 1, told
    goes_on = next(place for place, text in enumerate(told) if "usage limit has reset" in text)
    assert goes_on < next(place for place, text in enumerate(told) if "and then?" in text)
    assert len(api.state.entries(kind="main")) > requests


@needs_claude
def test_what_a_killed_program_was_given_is_not_given_again(genie: Genie) -> None:
    before = genie.json("spawn", "engineer", "--prompt", "go [[slow:60]]")
    until_doing(genie, "engineer", "working")
    message = sent(genie, "engineer", "hello")
    after = sent(genie, "engineer", "and this?")
    until_state(genie, message, "delivering")
    os.kill(genie.agent("engineer")["pid"], signal.SIGKILL)
    genie.until_again("engineer", before)
    found = until_state(genie, message, *OVER, within=120)
    times = sum(message.replace("-", "")[:12] in text for text, _ in heard(genie))
    assert (found["state"], times) in [("unproven", 0), ("delivered", 1), ("answered", 1)]
    until_state(genie, after, *ARRIVED, within=60)
    assert sum(after.replace("-", "")[:12] in text for text, _ in heard(genie)) == 1
    assert sum(message.replace("-", "")[:12] in text for text, _ in heard(genie)) == times


@needs_claude
def test_two_of_them_write_to_each_other(genie: Genie) -> None:
    """Each sends by its own Bash tool, in its own run, with its own token."""
    genie.env["IS_SANDBOX"] = "1"
    for number, (to, follows) in enumerate([("bob", 1), ("ada", 2), ("bob", 3), ("ada", None)]):
        next_one = "[[text:it is over]]" if follows is None else f"[[bash:sh {follows}.sh]]"
        script = f"exec {sys.executable} -m genie send {to} 'message {number} {next_one}'\n"
        (genie.project / f"{number}.sh").write_text(script)
    genie("team", "create", "two")
    for name in ("ada", "bob"):
        genie("spawn", name, "--role", "engineer", "--team", "two", "--permission-mode", "bypassPermissions")
        until_doing(genie, name, "idle")
    genie("send", "ada", "begin [[bash:sh 0.sh]]")

    def exchanged() -> bool:
        rows = [one for one in genie.api.inbox() if one["from"] != "user"]
        return len(rows) == 4 and all(one["state"] == "answered" for one in rows)

    kit.until(exchanged, within=120, what="the exchange")
    rows = [one for one in genie.api.inbox() if one["from"] != "user"]
    found = [(one["from"], one["to"], one["text"].partition(" [[")[0]) for one in rows]
    assert found == [
        ("ada@two", "bob", "message 0"),
        ("bob@two", "ada", "message 1"),
        ("ada@two", "bob", "message 2"),
        ("bob@two", "ada", "message 3"),
    ]
    for one in rows:
        assert sum(one["id"].replace("-", "")[:12] in text for text, _ in heard(genie)) == 1


@needs_codex
def test_codex_gets_messages_by_paste_and_by_its_queue(genie: Genie, api: Api) -> None:
    genie("spawn", "coder", "--role", "engineer", "--provider", "codex", "--prompt", "hello [[slow:8]]")
    until_doing(genie, "coder", "working")

    def named() -> bool:
        (current,) = [one for one in genie.json("show", "coder")["sessions"] if one["current"]]
        return bool(current["provider_session"])

    kit.until(named, what="codex's own session id")
    text = "\n".join(f"queued line {number} 🐘" for number in range(30))
    queued = sent(genie, "coder", text)
    until_state(genie, queued, *ARRIVED, within=60)
    mark = queued.replace("-", "")[:12]
    written = f'<message from="user" id="{mark}">{text}</message>'
    kit.until(lambda: written in told(api), what="the request")  # it is written down a moment before it is sent
    until_doing(genie, "coder", "idle")
    pasted = sent(genie, "coder", text)
    until_state(genie, pasted, *ARRIVED, within=30)
    mark = pasted.replace("-", "")[:12]
    pasted_as = f'<message from="user" id="{mark}">{text}</message>'
    kit.until(lambda: pasted_as in told(api), what="the request of the pasted one")
    answer = genie("send", "coder", "--ask", "--timeout", "60", "how many? [[text:17]]")
    assert answer == "17\n"
