#!/usr/bin/env python3
"""`ollama run MODEL` as its documentation says: it answers what stands on stdin with text. Standard library only."""

from __future__ import annotations

import argparse
import sys


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ollama", allow_abbrev=False)
    parser.add_argument("--version", "-v", action="version", version="ollama version is 0.12.0")
    run = parser.add_subparsers(required=True).add_parser("run", allow_abbrev=False)
    run.add_argument("--hidethinking", action="store_true")
    run.add_argument("--think", choices=("true", "false", "low", "medium", "high"))
    run.add_argument("--format")
    run.add_argument("--keepalive")
    run.add_argument("model")
    return parser


def main() -> int:
    asked = options().parse_args()
    if asked.model == "missing":
        sys.stderr.write("Error: pull model manifest: file does not exist\n")
        return 1
    prompt = sys.stdin.read()
    if not asked.hidethinking:
        sys.stdout.write("Thinking...\n...done thinking.\n\n")
    sys.stdout.write(asked.format or f"{asked.model} heard: {prompt}")
    sys.stdout.write("\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
