"""Files that are given to a session with its prompt: short text as it is, everything else by its path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genie.domain.envelope import escape, escape_attribute, visible
from genie.domain.errors import BadInput

INLINE_BYTES = 50_000
MOST_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file by its absolute path, its size in bytes, and its text where that is given inline."""

    path: str
    size: int
    text: str | None


def attachment(path: str, *, size: int, head: bytes) -> Attachment:
    """How a file is given. `head` is all of it, or more than INLINE_BYTES of it. Inline is what is UTF-8 and can be
    held by XML unchanged. Raises BadInput for what is too large, or has a path that cannot be written."""
    size = max(size, len(head))
    if size > MOST_BYTES:
        raise BadInput(
            f"file '{visible(path)}' has {size:,} bytes: more than the {MOST_BYTES:,} that can be attached",
            hint="name its path in the prompt instead",
            path=visible(path),
            size=size,
            max=MOST_BYTES,
        )
    if visible(path) != path:
        raise BadInput(f"the path {path!r} cannot be written in a prompt", hint="give the file another name")
    return Attachment(path, size, None if len(head) > INLINE_BYTES else _text(head))


def attached(files: Sequence[Attachment]) -> str:
    """The block of files: an element each, on lines of their own; empty for none."""
    if not files:
        return ""
    return "\n".join(["<attached-files>", *map(_element, files), "</attached-files>"])


def with_files(prompt: str, files: Sequence[Attachment]) -> str:
    """The prompt, after the files that belong to it and an empty line."""
    return f"{attached(files)}\n\n{prompt}" if files else prompt


def _text(content: bytes) -> str | None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return text if visible(text) == text else None


def _element(file: Attachment) -> str:
    path = escape_attribute(file.path)
    if file.text is None:
        return f'<file path="{path}" bytes="{file.size}" inline="false"/>'
    return f'<file path="{path}">{escape(file.text)}</file>'
