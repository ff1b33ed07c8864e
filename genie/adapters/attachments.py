"""Files of this machine that are given to a session with its prompt."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from genie.domain.attach import INLINE_BYTES, Attachment, attachment
from genie.domain.envelope import visible
from genie.domain.errors import BadInput


def read_attachment(path: str, *, base: str) -> Attachment:
    """The file of that path, seen from the directory `base`; no more of it is read than is given inline. Raises
    BadInput for what is missing, unreadable, too large, or no regular file."""
    if not path or "\0" in path:
        raise BadInput(f"{visible(path)!r} is no path of a file")
    whole = os.path.abspath(Path(base) / Path(path).expanduser())  # noqa: PTH100 (no symlink is followed for a name)
    try:
        # A FIFO without a writer would hold the open for ever.
        descriptor = os.open(whole, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            seen = os.fstat(file.fileno())
            if not stat.S_ISREG(seen.st_mode):
                raise _not_a_file(path, seen.st_mode)
            return attachment(whole, size=seen.st_size, head=file.read(INLINE_BYTES + 1))
    except IsADirectoryError as error:
        raise _not_a_file(path, stat.S_IFDIR) from error
    except OSError as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise BadInput(f"file '{visible(path)}' {reason}", hint=f"seen from {visible(base)}") from error


def _not_a_file(path: str, mode: int) -> BadInput:
    kind = "a directory" if stat.S_ISDIR(mode) else "no regular file"
    return BadInput(f"'{visible(path)}' is {kind}: it cannot be attached", hint="name each file")
