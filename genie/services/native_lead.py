"""Being the lead of Claude Code's own teams: what members ask is answered, and what they say is passed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID, uuid5

from genie.domain.activity import Evidence, Source
from genie.domain.agent import Activity, Agent, Life
from genie.domain.errors import GenieError, RegistryAway
from genie.domain.events import Event, Kind, event
from genie.domain.native import LEAD, Mail, Member, Notice, Request, Roll, Words, read_mail, response
from genie.domain.note import LONGEST, Level
from genie.domain.permission import LONGEST_WAIT, PermissionRequest, State, request_of
from genie.domain.session import Run, Standing
from genie.services.ask import expire, look, put_down
from genie.services.native import Trouble, native_team
from genie.services.send import LONGEST_KEY, check_reader, post
from genie.services.world import World

DAEMON_ENDED = "the daemon ended"
"""Why a request was withdrawn whose daemon has gone."""
REMEMBERED = 50
"""Words of a member without a leader among which one is looked for that is there already."""
Tell = Callable[[UUID, Evidence], None]


def hear(world: World, tell: Tell) -> list[Trouble]:
    """Take in what members have written to their lead: answers that were given are passed on, words go to the agent
    that leads the team. `tell` learns that a member waits for leave. What went wrong, by team. Raises RegistryAway,
    Failed."""
    troubles: list[Trouble] = []
    for roll in world.natives.rolls():
        try:
            _hear(world, roll, tell, troubles)
        except RegistryAway:
            raise
        except GenieError as error:
            troubles.append((roll.team, error))
    return troubles


def _hear(world: World, roll: Roll, tell: Tell, troubles: list[Trouble]) -> None:
    """What is done with is dropped, also where another mail makes trouble: it would be passed on once more."""
    done = set()
    for mail in world.natives.mail(roll):
        try:
            if _settled(world, roll, mail, tell):
                done.add(mail.id)
        except RegistryAway:
            raise
        except GenieError as error:
            troubles.append((roll.team, error))
    if done:
        world.natives.drop(roll, done)


def _settled(world: World, roll: Roll, mail: Mail, tell: Tell) -> bool:
    """Do what a mail asks for; whether nothing is left of that."""
    said = read_mail(mail)
    member = roll.member(mail.sender)
    found = next(iter(world.registry.standings([member.agent])), None) if member else None
    if isinstance(said, Notice) or member is None or found is None:
        return True
    if isinstance(said, Words):
        _pass_on(world, found, mail)
        return True
    return _answered(world, roll, member, found, said, tell)


def _answered(world: World, roll: Roll, member: Member, found: Standing, request: Request, tell: Tell) -> bool:
    run = found.run
    if run is None or run.ended_at is not None or found.agent.life is not Life.RUNNING:
        return run is None or run.ended_at is not None
    over = _asked(world, found, run, request, tell)
    frame = response(request, over)
    if frame is None:
        return False
    world.fault("native.answered")
    world.natives.put(roll, member.name, frame, id=str(uuid5(over.id, "response")))
    return True


def _asked(world: World, found: Standing, run: Run, request: Request, tell: Tell) -> PermissionRequest:
    """The member's request as it stands, written down if it was not before. One that a daemon which is gone has left
    without an answer is asked once more: its program still waits."""
    known, again = uuid5(run.id, request.id), 0
    while before := world.registry.find_permission(known):
        if before.state is State.OPEN:
            return _still(world, found.agent, before, tell)
        if before.reason != DAEMON_ENDED:
            return before
        again += 1
        known = uuid5(run.id, f"{request.id} {again}")
    return _ask(world, found.agent, run, request, known, tell)


def _still(world: World, agent: Agent, request: PermissionRequest, tell: Tell) -> PermissionRequest:
    if world.clock.now() >= request.until:
        return expire(world, request.id)
    if agent.activity in (Activity.UNKNOWN, Activity.STARTING):
        tell(request.run, _waiting(world, request))  # nobody has listened when it was told
    return look(world, request.id)


def _waiting(world: World, request: PermissionRequest) -> Evidence:
    doing = Activity.QUESTION if request.is_question else Activity.PERMISSION
    return Evidence(source=Source.HOOK, at=world.clock.now(), says=doing, detail="it asks its lead")


def _ask(world: World, agent: Agent, run: Run, request: Request, known: UUID, tell: Tell) -> PermissionRequest:
    made = request_of(agent, run.id, request.asked, id_=known, now=world.clock.now(), wait=LONGEST_WAIT)
    tell(run.id, _waiting(world, made))
    put_down(world, agent, made)
    return made


def _pass_on(world: World, found: Standing, mail: Mail) -> None:
    """Give words for the lead to the agent that leads the team; where there is none, they stand in the session of who
    said them."""
    agent, text = found.agent, _keepable(mail.text)
    lead = _leader(world, agent)
    if lead and text.strip():
        post(world, lead, text, sender=agent, key=f"native {mail.id}"[:LONGEST_KEY])
        return
    said = {"message": text, "level": Level.INFO.value, "data": {"to": LEAD, "mail": mail.id}}
    if any(one.payload.get("data") == said["data"] for one in _last_said(world, agent)):
        return  # it could not be dropped then
    with world.registry.begin() as tx:
        tx.record(event(Kind.USER_EVENT, agent, found.run, at=world.clock.now(), **said))


def _last_said(world: World, agent: Agent) -> Sequence[Event]:
    return world.registry.history(agent.id, limit=REMEMBERED, kinds=(Kind.USER_EVENT,))


def _leader(world: World, agent: Agent) -> Agent | None:
    """The agent that leads the team, if that is another one and reads messages."""
    team = native_team(world, agent.team)
    found = world.registry.find(team.lead) if team and team.lead else None
    if found is None or found.agent.id == agent.id:
        return None
    try:
        check_reader(world, found, "a message")
    except GenieError:
        return None
    return found.agent


def _keepable(text: str) -> str:
    """It as the registry can keep it."""
    plain = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")
    return plain[:LONGEST].decode("utf-8", "ignore")
