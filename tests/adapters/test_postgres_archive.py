"""Sums of many events, what files a patch names, and the removal of what is old, on a real PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from time import perf_counter

import pytest

from genie.adapters.postgres.archive import AT_ONCE
from genie.adapters.postgres.registry import PostgresRegistry
from genie.domain.events import Kind
from tests.contract.test_archive import WEEK, conclude, over, say, session_of
from tests.contract.values import HOST, NOW
from tests.fixtures.postgres import Asker

PATCH = """*** Begin Patch
*** Update File: src/a b.py
@@
-*** Add File: not/this
+x
*** Add File: src/new.py
+y
*** Delete File: src/old.py
*** End Patch"""
EDIT = {"tool": "apply_patch", "tool_kind": "file_edit"}


@pytest.mark.parametrize(
    ("payload", "files"),
    [
        (EDIT | {"path": "src/a b.py", "input": {"input": PATCH}}, ("src/a b.py", "src/new.py")),
        (EDIT | {"path": "src/a b.py", "input": PATCH}, ("src/a b.py", "src/new.py")),
        (
            EDIT
            | {
                "path": "a",
                "input": {"changes": [{"path": "a", "kind": "update"}, {"path": "b"}, {"path": "c", "kind": "delete"}]},
            },
            ("a", "b"),
        ),
        (EDIT | {"input": {"changes": "none"}}, ()),
        ({"tool": "NotebookEdit", "tool_kind": "notebook", "path": "n.ipynb"}, ("n.ipynb",)),
        ({"tool": "NotebookRead", "tool_kind": "notebook", "path": "n.ipynb"}, ()),
        ({"tool": "Bash", "tool_kind": "shell", "input": {"input": PATCH}}, ()),
    ],
)
def test_the_files_of_a_call(registry: PostgresRegistry, payload: dict[str, object], files: tuple[str, ...]) -> None:
    registry.join_host(HOST, name="box", boot="b", at=NOW)
    ada = over(registry)
    say(registry, ada, (Kind.TOOL_CALL, payload))
    assert registry.digests([session_of(ada)], now=NOW)[session_of(ada)].files == files


def test_a_call_without_a_name_is_counted(registry: PostgresRegistry) -> None:
    registry.join_host(HOST, name="box", boot="b", at=NOW)
    ada = over(registry)
    say(registry, ada, (Kind.TOOL_CALL, {"input": 1}))
    assert registry.digests([session_of(ada)], now=NOW)[session_of(ada)].tools == {"unknown": 1}


def test_more_than_goes_at_once_is_summed_and_goes(registry: PostgresRegistry, sql: Asker) -> None:
    registry.join_host(HOST, name="box", boot="b", at=NOW)
    ada = over(registry)
    conclude(registry, ada)
    many = AT_ONCE + 5
    sql(
        "alter table events disable trigger events_in_order; insert into events (id, seq, kind, at, agent_id,"  # noqa: S608
        " session_id, payload) select n, n, case when n % 2 = 0 then 'session.tool_call' else 'session.usage' end,"
        f" '{NOW.isoformat()}', '{ada.agent.id}', '{session_of(ada)}', jsonb_build_object('tool', 'Bash', 'input', n,"
        f" 'path', '/w/' || n % 100, 'tool_kind', 'file_edit') from generate_series(1, {many + 1}) n;"
        " alter table events enable trigger events_in_order; select 1"
    )
    began = perf_counter()
    found = registry.digests([session_of(ada)], now=NOW)[session_of(ada)]
    assert perf_counter() - began < 10
    assert (found.tools, len(found.files)) == ({"Bash": (many + 1) // 2}, 50)
    assert found.tokens.input == sum(range(1, many + 2, 2))
    assert registry.old_events(HOST, before=WEEK).count == many
    assert registry.old_events(HOST, before=NOW - timedelta(days=1)).count == 0
    assert registry.drop_events(HOST, before=WEEK) == many
