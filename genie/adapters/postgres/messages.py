"""Messages: statements and rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from genie.adapters.postgres._statements import Reads, Writes
from genie.domain.message import Channel, Message, State
from genie.ports.garbage import Heap

Row = Sequence[Any]

NOBODY = UUID(int=0)
"""The sender that is no agent: a key counts for each sender."""

# The order of the fields of `to_message`.
_FIXED = ("id", "agent_id", "sender_id", "wrote", "body", "raw", "key", "created_at")
_MOVING = (
    "state",
    "reason",
    "tries",
    "next_try",
    "changed_at",
    "channel",
    "session_id",
    "after_seq",
    "claimed_at",
    "deadline",
    "proof",
    "answer",
)
_ALL = ", ".join(f"m.{name}" for name in ("number", *_FIXED, *_MOVING))
_ASSIGN = ", ".join(f"{name} = %({name})s" for name in _MOVING)
_OPEN = "m.state in ('queued', 'delivering')"

# ruff: noqa: S608 — every name is a column of ours
_MESSAGES = f"select {_ALL} from messages m"
ADD = (
    f"insert into messages as m ({', '.join((*_FIXED, *_MOVING))})"
    f" values ({', '.join(f'%({name})s' for name in (*_FIXED, *_MOVING))})"
    f" on conflict (agent_id, sender_id, key) do nothing returning {_ALL}"
)
OF_KEY = f"{_MESSAGES} where m.agent_id = %(agent_id)s and m.sender_id = %(sender_id)s and m.key = %(key)s"
HELD = f"{_MESSAGES} where m.id = %(id)s for update"
SAVE = f"update messages set {_ASSIGN} where id = %(id)s"
OPEN = f"{_MESSAGES} where m.agent_id = %(agent)s and {_OPEN} order by m.number for update"
LAST_CLAIM = "select max(claimed_at) from messages where agent_id = %(agent)s and state <> 'answered'"
FOUND = f"{_MESSAGES} where m.id = any(%(ids)s) order by m.number"
INBOX = (
    f"select * from ({_MESSAGES} where %(agent)s::uuid is null or m.agent_id = %(agent)s"
    " order by m.number desc limit %(limit)s) latest order by number"
)
UNANSWERED = (
    f"{_MESSAGES} join agents a on a.id = m.agent_id and a.session_id = m.session_id"
    " where m.agent_id = %(agent)s and m.state = 'delivered' and m.channel <> 'stdin' order by m.number"
)
MAILBOXES = (
    "select m.agent_id from messages m join agents a on a.id = m.agent_id where a.host = %(host)s"
    " and m.state in ('queued', 'delivering', 'delivered') and (m.state = 'delivering'"
    " or (m.state = 'queued' and (a.life in ('running', 'terminated') or a.desired = 'gone'))"
    " or (m.state = 'delivered' and m.channel <> 'stdin' and a.session_id = m.session_id"
    " and a.life in ('running', 'done', 'failed', 'terminated')))"
    " group by m.agent_id order by min(m.number)"
)


_UNHEARD = "m.state = 'delivered' and m.channel <> 'stdin' and a.session_id = m.session_id and a.life = 'running'"
_OLD = (
    "from messages m join agents a on a.id = m.agent_id where a.host = %(host)s and m.changed_at < %(before)s"
    f" and not {_OPEN} and not ({_UNHEARD})"
)
OLD = f"select count(*), coalesce(sum(pg_column_size(m.*)), 0) {_OLD}"
DROP = f"with gone as (delete from messages where id in (select m.id {_OLD}) returning 1) select count(*) from gone"


def of_message(message: Message) -> dict[str, object]:
    return {
        "id": message.id,
        "agent_id": message.agent,
        "sender_id": message.sender or NOBODY,
        "wrote": _kept(message.wrote),
        "body": message.text.encode("utf-8", "surrogatepass"),
        "raw": message.raw,
        "key": _kept(message.key),
        "created_at": message.created_at,
        "state": message.state.value,
        "reason": _kept(message.reason),
        "tries": message.tries,
        "next_try": message.next_try,
        "changed_at": message.changed_at,
        "channel": message.channel.value if message.channel else None,
        "session_id": message.session,
        "after_seq": message.after,
        "claimed_at": message.claimed_at,
        "deadline": message.deadline,
        "proof": message.proof,
        "answer": _kept(message.answer),
    }


def to_message(row: Row) -> Message:
    # fmt: off
    (number, id_, agent, sender, wrote, body, raw, key, created_at, state, reason, tries, next_try, changed_at, channel,
     session, after, claimed_at, deadline, proof, answer) = row
    # fmt: on
    return Message(
        id=id_,
        agent=agent,
        sender=None if sender == NOBODY else sender,
        wrote=wrote,
        text=bytes(body).decode("utf-8", "surrogatepass"),
        raw=raw,
        key=key,
        state=State(state),
        reason=reason,
        tries=tries,
        next_try=next_try,
        created_at=created_at,
        changed_at=changed_at,
        channel=Channel(channel) if channel else None,
        session=session,
        after=after,
        claimed_at=claimed_at,
        deadline=deadline,
        proof=proof,
        answer=answer,
        number=number,
    )


def _kept(text: str | None) -> str | None:
    """PostgreSQL's texts hold neither NUL nor half of a surrogate pair."""
    return None if text is None else text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class MessagesTx(Writes):
    """The part of a transaction that is about messages."""

    def add_message(self, message: Message) -> Message:
        params = of_message(message)
        # Who comes second waits for the first, and then sees it: each statement has a snapshot of its own.
        return to_message((self._fetch(ADD, params) or self._fetch(OF_KEY, params))[0])

    def message(self, message: UUID) -> Message | None:
        found = self._fetch(HELD, {"id": message})
        return to_message(found[0]) if found else None

    def save_message(self, message: Message) -> None:
        self._write(SAVE, of_message(message))

    def open_messages(self, agent: UUID) -> list[Message]:
        return [to_message(row) for row in self._fetch(OPEN, {"agent": agent})]

    def last_claim(self, agent: UUID) -> datetime | None:
        claim: datetime | None = self._fetch(LAST_CLAIM, {"agent": agent})[0][0]
        return claim


class Messages(Reads):
    """The part of the registry that is about messages."""

    def find_messages(self, messages: Sequence[UUID]) -> list[Message]:
        return [to_message(row) for row in self._fetch(FOUND, {"ids": list(messages)})] if messages else []

    def inbox(self, agent: UUID | None, *, limit: int) -> list[Message]:
        return [to_message(row) for row in self._fetch(INBOX, {"agent": agent, "limit": limit})]

    def unanswered(self, agent: UUID) -> list[Message]:
        return [to_message(row) for row in self._fetch(UNANSWERED, {"agent": agent})]

    def old_messages(self, host: str, *, before: datetime) -> Heap:
        ((count, size),) = self._fetch(OLD, {"host": host, "before": before})
        return Heap(int(count), int(size))

    def drop_messages(self, host: str, *, before: datetime) -> int:
        return int(self._fetch(DROP, {"host": host, "before": before})[0][0])

    def mailboxes(self, host: str) -> list[UUID]:
        return [agent for (agent,) in self._fetch(MAILBOXES, {"host": host})]
