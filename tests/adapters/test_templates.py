"""AGENTS.md files: every field, what is refused and where, who shadows whom, and what is read again."""

from __future__ import annotations

import hashlib
import os
from dataclasses import fields
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from genie.adapters.templates import FileTemplates
from genie.adapters.templates.fields import Frontmatter
from genie.cli.parsing import command_names
from genie.domain.agent import Restart
from genie.domain.amounts import parse_size
from genie.domain.errors import BadTemplate
from genie.domain.team import Layout
from genie.domain.template import PromptMode, Scope, Template
from genie.domain.tree import Breach, Mode, Rate, Termination, Wish
from genie.domain.words import Color, PermissionMode
from genie.paths import Home, package_dir

BUILTIN = {"engineer", "reviewer", "qa", "fix", "docs", "refactor", "tracer", "team-lead"}


class Places:
    """A project, a user's home and a built-in folder, and the templates found from within the project."""

    def __init__(self, root: Path) -> None:
        self.project = root / "project"
        self.cwd = self.project / "src" / "deep"
        self.cwd.mkdir(parents=True)
        (self.project / ".genie").mkdir()
        self.home = Home(root / "user" / ".genie")
        self.builtin = root / "builtin"
        self.templates = FileTemplates(self.home, self.builtin)

    def write(self, text: str | bytes, *, name: str = "coder", scope: Scope = Scope.PROJECT) -> Path:
        folders = {
            Scope.PROJECT: self.project / ".genie" / "agents",
            Scope.USER: self.home.agents,
            Scope.BUILTIN: self.builtin,
        }
        path = folders[scope] / name / "AGENTS.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def find(self, name: str = "coder") -> Template | None:
        return self.templates.find(name, cwd=str(self.cwd))

    def read(self, text: str | bytes) -> Template:
        self.write(text)
        template = self.find()
        assert template is not None
        return template

    def refused(self, text: str | bytes) -> BadTemplate:
        self.write(text)
        with pytest.raises(BadTemplate) as caught:
            self.find()
        return caught.value


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


# ---- what a file says -----------------------------------------------------------------------

EVERYTHING = """---
# a comment
name: coder
description: "Writes: code"
provider: codex
model: small
effort: high
permission_mode: acceptEdits
prompt_mode: replace
team: simone
color: orange
layout: vertical
skills: [testing, "git"]
tools:
  - Read
  - Bash(git *)
disallowed_tools: [WebFetch]
mcp: [github]
add_dirs: [../other]
env:
  PORT: 08080
  DEBUG: true
  VERSION: 1.10
  EMPTY:
  TEXT: "a: b"
extra_args: [--verbose, "3"]
auto_resume: false
restart: always
max_resume_attempts: 7
cooldown: 90
stable_after: 1h30m
ttl: 45m
spawn:
  mode: dynamic
  limits:
    children: 100
    depth: 3
    descendants: 500
    total: 5000
    memory: 8GiB
    rate: 10/s
  termination: orphan
  on_breach: kill-newest
on_resume: |
  Look at git status.
  Go on.
cwd: sub
worktree: true
stdin: true
cross_team: [docs, web]
---

You are a coder.

---

Still the prompt.
"""


