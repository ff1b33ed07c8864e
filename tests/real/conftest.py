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
def make(make_genie: Callable[..., Genie], api: Api) -> Callable[..., Genie]:
    """Makes a genie with these settings, whose callers have the environment of the real programs: loopback alone, no
    dialog."""

    def made(**settings: str) -> Genie:
        found = make_genie(GENIE_CLAUDE__BINARY=str(FOUND.claude), GENIE_CODEX__BINARY=str(FOUND.codex), **settings)
        found.project.mkdir(exist_ok=True)
        kit.seed(found.directory, found.project, api=api.url)
        found.env |= kit.env(found.directory, api=api.url)
        return found

    return made


@pytest.fixture
def genie(make: Callable[..., Genie]) -> Genie:
    return make()
