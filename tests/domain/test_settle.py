"""What the daemon does next with an agent, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from genie.domain import resume, settle
from genie.domain.agent import MOVES, SILENT, Agent, Desired, End, Life, Restart
from genie.domain.session import Look, Run, Sight, Standing
from genie.domain.settle import (
    Bring,
    CarryOn,
    Clear,
    Declare,
    Expire,
    Facts,
    Finish,
    GiveUp,
    Hold,
    Learn,
    Note,
    Rest,
    Start,
    next_step,
)
from tests.domain.test_agent import AGENT, NOW
from tests.domain.test_session import A_RUN, A_SESSION

LIVE_RUN = replace(A_RUN, live_at=NOW)
CRASHED = End(exit_code=1)


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def standing(agent: Agent = AGENT, run: Run | None = LIVE_RUN) -> Standing:
    return Standing(agent, A_SESSION, run)


ALIVE, GONE, UNSEEN = Look(Sight.ALIVE), Look(Sight.DEAD, CRASHED), Look(Sight.UNKNOWN)
DEAD = replace(AGENT, life=Life.DEAD)
MISSED = replace(LIVE_RUN, missed=1)
SUSPENDED = replace(AGENT, life=Life.SUSPENDED)
NO_PLACE = "waits for a free place (max_running)"


@pytest.mark.parametrize(
    ("stands", "facts", "step"),
    [
        (standing(replace(AGENT, life=Life.QUEUED)), Facts(look=None), Start()),
        (standing(replace(AGENT, life=Life.QUEUED)), Facts(look=None, room=False), Hold(NO_PLACE)),
        (standing(replace(AGENT, life=Life.SPAWNING)), Facts(look=None), CarryOn()),
        (standing(replace(AGENT, life=Life.RESUMING)), Facts(look=None), CarryOn()),
        # running: two looks that miss it, in a row; unreachable is not dead
        (standing(), Facts(look=ALIVE), Rest("its process is alive in its pane")),
        (standing(run=MISSED), Facts(look=ALIVE), Clear()),
        (standing(), Facts(look=ALIVE, unnamed=True), Learn()),
        (standing(run=MISSED), Facts(look=ALIVE, unnamed=True), Clear()),
        (standing(), Facts(look=UNSEEN, unnamed=True), Hold("tmux unreachable")),
        (standing(), Facts(look=UNSEEN), Hold("tmux unreachable")),
        (standing(run=MISSED), Facts(look=UNSEEN), Hold("tmux unreachable")),
        (standing(), Facts(look=None), Hold("tmux unreachable")),
        (standing(run=None), Facts(look=GONE), Hold("tmux unreachable")),
        *((standing(), Facts(look=Look(s)), Note(1, Look(s))) for s in Sight if Look(s).gone),
        *((standing(run=MISSED), Facts(look=Look(s)), Declare(Look(s))) for s in Sight if Look(s).gone),
        (standing(), Facts(look=GONE, dead_cycles=1), Declare(GONE)),
        (standing(run=MISSED), Facts(look=GONE, dead_cycles=3), Note(2, GONE)),
        # dead: what `decide` says, when there is a place and nothing of ours is in the way
        (standing(DEAD), Facts(look=None), Bring(1)),
        (standing(DEAD), Facts(look=None, room=False), Hold(NO_PLACE)),
        (standing(DEAD), Facts(look=None, blocked="no binary"), Hold("no binary")),
        (standing(DEAD), Facts(look=None, blocked="no binary", room=False), Hold("no binary")),
        (standing(DEAD), Facts(look=None, resumable=False), GiveUp(resume.Never.UNRESUMABLE)),
        (standing(replace(DEAD, auto_resume=False)), Facts(look=None), GiveUp(resume.Never.EXIT)),
        (standing(replace(DEAD, restart=Restart.NEVER)), Facts(look=None), GiveUp(resume.Never.EXIT)),
        (standing(replace(DEAD, attempts=3)), Facts(look=None), GiveUp(resume.Never.EXHAUSTED)),
        (
            standing(replace(DEAD, attempts=1, last_attempt=NOW)),
            Facts(look=None),
            Hold("cooldown between attempts", NOW + after(60)),
        ),
        (
            standing(replace(DEAD, limited_until=NOW + after(9))),
            Facts(look=None),
            Hold("usage limit", NOW + after(9)),
        ),
        *(
            (standing(replace(AGENT, life=life)), Facts(look=None), Rest(f"it is {life.value}"))
            for life in SILENT - {Life.SUSPENDED}
        ),
        # suspended with its parent, and wanted again with it
        (standing(SUSPENDED), Facts(look=None), Bring(0)),
        (standing(SUSPENDED), Facts(look=None, room=False), Hold(NO_PLACE)),
        (standing(SUSPENDED.wanting(Desired.STOPPED)), Facts(look=None), Rest("it is suspended")),
        # ended from above, and time to live
        (standing(AGENT.wanting(Desired.GONE)), Facts(look=ALIVE, from_above=True), Hold("ends with its parent")),
        (standing(replace(AGENT, expires_at=NOW)), Facts(look=ALIVE), Expire()),
        (standing(replace(SUSPENDED, expires_at=NOW)), Facts(look=None), Expire()),
        (
            standing(replace(AGENT, expires_at=NOW + after(1))),
            Facts(look=ALIVE),
            Rest("its process is alive in its pane"),
        ),
        (standing(replace(AGENT, expires_at=NOW).wanting(Desired.GONE)), Facts(look=ALIVE), Finish("wanted gone")),
        (standing(replace(AGENT, expires_at=NOW, life=Life.DONE)), Facts(look=None), Rest("it is done")),
    ],
)
def test_next_step(stands: Standing, facts: Facts, step: settle.Step) -> None:
    assert next_step(stands, facts, now=NOW) == step
    assert step.reason


FINISHED_WHEN_STOPPED = {Life.QUEUED, Life.SPAWNING, Life.RUNNING, Life.DEAD, Life.RESUMING}


@pytest.mark.parametrize("life", Life)
def test_what_is_wanted_stopped_is_finished_where_there_is_something_to_stop(life: Life) -> None:
    step = next_step(standing(replace(AGENT, life=life, desired=Desired.STOPPED)), Facts(look=ALIVE), now=NOW)
    if life in FINISHED_WHEN_STOPPED:
        assert step == Finish("wanted stopped")
        assert Life.SUSPENDED in MOVES[life]
    else:
        assert step == Rest(f"it is {life.value}")


@pytest.mark.parametrize("life", Life)
def test_what_is_wanted_gone_is_finished_in_every_life(life: Life) -> None:
    step = next_step(standing(replace(AGENT, life=life, desired=Desired.GONE)), Facts(look=ALIVE), now=NOW)
    if life is Life.TERMINATED:
        assert step == Rest("it is terminated")
    else:
        assert step == Finish("wanted gone")
        assert Life.TERMINATED in MOVES[life]


@pytest.mark.parametrize("never", resume.Never)
def test_the_daemon_and_explain_give_the_same_reason(never: resume.Never) -> None:
    assert GiveUp(never).reason == never.value
    assert Bring(2).reason == "resume attempt 2"
    assert Declare(GONE).reason == "pane dead (exit code 1)"
    assert Note(1, Look(Sight.MISSING)).reason == "pane missing, missed 1×"


@pytest.mark.parametrize(
    ("agent", "step"),
    [
        (DEAD, Bring(1)),
        (replace(DEAD, attempts=3), GiveUp(resume.Never.EXHAUSTED)),
        (replace(DEAD, attempts=1, last_attempt=NOW), Hold("cooldown between attempts", NOW + after(60))),
        (replace(DEAD, desired=Desired.STOPPED), Rest("it is not wanted running")),
        (AGENT, Rest("it is not dead")),
    ],
)
def test_every_decision_about_the_dead_has_its_step(agent: Agent, step: settle.Step) -> None:
    assert settle._dead(standing(agent), Facts(look=None), now=NOW) == step