def test_every_field_is_read(places: Places) -> None:
    path = places.write(EVERYTHING)
    assert places.find() == Template(
        name="coder",
        source=str(path),
        scope=Scope.PROJECT,
        checksum=hashlib.sha256(EVERYTHING.encode()).hexdigest(),
        prompt="You are a coder.\n\n---\n\nStill the prompt.",
        description="Writes: code",
        provider="codex",
        model="small",
        effort="high",
        permission_mode=PermissionMode.ACCEPT_EDITS,
        prompt_mode=PromptMode.REPLACE,
        team="simone",
        color=Color.ORANGE,
        layout=Layout.VERTICAL,
        skills=("testing", "git"),
        tools=("Read", "Bash(git *)"),
        disallowed_tools=("WebFetch",),
        mcp=("github",),
        add_dirs=("../other",),
        env=(("PORT", "08080"), ("DEBUG", "true"), ("VERSION", "1.10"), ("EMPTY", ""), ("TEXT", "a: b")),
        extra_args=("--verbose", "3"),
        auto_resume=False,
        restart=Restart.ALWAYS,
        max_resume_attempts=7,
        cooldown=timedelta(seconds=90),
        stable_after=timedelta(minutes=90),
        ttl=timedelta(minutes=45),
        spawn=Wish(
            mode=Mode.DYNAMIC,
            children=100,
            depth=3,
            descendants=500,
            total=5000,
            memory=8 * 2**30,
            rate=Rate(10, timedelta(seconds=1)),
            termination=Termination.ORPHAN,
            on_breach=Breach.KILL_NEWEST,
        ),
        on_resume="Look at git status.\nGo on.\n",
        cwd="sub",
        worktree=True,
        stdin=True,
        cross_team=("docs", "web"),
    )


def test_the_test_above_knows_every_field() -> None:
    written = {line.partition(":")[0] for line in EVERYTHING.split("---")[1].splitlines() if line[:1].isalpha()}
    assert written == set(Frontmatter.model_fields)
    assert set(Frontmatter.model_fields) == set(Template.__dataclass_fields__) - {
        "source", "scope", "checksum", "prompt",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "---\n---\n",
        "---\n# only a comment\n---",
        "---\nteam:\ncolor: ~\nspawn:\nenv: {}\n---\n",
        "\ufeff---\r\n---\r\n",
    ],
)
def test_what_is_not_said_has_its_default(places: Places, text: str) -> None:
    template = places.read(text)
    assert template == Template(
        name="coder", source=template.source, scope=Scope.PROJECT, checksum=template.checksum, prompt=""
    )


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("Just a prompt.\n", "Just a prompt."),
        ("\n---\ncolor: red\n---\n", "---\ncolor: red\n---"),
        ("# Title\n\n---\n\ntext\n", "# Title\n\n---\n\ntext"),
        ("---\ncolor: red\n---  \nBody", "Body"),
        ("--- \ncolor: red\n---\r\n\r\none\r\n---\r\ntwo\r\n", "one\n---\ntwo"),
        ("---\ndescription: |\n  a\n  ---\n  b\n---\nBody", "Body"),
        ("\ufeff---\ncolor: red\n---\nBod\u2028y \u00e9", "Bod\u2028y \u00e9"),
        ("----\nx", "----\nx"),
    ],
)
def test_the_prompt_is_the_body(places: Places, text: str, prompt: str) -> None:
    assert places.read(text).prompt == prompt


def test_manual_has_an_old_name(places: Places) -> None:
    assert places.read("---\npermission_mode: default\n---\n").permission_mode is PermissionMode.MANUAL


@pytest.mark.parametrize("value", ["8GiB", "512MiB", "10MB", "1024", "1.5gib", "7B"])
def test_sizes_are_read(places: Places, value: str) -> None:
    spawn = places.read(f"---\nspawn: {{limits: {{memory: {value}}}}}\n---\n").spawn
    assert spawn == Wish(memory=parse_size(int(value) if value.isdigit() else value))


# ---- what is refused ------------------------------------------------------------------------


def test_a_nearly_right_field_has_line_and_hint(places: Places) -> None:
    error = places.refused("---\nname: coder\n\ncolour: red\n---\nBody\n")
    path = places.project / ".genie" / "agents" / "coder" / "AGENTS.md"
    assert error.message == f"{path}:4: field 'colour': unknown field"
    assert error.hint == "did you mean 'color'?"
    assert error.code == "bad_template"
    assert (error.details["file"], error.details["line"], error.details["field"]) == (str(path), 4, "colour")


