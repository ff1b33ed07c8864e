"""Full text over conversations: statements and rows.

The words are kept in a table of their own: an index on the events themselves makes writing them three to five times as
slow, measured with the means of a conversation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from genie.adapters.postgres._statements import Reads
from genie.domain.errors import BadInput
from genie.domain.events import Kind
from genie.domain.searching import SEARCHED, Hit, Search

LONGEST = 20_000
"""Characters of an event that are searched: the first ones. A tsvector ends at a megabyte."""
BEST_OF = 2000
"""Of so many matches, the latest ones, the best are chosen: each of them has to be weighed."""
_BEGIN, _END = "\x02", "\x03"
_MARKED = re.compile(f"{_BEGIN}([^{_END}]*){_END}")

# Paths, addresses and the like are searched by their parts. One character for one: places in the text stay.
_APART = "/._:=@<>\\&#%" + _BEGIN + _END
_KINDS = ", ".join(f"'{kind.value}'" for kind in SEARCHED)


def _text(payload: str) -> str:
    """What was said, whatever its kind: a tool's input is JSON, whose line breaks are written out."""
    parts = (
        f"{payload} ->> 'text'",
        f"{payload} ->> 'tool'",
        rf"replace({payload} ->> 'input', '\n', ' ')",
        f"{payload} ->> 'output'",
    )
    return f"left(concat_ws(' ', {', '.join(parts)}), {LONGEST})"


def _apart(text: str) -> str:
    return f"translate({text}, %(apart)s, repeat(' ', length(%(apart)s)))"


_QUERY = f"websearch_to_tsquery('english', {_apart('%(text)s')})"
NODES = f"select numnode({_QUERY})"

SHELVE = (
    "with mark as (select last_id from shelved for update),"  # noqa: S608  names of ours
    " page as materialized (select e.id, e.kind, e.payload from mark, events e where e.id > mark.last_id"
    " order by e.id limit %(most)s),"
    " kept as (insert into event_words (event_id, words)"
    f" select id, to_tsvector('english', {_apart(_text('payload'))}) from page where kind in ({_KINDS})"
    " on conflict do nothing),"
    " moved as (update shelved set last_id = (select max(id) from page) where exists (select from page))"
    " select count(*) from page"
)

SEARCH = (
    f"with asked as (select {_QUERY} as query),"  # noqa: S608
    " fitting as (select e.id, e.seq, e.at, e.kind, a.id as agent, e.session_id, a.name, a.team, s.provider,"
    f" e.payload ->> 'tool' as tool, w.words, {_text('e.payload')} as text"
    " from asked q join event_words w on w.words @@ q.query join events e on e.id = w.event_id"
    " join agents a on a.id = e.agent_id left join sessions s on s.id = e.session_id"
    " where e.kind = any(%(kinds)s) and e.session_id is not null"
    " and (%(tool)s::text is null or lower(e.payload ->> 'tool') = %(tool)s or e.payload ->> 'tool_kind' = %(tool)s)"
    " and (%(provider)s::text is null or s.provider = %(provider)s)"
    " and (%(since)s::timestamptz is null or e.at >= %(since)s)"
    " and (%(until)s::timestamptz is null or e.at < %(until)s)"
    " and (%(tags)s::text[] = '{}' or a.tags && %(tags)s) and (%(team)s::text is null or a.team = %(team)s)"
    " and (%(name)s::text is null or a.name = %(name)s) order by e.id desc limit %(best_of)s),"
    " best as (select f.*, ts_rank_cd(f.words, q.query, 1) as rank from fitting f, asked q"
    " order by rank desc, f.id desc limit %(limit)s)"
    " select b.id, b.seq, b.at, b.kind, b.agent, b.session_id, b.name, b.team, b.provider, b.tool, b.rank, b.text,"
    f" ts_headline('english', {_apart('b.text')}, q.query, %(how)s) from best b, asked q"
    " order by b.rank desc, b.id desc"
)


def _hit(row: tuple[Any, ...]) -> Hit:
    id_, seq, at, kind, agent, session, name, team, provider, tool, rank, text, marked = row
    return Hit(
        id=id_,
        seq=seq,
        at=at,
        kind=Kind(kind),
        agent=agent,
        session=session,
        name=name,
        team=team,
        provider=provider,
        tool=tool,
        rank=rank,
        text=text,
        marks=_marks(marked),
    )


def _marks(marked: str) -> tuple[tuple[int, int], ...]:
    """The places of what is marked, in the text without the marks."""
    found = enumerate(_MARKED.finditer(marked))
    places = [(one.start() - 2 * before, one.end() - 2 * before - 2) for before, one in found]
    return tuple(places)


class Library(Reads):
    """The part of the registry that is about searching."""

    def shelve(self, *, most: int) -> int:
        return int(self._fetch(SHELVE, {"most": most, "apart": _APART})[0][0])

    def search(self, wanted: Search) -> list[Hit]:
        params: Mapping[str, object] = {
            "text": wanted.text,
            "apart": _APART,
            "kinds": [kind.value for kind in wanted.kinds],
            "tool": wanted.tool.lower() if wanted.tool is not None else None,
            "provider": wanted.provider,
            "since": wanted.since,
            "until": wanted.until,
            "tags": list(wanted.tags),
            "team": wanted.team,
            "name": wanted.name,
            "limit": wanted.limit,
            "best_of": BEST_OF,
            "how": f"HighlightAll=true, StartSel={_BEGIN}, StopSel={_END}",
        }
        if not self._fetch(NODES, params)[0][0]:
            raise BadInput(f"{wanted.text!r} has no word to look for", hint='words such as "the" stand in every text')
        return [_hit(row) for row in self._fetch(SEARCH, params)]
