"""`genie template`: what is seen, what is wrong with it, and what the registry keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genie.domain.errors import BadInput, BadTemplate, NotAllowed, NotFound
from genie.domain.template import Scope, Template, TemplateFile
from genie.services.templates import (
    editable,
    find_template,
    list_templates,
    new_template,
    shadows,
    sync,
    watched,
)
from tests.services.bench import HOST, Bench
from tests.services.ports import Agentic


def hidden(template: Template) -> TemplateFile:
    return TemplateFile(
        name=template.name,
        source=f"/built-in/{template.name}/AGENTS.md",
        scope=Scope.BUILTIN,
        template=template,
        shadowed_by=template.source,
    )


def test_all_files_are_told_by_name_with_what_is_wrong(bench: Bench) -> None:
    bench.templates.add("coder")
    bench.templates.broken.add("bad")
    bench.templates.hidden.append(hidden(bench.templates.known["coder"]))
    files = list_templates(bench.world, bench.caller())
    assert [(file.name, file.scope, bool(file.problems)) for file in files] == [
        ("bad", Scope.USER, True),
        ("coder", Scope.USER, False),
        ("coder", Scope.BUILTIN, False),
        ("engineer", Scope.USER, False),
    ]
    assert shadows(bench.world, "/agents/coder/AGENTS.md", cwd="/w") == [files[2]]


def test_one_is_found_by_name_or_by_path(bench: Bench) -> None:
    assert find_template(bench.world, "engineer", bench.caller()).template
    assert find_template(bench.world, "/agents/engineer/AGENTS.md", bench.caller()).name == "engineer"
    with pytest.raises(NotFound, match="no template 'enginer'") as caught:
        find_template(bench.world, "enginer", bench.caller())
    assert "'engineer'" in caught.value.hint
    with pytest.raises(NotFound, match="no template file"):
        find_template(bench.world, "other.md", bench.caller())


def test_an_unknown_provider_is_a_problem_of_the_file(bench: Bench) -> None:
    bench.templates.add("coder", provider="clude")
    (bad,) = find_template(bench.world, "coder", bench.caller()).problems
    assert bad.message == "/agents/coder/AGENTS.md:2: field 'provider': unknown provider 'clude'"
    assert "claude" in bad.hint


@pytest.mark.parametrize(
    ("error", "field"),
    [
        (BadInput("provider claude takes no tools", field="tools"), "tools"),
        (BadInput("extra argument '--resume' of provider claude is genie's own to give"), "extra_args"),
        (BadInput("nothing fits"), "provider"),
    ],
)
def test_what_a_provider_will_not_take_is_a_problem_of_the_file(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, error: BadInput, field: str
) -> None:
    def plan(*_: object) -> None:
        raise error

    monkeypatch.setattr(Agentic, "plan", plan)
    (bad,) = find_template(bench.world, "engineer", bench.caller()).problems
    assert bad.details["field"] == field


def test_a_program_that_is_missing_here_is_none(bench: Bench) -> None:
    bench.providers.claude.missing = True
    bench.templates.add("script", provider="shell")
    assert all(not file.problems for file in list_templates(bench.world, bench.caller()))


def test_a_new_one_and_who_may_be_edited(bench: Bench) -> None:
    made = new_template(bench.world, "mine", cwd="/w", scope=Scope.PROJECT, base="engineer")
    assert (made.name, made.scope, made.template and made.template.prompt) == (
        "mine", Scope.PROJECT, "You are engineer.",
    )  # fmt: skip
    assert editable(bench.world, "mine", bench.caller()).source == made.source
    bench.templates.add("docs", scope=Scope.BUILTIN)
    with pytest.raises(NotAllowed, match="is built in") as caught:
        editable(bench.world, "docs", bench.caller())
    assert "genie template new docs --from docs" in caught.value.hint


def test_the_registry_is_brought_in_step(bench: Bench) -> None:
    path = "/agents/engineer/AGENTS.md"
    assert sync(bench.world, cwds=["/w"]).added == (path,)
    done = sync(bench.world, cwds=["/w", "/w"])
    assert (done.added, done.changed, done.removed, done.problems) == ((), (), (), ())
    bench.templates.add("engineer", checksum="other")
    assert sync(bench.world, cwds=["/w"]).changed == (path,)
    assert [(one.source, one.name, one.checksum) for one in bench.registry.templates(HOST)] == [
        (path, "engineer", "other")
    ]
    bench.templates.broken.add("engineer")
    done = sync(bench.world, cwds=["/w"])
    assert (done.removed, [type(bad) for bad in done.problems]) == ((path,), [BadTemplate])
    assert bench.registry.templates(HOST) == []


def test_files_of_other_projects_are_looked_at_again(bench: Bench) -> None:
    there, gone = (replace(bench.templates.known["engineer"], source=f"/{at}/AGENTS.md") for at in ("there", "gone"))
    with bench.registry.begin() as tx:
        tx.keep_template(there, host=HOST)
        tx.keep_template(gone, host=HOST)
        tx.keep_template(replace(gone, source="/theirs/AGENTS.md"), host="host-2")
    changed = replace(there, checksum="other")
    bench.templates.elsewhere.append(
        TemplateFile(name="engineer", source=there.source, scope=Scope.PROJECT, template=changed)
    )
    done = sync(bench.world, cwds=[])
    assert (done.added, done.changed, done.removed) == ((), ("/there/AGENTS.md",), ("/gone/AGENTS.md",))
    assert [one.source for one in bench.registry.templates("host-2")] == ["/theirs/AGENTS.md"]
    with bench.registry.begin() as tx:
        tx.forget_template("/theirs/AGENTS.md", host=HOST)
    assert bench.registry.templates("host-2")


def test_what_runs_keeps_the_launch_that_it_was_spawned_with(bench: Bench) -> None:
    bench.spawn()
    before = bench.session().launch
    bench.templates.add("engineer", checksum="other", model="opus")
    sync(bench.world, cwds=watched(bench.world))
    bench.dies()
    bench.beat()
    assert bench.session().launch == before


def test_the_directories_that_matter_are_those_of_live_agents(bench: Bench) -> None:
    bench.spawn("ada", cwd="/a")
    bench.spawn("bob", cwd="/b")
    bench.kill("bob")
    assert watched(bench.world) == ["/a", bench.world.home]
