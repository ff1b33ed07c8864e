"""Everything genie can refuse or fail at, as one tree.

GenieError
├── BadInput         what was asked cannot be meant: a wrong word, name, file or value
│   ├── BadTemplate  an agent template that does not read
│   ├── BadTeamFile  a team file that does not read
│   └── BadConfig    a configuration file or variable that does not read
├── NotFound         a thing that was named does not exist
│   └── MissingProgram  a program that a provider needs is not installed
├── Conflict         several things fit, or another one is in the way
│   └── Stale        somebody else changed it since it was read
├── Refused          a limit or a policy says no
│   ├── LimitReached one of the limits of a spawn tree; `limit`, `max` and `now` are in its details
│   └── Foreign      a pane that is not, or no longer, genie's
├── NotAllowed       the state or the budget of an agent does not allow it
│   └── Drafted      somebody's draft stands where something is to be typed
├── Unreachable      tmux, PostgreSQL or the daemon does not answer; says nothing about any agent
│   ├── RegistryAway
│   │   └── NewerSchema  the registry was written by a newer genie
│   └── TerminalAway
├── TimedOut         it did not happen in the time that was given
└── Failed           it was tried and did not work
    ├── Survivors    processes of a tree that outlived SIGKILL
    └── Unproven     it may have been done, wholly or in part, and must not be done again

`code` is the stable word for scripts; faces map it to exit codes and HTTP codes.
"""

from __future__ import annotations

from typing import Any, ClassVar


class GenieError(Exception):
    """`message` says what and which value, `hint` what to do about it, `details` is for JSON."""

    code: ClassVar[str] = "failed"

    def __init__(self, message: str, *, hint: str = "", **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: dict[str, Any] = details


class BadInput(GenieError):
    code = "bad_input"


class BadTemplate(BadInput):
    code = "bad_template"


class BadTeamFile(BadInput):
    code = "bad_team_file"


class BadConfig(BadInput):
    code = "bad_config"


class NotFound(GenieError):
    code = "not_found"


class MissingProgram(NotFound):
    code = "missing_program"


class Conflict(GenieError):
    code = "conflict"


class Stale(Conflict):
    code = "stale"


class Refused(GenieError):
    code = "refused"


class LimitReached(Refused):
    code = "limit"


class Foreign(Refused):
    code = "foreign_pane"


class NotAllowed(GenieError):
    code = "not_allowed"


class Drafted(NotAllowed):
    code = "drafted"


class Unreachable(GenieError):
    code = "unreachable"


class RegistryAway(Unreachable):
    code = "registry_away"


class NewerSchema(RegistryAway):
    code = "newer_schema"


class TerminalAway(Unreachable):
    code = "terminal_away"


class TimedOut(GenieError):
    code = "timed_out"


class Failed(GenieError):
    code = "failed"


class Survivors(Failed):
    code = "survivors"


class Unproven(Failed):
    code = "unproven"
