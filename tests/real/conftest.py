"""What the tests of the real programs share: a fake model API on loopback, and a genie whose agents know no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.programs import FOUND


@pytest.fixture
def api() -> Iterator[Api]:
    found = Api()
    yield found
    found.close()


@pytest.fixture
def genie(make_genie: Callable[..., Genie], api: Api) -> Genie:
    """A genie whose callers have the environment of the real programs: loopback alone, no dialog."""
    made = make_genie(GENIE_CLAUDE__BINARY=str(FOUND.claude), GENIE_CODEX__BINARY=str(FOUND.codex))
    made.project.mkdir(exist_ok=True)
    kit.seed(made.directory, made.project, api=api.url)
    made.env |= kit.env(made.directory, api=api.url)
    return made
