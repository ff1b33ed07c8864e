"""A scripted agent for `genie demo`: looks like one at work, keeps its conversation, can crash.

Run as a file by the demo, with the standard library alone: demo_agent.py FOLDER NAME ROLE [--crash]
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

CRASH_AFTER = 6.0
"""Seconds, in the first life of the one that crashes."""
BUSY_STEPS = 80
"""After so many steps of a life the pace goes down: a demo that is left open should cost next to nothing."""

RESET, DIM, BOLD, GREEN, YELLOW, CYAN, RED = (f"\x1b[{code}m" for code in ("0", "2", "1", "32", "33", "36", "31"))

PLAN = {
    "team-lead": ("read the issue", "split the work", "hand it out", "review what comes back", "merge"),
    "engineer": ("find the failing test", "read the code around it", "change it", "run the tests", "report"),
}
FILES = ("src/cart/total.py", "src/cart/tax.py", "tests/test_total.py", "src/api/orders.py", "docs/pricing.md")
STEPS = {
    "team-lead": (
        ("think", "Rounding is done twice: once a line, once a cart."),
        ("say", "engineer-1, take tax.py. engineer-2, the tests. engineer-3, the API."),
        ("read", ""),
        ("say", "Waiting for the others."),
        ("think", "The two changes touch the same function; engineer-1 goes first."),
        ("done", "review of {file}: one remark, otherwise fine"),
    ),
    "engineer": (
        ("think", "The sum is right for one item and wrong for three."),
        ("read", ""),
        ("edit", ""),
        ("run", "pytest -q tests/test_total.py"),
        ("think", "Decimal, not float: the cents are lost in the division."),
        ("edit", ""),
        ("run", "pytest -q"),
        ("done", "{file}: tests pass"),
    ),
}


class Conversation:
    """What was said, one JSON line each, so that it survives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lines = _whole_lines(path)

    def add(self, kind: str, text: str) -> None:
        entry = {"kind": kind, "text": text}
        self.lines.append(entry)
        with self._path.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    @property
    def lives(self) -> int:
        return sum(line["kind"] == "start" for line in self.lines)


def _whole_lines(path: Path) -> list[dict[str, str]]:
    """The lines that were written whole: a crash may have torn the last one."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text().splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines


def main() -> None:
    """Work until somebody ends it."""
    folder, name, role, *flags = sys.argv[1:]
    talk = Conversation(Path(folder) / f"{name}.jsonl")
    before = sum(line["kind"] != "start" for line in talk.lines)
    talk.add("start", "")
    crash_at = time.monotonic() + CRASH_AFTER if "--crash" in flags and talk.lives == 1 else None
    show(f"{BOLD}{name}{RESET} {DIM}({role}, scripted, pid {os.getpid()}){RESET}")
    if talk.lives > 1:
        recall(talk, before)
    else:
        show_plan(role)
    for step in work(role, talk, crash_at):
        pause(random.uniform(0.4, 1.2) if step < BUSY_STEPS else 20.0, crash_at, talk)  # noqa: S311 — a pace


def recall(talk: Conversation, before: int) -> None:
    """Show that nothing was forgotten."""
    show(f"{GREEN}resumed: {before} lines of my conversation are back{RESET}")
    for line in [line for line in talk.lines if line["kind"] != "start"][-3:]:
        show(f"{DIM}  … {line['text']}{RESET}")


def show_plan(role: str) -> None:
    show(f"{CYAN}plan{RESET}")
    for number, text in enumerate(PLAN.get(role, PLAN["engineer"]), 1):
        show(f"  {number}. {text}")


def work(role: str, talk: Conversation, crash_at: float | None) -> Iterator[int]:
    """One step after the other, beginning where the conversation ended."""
    steps = STEPS.get(role, STEPS["engineer"])
    at = sum(line["kind"] != "start" for line in talk.lines)
    for done in range(sys.maxsize):
        kind, text = steps[(at + done) % len(steps)]
        file = FILES[(at + done) * 7 % len(FILES)]
        say(kind, text.format(file=file) or file, crash_at, talk)
        yield done


def say(kind: str, text: str, crash_at: float | None, talk: Conversation) -> None:
    """Type one line as an agent would, and keep it."""
    marks = {"think": f"{DIM}✻", "read": f"{CYAN}● read", "edit": f"{YELLOW}● edit", "run": f"{CYAN}● run"}
    mark = marks.get(kind, f"{GREEN}✔" if kind == "done" else f"{BOLD}▸")
    sys.stdout.write(f"{mark}{RESET} ")
    for character in text:
        sys.stdout.write(character)
        sys.stdout.flush()
        pause(0.015, crash_at, talk)
    show("")
    talk.add(kind, f"{kind}: {text}")


def pause(seconds: float, crash_at: float | None, talk: Conversation) -> None:
    """Wait; the one that crashes does so when its time has come, as hard as a process can."""
    if crash_at is not None and time.monotonic() + seconds >= crash_at:
        talk.add("crash", "crashed on purpose")
        show(f"\n{RED}crashing now, on purpose (SIGKILL){RESET}")
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(seconds)


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
