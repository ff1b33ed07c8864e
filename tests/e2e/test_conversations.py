"""Agents that write to each other: by the real command, from inside their panes, each with its own token."""

from __future__ import annotations

import re

from tests.e2e.test_messages import heard
from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

EACH = 5


def test_two_agents_exchange_ten_messages(genie: Genie) -> None:
    genie("team", "create", "pair")
    talk = f'for n in $(seq {EACH}); do genie send $1 "$2 $n" || echo $2 $n >> failed; done\n'
    (genie.project / "talk.sh").write_text(talk)
    sessions = {}
    for name in ("ada", "bob"):
        sessions[name] = genie.json("spawn", name, "--role", "engineer", "--team", "pair")["session_id"]
    genie("send", "ada", "[[sh:sh talk.sh bob ada]]")
    genie("send", "bob", "[[sh:sh talk.sh ada bob]]")

    def over() -> bool:
        rows = [row for row in genie.api.inbox() if row["from"] != "user"]
        return len(rows) == 2 * EACH and all(row["state"] in ("delivered", "answered") for row in rows)

    until(over, within=60, what="the exchange")
    assert not (genie.project / "failed").exists()
    for name, other in (("ada", "bob"), ("bob", "ada")):
        said = [re.sub(r"<[^>]*>", "", text) for text in heard(genie, sessions[name]) if f'from="{other}@pair"' in text]
        assert said == [f"{other} {number}" for number in range(1, EACH + 1)]


def test_a_group_is_told_and_who_tells_it_is_not(genie: Genie) -> None:
    for team in ("red", "blue"):
        genie("team", "create", team)
    sessions = {}
    for name, team in (("ada", "red"), ("bob", "red"), ("cleo", "blue")):
        made = genie.json("spawn", name, "--role", "engineer", "--team", team, "--tag", "all")
        sessions[name] = made["session_id"]
    (genie.project / "tell.sh").write_text(
        "genie broadcast --tag all hello > told 2>&1; echo $? > code\n"
        "genie input --latest 'from input' >> told 2>&1; echo $? >> code\n"
        "genie broadcast --team blue --cross-team 'over there' >> told 2>&1; echo $? >> code\n"
    )
    genie("send", "ada", "[[sh:sh tell.sh]]")
    code = genie.project / "code"
    until(lambda: code.exists() and len(code.read_text().split()) == 3, within=30, what="the sending")
    told = (genie.project / "told").read_text()
    assert code.read_text().split() == ["5", "5", "0"], told
    assert told.count("'cleo' is in team blue, and you are in red") == 2
    until(lambda: len(heard(genie, sessions["bob"])) == 1, within=30, what="what bob hears")
    assert heard(genie, sessions["bob"])[0].endswith(">hello</message>")
    until(lambda: len(heard(genie, sessions["cleo"])) == 1, within=30, what="what cleo hears")
    assert 'from="ada@red"' in heard(genie, sessions["cleo"])[0]
    until(lambda: len(heard(genie, sessions["ada"])) == 1, within=30, what="what ada was told")
    genie("input", "--team", "red", "as it is")
    until(lambda: heard(genie, sessions["bob"])[-1] == "as it is", within=30, what="the bare text")
    assert "there is no agent with the tag 'none'" in genie.refused("kill", "--tag", "none", code=3)
