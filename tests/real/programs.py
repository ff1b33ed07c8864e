"""The real programs that are installed, and a place apart for a test with them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.install import SDK, cache_dir, find_python

FOUND = kit.binaries()
PYTHON = find_python(cache_dir())
WHERE = "run `make test-real`, or name its directory in GENIE_TEST_REAL"
needs_claude = pytest.mark.skipif(FOUND.claude is None, reason=f"the real claude is not installed: {WHERE}")
needs_codex = pytest.mark.skipif(FOUND.codex is None, reason=f"the real codex is not installed: {WHERE} (it needs npm)")
needs_sdk = pytest.mark.skipif(PYTHON is None, reason=f"{SDK} is not installed: {WHERE}")


@contextmanager
def apart() -> Iterator[tuple[Path, Api, kit.Desk]]:
    """A directory, a model API and a desk; nothing of them is left. The directory is not under pytest's own: sockets of
    the programs lie there, and their paths must be short."""
    directory = Path(os.path.realpath(tempfile.mkdtemp(prefix="genie-real-")))
    api = Api()
    try:
        with kit.Desk(directory) as desk:
            yield directory, api, desk
    finally:
        api.close()
        kit.remove(directory)
