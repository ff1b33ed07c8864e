"""`python -m genie.daemon run [--as-before GENIE_HOME]`."""

import gc
import sys


def begin() -> int:
    """Load the daemon and run it. What is loaded stays for good: looking for garbage in it would be a quarter of the
    time that a start takes, and some of every later collection's."""
    gc.disable()
    from genie.daemon.main import main

    gc.freeze()
    gc.enable()
    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(begin())