@pytest.mark.parametrize(
    ("lines", "line", "field", "said", "hint"),
    [
        ("color: redd", 2, "color", "unknown color 'redd'", "did you mean 'red'?"),
        ("color: [red]", 2, "color", "unknown color", "known:"),
        ("permission_mode: acceptedits", 2, "permission_mode", "unknown permission mode", "acceptEdits"),
        ("prompt_mode: add", 2, "prompt_mode", "unknown prompt mode", "append"),
        ("layout: tiled", 2, "layout", "unknown layout", ""),
        ("restart: no", 2, "restart", "unknown restart policy 'no'", ""),
        ("restart: false", 2, "restart", "unknown restart policy", ""),
        ("name: other", 2, "name", "is 'other', but its folder is 'coder'", "write coder"),
        ("team: My Team", 2, "team", "illegal team name 'My Team'", "[a-z0-9]"),
        ("team: 7", 2, "team", "expected text", "quotes"),
        ("model: 5", 2, "model", "expected text", "quotes"),
        ("model: ''", 2, "model", "is empty", ""),
        ("description: [a]", 2, "description", "expected text", ""),
        ("tools: Read, Grep", 2, "tools", "expected a list", "write [one, two]"),
        ("tools:\n  - Read\n  - 3", 4, "tools[1]", "expected text", "quotes"),
        ("tools: ['']", 2, "tools[0]", "is empty", ""),
        ("env: [A]", 2, "env", "expected a block of names and values", ""),
        ("env:\n  A: 1\n  B: [x]", 4, "env.B", "expected text", ""),
        ("env: {'A-B': x}", 2, "env", "illegal name of a variable 'A-B'", ""),
        ("env: {1A: x}", 2, "env", "illegal name of a variable '1A'", ""),
        ("auto_resume: yes", 2, "auto_resume", "expected true or false", ""),
        ("auto_resume: 1", 2, "auto_resume", "expected true or false", ""),
        ("worktree: 'true'", 2, "worktree", "expected true or false", ""),
        ("max_resume_attempts: '3'", 2, "max_resume_attempts", "expected a whole number", ""),
        ("max_resume_attempts: 1.5", 2, "max_resume_attempts", "expected a whole number", ""),
        ("max_resume_attempts: true", 2, "max_resume_attempts", "expected a whole number", ""),
        ("max_resume_attempts: -1", 2, "max_resume_attempts", "greater than or equal to 0", ""),
        ("\ncooldown: soon", 3, "cooldown", "'soon' is not a duration", "1h30m"),
        ("cooldown: -5", 2, "cooldown", "-5 is not a duration", ""),
        ("cooldown: true", 2, "cooldown", "True is not a duration", ""),
        ("cooldown: 99999999999999d", 2, "cooldown", "is not a duration", ""),
        ("ttl: 0", 2, "ttl", "must be more than nothing", ""),
        ("spawn: static", 2, "spawn", "expected a block of fields", ""),
        ("spawn:\n  mod: static", 3, "spawn.mod", "unknown field", "did you mean 'mode'?"),
        ("spawn:\n  mode: dynamc", 3, "spawn.mode", "unknown mode 'dynamc'", "did you mean 'dynamic'?"),
        ("spawn:\n  limits:\n    child: 3", 4, "spawn.limits.child", "unknown field", "did you mean 'children'?"),
        ("spawn:\n  limits:\n    depth: x", 4, "spawn.limits.depth", "expected a whole number", ""),
        ("spawn:\n  limits:\n    depth: -1", 4, "spawn.limits.depth", "greater than or equal to 0", ""),
        ("spawn:\n  limits:\n    memory: 8 apples", 4, "spawn.limits.memory", "is not a size", "8GiB"),
        ("spawn:\n  limits:\n    memory: 8G", 4, "spawn.limits.memory", "is not a size", "8GiB"),
        ("spawn:\n  limits:\n    memory: -8", 4, "spawn.limits.memory", "is not a size", "8GiB"),
        ("spawn:\n  limits:\n    memory: true", 4, "spawn.limits.memory", "is not a size", "8GiB"),
        ("spawn:\n  limits:\n    rate: 10", 4, "spawn.limits.rate", "is not a rate", "10/s"),
        ("spawn:\n  limits:\n    rate: 10/d", 4, "spawn.limits.rate", "is not a rate", "10/s"),
        ("spawn:\n  termination: kill", 3, "spawn.termination", "unknown termination 'kill'", "cascade"),
        ("spawn:\n  on_breach: kill", 3, "spawn.on_breach", "unknown on_breach 'kill'", "kill-"),
        ("<<: {color: red}", 2, "<<", "unknown field", ""),
        ("1: x", 2, "1", "unknown field", ""),
    ],
)
def test_a_field_that_is_refused(places: Places, lines: str, line: int, field: str, said: str, hint: str) -> None:
    error = places.refused(f"---\n{lines}\n---\nBody\n")
    path = places.project / ".genie" / "agents" / "coder" / "AGENTS.md"
    assert error.message.startswith(f"{path}:{line}: field '{field}': ")
    assert said in error.message
    assert hint in error.hint
    assert "\n" not in error.message
    assert len(places.templates.problems(cwd=str(places.cwd))) == 1


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("---\ncolor: red\n", 1, "the frontmatter has no end"),
        ("---", 1, "the frontmatter has no end"),
        ("---\ncolor: red\ncolor: blue\n---\n", 3, "field 'color' is there twice"),
        ("---\nspawn:\n  mode: static\n  mode: static\n---\n", 4, "field 'mode' is there twice"),
        ("---\n\nname: a: b\n---\n", 3, "not valid YAML"),
        ("---\ntools: [a\n---\n", 3, "not valid YAML"),
        ("---\n\tname: x\n---\n", 2, "not valid YAML"),
        ("---\n- a\n---\n", 2, "there must be lines"),
        ("---\njust text\n---\n", 2, "there must be lines"),
        ("---\n? [a]\n: b\n---\n", 2, "a field's name must be a word"),
        ("---\nname: coder\nmodel: !!python/name:os.system x\n---\n", 3, "anchors and tags"),
        ("---\nmodel: !secret x\n---\n", 2, "anchors and tags"),
        ("---\ntools: &a [*a]\n---\n", 2, "anchors and tags"),
        ("---\nenv: {A: &x b}\n---\n", 2, "anchors and tags"),
        ("---\nname: coder\nmodel: \x01\n---\n", 3, "not valid YAML"),
        ("---\ntools: " + "[" * 5000 + "\n---\n", 2, "nested too deeply"),
        ("---\nname: coder\n---\na\0b", 4, "NUL"),
        (b"---\nname: coder\n---\n\ncaf\xe9", 5, "is not UTF-8"),
    ],
)
def test_a_file_that_does_not_read(places: Places, text: str | bytes, line: int, said: str) -> None:
    error = places.refused(text)
    path = places.project / ".genie" / "agents" / "coder" / "AGENTS.md"
    assert error.message.startswith(f"{path}:{line}: ")
    assert said in error.message
    assert error.details["field"] is None


