"""Team files and new templates as files: strict errors with file, line, field, value and hint; commented templates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from genie.adapters.templates import FileTemplates
from genie.adapters.templates.fields import Frontmatter
from genie.adapters.templates.fresh import EVERY_FIELD
from genie.domain.errors import BadInput, BadTeamFile, BadTemplate, Conflict, Failed, NotFound
from genie.domain.team import Layout
from genie.domain.teamfile import Member, Until
from genie.domain.template import Scope
from genie.domain.tree import Rate, Termination, Wish, parse_rate
from genie.domain.words import PermissionMode
from genie.paths import Home, package_dir

WHOLE = """\
# the shop's team
name: shop
session: yard
layout: vertical
lead: boss
native: true
limits:
  children: 4
  memory: 2GiB
  rate: 5/s
  termination: orphan
members:
  - name: boss
    template: team-lead
    prompt: |
      Lead.
    model: opus
  - template: engineer
    count: 2
    tags: [code]
    cwd: backend
    env:
      PORT: 08080
    permission_mode: plan
    worktree: true
    after: [boss]
  - name: tests
    command: [make, test]
    description: runs them
    after: [engineer-1, engineer]
    until: done
"""


A = "name: shop\nmembers:\n- name: a\n"
LIMITS = "name: shop\nlimits:\n"
LONG = f"name: shop\nmembers:\n- name: {'a' * 63}\n  count: 2\n"


class Places:
    def __init__(self, root: Path) -> None:
        self.project = root / "project"
        (self.project / ".genie").mkdir(parents=True)
        self.cwd = self.project / "src"
        self.cwd.mkdir()
        self.home = Home(root / "user" / ".genie")
        self.templates = FileTemplates(self.home, package_dir("agents"))
        self.path = self.project / ".genie" / "team.yaml"

    def refused(self, text: str | bytes) -> BadTeamFile:
        self.path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(BadTeamFile) as caught:
            self.templates.team_file(None, cwd=str(self.cwd))
        return caught.value

    def new(self, name: str = "coder", *, scope: Scope | None = None, base: str | None = None) -> Path:
        return Path(self.templates.new(name, cwd=str(self.cwd), scope=scope, base=base))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


# ---- team files ------------------------------------------------------------------------------


def test_a_team_file_with_every_field(places: Places) -> None:
    places.path.write_text(WHOLE)
    file = places.templates.team_file(None, cwd=str(places.cwd))
    assert (file.name, file.session, file.layout, file.lead) == ("shop", "yard", Layout.VERTICAL, "boss")
    assert file.native is True
    assert (file.source, file.base) == (str(places.path), str(places.project))
    assert file.limits == Wish(children=4, memory=2**31, rate=parse_rate("5/s"), termination=Termination.ORPHAN)
    assert file.limits_said == {"children": 4, "memory": "2GiB", "rate": "5/s", "termination": "orphan"}
    boss, coders, tests = file.members
    assert boss == Member(name="boss", template="team-lead", prompt="Lead.\n", model="opus")
    assert coders == Member(
        name="engineer",
        template="engineer",
        count=2,
        tags=("code",),
        cwd="backend",
        env=(("PORT", "08080"),),
        permission_mode=PermissionMode.PLAN,
        worktree=True,
        after=("boss",),
    )
    assert (tests.command, tests.after, tests.until) == (("make", "test"), ("engineer-1", "engineer"), Until.DONE)
    assert isinstance(file.limits.rate, Rate)


def test_which_file_and_which_directory_it_is_about(places: Places, tmp_path: Path) -> None:
    text = "name: shop\nmembers: [{name: qa}]\n"
    places.path.write_text(text)
    by_path = places.templates.team_file("../.genie/team.yaml", cwd=str(places.cwd))
    assert Path(by_path.base).resolve() == places.project
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "night.yaml").write_text(text)
    elsewhere = places.templates.team_file("night.yaml", cwd=str(tmp_path / "ops"))
    assert elsewhere.base == str(tmp_path / "ops")
    with pytest.raises(NotFound, match="there is no team file"):
        places.templates.team_file("day.yaml", cwd=str(tmp_path / "ops"))
    for cwd in (tmp_path, places.cwd):
        places.path.unlink(missing_ok=True)
        with pytest.raises(NotFound, match=r"has a \.genie/team\.yaml"):
            places.templates.team_file(None, cwd=str(cwd))


@pytest.mark.parametrize(
    ("text", "line", "field", "said", "hint", "value"),
    [
        ("name: shop\nmembers:\n  - name: a\n    modle: x\n", 4, "members[0].modle", "unknown field", "'model'", "x"),
        ("name: shop\nmember: []\nmembers: [{name: a}]\n", 2, "member", "unknown field", "'members'", "[]"),
        ("name: Shop\nmembers: [{name: a}]\n", 1, "name", "illegal team name 'Shop'", "a name matches", "Shop"),
        ("name: shop\nlayout: mosiac\nmembers: [{name: a}]\n", 2, "layout", "unknown layout", "'mosaic'", "mosiac"),
        (A + "  count: 0\n", 4, "members[0].count", "greater than or equal to 1", "", 0),
        (A + "  count: two\n", 4, "members[0].count", "a whole number, not 'two'", "", "two"),
        (LIMITS + "  childs: 3\nmembers: [{name: a}]\n", 3, "limits.childs", "unknown field", "'children'", 3),
        (LIMITS + "  memory: 3 apples\nmembers: [{name: a}]\n", 3, "limits.memory", "is not a size", "GiB", "3 apples"),
        (A + "- name: b\n  after: [A]\n", 5, "members[1].after[0]", "illegal agent name", "", "A"),
        (A + "- name: b\n  after: [c]\n", 5, "members[1].after[0]", "'c' is no member", "known: a", "c"),
        (A + "  until: done\n", 4, "members[0].until", "nothing without 'after'", "after:", "done"),
        ("name: shop\nmembers:\n- prompt: x\n", 3, "members[0]", "neither a name nor a template", "name:", None),
        (A + "  provider: codex\n  command: [x]\n", 5, "members[0].command", "another provider", "", "['x']"),
        ("name: shop\nmembers: []\n", 2, "members", "at least 1 item", "", "[]"),
        ("members: [{name: a}]\n", 1, "name", "is missing", "", None),
        ("", None, "name", "is missing", "", None),
        ("- a\n", 1, None, "there must be lines", "", None),
        ("name: shop\nname: shop\n", 2, None, "is there twice", "", None),
        (LONG, 3, "members[0].name", "illegal agent name", "shorter", "a" * 63),
    ],
)  # fmt: skip
def test_a_team_file_that_is_refused(
    places: Places,
    text: str,
    line: int | None,
    field: str | None,
    said: str,
    hint: str,
    value: Any,  # noqa: ANN401
) -> None:
    error = places.refused(text)
    place = f"{places.path}:{line}: " if line else f"{places.path}: "
    assert error.message.startswith(place + (f"field '{field}': " if field else ""))
    assert said in error.message
    assert hint in error.hint
    assert (error.details["line"], error.details["field"], error.details["value"]) == (line, field, value)


def test_everything_that_is_wrong_with_a_team_file_is_told(places: Places) -> None:
    error = places.refused("name: shop\nlayout: x\nmembers:\n- name: a\n  count: 0\n")
    errors = error.details["errors"]
    assert isinstance(errors, list)
    assert [(one["line"], one["field"]) for one in errors] == [(2, "layout"), (5, "members[0].count")]


def test_what_has_another_name_is_told_before_what_is_missing(places: Places) -> None:
    error = places.refused("name: shop\nagents:\n- name: a\n")
    assert (error.details["line"], error.details["field"], error.hint) == (2, "agents", "did you mean 'members'?")
    error = places.refused("name: shop\nmembers:\n- name: a\n  role: x\nlayuot: tiled\n")
    errors = error.details["errors"]
    assert isinstance(errors, list)
    assert [(one["line"], one["hint"]) for one in errors] == [
        (4, "did you mean 'template'?"),
        (5, "did you mean 'layout'?"),
    ]


def test_a_team_file_that_cannot_be_read(places: Places) -> None:
    assert "is not UTF-8" in places.refused(b"name: \xff\n").message
    places.path.unlink()
    places.path.mkdir()
    with pytest.raises(BadTeamFile, match="cannot be read: Is a directory"):
        places.templates.team_file(None, cwd=str(places.cwd))


# ---- new templates ---------------------------------------------------------------------------


def test_the_fields_of_a_fresh_template_are_all_there_are() -> None:
    assert {field for field, _, _ in EVERY_FIELD} == set(Frontmatter.model_fields) - {"name"}


@pytest.mark.parametrize("field", [field for field, _, _ in EVERY_FIELD])
def test_a_field_of_a_fresh_template_reads_once_its_mark_is_taken_away(places: Places, field: str) -> None:
    path = places.new()
    path.write_text(path.read_text().replace(f"# {field}:", f"{field}:"))
    file = places.templates.at(str(path), cwd="/")
    assert file.problems == ()
    assert file.template
    assert field in path.read_text().partition("\n---")[0]


def test_where_a_new_template_goes(places: Places, tmp_path: Path) -> None:
    assert places.new("a") == places.project / ".genie" / "agents" / "a" / "AGENTS.md"
    assert places.new("b", scope=Scope.USER) == places.home.agents / "b" / "AGENTS.md"
    assert places.new("c", scope=Scope.PROJECT) == places.project / ".genie" / "agents" / "c" / "AGENTS.md"
    bare = tmp_path / "bare"
    bare.mkdir()
    made = [
        places.templates.new(f"n{at}", cwd=str(bare), scope=s, base=None) for at, s in enumerate((None, Scope.PROJECT))
    ]
    assert made == [f"{places.home.agents}/n0/AGENTS.md", f"{bare}/.genie/agents/n1/AGENTS.md"]


@pytest.mark.parametrize("base", ["engineer", "team-lead", "qa"])
def test_a_copy_says_what_the_other_says(places: Places, base: str) -> None:
    path = places.new("mine", base=base)
    copy, original = (places.templates.find(name, cwd=str(places.cwd)) for name in ("mine", base))
    assert copy
    assert original
    same = replace(original, name="mine", source=str(path), scope=Scope.PROJECT, checksum=copy.checksum)
    assert copy == same
    assert path.read_text().count("description:") == 1


def test_a_new_template_that_cannot_be(places: Places) -> None:
    path = places.new()
    path.write_text("mine")
    with pytest.raises(Conflict, match="is there already"):
        places.new()
    assert path.read_text() == "mine"
    with pytest.raises(BadInput, match="illegal template name"):
        places.new("../x")
    with pytest.raises(NotFound, match="no template 'enginer'") as caught:
        places.new("x", base="enginer")
    assert "'engineer'" in caught.value.hint
    path.write_text("---\ncolour: x\n---\n")
    with pytest.raises(BadTemplate):
        places.new("x", base="coder")
    places.home.agents.parent.mkdir(parents=True)
    places.home.agents.write_text("no folder")
    with pytest.raises(Failed, match="cannot be written"):
        places.new("x", scope=Scope.USER)


# ---- one file, places, complaints ------------------------------------------------------------


def test_a_template_by_its_path(places: Places, tmp_path: Path) -> None:
    path = places.new(scope=Scope.USER)
    for asked in (str(path), str(path.parent)):
        assert places.templates.at(asked, cwd="/").scope is Scope.USER
    assert places.templates.at(str(package_dir("agents") / "qa"), cwd="/").scope is Scope.BUILTIN
    other = tmp_path / "loose" / "AGENTS.md"
    other.parent.mkdir()
    other.write_text("---\ncolour: x\n---\n")
    found = places.templates.at("AGENTS.md", cwd=str(other.parent))
    assert (found.name, found.scope, found.template, len(found.problems)) == ("loose", Scope.PROJECT, None, 1)
    with pytest.raises(NotFound, match="there is no template file"):
        places.templates.at("nowhere", cwd="/")


def test_the_places_to_be_watched(places: Places, tmp_path: Path) -> None:
    path = places.new()
    found = places.templates.places([str(places.cwd)])
    assert {str(path), str(path.parent), str(path.parent.parent), str(places.home.agents)} <= set(found)
    assert str(path) not in places.templates.places([])
    assert str(package_dir("agents") / "qa" / "AGENTS.md") in places.templates.places([])


def test_a_complaint_about_a_file_that_reads_has_its_line(places: Places) -> None:
    path = places.new()
    path.write_text("---\n# x\nprovider: clude\n---\nBody")
    template = places.templates.at(str(path), cwd="/").template
    assert template
    bad = places.templates.blame(template, "provider", "unknown provider 'clude'", hint="do")
    assert bad.message == f"{path}:3: field 'provider': unknown provider 'clude'"
    assert (bad.hint, bad.details["value"]) == ("do", "clude")
    path.unlink()
    assert places.templates.blame(template, "provider", "x").details["line"] is None
