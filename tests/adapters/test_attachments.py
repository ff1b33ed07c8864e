"""Reading files that are attached: what is there, what is refused, and that nothing waits."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from genie.adapters.attachments import read_attachment
from genie.domain.attach import INLINE_BYTES, MOST_BYTES
from genie.domain.errors import BadInput


def test_a_path_is_seen_from_the_base(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "notes.md").write_bytes("é\r\n".encode())
    read = read_attachment("../notes.md", base=str(tmp_path / "a b"))
    assert (read.path, read.size, read.text) == (str(tmp_path / "notes.md"), 4, "é\r\n")
    assert read_attachment(str(tmp_path / "notes.md"), base="/") == read


def test_home_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x").write_text("mine")
    assert read_attachment("~/x", base="/").text == "mine"


@pytest.mark.parametrize("size", [INLINE_BYTES, INLINE_BYTES + 1, MOST_BYTES])
def test_large_text_goes_by_its_path(tmp_path: Path, size: int) -> None:
    (tmp_path / "x").write_bytes(b"y" * size)
    read = read_attachment("x", base=str(tmp_path))
    assert (read.size, read.text is None) == (size, size > INLINE_BYTES)


def test_too_much_is_refused_without_reading_it(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        file.truncate(2**42)
    with pytest.raises(BadInput, match=r"has 4,398,046,511,104 bytes: more than the 10,000,000"):
        read_attachment("x", base=str(tmp_path))


def test_a_link_is_read_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("there")
    (tmp_path / "link").symlink_to("x")
    read = read_attachment("link", base=str(tmp_path))
    assert (read.path, read.text) == (str(tmp_path / "link"), "there")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "file 'none' is not there"),
        ("file/below", "file 'file/below' cannot be read: Not a directory"),
        ("loop", "file 'loop' cannot be read: Too many levels"),
        ("folder", "'folder' is a directory: it cannot be attached"),
        (".", "'.' is a directory"),
        ("pipe", "'pipe' is no regular file"),
        ("socket", "file 'socket' cannot be read"),
        ("/dev/zero", "'/dev/zero' is no regular file"),
        ("", "is no path of a file"),
        ("a\0b", "is no path of a file"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_what_cannot_be_attached_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        listening.bind("socket")
        with pytest.raises(BadInput, match=said.replace(".", r"\.")):
            read_attachment(name, base=str(tmp_path))
