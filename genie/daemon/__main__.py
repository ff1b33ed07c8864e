"""`python -m genie.daemon run [--as-before GENIE_HOME]`."""

import sys

from genie.daemon.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
