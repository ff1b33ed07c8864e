"""What every registry keeps of permission requests: the same over memory and over PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from genie.adapters.postgres.registry import PostgresRegistry
from genie.domain.errors import NotAllowed
from genie.domain.permission import Answer, PermissionRequest, State, Word
from genie.domain.session import Standing
from genie.ports import Registry
from tests.contract.values import HOST, NOW, spawn

RULE = {"type": "addRules", "rules": [{"toolName": "Bash"}]}


@pytest.fixture
def registry(either: Registry) -> Registry:
    return either


@pytest.fixture
def ada(registry: Registry) -> Standing:
    return spawn(registry, "ada")


def a_request(of: Standing, second: int = 0, **changed: Any) -> PermissionRequest:  # noqa: ANN401
    fields: dict[str, Any] = {
        "id": uuid4(),
        "agent": of.agent.id,
        "session": of.agent.session,
        "run": of.agent.run or uuid4(),
        "tool": "Bash",
        "line": f"Bash: {second} größe",
        "input": {"command": "größe 'x'\n", "n": [1, None, {"a": True}]},
        "suggestions": (RULE, RULE),
        "asked_at": NOW + timedelta(seconds=second),
        "until": NOW + timedelta(hours=1),
        "changed_at": NOW,
    }
    return PermissionRequest(**fields | changed)


def add(registry: Registry, *requests: PermissionRequest) -> None:
    with registry.begin() as tx:
        for request in requests:
            tx.add_permission(request)


def test_it_comes_back_as_it_was_written(registry: Registry, ada: Standing) -> None:
    bare = a_request(ada, session=None, input={}, suggestions=())
    kept = a_request(ada, 1)
    add(registry, kept, bare)
    assert registry.find_permission(kept.id) == kept
    assert registry.find_permission(bare.id) == bare
    assert registry.find_permission(uuid4()) is None
    said = Answer(Word.TEXT, "use 'make'\n☃")
    changed = kept.answered(said, by=ada.agent.id, name="lead", now=NOW + timedelta(seconds=5))
    with registry.begin() as tx:
        assert tx.permission(kept.id) == kept
        assert tx.permission(uuid4()) is None
        tx.save_permission(changed)
    assert registry.find_permission(kept.id) == changed


@pytest.mark.parametrize("state", State)
def test_those_that_are_open(registry: Registry, ada: Standing, state: State) -> None:
    bob = spawn(registry, "bob")
    first, second, over, his = a_request(ada, 2), a_request(ada, 3), a_request(ada, 1), a_request(bob, 4)
    add(registry, second, first, his, over)
    if state is not State.OPEN:
        with registry.begin() as tx:
            tx.save_permission(over.to(state, now=NOW, reason="so"))
    mine = [first, second] if state is not State.OPEN else [over, first, second]
    ids = [one.id for one in mine]
    with registry.begin() as tx:
        assert [one.id for one in tx.open_permissions(ada.agent.id)] == ids
        assert tx.open_permissions(uuid4()) == []
    assert [one.id for one in registry.permissions(ada.agent.id, limit=9)] == ids
    assert [one.id for one in registry.permissions(None, limit=9)] == [*ids, his.id]
    assert registry.open_permissions_on(HOST) == [*ids, his.id]
    assert registry.open_permissions_on("host-2") == []


def test_the_latest_with_those_that_are_over(registry: Registry, ada: Standing) -> None:
    requests = [a_request(ada, number) for number in range(4)]
    add(registry, *requests)
    with registry.begin() as tx:
        tx.save_permission(requests[2].to(State.EXPIRED, now=NOW))
    assert [one.id for one in registry.permissions(None, limit=2)] == [requests[1].id, requests[3].id]
    assert [one.id for one in registry.permissions(None, limit=2, over=True)] == [requests[2].id, requests[3].id]
    assert registry.permissions(uuid4(), limit=2, over=True) == []


def test_old_ones_that_are_settled_are_dropped(registry: Registry, ada: Standing) -> None:
    gone, later, open_ = (a_request(ada, number) for number in range(3))
    add(registry, gone, later, open_)
    with registry.begin() as tx:
        tx.save_permission(gone.to(State.WITHDRAWN, now=NOW, reason="so"))
        tx.save_permission(later.to(State.EXPIRED, now=NOW + timedelta(days=2)))
    after = NOW + timedelta(days=1)
    assert registry.old_permissions("elsewhere", before=after).count == 0
    assert registry.old_permissions(HOST, before=NOW).count == 0
    found = registry.old_permissions(HOST, before=after)
    assert (found.count, found.size > 0) == (1, True)
    assert registry.drop_permissions(HOST, before=after) == 1
    assert [one.id for one in registry.permissions(None, limit=9, over=True)] == [later.id, open_.id]


def test_of_many_answers_at_once_one_counts(registry: Registry, ada: Standing) -> None:
    request = a_request(ada)
    add(registry, request)

    def answer(number: int) -> UUID | None:
        own = UUID(int=number + 1)
        with suppress(NotAllowed), registry.begin() as tx:
            waiting = next(iter(tx.open_permissions(ada.agent.id)), None) or tx.permission(request.id)
            assert waiting
            tx.save_permission(waiting.answered(Answer(Word.YES), by=own, name=str(number), now=NOW))
            return own
        return None

    with ThreadPoolExecutor(4) as pool:
        won = [one for one in pool.map(answer, range(8)) if one]
    found = registry.find_permission(request.id)
    assert found
    assert won == [found.by]


def test_what_was_rolled_back_was_not_asked(registry: Registry, ada: Standing) -> None:
    def break_off() -> None:
        with registry.begin() as tx:
            tx.add_permission(a_request(ada))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert registry.permissions(None, limit=10, over=True) == []


def test_what_is_no_text_for_the_registry_is_kept_all_the_same(real: PostgresRegistry) -> None:
    real.join_host(HOST, name="box", boot="b", at=NOW)
    request = a_request(spawn(real, "ada"), input={"command": "nul \0, half \ud800"}, tool="T\0", line="T\udcff")
    add(real, request)
    found = real.find_permission(request.id)
    assert found
    assert (found.input, found.tool, found.line) == ({"command": "nul \ufffd, half \ufffd"}, "T\ufffd", "T?")
