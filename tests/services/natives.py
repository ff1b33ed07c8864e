"""Folders of Claude Code's own teams in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import RLock

from genie.domain.errors import Conflict, GenieError, NotAllowed
from genie.domain.native import Mail, Roll


@dataclass
class MemoryNatives:
    """`genie.ports.NativeTeams`. `foreign` are names of teams that genie has not made, `old` programs that are too old,
    `inbox` what lies for the lead, `sent` what was written to members: (member, text, id); `failing` is raised by every
    change and every look at an inbox."""

    known: dict[tuple[str, str], Roll] = field(default_factory=dict)
    foreign: set[str] = field(default_factory=set)
    old: set[str] = field(default_factory=set)
    inbox: list[Mail] = field(default_factory=list)
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failing: GenieError | None = None
    lock: RLock = field(default_factory=RLock)

    def held(self) -> AbstractContextManager[object]:
        return self.lock

    def place(self, env: Mapping[str, str]) -> str:
        return env.get("CLAUDE_CONFIG_DIR") or f"{env.get('HOME')}/.claude"

    def check_program(self, program: str) -> None:
        if program in self.old:
            raise NotAllowed(f"{program} is too old", hint="update it")

    def check_free(self, roll: Roll) -> None:
        if roll.name in self.foreign:
            raise Conflict(f"'{roll.name}' is there", hint="rename it")

    def rolls(self) -> list[Roll]:
        return list(self.known.values())

    def keep(self, roll: Roll) -> None:
        if self.failing:
            raise self.failing
        self.check_free(roll)
        self.known[roll.directory, roll.name] = roll

    def remove(self, roll: Roll) -> str | None:
        if self.failing:
            raise self.failing
        self.removed.append(roll.name)
        del self.known[roll.directory, roll.name]
        return None

    def mail(self, roll: Roll) -> list[Mail]:
        if self.failing:
            raise self.failing
        return list(self.inbox)

    def drop(self, roll: Roll, mails: Collection[str]) -> None:
        self.inbox = [mail for mail in self.inbox if mail.id not in mails]

    def put(self, roll: Roll, member: str, text: str, *, id: str) -> None:  # noqa: A002  the entry's own word
        if all(one[2] != id for one in self.sent):
            self.sent.append((member, text, id))
