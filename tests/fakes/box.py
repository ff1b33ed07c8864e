"""A program with a box on a terminal: it writes down, byte for byte, what is typed.

`box.py FILE [WORD]`: each read is a line of JSON (the time and the bytes in hex) in FILE. WORD `ask` shows a dialog in
which Enter says yes, `paste` asks for bracketed pastes. Standard library only.
"""

from __future__ import annotations

import json
import os
import sys
import time
import tty
from pathlib import Path

DIALOG = "Do you want to proceed?\r\n ❯ 1. Yes\r\n   2. No\r\n\r\nEsc to cancel\r\n"


def main() -> None:
    file, words = sys.argv[1], sys.argv[2:]
    tty.setraw(0)
    shown = DIALOG if "ask" in words else "❯ \r\n"
    on = "\x1b[?2004h" if "paste" in words else ""
    os.write(1, f"{on}{shown}ready\r\n".encode())
    with Path(file).open("a", encoding="ascii") as kept:
        while data := os.read(0, 1 << 16):
            kept.write(json.dumps({"at": time.monotonic(), "bytes": data.hex()}) + "\n")
            kept.flush()
            if b"\r" in data and "ask" in words:
                os.write(1, b"APPROVED\r\n")


main()
