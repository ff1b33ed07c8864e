"""Spawn trees: who may start whom, how many, and what becomes of the children when a parent ends.

The table of limits and the policies are those of docs/trees.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import Any
from uuid import UUID

from genie.domain.amounts import Wrong, parse_size, write_size
from genie.domain.errors import BadInput, LimitReached
from genie.domain.words import nearest, one_of


class Mode(Enum):
    """Whether an agent may start others."""

    DYNAMIC = "dynamic"
    STATIC = "static"


class Termination(Enum):
    """What becomes of the descendants of an agent that has ended."""

    CASCADE = "cascade"
    ORPHAN = "orphan"
    REPARENT = "reparent"


class Breach(Enum):
    """What is done about a tree that stays over its memory quota."""

    REFUSE = "refuse"
    KILL_NEWEST = "kill-newest"
    KILL_TREE = "kill-tree"


_PERIODS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
_RATE = re.compile(r"([1-9][0-9]{0,8})/([smh])")
ROOT_RATE = 4
"""A whole tree may spawn this many times what one parent may."""
SAMPLES_OVER = 3
"""Looks in a row that must find a tree over its quota before anything is done."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in any window of that length."""

    count: int
    per: timedelta

    def __str__(self) -> str:
        unit = next((unit for unit, period in _PERIODS.items() if period == self.per), None)
        return f"{self.count}/{unit or self.per}"

    @property
    def a_second(self) -> float:
        return self.count / self.per.total_seconds()


