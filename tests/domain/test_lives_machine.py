"""One agent through its lives: a command that keeps dying, and any history at all, keep the invariants."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from genie.domain import resume, settle
from genie.domain.agent import (
    IN_PANE,
    SILENT,
    Agent,
    Create,
    Desired,
    End,
    Life,
    Parallel,
    Restart,
    Resume,
    Why,
    check_resume_by_hand,
    decide_spawn,
    read_end,
)
from genie.domain.errors import NotAllowed
from genie.domain.events import Event, Kind, event
from genie.domain.resume import Policy, Until
from genie.domain.session import Look, PaneSeen, Run, Server, Sight, Snapshot, Standing, look
from genie.domain.settle import (
    Bring,
    CarryOn,
    Clear,
    Declare,
    Facts,
    Finish,
    GiveUp,
    Hold,
    Note,
    Rest,
    Start,
    next_step,
)
from tests.domain.test_agent import AGENT, NOW
from tests.domain.test_session import A_RUN, A_SESSION, IDENTITY, SEEN, SERVER

cases = settings(
    deadline=None, database=None, derandomize=True, max_examples=150, suppress_health_check=[HealthCheck.too_slow]
)

LIVE_RUN = replace(A_RUN, live_at=NOW)
CRASHED = End(exit_code=1)
ENDS = st.sampled_from([End(0), End(1), End(signal=9), End()])


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def standing(agent: Agent = AGENT, run: Run | None = LIVE_RUN) -> Standing:
    return Standing(agent, A_SESSION, run)


# ---- a command that keeps dying ------------------------------------------------------------

stable = st.integers(1, 600).map(after)
cooldowns = st.integers(0, 120).map(after)
budgets = st.integers(0, 6)


def died(agent: Agent, *, born: datetime, at: datetime) -> Standing:
    """The agent whose run was alive from `born` until `at`."""
    life, reason = read_end(agent, CRASHED)
    run = replace(LIVE_RUN, live_at=born).ended(CRASHED, at=at)
    return standing(agent.to(life, now=at, reason=reason), run)


def crash_loop(policy: Policy, lives: timedelta, look_every: timedelta, *, most: int) -> tuple[list[datetime], Agent]:
    """Resume a command that dies after `lives` each time, until it is given up or was resumed `most` times."""
    claims: list[datetime] = []
    stands = died(replace(AGENT, policy=policy), born=NOW, at=NOW + lives)
    now = NOW + lives
    while len(claims) < most:
        assert now < NOW + timedelta(days=2), "neither resumed nor given up"
        step = next_step(stands, Facts(look=None), now=now)
        if isinstance(step, GiveUp):
            assert step.why is resume.Never.EXHAUSTED
            return claims, stands.agent.to(Life.FAILED, now=now, reason="exhausted")
        if isinstance(step, Bring):
            claims.append(now)
            claimed = replace(stands.agent.to(Life.RESUMING, now=now), attempts=step.attempt, last_attempt=now)
            stands = died(claimed.to(Life.RUNNING, now=now), born=now, at=now + lives)
            now += lives
        else:
            assert isinstance(step, Hold)
            now += look_every
    return claims, stands.agent


@cases
@given(budgets, cooldowns, stable, st.floats(0, 1, exclude_max=True), st.integers(1, 90).map(after))
def test_a_command_that_dies_young_is_resumed_as_often_as_allowed_and_then_left_in_silence(
    budget: int, cooldown: timedelta, stable_after: timedelta, fraction: float, look_every: timedelta
) -> None:
    policy = Policy(max_attempts=budget, cooldown=cooldown, stable_after=stable_after)
    lives = min(stable_after * fraction, stable_after - timedelta(microseconds=1))
    claims, agent = crash_loop(policy, lives, look_every, most=99)
    assert len(claims) == budget
    assert all(later - earlier >= cooldown for earlier, later in pairwise(claims))
    assert claims[:1] in ([], [NOW + lives])
    assert (agent.life, agent.reason, agent.attempts) == (Life.FAILED, "exhausted", budget)
    for days in range(5):
        step = next_step(standing(agent), Facts(look=Look(Sight.MISSING)), now=NOW + timedelta(days=days))
        assert step == Rest("it is failed")


def test_a_command_that_dies_after_three_seconds_is_resumed_three_times_a_minute_apart() -> None:
    claims, agent = crash_loop(Policy(), after(3), after(1), most=99)
    assert [(claim - NOW).total_seconds() for claim in claims] == [3, 63, 123]
    assert agent.reason == "exhausted"


@cases
@given(st.integers(1, 6), cooldowns, stable, st.integers(0, 60).map(after))
def test_a_command_that_lives_long_enough_is_resumed_at_once_for_ever(
    budget: int, cooldown: timedelta, stable_after: timedelta, more: timedelta
) -> None:
    policy = Policy(max_attempts=budget, cooldown=cooldown, stable_after=stable_after)
    lives = stable_after + more
    claims, agent = crash_loop(policy, lives, after(1), most=3 * budget + 1)
    assert claims == [NOW + lives * turn for turn in range(1, 3 * budget + 2)]
    assert agent.attempts == 1


# ---- any history ---------------------------------------------------------------------------


class Lives(RuleBasedStateMachine):
    """An agent, the truth about its process, and a ledger of attempts that is kept apart from the agent's own.

    `born` and `ended` are the truth about the process; `due` is the ledger: attempts claimed since a hand or a
    stable life cleared it.
    """

    agent: Agent
    run: Run | None
    now: datetime
    policy: Policy

    @initialize(
        policy=st.builds(Policy, max_attempts=st.integers(0, 4), cooldown=cooldowns, stable_after=stable),
        restart=st.sampled_from(Restart),
    )
    def spawn_first(self, policy: Policy, restart: Restart) -> None:
        self.policy, self.now, self.run = policy, NOW, None
        self.agent = replace(AGENT, life=Life.QUEUED, policy=policy, restart=restart)
        self.born: datetime | None = None
        self.ended: End | None = None
        self.lived = timedelta(0)
        self.due: list[datetime] = []
        self.runs = 0
        self.events: list[Event] = []

    # what the user does

    @rule(role=st.sampled_from(["engineer", "reviewer"]), resumable=st.booleans())
    def spawn(self, role: str, resumable: bool) -> None:
        before = self.agent
        match decide_spawn(before, team=before.team, role=role, resumable=resumable):
            case Parallel():
                assert before.life in {Life.QUEUED, *IN_PANE} or before.desired is Desired.GONE
            case Resume():
                self._claim(Why.RESUME, 0)
            case Create(anew=True):
                self._move(Life.QUEUED, Kind.QUEUED)
                self.agent = replace(self.agent, role=role, attempts=0, last_attempt=None, desired=Desired.RUNNING)
                self.due = []
            case Create():
                assert before.life is Life.TERMINATED

    @rule()
    def resume_by_hand(self) -> None:
        try:
            check_resume_by_hand(self.agent)
        except NotAllowed:
            assert self.agent.life in {Life.QUEUED, *IN_PANE, Life.TERMINATED} or self.agent.desired is Desired.GONE
            return
        self._claim(Why.RESUME, 0)

    @precondition(lambda self: self.agent.life in {Life.QUEUED, Life.DEAD, *IN_PANE} and self._not_gone())
    @rule()
    def stop(self) -> None:
        self.agent = self.agent.wanting(Desired.STOPPED)

    @precondition(lambda self: self.agent.life is not Life.TERMINATED)
    @rule(sure=st.integers(0, 3))
    def kill(self, sure: int) -> None:
        if sure == 0:
            self.agent = self.agent.wanting(Desired.GONE)

    @rule(on=st.booleans())
    def set_auto_resume(self, on: bool) -> None:
        self.agent = replace(self.agent, auto_resume=on)

    # what the world does

    @rule(seconds=st.sampled_from([1, 5, 30, 59, 60, 61, 300, 601]))
    def time_passes(self, seconds: int) -> None:
        self.now += after(seconds)

    @precondition(lambda self: self.born and not self.ended)
    @rule(end=ENDS, seconds=st.integers(0, 700))
    def process_ends(self, end: End, seconds: int) -> None:
        assert self.born
        self.now += after(seconds)
        self.ended, self.lived = end, self.now - self.born

    @rule(seconds=st.none() | st.integers(-60, 600))
    def usage_limit(self, seconds: int | None) -> None:
        self.agent = replace(self.agent, limited_until=None if seconds is None else self.now + after(seconds))

    # what the daemon does

    @rule(reachable=st.booleans(), room=st.booleans(), starts=st.booleans())
    def beat(self, reachable: bool, room: bool, starts: bool) -> None:
        facts = Facts(look=self._look(reachable), room=room)
        stands = Standing(self.agent, A_SESSION, self.run)
        step = next_step(stands, facts, now=self.now)
        assert step == next_step(stands, facts, now=self.now)
        self._carry_out(step, starts)

    @precondition(lambda self: self.agent.life in SILENT and self._not_gone())
    @rule(reachable=st.booleans())
    def beat_in_silence(self, reachable: bool) -> None:
        stands, written = Standing(self.agent, A_SESSION, self.run), len(self.events)
        step = next_step(stands, Facts(look=self._look(reachable)), now=self.now)
        assert step == Rest(f"it is {self.agent.life.value}")
        self._carry_out(step, starts=True)
        assert (self.agent, len(self.events)) == (stands.agent, written)

    def _carry_out(self, step: settle.Step, starts: bool) -> None:
        match step:
            case Rest() | Hold():
                self._check_hold(step)
            case Clear():
                self._miss(0)
            case Note(missed=missed):
                assert missed == 1
                self._miss(missed)
            case Declare(look=seen):
                self._declare(seen)
            case Start():
                self._begin(Why.SPAWN, Life.SPAWNING, Kind.SPAWNING)
            case CarryOn():
                self._start(starts)
            case Bring(attempt=attempt):
                self._check_attempt(attempt)
                self._claim(Why.AUTO_RESUME, attempt)
            case GiveUp(why=why):
                assert (why is resume.Never.EXHAUSTED) == self._exhausted()
                self._move(Life.FAILED, Kind.EXHAUSTED if self._exhausted() else Kind.FAILED, why.name.lower())
            case Finish():
                self._end_run(End(signal=15))
                gone = self.agent.desired is Desired.GONE
                self._move(Life.TERMINATED if gone else Life.SUSPENDED, Kind.TERMINATED if gone else Kind.STOPPED)

    def _check_hold(self, step: Rest | Hold) -> None:
        if isinstance(step, Hold) and step.until:
            assert step.until > self.now
            if step.reason == Until.COOLDOWN.value:
                assert self.due
                assert step.until == self.due[-1] + self.policy.cooldown <= self.now + self.policy.cooldown

    def _check_attempt(self, attempt: int) -> None:
        assert self.agent.desired is Desired.RUNNING
        assert self.agent.auto_resume
        assert self.agent.restart is not Restart.NEVER
        due = self._due()
        assert attempt == len(due) + 1 <= self.policy.max_attempts
        assert not due or self.now >= due[-1] + self.policy.cooldown
        assert self.agent.limited_until is None or self.now >= self.agent.limited_until

    def _declare(self, seen: Look) -> None:
        assert self.ended is not None
        assert self.run
        assert self.run.missed == 1
        self._end_run(seen.end)
        life, reason = read_end(self.agent, seen.end)
        self._move(life, Kind.DONE if life is Life.DONE else Kind.DIED, reason)

    def _claim(self, why: Why, attempt: int) -> None:
        automatic = why is Why.AUTO_RESUME
        self.due = [*self._due(), self.now] if automatic else []
        self._begin(why, Life.RESUMING, Kind.RESUME_CLAIMED)
        self.agent = replace(
            self.agent.wanting(Desired.RUNNING), attempts=attempt, last_attempt=self.now if automatic else None
        )

    def _begin(self, why: Why, life: Life, kind: Kind) -> None:
        self.runs += 1
        run = UUID(int=self.runs)
        self.run = replace(A_RUN, id=run, why=why, pane=replace(IDENTITY, run=run), created_at=self.now)
        self.born, self.ended, self.lived = None, None, timedelta(0)
        self._move(life, kind)

    def _start(self, starts: bool) -> None:
        assert self.run
        if starts:
            self.born, self.run = self.now, replace(self.run, live_at=self.now)
            self._move(Life.RUNNING, Kind.RUNNING)
            return
        self._end_run(End())
        spawned = self.run.why is Why.SPAWN
        self._move(
            Life.FAILED if spawned else Life.DEAD, Kind.FAILED if spawned else Kind.RESUME_FAILED, "start_failed"
        )

    def _end_run(self, end: End) -> None:
        """The run is over, since its process ended where it had one, else since now."""
        if self.run is None or self.run.ended_at:
            return
        if self.born and not self.ended:
            self.ended, self.lived = end, self.now - self.born
        self.run = self.run.ended(end, at=self.born + self.lived if self.born else self.now)

    def _miss(self, missed: int) -> None:
        assert self.run
        self.run = replace(self.run, missed=missed)

    def _move(self, life: Life, kind: Kind, reason: str | None = None) -> None:
        self.agent = self.agent.to(life, now=self.now, reason=reason)
        self.events.append(event(kind, self.agent, self.run, at=self.now, reason=reason))

    def _look(self, reachable: bool) -> Look | None:
        if self.agent.life is not Life.RUNNING:
            return None
        assert self.run
        assert self.run.pane
        pane: PaneSeen = replace(SEEN, tag=self.run.id, command_run=self.run.id)
        if self.ended:
            pane = replace(pane, dead=True, exit_code=self.ended.exit_code, signal=self.ended.signal)
        return look(self.run.pane, Snapshot(server=SERVER, panes=(pane,)) if reachable else None, Server.SAME)

    def _due(self) -> list[datetime]:
        return [] if self.lived >= self.policy.stable_after else self.due

    def _exhausted(self) -> bool:
        brought_back = self.agent.auto_resume and self.agent.restart is not Restart.NEVER
        return brought_back and len(self._due()) >= self.policy.max_attempts

    def _not_gone(self) -> bool:
        return self.agent.desired is not Desired.GONE

    # what always holds

    @invariant()
    def the_budget_is_never_overdrawn(self) -> None:
        assert 0 <= self.agent.attempts <= self.policy.max_attempts
        assert self.agent.attempts == len(self.due)

    @invariant()
    def a_life_in_a_pane_has_a_run_that_goes_on_and_no_other_has(self) -> None:
        goes_on = self.run is not None and self.run.ended_at is None
        assert goes_on == (self.agent.life in IN_PANE)

    @invariant()
    def only_a_failed_agent_or_one_that_died_has_a_reason(self) -> None:
        assert (self.agent.reason is not None) == (self.agent.life in {Life.FAILED, Life.DEAD})

    @invariant()
    def every_event_is_of_this_agent_and_says_no_nothing(self) -> None:
        for told in self.events[-1:]:
            assert (told.agent, told.session, told.id, told.seq) == (self.agent.id, self.agent.session, None, None)
            assert told.run == (self.run.id if self.run else None)
            assert None not in told.payload.values()


TestLives = Lives.TestCase
TestLives.settings = settings(
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=150,
    stateful_step_count=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
