"""`genie whoami`."""

from __future__ import annotations

from collections.abc import Iterator

from genie.cli.describing import left, provider, team
from genie.cli.output import as_json, clean, fields, line
from genie.cli.parsing import AsJson, Quiet
from genie.cli.reach import reach
from genie.client import Row

HEADING = "Look"
CALL = "POST /v1/whoami"
EXAMPLE = """
genie whoami
genie whoami --json
"""


def command(json: AsJson = False, quiet: Quiet = False) -> None:
    """Tell in which agent's run this is."""
    row = reach().whoami()
    if json:
        as_json(row)
        return
    for text in [clean(row["name"])] if quiet else _told(row):
        line(text)


def _told(row: Row) -> Iterator[str]:
    may = row["left"]
    return fields(
        [
            ("name", row["name"]),
            ("role", row["role"]),
            ("team", team(row)),
            ("session", row["session_id"]),
            ("run", row["run_id"]),
            ("provider", provider(row)),
            ("parent", row["parent"]),
            ("root", row["root"]),
            ("depth", str(row["depth"])),
            ("may start", f"children {may['children']}, descendants {may['descendants']}, depth {may['depth']}"),
            ("expires", f"in {left(row)}, at {row['expires_at']}" if left(row) else ""),
            ("directory", row["cwd"]),
            ("pane", row["pane"]),
        ]
    )