def test_everything_that_is_wrong_is_told(places: Places) -> None:
    error = places.refused("---\ncolour: red\nttl: 0\n---\n")
    errors = error.details["errors"]
    assert isinstance(errors, list)
    assert [(one["line"], one["field"]) for one in errors] == [(2, "colour"), (3, "ttl")]
    assert set(errors[0]) == {"file", "line", "field", "value", "message", "hint"}
    assert {(one["field"], one["value"]) for one in errors} == {("colour", "red"), ("ttl", 0)}
    assert {bad.details["line"] for bad in places.templates.problems(cwd=str(places.cwd))} == {2, 3}


def test_a_folder_instead_of_a_file(places: Places) -> None:
    (places.project / ".genie" / "agents" / "coder" / "AGENTS.md").mkdir(parents=True)
    with pytest.raises(BadTemplate, match="cannot be read: Is a directory"):
        places.find()


def test_each_raise_has_its_own_exception(places: Places) -> None:
    first = places.refused("---\ncolour: red\n---\n")
    second = places.refused("---\ncolour: red\n---\n")
    assert first is not second
    assert first.message == second.message


# ---- which file ------------------------------------------------------------------------------


def test_the_nearer_template_wins(places: Places) -> None:
    assert places.find() is None
    for scope in (Scope.BUILTIN, Scope.USER, Scope.PROJECT):
        path = places.write(scope.value, scope=scope)
        found = places.find()
        assert found is not None
        assert (found.scope, found.source, found.prompt) == (scope, str(path), scope.value)


