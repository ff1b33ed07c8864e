"""A program in an agent's pane that runs what a test tells it, as a user or an agent would there.

    puppet.py SOCKET

Each connection brings one JSON object {"argv": [...]} and takes one away: exit code, stdout, stderr. Standard library
only.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path


def answer(connection: socket.socket) -> None:
    asked = json.loads(connection.makefile("rb").readline())
    done = subprocess.run(asked["argv"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    out, err = (text.decode(errors="surrogateescape") for text in (done.stdout, done.stderr))
    connection.sendall(json.dumps({"code": done.returncode, "out": out, "err": err}).encode() + b"\n")


def main(path: Path) -> None:
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(path))
        server.listen()
        while True:
            connection, _ = server.accept()
            with connection:
                answer(connection)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
