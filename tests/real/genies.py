"""What tests of a genie with the real programs ask of it, and of the model that these were given."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.fake_model_api import Api


def bodies(api: Api) -> list[dict[str, Any]]:
    """The requests of the agents' own loops to the model, oldest first."""
    return [api.state.request(entry["id"])["body"] for entry in api.state.entries(kind="main")]


def asked(api: Api, count: int) -> dict[str, Any]:
    """The `count`th of them, once it is there."""
    kit.until(lambda: len(bodies(api)) >= count, what=f"request {count} to the model")
    return bodies(api)[count - 1]


def until_doing(genie: Genie, name: str, *words: str, within: float = 30) -> dict[str, Any]:
    """The agent's row, once its activity is one of these."""
    found: dict[str, Any] = {}

    def there() -> bool:
        found.update(genie.agent(name))
        return found["activity"] in words

    try:
        kit.until(there, within=within, what=f"{name} {'|'.join(words)}")
    except AssertionError as error:
        seen = f"{found.get('activity')}, {found.get('activity_source')}"
        raise AssertionError(f"{error}: {seen}\n{genie.screen(name)}") from error
    return found


def activities(genie: Genie, name: str) -> list[tuple[str, str]]:
    """What it was seen doing, in order, and by whose word."""
    lines = genie("events", name, "--type", "activity", "--json").splitlines()
    told = [json.loads(line)["payload"] for line in lines]
    return [(one["activity"], one["evidence"].partition(":")[0]) for one in told]


def press(genie: Genie, key: str, done: Callable[[], object], *, name: str = "engineer", patience: float = 0.5) -> None:
    """Answer a dialog in its pane: its program takes no key in the first moment of it, and one too many does something
    else, so that each has `patience` seconds to be taken."""
    pane = genie.agent(name)["pane"]

    def taken() -> bool:
        genie.tmux("send-keys", "-t", pane, key)
        try:
            kit.until(done, within=patience, what="the answer")
        except AssertionError:
            return False
        return True

    kit.until(taken, what="the answer in the pane")