def test_a_bad_nearer_template_hides_the_good_one(places: Places) -> None:
    places.write("fine", scope=Scope.BUILTIN)
    places.write("other", name="other", scope=Scope.BUILTIN)
    places.refused("---\ncolour: red\n---\n")
    assert [template.name for template in places.templates.all(cwd=str(places.cwd))] == ["other"]


def test_all_gives_the_nearest_of_each_name(places: Places) -> None:
    for name, scope in (("b", Scope.BUILTIN), ("a", Scope.BUILTIN), ("b", Scope.USER), ("c", Scope.PROJECT)):
        places.write(f"{name} {scope.value}", name=name, scope=scope)
    found = places.templates.all(cwd=str(places.cwd))
    assert [template.prompt for template in found] == ["a built-in", "b user", "c project"]
    elsewhere = places.templates.all(cwd=str(places.builtin))
    assert [template.name for template in elsewhere] == ["a", "b"]


def test_shadowed_names_the_file_that_wins(places: Places) -> None:
    builtin = places.write("x", scope=Scope.BUILTIN)
    user = places.write("x", scope=Scope.USER)
    project = places.write("---\ncolour: x\n---\n")
    alone = places.write("x", name="alone")
    files = places.templates.files(cwd=str(places.cwd))
    assert [(file.name, file.source, file.scope, file.shadowed_by) for file in files] == [
        ("alone", str(alone), Scope.PROJECT, None),
        ("coder", str(project), Scope.PROJECT, None),
        ("coder", str(user), Scope.USER, str(project)),
        ("coder", str(builtin), Scope.BUILTIN, str(project)),
    ]
    broken, hidden = files[1], files[2]
    assert (broken.template, [bad.details["field"] for bad in broken.problems]) == (None, ["colour"])
    assert (hidden.template and hidden.template.prompt, hidden.problems) == ("x", ())


def test_problems_are_told_of_shadowed_files_too(places: Places) -> None:
    places.write("fine")
    path = places.write("---\ncolour: x\n---\n", scope=Scope.USER)
    (bad,) = places.templates.problems(cwd=str(places.cwd))
    assert bad.message == f"{path}:2: field 'colour': unknown field"


def test_an_illegal_folder_is_a_problem_and_no_template(places: Places) -> None:
    places.write("x", name="My Agent")
    (places.project / ".genie" / "agents" / "empty").mkdir()
    (places.project / ".genie" / "agents" / "README.md").write_text("no template")
    assert places.templates.all(cwd=str(places.cwd)) == []
    (bad,) = places.templates.problems(cwd=str(places.cwd))
    assert "illegal template name 'My Agent'" in bad.message


@pytest.mark.parametrize("name", ["../coder", "..", ".", "", "a/b", "/etc", "Coder", "a\0b", "x" * 300])
def test_an_illegal_name_finds_nothing(places: Places, name: str) -> None:
    places.write("x")
    assert places.find(name) is None


def test_a_home_inside_the_project_is_the_users(tmp_path: Path) -> None:
    templates = FileTemplates(Home(tmp_path / ".genie"), tmp_path / "builtin")
    path = tmp_path / ".genie" / "agents" / "coder" / "AGENTS.md"
    path.parent.mkdir(parents=True)
    path.write_text("x")
    found = templates.find("coder", cwd=str(tmp_path))
    assert found is not None
    assert found.scope is Scope.USER
    assert [file.shadowed_by for file in templates.files(cwd=str(tmp_path))] == [None]


# ---- reading again ---------------------------------------------------------------------------


