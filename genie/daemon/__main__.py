"""`python -m genie.daemon run [--as-before GENIE_HOME]`."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def begin() -> int:
    """Load the daemon and run it. What is loaded stays for good: looking for garbage in it would be a quarter of the
    time that a start takes, and some of every later collection's."""
    gc.disable()
    with _without("rich"):  # structlog loads it where it is there, to draw tracebacks; the daemon's are JSON
        from genie.daemon.main import main

    gc.freeze()
    gc.enable()
    return main(sys.argv[1:])


@contextmanager
def _without(name: str) -> Iterator[None]:
    """What is imported meanwhile finds no such module. Nothing else changes."""
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None is the importer's own word for it
    try:
        yield
    finally:
        if sys.modules[name] is None:
            del sys.modules[name]


if __name__ == "__main__":
    sys.exit(begin())
