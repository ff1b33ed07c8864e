"""Files, worktrees, sandboxes and schemas in memory."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from genie.domain.attach import Attachment
from genie.domain.errors import BadConfig, BadInput, Failed, GenieError, NotFound, Refused
from genie.ports import Sandbox, Supplies, Worktree, WorktreeState
from tests.services.machine import HOME

STATE = WorktreeState


@dataclass
class MemoryWorktrees:
    """`genie.ports.Worktrees`. `repos` are directories that are repositories; `fails` is raised by the next method."""

    repos: list[str] = field(default_factory=lambda: ["/w"])
    made: dict[str, Worktree] = field(default_factory=dict)
    states: dict[str, WorktreeState] = field(default_factory=dict)
    fails: list[GenieError] = field(default_factory=list)

    def _fail(self) -> None:
        if self.fails:
            raise self.fails.pop()

    def check(self, repo_dir: str) -> None:
        self._repo(repo_dir)

    def _repo(self, repo_dir: str) -> str:
        self._fail()
        repo = next((repo for repo in self.repos if f"{repo_dir}/".startswith(f"{repo}/")), None)
        if repo is None:
            raise BadInput(f"'{repo_dir}' is in no git repository")
        return repo

    def make(self, repo_dir: str, name: str) -> Worktree:
        repo = self._repo(repo_dir)
        each, number = name, 1
        while f"{HOME}/worktrees{repo}/{each}" in self.made:
            number += 1
            each = f"{name}-{number}"
        path = f"{HOME}/worktrees{repo}/{each}"
        self.made[path] = Worktree(
            path=path,
            cwd=path + repo_dir[len(repo) :],
            name=each,
            branch=f"genie/{each}",
            repo=f"{repo}/.git",
            base="0" * 40,
            submodules=False,
        )
        return self.made[path]

    def state(self, path: str) -> WorktreeState:
        self._fail()
        if path not in self.made:
            raise NotFound(f"'{path}' is no worktree that genie has made")
        return self.states.get(path, STATE.CLEAN)

    def remove(self, path: str) -> None:
        state = self.state(path)
        if state not in (STATE.CLEAN, STATE.GONE):
            raise Refused(f"the worktree '{path}' is kept: it has {state.value} work", hint="commit and push it")
        del self.made[path]

    def holding(self, directory: str) -> Worktree | None:
        return next((made for made in self.made.values() if made.holds(directory)), None)

    def list(self) -> list[Worktree]:
        return sorted(self.made.values(), key=lambda made: made.path)


@dataclass
class MemorySandboxes:
    """`genie.ports.Sandboxes`. `away` says that no engine answers; `running` are the sessions that have a container,
    `stuck` those whose container cannot be killed, `ended` those of which it was."""

    images: dict[str, str] = field(default_factory=lambda: {"claude": "agents/claude"})
    away: bool = False
    running: set[UUID] = field(default_factory=set)
    stuck: set[UUID] = field(default_factory=set)
    ended: list[UUID] = field(default_factory=list)
    found: list[Mapping[str, str]] = field(default_factory=list)

    def find(self, provider: str, *, name: str, network: str | None, env: Mapping[str, str]) -> Sandbox:
        image = self.images.get(name, name) or self.images.get(provider)
        if image is None:
            raise BadConfig(f"no image is set for sandboxes of provider '{provider}'")
        if self.away:
            raise Refused("no container engine answers: docker: not installed")
        self.found.append(env)
        passed = tuple(variable for variable in ("API_KEY",) if variable in env)
        return Sandbox(kind="docker", program="/bin/docker", image=image, network=network or "bridge", env=passed)

    def wrap(
        self,
        sandbox: Sandbox,
        argv: Sequence[str],
        *,
        session: UUID,
        workspace: str,
        cwd: str,
        env: Collection[str],
        reads: Collection[str],
    ) -> tuple[str, ...]:
        self.running.add(session)
        mounts = (f"{workspace}:rw", *(f"{path}:ro" for path in reads))
        names = ",".join(env)
        return (sandbox.program, str(session), *mounts, cwd, names, sandbox.network, sandbox.image, *argv)

    def made(self, session: UUID, argv: Sequence[str]) -> bool:
        return tuple(argv[:2]) == ("/bin/docker", str(session))

    def end(self, session: UUID, argv: Sequence[str], *, env: Mapping[str, str]) -> bool:
        if session in self.stuck:
            raise Failed("the container cannot be killed")
        self.ended.append(session)
        return session in self.running


@dataclass
class MemorySchemas:
    """`genie.ports.Schemas`: a schema names members that a result must have, as {"required": [...]}."""

    kept: dict[str, str] = field(default_factory=dict)

    def keep(self, said: str, *, base: str) -> str:
        if not said.startswith("{"):
            raise BadInput(f"JSON schema '{said}' is not there", hint=f"seen from {base}")
        path = f"{HOME}/schemas/{len(self.kept)}.json"
        self.kept[path] = json.dumps(json.loads(said))
        return path

    def violations(self, path: str, value: object) -> list[str]:
        if path not in self.kept:
            raise Failed(f"the JSON schema {path} cannot be read")
        wanted = json.loads(self.kept[path])["required"]
        if not isinstance(value, dict):
            return [f"result: {value!r} is not of type 'object'"]
        return [f"result: '{name}' is a required property" for name in wanted if name not in value]


@dataclass
class MemorySupplies:
    """Behind `genie.ports.Supplies`. `files` are those of the machine, by their absolute paths."""

    files: dict[str, Attachment] = field(default_factory=dict)
    worktrees: MemoryWorktrees = field(default_factory=MemoryWorktrees)
    sandboxes: MemorySandboxes = field(default_factory=MemorySandboxes)
    schemas: MemorySchemas = field(default_factory=MemorySchemas)

    def add_file(self, path: str, text: str | None) -> None:
        self.files[path] = Attachment(path, len(text) if text else 1_000_000, text)

    def attachment(self, path: str, *, base: str) -> Attachment:
        whole = path if path.startswith("/") else f"{base}/{path}"
        if whole not in self.files:
            raise BadInput(f"file '{path}' is not there", hint=f"seen from {base}")
        return self.files[whole]

    def port(self) -> Supplies:
        return Supplies(
            attachment=self.attachment,
            worktrees=self.worktrees,
            sandboxes=self.sandboxes,
            schemas=self.schemas,
        )
