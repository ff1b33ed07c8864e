"""`genie done`: a session's own word on its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from genie.domain.agent import Life
from genie.domain.conversation import Tokens
from genie.domain.errors import BadInput, NotFound, Refused
from genie.domain.events import Event, Kind
from genie.domain.result import Result
from genie.domain.session import Attend
from genie.services.done import Submitted, done
from genie.services.order import Caller
from tests.services.bench import Bench, env_of
from tests.services.machine import HOME
from tests.services.supplies import MemorySchemas

TOKEN = "GENIE_AGENT_TOKEN"
SCHEMA = f"{HOME}/schemas/0.json"


def within(bench: Bench) -> Caller:
    return bench.caller({TOKEN: env_of(bench)[TOKEN]})


def submit(bench: Bench, text: str | None = None) -> Submitted:
    return done(bench.world, within(bench), text)


def kept(bench: Bench) -> Result:
    return bench.registry.store.results[bench.session().id]


def submitted(bench: Bench) -> list[Event]:
    return [event for event in bench.events() if event.kind is Kind.SESSION_RESULT]


def with_schema(bench: Bench) -> None:
    """Its result must have a number of green tests."""
    bench.supplies.schemas.keep('{"required": ["green"]}', base="/w")
    with bench.registry.begin() as tx:
        tx.save_session(replace(bench.session(), attend=Attend(screen="text", form="plain", schema=SCHEMA)))


def test_the_result_is_kept_and_told_in_one_transaction(bench: Bench) -> None:
    bench.spawn()
    before = bench.registry.commits
    found = submit(bench, "all green")
    assert bench.registry.commits == before + 1
    assert found.result == kept(bench)
    assert (found.standing, found.replaced) == (bench.standing(), False)
    assert kept(bench) == Result(
        session=bench.session().id,
        agent=bench.agent().id,
        success=None,
        text="all green",
        submitted=True,
        at=bench.clock.time,
    )
    (event,) = submitted(bench)
    assert event.payload == {"text": "all green", "submitted": True}
    assert (event.session, event.run) == (bench.session().id, bench.run().id)
    assert bench.life() is Life.RUNNING


def test_a_later_one_takes_the_place_of_the_earlier(bench: Bench) -> None:
    bench.spawn()
    submit(bench, "one")
    assert submit(bench, "two").replaced
    assert kept(bench).text == "two"
    assert [event.payload["text"] for event in submitted(bench)] == ["one", "two"]


def test_without_a_result_its_last_message_is_one_unless_it_gave_one_before(bench: Bench) -> None:
    bench.spawn()
    assert not submit(bench).result.submitted
    assert (kept(bench).text, kept(bench).submitted) == (None, False)
    submit(bench, "mine")
    again = submit(bench)
    assert (again.result.text, again.result.submitted, again.replaced) == ("mine", True, False)


def test_it_stays_the_result_when_the_session_ends(bench: Bench) -> None:
    bench.spawn()
    submit(bench, "mine")
    bench.dies(exit_code=0)
    bench.beat()
    assert (kept(bench).success, kept(bench).text, kept(bench).submitted) == (True, "mine", True)


def test_what_it_came_to_before_it_was_brought_back_is_no_result_any_more(bench: Bench) -> None:
    bench.spawn()
    submit(bench, "before")
    bench.dies(exit_code=0)
    bench.beat()
    bench.resume()
    assert not submit(bench).result.submitted
    assert (kept(bench).success, kept(bench).text, kept(bench).tokens) == (None, None, Tokens())


# ---- refused --------------------------------------------------------------------------------


def test_from_outside_it_is_refused(bench: Bench) -> None:
    bench.spawn()
    with pytest.raises(NotFound, match="you are nobody"):
        done(bench.world, bench.caller(pid=4711), "x")
    with pytest.raises(Refused, match="not a token of this genie"):
        done(bench.world, bench.caller({TOKEN: "0" * 64}), "x")
    old = within(bench)
    bench.stop()
    with pytest.raises(Refused, match="of an ended run"):
        done(bench.world, old, "x")
    assert not bench.registry.store.results
    assert not submitted(bench)


def _stop(bench: Bench) -> None:
    bench.stop()


def _forget(bench: Bench) -> None:
    bench.registry.store.agents.clear()


@dataclass
class Slow(MemorySchemas):
    """Something happens while the result is looked at."""

    meanwhile: Callable[[], object] = str

    def violations(self, path: str, value: object) -> list[str]:
        self.meanwhile()
        return []


@pytest.mark.parametrize("end", [_stop, _forget])
def test_one_whose_run_ends_meanwhile_is_refused(bench: Bench, end: Callable[[Bench], None]) -> None:
    bench.spawn()
    with_schema(bench)
    slow = Slow(meanwhile=lambda: end(bench))
    bench.world = replace(bench.world, supplies=replace(bench.world.supplies, schemas=slow))
    with pytest.raises(Refused, match="the run of 'ada' has ended"):
        submit(bench, "{}")
    assert not bench.registry.store.results


@pytest.mark.parametrize("text", ["a\0b", "\udcff", "x" * (2**20 + 1)])
def test_what_cannot_be_kept_is_refused(bench: Bench, text: str) -> None:
    bench.spawn()
    with pytest.raises(BadInput, match="the result"):
        submit(bench, text)
    assert not bench.registry.store.results


# ---- with a schema --------------------------------------------------------------------------


def test_one_that_follows_the_schema_is_kept_as_json_too(bench: Bench) -> None:
    bench.spawn()
    with_schema(bench)
    submit(bench, '{"green": 214}\n')
    assert (kept(bench).text, kept(bench).structured) == ('{"green": 214}\n', {"green": 214})
    assert submitted(bench)[-1].payload["structured"] == {"green": 214}


def test_one_that_does_not_is_refused_with_what_is_wrong_and_may_be_tried_again(bench: Bench) -> None:
    bench.spawn()
    with_schema(bench)
    with pytest.raises(BadInput, match="does not follow the JSON schema of this session: result: 'green'") as refused:
        submit(bench, '{"red": 1}')
    assert refused.value.details["violations"] == ["result: 'green' is a required property"]
    with pytest.raises(BadInput, match="the result is not JSON"):
        submit(bench, "all green")
    with pytest.raises(BadInput, match="no result is given"):
        submit(bench)
    assert not bench.registry.store.results
    assert not submitted(bench)
    assert submit(bench, '{"green": 1}').result.structured == {"green": 1}


def test_a_refused_one_leaves_the_earlier_as_it_is(bench: Bench) -> None:
    bench.spawn()
    with_schema(bench)
    submit(bench, '{"green": 1}')
    with pytest.raises(BadInput):
        submit(bench, "{}")
    assert kept(bench).structured == {"green": 1}
