"""Reading the recorded samples through a parser."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from genie.adapters.records import NEW, State, parser
from genie.domain.conversation import ConversationKind, Outcome, Said, fold

SAMPLES = Path(__file__).parent.parent / "samples"
READ_AT = datetime(2026, 11, 21, 5, 48, 30, tzinfo=UTC)
FORMS = {"stream": "stream-json"}
QUIET = {ConversationKind.PROVIDER_STATUS, ConversationKind.USAGE, ConversationKind.HEARTBEAT}


@dataclass(frozen=True)
class Told:
    """What a file says, all of it, what it comes to, and the state at its end."""

    said: tuple[Said, ...]
    outcome: Outcome
    state: State

    def words(self) -> list[str]:
        """Its kinds without statuses and counts."""
        return [said.kind.value for said in self.said if said.kind not in QUIET]

    def of(self, kind: ConversationKind) -> list[dict[str, object]]:
        return [dict(said.payload) for said in self.said if said.kind is kind]


def lines(name: str) -> list[bytes]:
    return (SAMPLES / f"{name}.ndjson").read_bytes().splitlines()


def read(name: str, state: State = NEW) -> Told:
    """A sample, by its name: provider, form and what."""
    provider, form, _ = name.split("-")
    return tell(provider, FORMS.get(form, form), lines(name), state)


def tell(provider: str, form: str, given: Iterable[bytes], state: State = NEW) -> Told:
    """Lines through a parser, the state stored and read again after each."""
    reader, outcome, said = parser(provider, form, zone=UTC), Outcome(), list[Said]()
    for line in given:
        new, state = reader.parse(line, state, at=READ_AT)
        stored = json.loads(json.dumps(state.to_json()))
        state = State.from_json(stored)
        assert state.to_json() == stored
        said += new
        for one in new:
            outcome = fold(outcome, one)
    return Told(tuple(said), outcome, state)
