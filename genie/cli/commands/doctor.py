"""`genie doctor`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from genie.cli.failing import exit_code
from genie.cli.output import as_json, line, table, working
from genie.cli.parsing import AsJson
from genie.cli.reach import reach
from genie.client import Row
from genie.domain.errors import GenieError
from genie.paths import Home

HEADING = "System"
CALL = "GET /v1/doctor"
EXAMPLE = "genie doctor"

STYLES = {"ok": ("green",), "warn": ("yellow",), "fail": ("red", "bold")}


def command(json: AsJson = False) -> int:
    """Check what genie needs.

    tmux, database, providers, permissions. Exit code 1 when something fails.
    """
    code = 0
    checks: Sequence[Row]
    try:
        with working("looking…"):
            checks = reach().doctor()
    except GenieError as error:
        checks, code = _without_daemon(error), exit_code(error)
    if json:
        as_json(checks)
    else:
        rows = [(check["status"], check["check"], check["detail"], check["fix"]) for check in checks]
        for text in table(("STATUS", "CHECK", "WHAT", "FIX"), rows, {"STATUS": lambda word: STYLES.get(word, ())}):
            line(text)
    return code or int(any(check["status"] == "fail" for check in checks))


def _without_daemon(error: GenieError) -> Sequence[Row]:
    """What can be seen from here when there is no daemon to look."""
    home = Home.from_environment().root
    tmux = shutil.which("tmux")
    return [
        {"check": "daemon", "status": "fail", "detail": error.message, "fix": error.hint},
        {
            "check": "tmux",
            "status": "ok" if tmux else "fail",
            "detail": tmux or "not found in PATH",
            "fix": "" if tmux else "install tmux",
        },
        _home(str(home), f"{home.stat().st_mode & 0o777:04o}" if home.exists() else None),
    ]


def _home(path: str, mode: str | None) -> Row:
    if mode is None:
        return {"check": "home", "status": "warn", "detail": f"{path} does not exist yet", "fix": "genie daemon start"}
    closed = mode == "0700"
    return {
        "check": "home",
        "status": "ok" if closed else "warn",
        "detail": f"{path} has mode {mode}",
        "fix": "" if closed else f"chmod 700 {path}",
    }