def parse_rate(value: object) -> Rate:
    """The rate in "10/s", "100/m" or "1000/h". Raises Wrong."""
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Wrong(f"{value!r} is not a rate", "write 10/s, 100/m or 1000/h")
    return Rate(int(match[1]), _PERIODS[match[2]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A `spawn:` block as it was written; None for what it does not say."""

    mode: Mode | None = None
    children: int | None = None
    depth: int | None = None
    descendants: int | None = None
    total: int | None = None
    memory: int | None = None
    rate: Rate | None = None
    termination: Termination | None = None
    on_breach: Breach | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an agent may grow to. The defaults are genie's own.

    `children` counts live direct children, `descendants` those at every depth; `depth` is the deepest level below
    the root; `total` what was ever spawned; `memory` is in bytes, for the agent and all below it (None: no quota);
    `rate` is what one parent may spawn, the whole tree four times that.
    """

    mode: Mode = Mode.DYNAMIC
    children: int = 100
    depth: int = 3
    descendants: int = 500
    total: int = 5000
    memory: int | None = None
    rate: Rate = Rate(10, _PERIODS["s"])
    termination: Termination = Termination.CASCADE
    on_breach: Breach = Breach.KILL_NEWEST

    def over(self, wish: Wish) -> Limits:
        """These with everything that the wish says in their place: for a root."""
        said = {field.name: getattr(wish, field.name) for field in fields(Wish)}
        return replace(self, **{name: value for name, value in said.items() if value is not None})

    def tightened(self, wish: Wish) -> Limits:
        """A child's: the parent's, or what the wish says where that is tighter. How a child ends its own children
        is no limit, and is taken as wished."""
        return Limits(
            mode=Mode.STATIC if Mode.STATIC in (self.mode, wish.mode) else Mode.DYNAMIC,
            children=_least(self.children, wish.children),
            depth=_least(self.depth, wish.depth),
            descendants=_least(self.descendants, wish.descendants),
            total=_least(self.total, wish.total),
            memory=_least(wish.memory, self.memory) if wish.memory is not None else self.memory,
            rate=min(self.rate, wish.rate, key=lambda rate: rate.a_second) if wish.rate else self.rate,
            termination=wish.termination or self.termination,
            on_breach=wish.on_breach or self.on_breach,
        )


def _least(one: int, other: int | None) -> int:
    return one if other is None else min(one, other)


# ---- reading and writing them ---------------------------------------------------------------


def _count(value: object) -> int:
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, int | str) or not re.fullmatch("[0-9]{1,9}", text):
        raise Wrong(f"{value!r} is not a whole number")
    return int(text)


def _word(kind: str, words: type[Enum], value: object) -> Enum:
    try:
        return one_of(kind, str(value.value if isinstance(value, Enum) else value), words)
    except BadInput as error:
        raise Wrong(error.message, error.hint) from error


_READERS: Mapping[str, Callable[[object], object]] = {
    "mode": partial(_word, "mode", Mode),
    **dict.fromkeys(("children", "depth", "descendants", "total"), _count),
    "memory": parse_size,
    "rate": parse_rate,
    "termination": partial(_word, "termination", Termination),
    "on_breach": partial(_word, "on_breach", Breach),
}
KEYS = tuple(_READERS)


def read_limit(key: str, value: object) -> object:
    """The value of one key of a `spawn:` block. Raises Wrong for an unknown key, or a value that does not read."""
    if key not in _READERS:
        raise Wrong(f"unknown limit '{key}'", nearest(key, KEYS))
    return _READERS[key](value)


def read_wish(block: Mapping[str, object]) -> Wish:
    """The wish in a `spawn:` block, whose limits may stand in a block of their own. Raises Wrong, which names the
    key."""
    said = {key: value for key, value in block.items() if key != "limits" and value is not None}
    inner = block.get("limits")
    if inner is not None and not isinstance(inner, Mapping):
        raise Wrong("unknown limit 'limits'", f"a limit is one of {', '.join(KEYS)}")
    said |= {key: value for key, value in inner.items() if value is not None} if isinstance(inner, Mapping) else {}
    read: dict[str, Any] = {}
    for key, value in said.items():
        try:
            read[key] = read_limit(key, value)
        except Wrong as error:
            raise Wrong(f"spawn limit '{key}': {error}", error.hint) from error
    return Wish(**read)


def write_limits(limits: Limits | Wish) -> dict[str, object]:
    """As JSON holds them: `read_wish` reads them back."""
    written: dict[str, object] = {}
    for field in fields(limits):
        value = getattr(limits, field.name)
        if isinstance(value, Enum):
            written[field.name] = value.value
        elif isinstance(value, Rate):
            written[field.name] = str(value)
        elif value is not None:
            written[field.name] = value
    return written


# ---- may it be spawned? ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One agent on the way from a parent up to its root, and what lives below it. `memory` is what it and all
    below it use, in bytes; None where nobody has looked."""

    id: UUID
    name: str
    depth: int
    limits: Limits
    children: int = 0
    descendants: int = 0
    total: int = 0
    memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many were spawned in the last window: by the parent, and in its whole tree."""

    of_parent: int = 0
    of_tree: int = 0


def check_spawn(line: Sequence[Branch], pace: Pace) -> None:
    """Whether the first of the line (the parent; the last is its root) may have one more child.

    Raises LimitReached, which names the limit, its maximum and what is there now.
    """
    parent, root = line[0], line[-1]
    limits = parent.limits
    if limits.mode is Mode.STATIC:
        raise _reached("mode", parent, 0, parent.children, f"'{parent.name}' may not spawn: its mode is static")
    if parent.depth >= limits.depth:
        raise _reached("depth", parent, limits.depth, parent.depth)
    check_room(line)
    for branch in line:
        if branch.total >= branch.limits.total:
            raise _reached("total", branch, branch.limits.total, branch.total)
    if pace.of_parent >= limits.rate.count:
        raise _reached("rate", parent, limits.rate.count, pace.of_parent, _too_fast(parent, limits.rate))
    most = ROOT_RATE * root.limits.rate.count
    if pace.of_tree >= most:
        raise _reached("rate", root, most, pace.of_tree, _too_fast(root, root.limits.rate, times=ROOT_RATE))


def check_room(line: Sequence[Branch]) -> None:
    """Whether one more may live below the first of the line: what a resume needs, too. Raises LimitReached."""
    parent = line[0]
    if parent.children >= parent.limits.children:
        raise _reached("children", parent, parent.limits.children, parent.children)
    for branch in line:
        if branch.descendants >= branch.limits.descendants:
            raise _reached("descendants", branch, branch.limits.descendants, branch.descendants)
        quota = branch.limits.memory
        if quota is not None and branch.memory is not None and branch.memory >= quota:
            said = f"the tree of '{branch.name}' uses {_mib(branch.memory)} of {write_size(quota)}"
            raise _reached("memory", branch, quota, branch.memory, said)


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f}MiB" if size >= 2**20 else f"{size / 2**10:.0f}KiB"


