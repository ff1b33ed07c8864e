#!/usr/bin/env python3
"""A client of a container engine that behaves like docker's where it matters: it takes exactly the options that genie
gives, notes each call, and runs the command with nothing but the variables that were named.

Orders come by the environment: FAKE_CONTAINER_LOG is the file of calls, FAKE_CONTAINER_ENGINE one of `up` (the
default), `down`, `silent`, `hangs`; FAKE_CONTAINER_KILL what it complains of at a kill. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from threading import Event
from typing import NoReturn

DOWN = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="docker", allow_abbrev=False)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("version", allow_abbrev=False)
    verbs.add_parser("kill", allow_abbrev=False).add_argument("name")
    run = verbs.add_parser("run", allow_abbrev=False)
    for flag in ("--rm", "-i", "-t", "--init"):
        run.add_argument(flag, action="store_true")
    for option in ("--name", "-w", "--network", "--user"):
        run.add_argument(option, required=True)
    run.add_argument("--userns")
    for option in ("-v", "--label", "--env"):
        run.add_argument(option, action="append", default=[])
    run.add_argument("image")
    run.add_argument("argv", nargs=argparse.REMAINDER)
    return parser


def main() -> int:
    said = options().parse_args()
    log = os.environ.get("FAKE_CONTAINER_LOG")
    if log:
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"program": sys.argv[0], "argv": sys.argv[1:], "said": vars(said)}) + "\n")
    if said.verb == "run":
        become(said)
    return version() if said.verb == "version" else kill()


def version() -> int:
    match os.environ.get("FAKE_CONTAINER_ENGINE", "up"):
        case "up":
            print("Client:\n Version: 99")  # noqa: T201
            return 0
        case "down":
            print(f"Client:\n Version: 99\n{DOWN}", file=sys.stderr)  # noqa: T201
        case "hangs":
            Event().wait()
    return 1


def kill() -> int:
    """As docker does it: its complaint about a container that is not there is an error."""
    complaint = os.environ.get("FAKE_CONTAINER_KILL", "")
    print(complaint, file=sys.stderr)  # noqa: T201
    return 1 if complaint else 0


def become(said: argparse.Namespace) -> NoReturn:
    """The command itself, in its directory of the mounted workspace."""
    for place, mount in enumerate(said.v):
        source, target, *mode = mount.split(":")
        if source != target or mode != (["ro"] if place else []) or Path(source).is_dir() is bool(place):
            sys.exit(125)
    os.chdir(said.w)
    env = dict(name.split("=", 1) for name in said.env if "=" in name)
    env |= {name: os.environ[name] for name in said.env if name in os.environ}
    os.execvpe(said.argv[0], said.argv, {"PATH": "/usr/bin:/bin", **env})  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
