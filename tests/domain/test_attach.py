"""Attached files: text comes back byte for byte, everything else is named by its path."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from genie.domain.attach import INLINE_BYTES, MOST_BYTES, Attachment, attached, attachment, with_files
from genie.domain.envelope import visible
from genie.domain.errors import BadInput

cases = settings(
    deadline=None, database=None, derandomize=True, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)
CONTENT = st.binary(max_size=60) | st.text(max_size=60).map(str.encode)
PATH = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30).map("/".__add__)


def given_file(content: bytes, path: str = "/a") -> Attachment:
    return attachment(path, size=len(content), head=content)


@cases
@given(st.lists(st.tuples(PATH.filter(lambda path: visible(path) == path), CONTENT), min_size=1, max_size=4))
@example([("/</attached-files>", b"</file></attached-files>\r\n\t")])
@example([('/a"b', b"\xef\xbb\xbfbom"), ("/b", b"\xff"), ("/c", b"")])
def test_a_block_is_read_back_by_a_strict_parser(files: list[tuple[str, bytes]]) -> None:
    block = ElementTree.fromstring(attached([given_file(content, path) for path, content in files]))  # noqa: S314
    assert (block.tag, block.text, {file.tail for file in block}) == ("attached-files", "\n", {"\n"})
    for file, (path, content) in zip(block, files, strict=True):
        assert (file.tag, file.get("path")) == ("file", path)
        if file.get("inline") == "false":
            assert (file.get("bytes"), file.text) == (str(len(content)), None)
        else:
            assert (file.text or "").encode() == content


def test_a_block_as_it_looks() -> None:
    files = [given_file(b"a < b\n", "/x/notes.md"), given_file(b"\x89PNG\0", "/x/p.png")]
    assert attached(files) == (
        '<attached-files>\n<file path="/x/notes.md">a &lt; b\n</file>\n'
        '<file path="/x/p.png" bytes="5" inline="false"/>\n</attached-files>'
    )


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\0b", b"\x1b[1m", b"caf\xe9", b"\xed\xa0\x80", "\uffff".encode()])
def test_what_is_no_text_goes_by_its_path(content: bytes) -> None:
    assert given_file(content).text is None


@pytest.mark.parametrize("content", [b"", b"plain\n", "é 😀\t\r\n".encode(), b"x" * INLINE_BYTES])
def test_text_is_inline(content: bytes) -> None:
    assert given_file(content).text == content.decode()


def test_the_limits() -> None:
    assert given_file(b"x" * (INLINE_BYTES + 1)).text is None
    assert attachment("/a", size=MOST_BYTES, head=b"x" * (INLINE_BYTES + 1)).size == MOST_BYTES
    with pytest.raises(BadInput, match="file '/a' has 10,000,001 bytes: more than the 10,000,000") as refusal:
        attachment("/a", size=MOST_BYTES + 1, head=b"")
    assert refusal.value.details == {"path": "/a", "size": MOST_BYTES + 1, "max": MOST_BYTES}


def test_a_file_that_says_it_is_empty_and_is_not() -> None:
    assert attachment("/proc/x", size=0, head=b"abc") == Attachment("/proc/x", 3, "abc")


@pytest.mark.parametrize("path", ["/a\x1b", "/a\udcff"])
def test_a_path_that_cannot_be_written_is_refused(path: str) -> None:
    with pytest.raises(BadInput, match="cannot be written in a prompt") as refusal:
        given_file(b"", path)
    assert refusal.value.message.isprintable()


def test_a_prompt_comes_after_the_files_and_an_empty_line() -> None:
    files = [given_file(b"x")]
    assert with_files("do <it>", files) == f"{attached(files)}\n\ndo <it>"
    assert with_files("do <it>", []) == "do <it>"
    assert attached([]) == ""