def _too_fast(branch: Branch, rate: Rate, *, times: int = 1) -> str:
    """`times` is that of a whole tree."""
    who = f"'{branch.name}'" if times == 1 else f"the tree of '{branch.name}'"
    return f"{who} spawns faster than {replace(rate, count=times * rate.count)}"


_MEANING = {
    "depth": "'{name}' is at depth {now} of {most}",
    "children": "'{name}' has {now} live children of {most}",
    "descendants": "{now} of {most} live below '{name}'",
    "total": "{now} of {most} were spawned below '{name}'",
}
_HELP = {
    "mode": "let its lead spawn, or set mode: dynamic",
    "depth": "let an agent higher up spawn it, or raise the limit",
    "children": "end one of them, or raise the limit",
    "descendants": "end one of them, or raise the limit",
    "total": "raise the limit, or start a new root",
    "memory": "end something, or raise the quota",
    "rate": "wait a moment, then try again",
}


def _reached(limit: str, branch: Branch, most: int, now: int, said: str = "") -> LimitReached:
    text = said or _MEANING[limit].format(name=branch.name, now=now, most=most)
    return LimitReached(
        f"refused by the limit '{limit}': {text}",
        hint=_HELP[limit],
        limit=limit,
        max=most,
        now=now,
        of=branch.name,
    )


# ---- when a parent ends ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Twig:
    """An agent in the shape of a tree: nothing but its place."""

    id: UUID
    parent: UUID | None


def below(top: UUID, twigs: Iterable[Twig]) -> frozenset[UUID]:
    """Everything below `top`, by the parents."""
    children: dict[UUID | None, list[UUID]] = {}
    for twig in twigs:
        children.setdefault(twig.parent, []).append(twig.id)
    found: set[UUID] = set()
    pending = [top]
    while pending:
        for child in children.get(pending.pop(), ()):
            if child not in found and child != top:
                found.add(child)
                pending.append(child)
    return frozenset(found)


def leaves_first(twigs: Iterable[Twig]) -> list[list[UUID]]:
    """The agents in generations, the deepest first: each comes after all that are below it."""
    left = {twig.id: twig.parent for twig in twigs}
    generations: list[list[UUID]] = []
    while left:
        parents = set(left.values())
        leaves = [id_ for id_ in left if id_ not in parents] or list(left)
        generations.append(leaves)
        for id_ in leaves:
            del left[id_]
    return generations


def heir(child: UUID, *, line: Sequence[UUID], lead: UUID | None, subtree: Iterable[UUID]) -> UUID | None:
    """Whom a child of an ended agent belongs to: the nearest live ancestor (`line` has those), else the team's lead
    where that is alive and not below the child itself, else nobody: it becomes a root."""
    if line:
        return line[0]
    return None if lead is None or lead == child or lead in set(subtree) else lead


# ---- the memory quota -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Weight:
    """A live agent of a tree with a quota: who, and how young (a larger number is younger)."""

    id: UUID
    born: float


def victims(policy: Breach, top: UUID, members: Sequence[Weight], *, samples_over: int) -> tuple[UUID, ...]:
    """Who is ended in a tree that was over its quota in so many looks in a row. `members` are the top itself and
    the live agents below it."""
    if samples_over < SAMPLES_OVER or policy is Breach.REFUSE or not members:
        return ()
    if policy is Breach.KILL_TREE:
        return (top,)
    return (max(members, key=lambda member: (member.born, member.id)).id,)
