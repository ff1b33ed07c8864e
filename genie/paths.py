"""Where things are under GENIE_HOME. Standard library only: every face imports this."""

from __future__ import annotations

import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path

from genie.domain.errors import BadConfig, Refused

PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Home:
    """One genie on one host: `~/.genie`, or what GENIE_HOME says."""

    root: Path

    @classmethod
    def from_environment(cls) -> Home:
        return cls(Path(os.environ.get("GENIE_HOME") or Path.home() / ".genie").expanduser().absolute())

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def socket(self) -> Path:
        """The daemon's socket. A Unix socket's path ends at about 100 bytes: a deep home gets a short
        one in the user's runtime directory."""
        path = self.run / "genie.sock"
        if len(os.fsencode(path)) <= 100:
            return path
        return _short(self.root) / "genie.sock"

    @property
    def daemon_lock(self) -> Path:
        return self.run / "daemon.lock"

    @property
    def start_lock(self) -> Path:
        return self.run / "start.lock"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run_logs(self) -> Path:
        """What plain commands wrote to their panes, a log a run."""
        return self.logs / "runs"

    @property
    def session_logs(self) -> Path:
        """What sessions without a screen of their own have said, a log a session."""
        return self.logs / "sessions"

    @property
    def sessions(self) -> Path:
        """A folder for each of those sessions: its input, and the marks of its start and end."""
        return self.root / "sessions"

    @property
    def launch(self) -> Path:
        """Launch files, one a run, removed once read."""
        return self.root / "launch"

    @property
    def environments(self) -> Path:
        """Values of the environment of a session, as long as it can be resumed."""
        return self.root / "environments"

    @property
    def prompts(self) -> Path:
        return self.root / "prompts"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    @property
    def hooks(self) -> Path:
        """Settings that providers are started with, so that their hooks tell genie what they do."""
        return self.root / "hooks"

    @property
    def status(self) -> Path:
        """What the status lines of agents have told last, a file a run."""
        return self.run / "status"

    @property
    def agents(self) -> Path:
        return self.root / "agents"

    @property
    def providers(self) -> Path:
        """Providers that the user has declared, a file each."""
        return self.root / "providers"

    @property
    def native_teams(self) -> Path:
        """Which teams of Claude Code's own genie has made."""
        return self.root / "native-teams"

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    @property
    def postgres(self) -> Path:
        return self.root / "pg"

    def prepare(self) -> None:
        """Make the directories. Refuses what would be closed to everybody by mistake: a home is set to mode
        0700, which is no thing to do to /tmp or to a directory of somebody else. Raises BadConfig, Refused."""
        try:
            if self.root.exists():
                _refuse_unfit(self.root)
            self.make()
        except OSError as error:
            raise BadConfig(
                f"GENIE_HOME {self.root} cannot be used: {error.strerror or error}",
                hint="set GENIE_HOME to a directory of yours",
            ) from error

    def make(self) -> None:
        """Make the directories that are missing, closed to others."""
        private = (self.root, self.run, self.launch, self.environments, self.prompts, self.sessions)
        logs = (self.run_logs, self.session_logs)
        for path in (*private, self.logs, *logs, self.spool, self.socket.parent):
            path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        for path in (*private, *logs, self.socket.parent):
            path.chmod(PRIVATE)


def _refuse_unfit(root: Path) -> None:
    seen = root.stat()
    if not stat.S_ISDIR(seen.st_mode):
        raise BadConfig(f"GENIE_HOME {root} is not a directory", hint="set GENIE_HOME to a directory of its own")
    if seen.st_uid != os.geteuid():
        raise Refused(
            f"GENIE_HOME {root} belongs to user {seen.st_uid}, you are {os.geteuid()}",
            hint="use a GENIE_HOME of your own",
        )
    if root in (Path.home(), Path("/")) or seen.st_mode & stat.S_ISVTX:
        raise BadConfig(f"GENIE_HOME {root} is not a directory of genie's own", hint=f"for example {root / '.genie'}")


def _short(root: Path) -> Path:
    digest = f"{zlib.crc32(os.fsencode(root)):08x}"
    base = os.environ.get("XDG_RUNTIME_DIR") or "/tmp"  # noqa: S108
    return Path(base) / f"genie-{os.getuid()}-{digest}"


def project_of(cwd: Path) -> Path | None:
    """The nearest directory from `cwd` upwards that holds `.genie`, the user's home apart."""
    home = Path.home()
    for directory in (cwd, *cwd.parents):
        if (directory / ".genie").is_dir() and directory != home:
            return directory
    return None


def package_dir(name: str) -> Path:
    """The folder `agents` or `migrations`: beside the package in a checkout, within it in a wheel."""
    here = Path(__file__).resolve().parent
    inside = here / f"_{name}"
    return inside if inside.is_dir() else here.parent / name
