"""`genie version`."""

from __future__ import annotations

import sys

from genie import __version__
from genie.cli.output import as_json, line
from genie.cli.parsing import AsJson

HEADING = "System"
CALL = ""
EXAMPLE = "genie version --json"


def command(json: AsJson = False) -> None:
    """Print the version."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    if json:
        as_json({"version": __version__, "python": python, "platform": sys.platform})
    else:
        line(f"genie {__version__} (Python {python}, {sys.platform})")
