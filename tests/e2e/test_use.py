"""What runs use, seen by `genie tree` and `genie ps` of a whole genie: sampled by the daemon from real processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fixtures.daemon import Genie
from tests.fixtures.quick import quick
from tests.fixtures.tmux import until

SPIN = ("sh", "-c", "while sleep 0.05; do n=30000; while [ $n -gt 0 ]; do n=$((n - 1)); done; done")
"""Busy for about a quarter of the time."""


def test_the_daemon_samples_what_a_tree_uses(make_genie: Callable[..., Genie]) -> None:
    genie = quick(make_genie())
    genie("team", "create", "web")
    genie("spawn", "top", "--team", "web", "--", "sleep", "600")
    genie("spawn", "kid", "--team", "web", "--parent", "top", "--ttl", "1h", "--", *SPIN)

    def rows() -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in genie.json("tree", "top")}

    # the first sample of a run knows no CPU yet: the second comes five seconds later
    until(lambda: (rows()["kid"]["cpu"] or 0) > 5, within=30, what="a sample of the busy one")
    top, kid = rows()["top"], rows()["kid"]
    assert (top["level"], kid["level"], kid["parent"], kid["root"]) == (0, 1, "top", "top")
    assert top["cpu"] < 5
    assert kid["rss"] > 100_000
    assert top["tree_rss"] == top["rss"] + kid["rss"]
    shown = genie("tree").splitlines()
    assert [line.split()[0] for line in shown[1:2]] == ["top"]
    assert "59m" in shown[2]

    run = genie.json("ps", "top")[0]
    assert run["tree_cpu"] > 5
    assert len(run["history"]) >= 2
    assert [row["name"] for row in genie.json("ps", "--sort", "cpu")] == ["kid", "top"]

    genie("kill", "kid")
    until(lambda: len(genie.json("ps")) == 1, what="its end")
    ended = {row["name"]: row for row in genie.json("tree", "--all")}["kid"]
    assert (ended["state"], ended["cpu"], ended["pid"]) == ("terminated", None, None)
    assert "kid" not in genie("tree")


def test_a_tree_of_nobody_is_not_found(genie: Genie) -> None:
    genie("spawn", "solo", "--role", "engineer")
    assert "did you mean 'solo'?" in genie.refused("tree", "sole", code=3)
    assert "did you mean 'solo'?" in genie.refused("ps", "sole", code=3)