def test_an_unchanged_file_is_not_read_again(places: Places) -> None:
    path = places.write("aa")
    first = places.find()
    stamp = path.stat()
    with path.open("r+") as file:
        file.write("bb")  # the same file and size; the time is put back: nothing that is looked at has changed
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert places.find() is first
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    assert places.find() is not first
    assert places.read("bb").prompt == "bb"


def test_a_changed_file_is_read_again(places: Places) -> None:
    assert places.read("one").prompt == "one"
    assert places.read("three").prompt == "three"
    places.refused("---\ncolour: x\n---\n")
    assert places.read("good again").prompt == "good again"


def test_a_file_that_is_replaced_or_removed_is_noticed(places: Places) -> None:
    path = places.write("aa")
    assert places.find() is not None
    other = path.with_name("new")
    other.write_text("bb")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    found = places.find()
    assert found is not None
    assert found.prompt == "bb"
    path.unlink()
    assert places.find() is None
    assert places.templates.all(cwd=str(places.cwd)) == []


# ---- the built-in ones ------------------------------------------------------------------------


@pytest.fixture
def builtin(tmp_path: Path) -> list[Template]:
    return FileTemplates(Home(tmp_path / ".genie"), package_dir("agents")).all(cwd=str(tmp_path))


def test_the_built_in_templates_are_these_eight(builtin: list[Template], tmp_path: Path) -> None:
    assert {template.name for template in builtin} == BUILTIN
    assert {path.name for path in package_dir("agents").iterdir()} == BUILTIN
    assert FileTemplates(Home(tmp_path / ".genie"), package_dir("agents")).problems(cwd=str(tmp_path)) == []


def test_the_built_in_templates_say_who_they_are_and_pin_little(builtin: list[Template]) -> None:
    for template in builtin:
        text = Path(template.source).read_text()
        assert f"\nname: {template.name}\n" in text
        assert template.description
        assert template.team is None
        assert template.model is None
        assert template.permission_mode is not PermissionMode.BYPASS
        assert 40 <= template.prompt.count("\n") + 1 <= 90, template.name
    assert len({template.color for template in builtin} - {None}) == len(BUILTIN)
    assert len({template.prompt for template in builtin}) == len(BUILTIN)


def test_the_built_in_prompts_name_only_commands_that_exist(builtin: list[Template]) -> None:
    known = set(command_names())
    for template in builtin:
        words = template.prompt.replace("`", " ").split()
        used = {word for before, word in pairwise(words) if before == "genie"}
        assert used, template.name
        assert used <= known, (template.name, used - known)


# ---- the reference page -----------------------------------------------------------------------


def page() -> str:
    return (Path(__file__).parents[2] / "docs" / "templates.md").read_text()


def test_the_page_has_every_field() -> None:
    table = page().split("## Fields")[1].split("### spawn")[0]
    fields = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(fields) == sorted(Frontmatter.model_fields)


def test_the_page_has_every_word() -> None:
    rows = {line.split("`")[1]: line for line in page().splitlines() if line.startswith("| `")}
    words = {
        "permission_mode": PermissionMode,
        "prompt_mode": PromptMode,
        "color": Color,
        "layout": Layout,
        "restart": Restart,
    }
    for field, values in words.items():
        assert {member.value for member in values} <= set(rows[field].split("`")), field


def test_the_examples_of_the_page_read(places: Places) -> None:
    template = places.read(page().split("```markdown\n")[1].split("```")[0])
    assert (template.team, template.color, template.cooldown) == ("storage", Color.CYAN, timedelta(minutes=2))
    block = page().split("```yaml\n")[1].split("```")[0]
    wish = places.read(f"---\n{block}---\n").spawn
    assert None not in [getattr(wish, field.name) for field in fields(wish)]


def test_the_page_names_the_built_in_templates() -> None:
    (row,) = [line for line in page().splitlines() if line.startswith("| built in")]
    assert set(row.split("`")[1::2]) == BUILTIN
