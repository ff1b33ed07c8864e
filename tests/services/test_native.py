"""Agents of native teams as members of teams of Claude Code's own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from genie.domain.activity import Evidence
from genie.domain.agent import Activity, Life
from genie.domain.errors import BadInput, Conflict, Failed, NotAllowed, RegistryAway
from genie.domain.events import Kind
from genie.domain.message import Channel, State
from genie.domain.native import Mail, Member, Roll, Standing
from genie.services.answer import answer
from genie.services.ask import withdraw_all
from genie.services.deliver import deliver
from genie.services.native import follow, has_inbox, put_into_inbox
from genie.services.native_lead import hear
from genie.services.order import Assignment
from genie.services.send import send
from genie.services.team_life import add_member, disband, remove_member, rename_team
from tests.services.bench import Bench, env_of

PLACE = "/home/u/.claude"
REQUEST = {"type": "permission_request", "request_id": "p2", "tool_name": "Bash", "tool_use_id": "t1"}


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.team("web", native=True)
    return made


def roll(bench: Bench, name: str = "web") -> Roll:
    return bench.natives.known[PLACE, name]


def member(bench: Bench, name: str = "ada") -> Member | None:
    found = bench.natives.known.get((PLACE, "web"))
    return found.member(name) if found else None


def standing(bench: Bench, name: str = "ada") -> Standing | None:
    found = member(bench, name)
    return found.standing if found else None


def argv(bench: Bench, name: str = "ada") -> tuple[str, ...]:
    return tuple(bench.executions(name)[-1].argv)


# ---- starting -------------------------------------------------------------------------------


def test_an_agent_is_started_as_a_member(bench: Bench) -> None:
    spawned = bench.spawn(team="web")
    assert spawned.warnings == ()
    found = member(bench)
    assert found
    assert (found.agent, found.pane, found.standing) == (bench.agent().id, bench.pane().id, Standing.LISTED)
    assert roll(bench).lead == bench.registry.teams()[0].id
    said = argv(bench)
    assert said[:3] == ("claude", "--agent-id", "ada@web")
    assert said[said.index("--parent-session-id") + 1] == str(roll(bench).lead)
    assert env_of(bench)["CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS"] == "1"
    assert Kind.NATIVE_LEFT_OUT not in bench.kinds()


def test_it_is_a_member_again_when_it_comes_back(bench: Bench) -> None:
    bench.spawn(team="web")
    first = argv(bench)
    bench.dies()
    bench.look()
    bench.look()
    assert bench.life() is Life.DEAD
    assert follow(bench.world) == []
    assert standing(bench) is Standing.AWAITED
    bench.beat()
    assert bench.life() is Life.RUNNING
    assert standing(bench) is Standing.LISTED
    assert argv(bench)[1:11] == first[1:11]
    assert "--resume" in argv(bench)


@pytest.mark.parametrize(
    "said",
    [
        {"team": "web", "role": None, "command": ("sleep", "9")},
        {"team": "web", "provider": "codex"},
        {"team": "red"},
        {"team": "web", "assignment": Assignment(streaming=True)},
    ],
)
def test_others_are_no_members(bench: Bench, said: dict[str, Any]) -> None:
    bench.team("red")
    bench.spawn(**said)
    assert bench.natives.known == {}
    assert "--agent-id" not in argv(bench)
    assert "CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS" not in env_of(bench)


def test_a_new_team_is_native_where_the_configuration_says_so() -> None:
    bench = Bench(native_teams=True)
    assert bench.team("web").native
    assert not bench.team("red", native=False).native
    bench.spawn()
    assert bench.natives.known[PLACE, "ada"].member("ada")


def test_one_that_cannot_be_a_member_is_started_as_it_is_and_that_is_told(bench: Bench) -> None:
    bench.natives.old.add("claude")
    spawned = bench.spawn(team="web")
    assert bench.life() is Life.RUNNING
    assert spawned.warnings == ("not a member of Claude Code's own team: claude is too old",)
    assert Kind.NATIVE_LEFT_OUT in bench.kinds()
    assert "--agent-id" not in argv(bench)
    assert not has_inbox(bench.world, bench.standing())


def test_one_that_is_left_out_later_is_a_member_no_more(bench: Bench) -> None:
    bench.spawn(team="web")
    bench.spawn("bob", team="web")
    bench.stop("bob")
    bench.natives.old.add("claude")
    bench.resume("bob")
    assert [one.name for one in roll(bench).members] == ["ada"]
    assert bench.spawn("bob", team="web").warnings  # a parallel of it, started just now


def test_names_that_mean_somebody_else_are_left_out(bench: Bench) -> None:
    assert "somebody else" in bench.spawn("main", team="web").warnings[0]
    bench.spawn("a.b", team="web")
    assert "has a member 'a-b' already" in bench.spawn("a-b", team="web").warnings[0]


def test_a_registry_that_is_away_is_no_reason_to_leave_one_out(bench: Bench) -> None:
    bench.spawn(team="web")
    bench.stop()
    bench.natives.failing = RegistryAway("it is away")
    with pytest.raises(RegistryAway):
        bench.resume()
    assert Kind.NATIVE_LEFT_OUT not in bench.kinds()


def test_a_team_that_claude_has_is_refused(bench: Bench) -> None:
    bench.natives.foreign.add("theirs")
    with pytest.raises(Conflict):
        bench.team("theirs", native=True)
    with pytest.raises(BadInput, match="teams of its own"):
        bench.team("session-1", native=True)
    assert bench.team("theirs").name == "theirs"


def test_a_crash_between_writing_and_starting(bench: Bench) -> None:
    bench.dies_at("start.released", lambda: bench.spawn(team="web"))
    bench.restart()
    bench.beat()
    assert bench.life() is Life.RUNNING
    assert follow(bench.world) == []
    assert standing(bench) is Standing.LISTED


# ---- following ------------------------------------------------------------------------------


def test_who_ends_leaves(bench: Bench) -> None:
    for name in ("ada", "bob", "cyd"):
        bench.spawn(name, team="web")
    bench.stop("ada")
    bench.kill("bob")
    assert follow(bench.world) == []
    assert [(one.name, one.standing) for one in roll(bench).members] == [
        ("ada", Standing.ASIDE),
        ("cyd", Standing.LISTED),
    ]
    bench.kill("ada")
    bench.kill("cyd")
    follow(bench.world)
    assert bench.natives.removed == ["web"]
    follow(bench.world)
    assert bench.natives.removed == ["web"]


def test_who_moves_leaves(bench: Bench) -> None:
    bench.spawn(team="web")
    bench.spawn("bob", team="web")
    bench.team("red")
    add_member(bench.world, "red", "ada")
    follow(bench.world)
    assert [one.name for one in roll(bench).members] == ["bob"]
    remove_member(bench.world, "web", "bob")
    follow(bench.world)
    assert bench.natives.known == {}


def test_a_name_of_a_killed_one_is_free_at_once(bench: Bench) -> None:
    bench.spawn(team="web")
    bench.kill()
    assert bench.spawn(team="web").warnings == ()
    assert [one.agent for one in roll(bench).members] == [bench.agent().id]


def test_a_team_that_is_gone_or_has_another_name(bench: Bench) -> None:
    bench.spawn(team="web")
    bench.stop()
    rename_team(bench.world, "web", "site")
    follow(bench.world)
    assert bench.natives.known == {}
    bench.resume()
    assert bench.natives.known[PLACE, "site"].lead == bench.registry.teams()[0].id
    disband(bench.world, "site")
    follow(bench.world)
    assert bench.natives.known == {}


def test_trouble_with_one_team_is_told(bench: Bench) -> None:
    bench.spawn(team="web")
    bench.natives.failing = Failed("the disk is full")
    ((team, error),) = follow(bench.world)
    assert (team, error.message) == ("web", "the disk is full")
    ((team, error),) = hear(bench.world, lambda *_: None)
    assert (team, error.message) == ("web", "the disk is full")
    bench.natives.failing = RegistryAway("it is away")
    with pytest.raises(RegistryAway):
        hear(bench.world, lambda *_: None)


# ---- messages -------------------------------------------------------------------------------


def test_a_message_goes_into_the_inbox(bench: Bench) -> None:
    bench.spawn(team="web")
    sent = send(bench.world, bench.caller(), "ada", "hello").message
    deliver(bench.world, bench.agent().id)
    ((name, text, known),) = bench.natives.sent
    assert (name, known) == ("ada", str(sent.id))
    assert "hello</message>" in text
    with bench.registry.begin() as tx:
        (found,) = tx.open_messages(bench.agent().id)
    assert (found.channel, found.state) == (Channel.INBOX, State.DELIVERING)


def test_a_former_run_has_no_inbox(bench: Bench) -> None:
    bench.spawn(team="web")
    found = bench.standing()
    assert has_inbox(bench.world, found)
    bench.stop()
    assert not has_inbox(bench.world, bench.standing())
    with pytest.raises(NotAllowed, match="no member"):
        put_into_inbox(bench.world, bench.standing(), "hello", id=UUID(int=1))
    follow(bench.world)
    bench.natives.old.add("claude")
    bench.resume()
    assert not has_inbox(bench.world, bench.standing())
    bench.spawn("bob", team="web", provider="codex")
    assert not has_inbox(bench.world, bench.standing("bob"))


# ---- being the lead -------------------------------------------------------------------------


class Lead:
    """Genie as the lead of one member."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.told: list[tuple[UUID, Evidence]] = []
        bench.spawn(team="web")

    def hear(self) -> None:
        assert hear(self.bench.world, lambda run, said: self.told.append((run, said))) == []

    def get(self, frame: object, *, sender: str = "ada", id_: str = "m1") -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        self.bench.natives.inbox.append(Mail(id=id_, sender=sender, text=text))
        self.hear()

    def asks(self, **changed: Any) -> None:  # noqa: ANN401
        self.get(REQUEST | {"request_id": "p1", "input": {"command": "ls"}} | changed)

    def says(self, said: str) -> None:
        answer(self.bench.world, self.bench.caller(), "ada", said)
        self.hear()

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(text) for _, text, _ in self.bench.natives.sent]


