"""The flags of `genie spawn --stream`, and those of claude-sdk, as they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from genie.cli.streaming import Streamed, check_streams
from genie.domain.errors import BadInput
from tests.cli.conftest import Run
from tests.cli.peer import Peer, row


def test_what_is_said_is_asked_for() -> None:
    said = Streamed(sdk_max_turns="3", sdk_max_budget="$2.50", sdk_effort="max", sdk_resume="id").sdk()
    assert said == {"max_turns": 3, "max_budget": 2.5, "effort": "max", "resume": "id"}
    assert Streamed().sdk() == {}


@pytest.mark.parametrize(
    "said",
    [
        {"sdk_max_turns": "0"},
        {"sdk_max_turns": "many"},
        {"sdk_max_budget": "0"},
        {"sdk_max_budget": "inf"},
        {"sdk_max_budget": "much"},
        {"sdk_effort": "huge"},
    ],
)
def test_what_cannot_be_meant_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Streamed(**said).sdk()


def test_a_run_asks_for_the_same(peer: Peer, genie: Run) -> None:
    row_ = row("ada") | {"warnings": ["--sdk-* is for provider claude-sdk; ignored by claude"]}
    peer.answers["POST /v1/sessions"] = row_
    said = genie("run", "go", "--sdk-max-turns", "3", "--sdk-max-budget", "2.5", "--sdk-effort", "low")
    assert (said.code, said.err.count("ignored by claude")) == (0, 1)
    assert peer.last("POST /v1/sessions").body["sdk"] == {"max_turns": 3, "max_budget": 2.5, "effort": "low"}
    assert "ignored by claude" in genie("run", "go", "--dry-run").err
    assert genie("run", "go", "--sdk-effort", "huge").code == 2
    assert len(peer.asked) == 2


def test_the_format_of_a_stream() -> None:
    assert (Streamed().format, Streamed(stream=True).format) == (None, "text")
    assert Streamed(stream=True, stream_format="ndjson").format == "ndjson"
    with pytest.raises(BadInput, match="--stream"):
        _ = Streamed(stream_format="json").format
    with pytest.raises(BadInput, match="xml"):
        _ = Streamed(stream=True, stream_format="xml").format


def test_a_stream_needs_a_turn() -> None:
    check_streams(None, prompted=False, plain=True, quiet=True)
    check_streams("text", prompted=True, plain=False, quiet=False)
    for said in ({"plain": True}, {"prompted": False}, {"quiet": True}):
        with pytest.raises(BadInput):
            check_streams("text", **{"prompted": True, "plain": False, "quiet": False, **said})


def test_the_efforts_are_those_of_the_documents() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| `--sdk-effort"))
    assert all(f"`{word}`" in row for word in ("low", "medium", "high", "max")), json.dumps(row)
