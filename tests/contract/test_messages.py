"""What every registry keeps of messages: the same over memory and over PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from genie.domain.agent import Desired, Life
from genie.domain.message import Channel, Message, State
from genie.domain.session import Standing
from genie.ports import Registry
from tests.contract.values import HOST, NOW, spawn


@pytest.fixture
def registry(either: Registry) -> Registry:
    return either


@pytest.fixture
def ada(registry: Registry) -> Standing:
    return spawn(registry, "ada")


def a_message(to: Standing, **changed: Any) -> Message:  # noqa: ANN401
    fields: dict[str, Any] = {
        "id": uuid4(),
        "agent": to.agent.id,
        "sender": None,
        "wrote": "user",
        "text": "do it",
        "created_at": NOW,
        "changed_at": NOW,
    }
    return Message(**fields | changed)


def add(registry: Registry, *messages: Message) -> list[Message]:
    with registry.begin() as tx:
        return [tx.add_message(message) for message in messages]


def save(registry: Registry, message: Message) -> None:
    with registry.begin() as tx:
        tx.save_message(message)


def life(registry: Registry, of: Standing, life: Life, desired: Desired = Desired.RUNNING) -> None:
    with registry.begin() as tx:
        found = tx.standing_of(of.agent.id)
        assert found
        reason = "exit" if life is Life.FAILED else None
        tx.save_agent(replace(found.agent, life=life, desired=desired, reason=reason))


@pytest.mark.parametrize("text", ["größe\n\t%s", "nul \0, half a pair \ud800, a byte \udcff", " "])
def test_it_comes_back_as_it_was_written(registry: Registry, ada: Standing, text: str) -> None:
    (kept,) = add(registry, a_message(ada, text=text, raw=True, key="k", sender=ada.agent.id, wrote="ada@red"))
    assert kept.number
    assert registry.find_messages([kept.id]) == [kept]
    session = ada.agent.session
    changed = kept.claimed(Channel.PASTE, session=session, after=7, now=NOW)
    changed = replace(changed, reason="so", tries=3, next_try=NOW, proof=9, answer="yes")
    save(registry, changed)
    assert registry.find_messages([kept.id]) == [changed]
    with registry.begin() as tx:
        assert tx.message(kept.id) == changed
        assert tx.message(uuid4()) is None
        assert tx.last_claim(ada.agent.id) == NOW


def test_a_key_is_one_message_of_a_sender_to_an_agent(registry: Registry, ada: Standing) -> None:
    bob = spawn(registry, "bob")
    first, again = add(registry, a_message(ada, key="k"), a_message(ada, key="k", text="other"))
    assert again == first
    others = [a_message(bob, key="k"), a_message(ada, key="k", sender=bob.agent.id), a_message(ada), a_message(ada)]
    assert [kept.id for kept in add(registry, *others)] == [other.id for other in others]
    assert len(registry.inbox(None, limit=10)) == 5


def test_a_key_that_is_sent_at_once_by_several(registry: Registry, ada: Standing) -> None:
    with ThreadPoolExecutor(4) as pool:
        kept = list(pool.map(lambda _: add(registry, a_message(ada, key="k"))[0].id, range(12)))
    assert len(set(kept)) == 1


def test_those_that_are_open_in_their_order(registry: Registry, ada: Standing) -> None:
    kept = add(registry, *(a_message(ada, text=str(number)) for number in range(6)))
    for message, state in zip(kept, State, strict=True):
        save(registry, replace(message, state=state))
    with registry.begin() as tx:
        assert [message.text for message in tx.open_messages(ada.agent.id)] == ["0", "1"]
        assert tx.open_messages(uuid4()) == []
        assert tx.last_claim(uuid4()) is None


def test_inboxes(registry: Registry, ada: Standing) -> None:
    bob = spawn(registry, "bob")
    add(registry, a_message(ada, text="1"), a_message(bob, text="2"), a_message(ada, text="3"))
    assert [message.text for message in registry.inbox(ada.agent.id, limit=10)] == ["1", "3"]
    assert [message.text for message in registry.inbox(None, limit=2)] == ["2", "3"]
    assert registry.inbox(uuid4(), limit=2) == []
    assert registry.find_messages([uuid4()]) == registry.find_messages([]) == []


@pytest.mark.parametrize(
    ("now", "desired", "due"),
    [
        (Life.RUNNING, Desired.RUNNING, {"queued", "delivering", "delivered"}),
        (Life.DEAD, Desired.RUNNING, {"delivering"}),
        (Life.SUSPENDED, Desired.STOPPED, {"delivering"}),
        (Life.DEAD, Desired.GONE, {"queued", "delivering"}),
        (Life.TERMINATED, Desired.GONE, {"queued", "delivering", "delivered"}),
        (Life.DONE, Desired.RUNNING, {"delivering", "delivered"}),
    ],
)
def test_for_whom_something_can_be_done(
    registry: Registry, ada: Standing, now: Life, desired: Desired, due: set[str]
) -> None:
    (kept,) = add(registry, a_message(ada))
    life(registry, ada, now, desired)
    found = set()
    for state in State:
        save(registry, replace(kept, state=state, channel=Channel.TYPE, session=ada.agent.session))
        if registry.mailboxes(HOST) == [ada.agent.id]:
            found.add(state.value)
        assert registry.mailboxes("host-2") == []
    assert found == due


def test_what_may_yet_be_answered(registry: Registry, ada: Standing) -> None:
    kept = add(registry, *(a_message(ada, text=str(number)) for number in range(4)))
    own = ada.agent.session
    ways: list[tuple[UUID | None, Channel, State]] = [
        (own, Channel.TYPE, State.DELIVERED),
        (own, Channel.STDIN, State.DELIVERED),
        (uuid4(), Channel.TYPE, State.DELIVERED),
        (own, Channel.TYPE, State.ANSWERED),
    ]
    for message, (session, channel, state) in zip(kept, ways, strict=True):
        save(registry, replace(message, session=session, channel=channel, state=state))
    assert [message.text for message in registry.unanswered(ada.agent.id)] == ["0"]


def test_what_was_rolled_back_was_not_sent(registry: Registry, ada: Standing) -> None:
    def break_off() -> None:
        with registry.begin() as tx:
            tx.add_message(a_message(ada))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert registry.inbox(None, limit=10) == []


# ---- old ones -------------------------------------------------------------------------------


def test_old_messages_are_dropped_when_nothing_more_will_come_of_them(registry: Registry, ada: Standing) -> None:
    assert ada.agent.session
    life(registry, ada, Life.RUNNING)
    heard = {"session": ada.agent.session, "claimed_at": NOW}
    gone = [
        a_message(ada, state=State.ANSWERED, channel=Channel.SOCKET, **heard),
        a_message(ada, state=State.FAILED),
        a_message(ada, state=State.UNPROVEN, channel=Channel.TYPE, **heard),
        a_message(ada, state=State.DELIVERED, channel=Channel.STDIN, **heard),
        a_message(ada, state=State.DELIVERED, channel=Channel.TYPE, session=uuid4(), claimed_at=NOW),
    ]
    kept = [
        a_message(ada, state=State.QUEUED),
        a_message(ada, state=State.DELIVERING, channel=Channel.TYPE, **heard),
        a_message(ada, state=State.DELIVERED, channel=Channel.TYPE, **heard),
        a_message(ada, state=State.FAILED, changed_at=NOW + timedelta(days=2)),
    ]
    add(registry, *gone, *kept)
    after = NOW + timedelta(days=1)
    assert registry.old_messages("elsewhere", before=after).count == 0
    assert registry.old_messages(HOST, before=NOW).count == 0
    found = registry.old_messages(HOST, before=after)
    assert found.count == len(gone)
    assert found.size > 0
    assert registry.drop_messages(HOST, before=after) == len(gone)
    assert [one.id for one in registry.inbox(None, limit=100)] == [one.id for one in kept]
    assert registry.old_messages(HOST, before=after).count == 0


def test_the_last_claim_is_of_a_turn_that_may_go_on(registry: Registry, ada: Standing) -> None:
    over, on = (a_message(ada, state=state, channel=Channel.TYPE) for state in (State.ANSWERED, State.DELIVERED))
    later = NOW + timedelta(hours=1)
    add(registry, replace(over, claimed_at=later), replace(on, claimed_at=NOW))
    with registry.begin() as tx:
        assert tx.last_claim(ada.agent.id) == NOW