@pytest.fixture
def lead(bench: Bench) -> Lead:
    return Lead(bench)


def test_what_is_idle_or_nobodys_is_dropped(lead: Lead) -> None:
    lead.get({"type": "idle_notification"})
    lead.get("who am I", sender="stranger")
    assert lead.bench.natives.inbox == []
    assert lead.answers == []


def test_a_request_is_answered_once(lead: Lead) -> None:
    lead.asks()
    lead.hear()
    (request,) = lead.bench.registry.permissions(lead.bench.agent().id, limit=9)
    assert (request.tool, request.line, request.run) == ("Bash", "Bash: ls", lead.bench.run().id)
    assert lead.told[0][0] == request.run
    assert lead.told[0][1].says is Activity.PERMISSION
    assert len(lead.bench.natives.inbox) == 1
    lead.says("yes")
    ((name, text, _),) = lead.bench.natives.sent
    assert (name, json.loads(text)["subtype"]) == ("ada", "success")
    assert lead.bench.natives.inbox == []
    assert lead.bench.kinds().count(Kind.PERMISSION_ASKED) == 1


def test_a_question_is_one(lead: Lead) -> None:
    lead.asks(tool_name="AskUserQuestion", input={"questions": [{"question": "Which?", "options": []}]})
    assert lead.told[0][1].says is Activity.QUESTION


