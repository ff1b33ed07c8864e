"""`genie run`: a session that is run to its end, or is fed line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from genie.domain.errors import BadInput
from genie.domain.result import Bond
from genie.domain.selecting import Match, Selection
from genie.services.order import Assignment, Order
from genie.services.plan import DEFAULT_PROVIDER
from genie.services.selecting import select
from genie.services.spawn import Rehearsed, Spawned, rehearse, spawn
from genie.services.world import World

LETTERS = 6
"""Hex digits of a name that nobody chose."""


def run(world: World, order: Order) -> Spawned:
    """Start it, or queue it behind what it depends on. Raises what `spawn` raises, and NotFound and Conflict for words
    that mean no session or several."""
    return spawn(world, prepared(world, order))


def rehearse_run(world: World, order: Order) -> Rehearsed:
    """What `run` would start now. Writes nothing and starts nothing."""
    return rehearse(world, prepared(world, order))


def prepared(world: World, order: Order) -> Order:
    """The order with a name, and with the sessions that it has to do with."""
    wanted = order.assignment or Assignment()
    _check(order, wanted)
    sources = {
        Bond.DEPENDS: _sessions(world, wanted.depends_on),
        Bond.CONTEXT: _sessions(world, wanted.context),
        Bond.PIPE: _sessions(world, wanted.pipe),
    }
    bonds = order.bonds + tuple((bond, id_) for bond, ids in sources.items() for id_ in ids)
    return replace(order, name=order.name or _name(world, order), assignment=wanted, bonds=bonds)


def _check(order: Order, wanted: Assignment) -> None:
    if wanted.inject and not wanted.depends_on:
        raise BadInput("--inject-context is about what it depends on", hint="add --depends-on SESSION")
    if wanted.inject and wanted.streaming:
        raise BadInput("--inject-context and --interactive do not go together", hint="genie pipe, once they are done")
    if wanted.max_turns is not None and wanted.max_turns < 1:
        raise BadInput(f"--max-turns {wanted.max_turns} lets it do nothing", hint="give 1 or more")
    if wanted.streaming and wanted.schema is not None:
        raise BadInput("--json-schema is for the one answer of a session", hint="leave out --interactive")
    if not wanted.streaming and order.prompt is None and not order.command and not (wanted.pipe or wanted.files):
        raise BadInput("there is nothing to do", hint="give a prompt, or a command after --")


def _sessions(world: World, words: Sequence[str]) -> list[UUID]:
    if not words:
        return []
    return [_id(match) for match in select(world, Selection(words=tuple(words)), past=True)]


def _id(match: Match) -> UUID:
    if match.id is None:
        raise BadInput(f"'{match.standing.agent.name}' has no session", hint="genie ls --all")
    return match.id


def _name(world: World, order: Order) -> str:
    """The provider's, or the command's, with a few digits behind it."""
    program = order.command[0].rpartition("/")[2] if order.command else ""
    kind = order.role or order.provider or program or DEFAULT_PROVIDER
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "-" for letter in kind)
    stem = plain.strip("-_.")[:40] or "run"
    return f"{stem}-{world.ids.new().hex[-LETTERS:]}"
