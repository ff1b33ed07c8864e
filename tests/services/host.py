"""The processes and files of a `Machine`, as the ports have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from genie.domain.errors import BadInput, Survivors
from genie.domain.usage import Usage
from genie.ports import Lineage, LogPiece, Rooted
from tests.services.machine import HOME, Launch, Machine, Process, one_at_a_time


@one_at_a_time
class MemoryProcesses:
    """`genie.ports.Processes`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def _exact(self, pid: int | None, started: str | None) -> Process | None:
        process = self._machine.processes.get(pid) if pid is not None else None
        return process if process and process.alive and process.started == started else None

    def started(self, pid: int) -> str | None:
        process = self._machine.processes.get(pid)
        return process.started if process and process.alive else None

    def alive(self, pid: int, started: str) -> bool:
        return self._exact(pid, started) is not None

    def waits_for_launch(self, pid: int, run: UUID) -> bool:
        process = self._machine.processes.get(pid)
        return process is not None and process.alive and process.run == run and process.argv is None

    def end_tree(self, *, run: UUID, pid: int | None, started: str | None, grace: timedelta) -> None:
        self._machine.graces[run] = grace
        root = self._exact(pid, started)
        tree = [process for process in self._machine.processes.values() if process.alive and process.run == run]
        tree += [p for p in self._below(root) if p not in tree] if root else []
        left = [process.pid for process in tree if not self._machine.kill(process)]
        if left:
            raise Survivors(f"{len(left)} processes outlived SIGKILL", pids=left)

    def _below(self, root: Process) -> list[Process]:
        children = [p for p in self._machine.processes.values() if p.parent == root.pid and p.alive]
        return [root, *(deeper for child in children for deeper in self._below(child))]

    def terminate(self, pid: int, started: str) -> None:
        process = self._exact(pid, started)
        if process and process.polite:
            self._machine.end(process, signal=15)

    def gone(self, pid: int, started: str, *, within: timedelta) -> bool:
        if self._exact(pid, started):
            self._machine.clock.advance(within)
        return self._exact(pid, started) is None

    def ancestors(self, pid: int) -> list[int]:
        process = self._machine.processes.get(pid)
        return [process.parent, *self.ancestors(process.parent)] if process and process.parent != 1 else []

    def lineage(self, pid: int) -> Lineage:
        pids = (pid, *self.ancestors(pid)) if pid in self._machine.processes else ()
        processes = [self._machine.processes[one] for one in pids]
        return Lineage(pids=pids, session=pid, runs=tuple(p.run for p in processes if p.run))

    def usage(self, roots: Sequence[Rooted]) -> dict[UUID, Usage]:
        trees = {root.run: self._tree(root) for root in roots}
        return {
            run: Usage(cpu_seconds=1.0, rss=sum(process.memory for process in tree), processes=len(tree))
            for run, tree in trees.items()
            if tree
        }

    def memory(self, roots: Sequence[Rooted]) -> dict[UUID, int]:
        return {run: usage.rss for run, usage in self.usage(roots).items()}

    def _tree(self, root: Rooted) -> list[Process]:
        return [process for process in self._machine.processes.values() if process.alive and process.run == root.run]

    def enclose(self, run: UUID, pid: int, *, memory: int | None = None) -> None:
        self._machine.enclosed[run] = memory

    def starved(self, run: UUID) -> bool:
        return run in self._machine.starved

    def of_this_boot(self, started: str) -> bool:
        return started not in self._machine.before_boot

    def confinement(self) -> str:
        return "memory"


@one_at_a_time
class MemoryLaunches:
    """`genie.ports.Launches`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def keep_environment(self, session: UUID, env: Mapping[str, str]) -> None:
        self._machine.environments[session] = dict(env)

    def environment(self, session: UUID) -> dict[str, str]:
        return dict(self._machine.environments.get(session, {}))

    def prompt_path(self, of: UUID) -> str:
        return f"{HOME}/prompts/{of}.md"

    def keep_prompt(self, of: UUID, prompt: str) -> str:
        self._machine.prompts[of] = prompt
        return self.prompt_path(of)

    def prompt(self, of: UUID) -> str | None:
        return None if of in self._machine.told else self._machine.prompts.get(of)

    def told(self, of: UUID) -> None:
        if of in self._machine.prompts:
            self._machine.told.add(of)

    def was_told(self, of: UUID) -> bool:
        return of in self._machine.told

    def untold(self, of: UUID) -> None:
        self._machine.told.discard(of)

    def keep_token(self, run: UUID, token: str) -> None:
        self._machine.tokens[run] = token

    def token(self, run: UUID) -> str | None:
        return self._machine.tokens.get(run)

    def forget_token(self, run: UUID) -> None:
        self._machine.tokens.pop(run, None)

    def release(
        self,
        run: UUID,
        *,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str,
        attend: Mapping[str, object] | None = None,
    ) -> None:
        if "release" in self._machine.fails:
            raise self._machine.fails["release"]
        self._machine.waiting[run] = Launch(tuple(argv), dict(env), cwd, dict(attend) if attend else None)
        self._machine.tick()

    def mark(self, session: UUID, what: str, said: Mapping[str, object]) -> None:
        if "mark" in self._machine.fails:
            raise self._machine.fails["mark"]
        self._machine.marks[session, what] = dict(said)

    def marked(self, session: UUID, what: str) -> bool:
        return (session, what) in self._machine.marks

    def unended(self) -> list[UUID]:
        return [session for session in self._machine.folders if (session, "ended") not in self._machine.marks]

    def withdraw(self, run: UUID) -> None:
        self._machine.waiting.pop(run, None)
        self._machine.tokens.pop(run, None)

    def sweep(self, *, sessions: frozenset[UUID], runs: frozenset[UUID]) -> None:
        machine = self._machine
        machine.waiting = {run: launch for run, launch in machine.waiting.items() if run in runs}
        machine.environments = {id_: env for id_, env in machine.environments.items() if id_ in sessions}
        machine.prompts = {id_: prompt for id_, prompt in machine.prompts.items() if id_ in sessions | runs}


class MemoryRunLogs:
    """`genie.ports.RunLogs`: pieces of `piece` characters; a mark is a place in a log."""

    piece = 20

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def path(self, run: UUID) -> str:
        return f"{HOME}/logs/runs/{run}.log"

    def begin(self, run: UUID) -> str:
        if "begin" in self._machine.fails:
            raise self._machine.fails["begin"]
        self._machine.logs.setdefault(run, "")
        return self.path(run)

    def has(self, run: UUID) -> bool:
        return run in self._machine.logs

    def tail(self, run: UUID, *, lines: int | None) -> LogPiece:
        text = self._machine.logs.get(run, "")
        last = "".join(text.splitlines(keepends=True)[-lines:]) if lines else text
        return self._from(run, len(text) - len(last))

    def after(self, run: UUID, mark: str) -> LogPiece:
        if not mark.isdecimal():
            raise BadInput(f"{mark!r} is no mark in a log")
        return self._from(run, int(mark))

    def sweep(self, *, keep: frozenset[UUID]) -> None:
        self._machine.logs = {run: text for run, text in self._machine.logs.items() if run in keep}

    def _from(self, run: UUID, at: int) -> LogPiece:
        text = self._machine.logs.get(run, "")
        end = min(at + self.piece, len(text))
        return LogPiece(content=text[at:end].encode(), mark=str(end), more=end < len(text))