def test_a_crash_between_answer_and_telling(lead: Lead) -> None:
    lead.asks()
    answer(lead.bench.world, lead.bench.caller(), "ada", "no")
    lead.bench.dies_at("native.answered", lead.hear)
    lead.bench.restart()
    withdraw_all(lead.bench.world)
    lead.hear()
    assert [one["error"] for one in lead.answers] == ["the answer was no"]


def test_a_request_that_a_daemon_has_left_is_asked_once_more(lead: Lead) -> None:
    lead.asks()
    for _ in range(2):
        lead.bench.restart()
        assert withdraw_all(lead.bench.world) == 1
        lead.hear()
    waiting = lead.bench.registry.permissions(lead.bench.agent().id, limit=9)
    assert len(waiting) == 1
    lead.says("yes")
    assert len(lead.answers) == 1


def test_nobody_waits_for_ever(lead: Lead) -> None:
    lead.asks()
    lead.bench.clock.advance(timedelta(days=8))
    lead.hear()
    assert "nobody answered" in lead.answers[0]["error"]
    assert lead.bench.natives.inbox == []


def test_who_has_not_listened_is_told_again(lead: Lead) -> None:
    lead.asks()
    lead.told.clear()
    lead.hear()
    assert lead.told[0][1].says is Activity.PERMISSION
    with lead.bench.registry.begin() as tx:
        tx.save_agent(replace(lead.bench.agent(), activity=Activity.PERMISSION))
    lead.told.clear()
    lead.hear()
    assert lead.told == []


