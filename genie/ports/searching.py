"""What was said, made searchable."""

from __future__ import annotations

from typing import Protocol

from genie.domain.searching import Hit, Search


class Library(Protocol):
    """Full text over conversations. What is said is made searchable apart from its being written, which it would slow
    down. Every method raises RegistryAway."""

    def shelve(self, *, most: int) -> int:
        """Make so many further events searchable, in their order; how many were looked at. Fewer than `most`: all that
        were there are done."""
        ...

    def search(self, wanted: Search) -> list[Hit]:
        """The best hits among what is searchable, the best first, the later ones first among equals. Raises BadInput
        for a query that has no word to look for."""
        ...
