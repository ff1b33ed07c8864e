"""`genie summary`: what sessions did, in sums. Reading writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from genie.domain.conversation import Tokens
from genie.domain.selecting import Selection
from genie.ports.digests import Digest
from genie.services.outcomes import Known, known
from genie.services.selecting import select
from genie.services.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One session: what is known of it, and what its events add up to."""

    known: Known
    digest: Digest

    @property
    def turns(self) -> int:
        """As its program counted them; where it does not, how often it was spoken to."""
        return self.known.turns or self.digest.turns or self.digest.asked

    @property
    def tokens(self) -> Tokens:
        return self.known.tokens or self.digest.tokens

    @property
    def calls(self) -> int:
        return sum(self.digest.tools.values())


def summary(world: World, wanted: Selection, *, stats: bool = False) -> list[Summary]:
    """What these sessions did, those of the words first and in their order. With `stats` the texts of those that have
    not ended are left out, and nothing but sums is read. Raises what `select` raises."""
    matches = select(world, wanted, past=True)
    digests = world.registry.digests([match.id for match in matches if match.id], now=world.clock.now())
    return [
        Summary(known=one, digest=digests[one.session] if one.session else Digest())
        for one in known(world, matches, texts=not stats)
    ]