def test_a_member_that_has_ended_asks_nothing(lead: Lead) -> None:
    lead.bench.dies()
    lead.asks()
    assert len(lead.bench.natives.inbox) == 1  # nobody has seen yet that it is dead
    lead.bench.look()
    lead.bench.look()
    lead.hear()
    assert lead.bench.natives.inbox == []
    assert lead.answers == []


def test_a_member_that_is_being_started_is_heard_later(lead: Lead) -> None:
    lead.bench.stop()
    lead.bench.dies_at("start.released", lead.bench.resume)
    lead.asks()
    assert len(lead.bench.natives.inbox) == 1
    assert lead.answers == []


def test_words_go_to_who_leads(lead: Lead) -> None:
    bench = lead.bench
    lead.get("nobody leads \0\ud800")
    told = [one for one in bench.events() if one.kind is Kind.USER_EVENT]
    assert told[-1].payload["data"] == {"to": "team-lead", "mail": "m1"}
    assert told[-1].payload["message"] == "nobody leads \N{REPLACEMENT CHARACTER}?"
    (team,) = [one for one in bench.registry.teams() if one.name == "web"]
    for name in ("ada", "nobody", "sleeper"):
        with bench.registry.begin() as tx:
            tx.save_team(replace(team, lead=name))
        if name == "sleeper":
            bench.spawn(name, team="web", role=None, command=("sleep", "9"))
        lead.get(f"for {name}", id_=name)
    assert [one.kind for one in bench.events()].count(Kind.USER_EVENT) == 4
    bench.spawn("bob", team="web")
    with bench.registry.begin() as tx:
        tx.save_team(replace(team, lead="bob"))
    lead.get("done", id_="m9")
    lead.get("done", id_="m9")
    with bench.registry.begin() as tx:
        (message,) = tx.open_messages(bench.agent("bob").id)
    assert (message.text, message.wrote) == ("done", "ada@web")
    lead.get("  ", id_="m10")
    assert bench.natives.inbox == []


def test_a_mail_that_makes_trouble_keeps_no_other(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = lead.bench
    lead.asks()
    answer(bench.world, bench.caller(), "ada", "yes")
    put = bench.natives.put

    def broken(*_: object, **__: object) -> None:
        raise Failed("the inbox is held by somebody else")

    monkeypatch.setattr(bench.natives, "put", broken)
    bench.natives.inbox.append(Mail(id="m2", sender="ada", text="I am stuck"))
    for _ in range(2):
        ((team, error),) = hear(bench.world, lambda *_: None)
        assert (team, error.message) == ("web", "the inbox is held by somebody else")
    assert [mail.id for mail in bench.natives.inbox] == ["m1"]
    monkeypatch.setattr(bench.natives, "put", put)
    lead.hear()
    assert (len(lead.answers), bench.natives.inbox) == (1, [])
    assert bench.kinds().count(Kind.USER_EVENT) == 1


def test_words_that_could_not_be_dropped_are_told_once(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lead.bench.natives, "drop", lambda *_: None)
    lead.get("I am stuck")
    lead.hear()
    lead.get("I am stuck", id_="m2")
    assert lead.bench.kinds().count(Kind.USER_EVENT) == 2


def test_a_member_does_not_ask_without_an_end(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genie.services.ask.MOST_OPEN", 1)
    lead.asks()
    lead.bench.natives.inbox.append(replace(lead.bench.natives.inbox[0], id="m2", text=json.dumps(REQUEST)))
    ((_, error),) = hear(lead.bench.world, lambda *_: None)
    assert "requests open" in error.message


def test_without_the_registry_nothing_is_dropped(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise RegistryAway("it is away")

    monkeypatch.setattr(lead.bench.registry, "standings", away)
    lead.bench.natives.inbox.append(Mail(id="m1", sender="ada", text="I am stuck"))
    with pytest.raises(RegistryAway):
        hear(lead.bench.world, lambda *_: None)
    assert len(lead.bench.natives.inbox) == 1
