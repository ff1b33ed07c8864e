"""Settings: layers, units, errors that name their line, and what a project may not say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from genie.domain.errors import BadConfig
from genie.domain.layout import SMALLEST_WIDTH
from genie.domain.resume import Policy
from genie.domain.team import Layout
from genie.domain.words import PermissionMode
from genie.paths import Home
from genie.settings import (
    KEYS,
    Problem,
    Settings,
    check,
    load,
    masked,
    origins,
    parse_duration,
    parse_size,
    write_duration,
    write_size,
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    root = tmp_path / "user" / ".genie"
    root.mkdir(parents=True)
    return Home(root)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project" / ".genie").mkdir(parents=True)
    return tmp_path / "project"


def write(home: Home, text: str) -> Path:
    home.config.write_text(text)
    return home.config


def write_project(project: Path, text: str) -> Path:
    path = project / ".genie" / "config.toml"
    path.write_text(text)
    return path


def refused(home: Home, env: dict[str, str] | None = None, project: Path | None = None) -> BadConfig:
    with pytest.raises(BadConfig) as caught:
        load(home, project=project, env=env or {})
    return caught.value


# ---- defaults and layers --------------------------------------------------------------------


def test_defaults_hold_when_nothing_is_said(home: Home, project: Path) -> None:
    settings = load(home, project=project, env={})
    assert settings == Settings()
    assert (settings.database_url, settings.postgres_dir, settings.max_running) == (None, None, 50)
    resume = settings.resume
    assert (resume.max_attempts, resume.dead_cycles, resume.max_in_flight) == (3, 2, 4)
    assert (resume.heartbeat, resume.second_look) == (timedelta(seconds=2), timedelta(milliseconds=200))
    expected = Policy(max_attempts=3, cooldown=timedelta(seconds=60), stable_after=timedelta(minutes=5))
    assert resume.policy == expected
    assert (settings.tmux.socket, settings.tmux.layout) == (None, Layout.MOSAIC)
    assert (settings.tmux.width, settings.tmux.height) == (200, 50)
    assert settings.spawn.start_timeout == timedelta(seconds=30)
    assert settings.stop.grace == timedelta(seconds=5)
    assert (settings.cgroup.path, settings.cgroup.max_processes) == ("auto", 4096)
    assert (settings.sandbox.images, settings.sandbox.network) == ({}, "bridge")
    assert "ANTHROPIC_API_KEY" in settings.sandbox.env
    assert (settings.log.level.value, settings.log.max_size, settings.log.keep) == ("info", 10 * 1024**2, 5)
    assert (settings.claude.binary, settings.claude.extra_args, settings.claude.permission_mode) == (None, (), None)
    assert (settings.codex.binary, settings.codex.extra_args) == (None, ())


def test_settings_alone_read_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_RUNNING", "7")
    monkeypatch.setenv("GENIE_MAX_RUNNING", "7")
    assert Settings().max_running == 50
    assert Settings.model_validate({"max_running": 8}).max_running == 8


def test_load_reads_only_the_environment_it_is_given(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENIE_MAX_RUNNING", "7")
    assert load(home, project=None, env={}).max_running == 50
    assert load(home, project=None, env={"GENIE_MAX_RUNNING": "9"}).max_running == 9


def test_the_nearer_layer_wins_key_by_key(home: Home, project: Path) -> None:
    write(home, '[resume]\nmax_attempts = 1\ncooldown = "1s"\nstable_after = "1m"\ndead_cycles = 9\n')
    write_project(project, '[resume]\nmax_attempts = 2\ncooldown = "2s"\nstable_after = "2m"\n')
    env = {"GENIE_RESUME__MAX_ATTEMPTS": "4", "GENIE_RESUME__COOLDOWN": "4s"}
    resume = load(home, project=project, env=env, flags={"resume.max_attempts": 5, "max_running": None}).resume
    assert resume.max_attempts == 5
    assert resume.cooldown == timedelta(seconds=4)
    assert resume.stable_after == timedelta(minutes=2)
    assert resume.dead_cycles == 9
    assert resume.max_in_flight == 4


def test_settings_are_frozen(home: Home) -> None:
    settings = load(home, project=None, env={})
    with pytest.raises(ValidationError):
        settings.max_running = 1
    with pytest.raises(ValidationError):
        settings.resume.max_attempts = 1


def test_every_key_is_taken_from_file_and_environment(home: Home) -> None:
    values = {
        "database_url": "postgresql://me:secret@db/genie",
        "postgres_dir": "/var/lib/genie",
        "max_running": "7",
        "resume.max_attempts": "1",
        "resume.cooldown": "2s",
        "resume.stable_after": "3m",
        "resume.dead_cycles": "4",
        "resume.heartbeat": "5s",
        "resume.second_look": "600ms",
        "resume.max_in_flight": "8",
        "tmux.socket": "mine",
        "tmux.layout": "vertical",
        "tmux.width": "120",
        "tmux.height": "40",
        "spawn.start_timeout": "10s",
        "spawn.mode": "static",
        "spawn.children": "1",
        "spawn.depth": "2",
        "spawn.descendants": "3",
        "spawn.total": "4",
        "spawn.memory": "5MiB",
        "spawn.rate": "6/m",
        "spawn.termination": "orphan",
        "spawn.on_breach": "refuse",
        "stop.grace": "0s",
        "stop.ttl_grace": "0s",
        "cgroup.path": "/sys/fs/cgroup/genie",
        "cgroup.max_processes": "9",
        "sandbox.images": "claude=agents/claude:2 'own one=b/c'",
        "sandbox.network": "none",
        "sandbox.env": "MY_KEY OTHER",
        "notify.occasions": "failed done",
        "notify.ways": '["bell"]',
        "notify.command": "page --now",
        "notify.timeout": "3s",
        "notify.throttle": "0s",
        "log.level": "debug",
        "log.max_size": "1MiB",
        "log.keep": "0",
        "log.runs_max_size": "2MiB",
        "log.runs_keep": "3",
        "log.runs_days": "0",
        "log.runs_total_size": "3MiB",
        "claude.binary": "/opt/claude",
        "claude.extra_args": "--a 'b c'",
        "activity.stall_after": "5m",
        "claude.status_line": "false",
        "claude.accept_dialogs": "trust api-key",
        "codex.hooks": "yes",
        "claude.permission_mode": "acceptEdits",
        "claude.answer_wait": "1h30m",
        "claude.native_teams": "true",
        "claude_sdk.python": "/opt/python",
        "codex.answer_wait": "1m",
        "codex.binary": "codex",
        "codex.extra_args": '["-x"]',
    }
    assert set(values) == set(KEYS)
    env = {"GENIE_" + key.upper().replace(".", "__"): value for key, value in values.items()}
    from_env = load(home, project=None, env=env)
    lines = [f"{key} = {value!r}" for key, value in values.items() if "b c" not in value]
    write(home, "\n".join([*lines, 'claude.extra_args = ["--a", "b c"]']))
    assert load(home, project=None, env={}) == from_env
    assert from_env.claude.extra_args == ("--a", "b c")
    assert from_env.codex.extra_args == ("-x",)
    assert from_env.claude.permission_mode is PermissionMode.ACCEPT_EDITS
    assert from_env.tmux.layout is Layout.VERTICAL
    assert from_env.log.max_size == 1024**2
    assert from_env.postgres_dir == Path("/var/lib/genie")
    assert from_env.sandbox.images == {"claude": "agents/claude:2", "own one": "b/c"}


def test_the_old_name_of_manual_is_taken(home: Home) -> None:
    env = {"GENIE_CLAUDE__PERMISSION_MODE": "default"}
    assert load(home, project=None, env=env).claude.permission_mode is PermissionMode.MANUAL


def test_the_alias_of_the_socket(home: Home) -> None:
    write(home, '[tmux]\nsocket = "from-file"\n')
    assert load(home, project=None, env={"GENIE_TMUX_SOCKET": "short"}).tmux.socket == "short"
    both = {"GENIE_TMUX_SOCKET": "short", "GENIE_TMUX__SOCKET": "long"}
    assert load(home, project=None, env=both).tmux.socket == "long"


def test_an_empty_variable_is_not_set(home: Home) -> None:
    write(home, "max_running = 3\n")
    env = {"GENIE_MAX_RUNNING": "", "GENIE_DATABASE_URL": "", "GENIE_RESUME__COOLDOWN": ""}
    assert load(home, project=None, env=env) == Settings.model_validate({"max_running": 3})


def test_other_genie_variables_are_no_settings(home: Home) -> None:
    env = {"GENIE_HOME": "/x", "GENIE_TEAM": "t", "GENIE_RUN_ID": "1", "GENIE_AGENT_NAME": "a", "GENIE_RESUME": "no"}
    assert load(home, project=None, env=env) == Settings()


def test_home_in_a_path_is_that_of_the_environment(home: Home) -> None:
    write(home, 'postgres_dir = "~/pg"\nclaude.binary = "~/bin/claude"\ncodex.extra_args = ["~/x"]\n')
    settings = load(home, project=None, env={"HOME": "/home/me"})
    assert settings.postgres_dir == Path("/home/me/pg")
    assert settings.claude.binary == "/home/me/bin/claude"
    assert settings.codex.extra_args == ("~/x",)
    assert refused(home, {}).details["key"] == "postgres_dir"


def test_a_home_inside_the_project_is_the_users_file(tmp_path: Path) -> None:
    home = Home(tmp_path / ".genie")
    home.root.mkdir()
    write(home, "max_running = 3\n")
    assert load(home, project=tmp_path, env={}).max_running == 3
    assert check(home, project=tmp_path, env={}) == []


def test_a_byte_order_mark_and_crlf_are_taken(home: Home) -> None:
    home.config.write_bytes(b"\xef\xbb\xbf# mine\r\n[resume]\r\nmax_attempts = 0\r\n")
    assert load(home, project=None, env={}).resume.max_attempts == 0
    assert origin(home, "resume.max_attempts") == f"{home.config}:3"


# ---- what is wrong, and where ---------------------------------------------------------------


def test_an_unknown_key_has_its_line_and_the_nearest_key(home: Home) -> None:
    path = write(home, "# mine\n\n[resume]\nmax_attempts = 2\nmax_attemps = 3\n")
    error = refused(home)
    assert error.message == f"{path}:5: resume.max_attemps: unknown key"
    assert error.hint == "did you mean 'max_attempts'?"
    assert error.code == "bad_config"
    assert (error.details["file"], error.details["line"], error.details["key"]) == (str(path), 5, "resume.max_attemps")


@pytest.mark.parametrize(
    ("text", "line", "key", "said", "hint"),
    [
        ("max_runing = 3", 1, "max_runing", "unknown key", "did you mean 'max_running'?"),
        ("\n[resum]\nmax_attempts = 3", 2, "resum", "unknown key", "did you mean 'resume'?"),
        ("resum.cooldown = 3", 1, "resum.cooldown", "unknown section", "did you mean 'resume'?"),
        ("resume = 3", 1, "resume", "is a section", "[resume]"),
        ("[[log]]\nkeep = 1", 1, "log", "is a section", "[log]"),
        ("[notify]\nbell = true", 2, "notify.bell", "unknown key", "known:"),
        ("[notify]\nways = ['bel']", 2, "notify.ways", "unknown way 'bel'", "did you mean 'bell'?"),
        ("[resume]\n[resume.more]\nx = 1", 2, "resume.more", "unknown key", "known:"),
        ("resume = { cooldown = 5, foo = 1 }", 1, "resume.foo", "unknown key", "known:"),
        ("[tmux]\nlayout = 'mosiac'", 2, "tmux.layout", "unknown layout 'mosiac'", "did you mean 'mosaic'?"),
        ("[tmux]\nlayout = 3", 2, "tmux.layout", "unknown layout 3", "known:"),
        ("[log]\nlevel = 'inf'", 2, "log.level", "unknown level 'inf'", "did you mean 'info'?"),
        ("[log]\nmax_size = '8 apples'", 2, "log.max_size", "is not a size", "8GiB"),
        ("[log]\nmax_size = 10", 2, "log.max_size", "must be greater than or equal to 1024", ""),
        ("[resume]\ncooldown = 'soon'", 2, "resume.cooldown", "'soon' is not a duration", "1h30m"),
        ("[resume]\ncooldown = -1", 2, "resume.cooldown", "-1 is not a duration", "1h30m"),
        ("[resume]\nheartbeat = 0", 2, "resume.heartbeat", "must be at least 50ms", ""),
        ("[resume]\ndead_cycles = 0", 2, "resume.dead_cycles", "greater than or equal to 1", ""),
        ("max_running = true", 1, "max_running", "True is not a whole number", ""),
        ("max_running = 1.5", 1, "max_running", "1.5 is not a whole number", ""),
        ("max_running = 0", 1, "max_running", "greater than or equal to 1", ""),
        (f"[tmux]\nwidth = {SMALLEST_WIDTH - 1}", 2, "tmux.width", "greater than or equal to", ""),
        ("[cgroup]\npath = 'sys'", 2, "cgroup.path", "'sys' is not an absolute path", "'auto' or 'off'"),
        ("[cgroup]\npath = true", 2, "cgroup.path", "True is not an absolute path", "'auto' or 'off'"),
        ("[cgroup]\nmax_processes = 0", 2, "cgroup.max_processes", "greater than or equal to 1", ""),
        ("[sandbox]\nimages = 3", 2, "sandbox.images", "3 does not name an image each", "claude ="),
        ("[sandbox.images]\nclaude = 3", 2, "sandbox.images", "does not name an image each", "claude ="),
        ("[sandbox]\nimages = { claude = '' }", 2, "sandbox.images", "does not name an image each", "claude ="),
        ("[sandbox]\nimages = 'claude'", 2, "sandbox.images", "does not name an image each", "claude ="),
        ('[sandbox]\nimages = "\'open"', 2, "sandbox.images", "does not read as images", ""),
        ("[[sandbox.images]]\nclaude = 'x'", 1, "sandbox.images", "does not name an image each", ""),
        ("[claude]\nbinary = ''", 2, "claude.binary", "is not a text", ""),
        ("[claude]\nextra_args = ['a', 3]", 2, "claude.extra_args", "is not a list of texts", "write"),
        ('[claude]\nextra_args = "\'open"', 2, "claude.extra_args", "does not read as a list", ""),
        ("[claude]\nstatus_line = 'maybe'", 2, "claude.status_line", "is neither true nor false", ""),
        ("[claude]\naccept_dialogs = ['trus']", 2, "claude.accept_dialogs", "no dialog that can be", "'trust'?"),
        ("[codex]\nhooks = 1", 2, "codex.hooks", "1 is neither true nor false", ""),
        ("[claude]\nanswer_wait = '8d'", 2, "claude.answer_wait", "must be at most 168h", ""),
        ("[claude]\npermission_mode = 'bypass'", 2, "claude.permission_mode", "unknown permission mode", "bypassP"),
        ("postgres_dir = 'pg'", 1, "postgres_dir", "is not an absolute path", ""),
        ("database_url = 'mysql://db/x'", 1, "database_url", "not a PostgreSQL URL", "postgresql://"),
        ("database_url = 'postgres://db/x'", 1, "database_url", "not a PostgreSQL URL", "postgresql://"),
        ("[database_url]\nx = 1", 1, "database_url", "not a PostgreSQL URL", "postgresql://"),
    ],
)
def test_what_is_wrong_in_a_file(home: Home, text: str, line: int, key: str, said: str, hint: str) -> None:
    path = write(home, text + "\n")
    error = refused(home)
    assert error.message.startswith(f"{path}:{line}: {key}: ")
    assert said in error.message
    assert hint in error.hint
    assert "\n" not in error.message
    assert len(check(home, project=None, env={})) == 1


@pytest.mark.parametrize(
    "text",
    [
        "[sandbox]\nimages = { claude = 'a', codex = 'b' }",
        "[sandbox.images]\nclaude = 'a'\ncodex = 'b'\n\n[log]\nkeep = 1",
        "[sandbox]\nnetwork = 'bridge'\nimages.claude = 'a'\nimages.codex = 'b'",
        "sandbox.images.claude = 'a'\nsandbox.images.codex = 'b'",
        "sandbox = { images = { claude = 'a', codex = 'b' } }",
    ],
)
def test_images_can_be_written_in_every_way_that_toml_has(home: Home, project: Path, text: str) -> None:
    path = write(home, text)
    assert load(home, project=None, env={}).sandbox.images == {"claude": "a", "codex": "b"}
    shown = {key: (value, origin) for key, value, origin in origins(home, project=None, env={})}
    value, origin = shown["sandbox.images"]
    assert value == '{"claude": "a", "codex": "b"}'
    assert origin.startswith(f"{path}:")
    write_project(project, text)
    assert "a project's file may not set this" in refused(home, project=project).message


def test_the_line_is_right_behind_values_of_several_lines(home: Home) -> None:
    text = """[claude]
extra_args = [
    "--a",  # [resume]
    \"\"\"
max_attempts = 1
[log]
\"\"\",
]
binary = '''
'''
[resume]
max_attempts = 0
cooldowns = 3
"""
    path = write(home, text)
    problems = check(home, project=None, env={})
    assert [(problem.line, problem.key) for problem in problems] == [(9, "claude.binary"), (13, "resume.cooldowns")]
    assert {problem.file for problem in problems} == {str(path)}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = \n", 1),
        ("[resume]\nmax_attempts = 1\nmax_attempts = 2\n", 3),
        ("\n\nx = [1,\n", 4),
        ("a = " + "[" * 9999, None),
    ],
)
def test_what_is_no_toml(home: Home, text: str, line: int | None) -> None:
    path = write(home, text)
    error = refused(home)
    assert error.message.startswith(f"{path}:{line}: not valid TOML" if line else f"{path}:")
    assert error.details["file"] == str(path)


def test_a_file_that_cannot_be_read(home: Home, project: Path) -> None:
    home.config.mkdir()
    assert "cannot be read" in refused(home).message
    config = project / ".genie" / "config.toml"
    config.write_bytes(b"# caf\xe9\n")
    assert [problem.message for problem in check(home, project=project, env={})][1] == "is not UTF-8"


@pytest.mark.parametrize("name", ["GENIE_RESUME__FOO", "GENIE_FOO__BAR", "GENIE_RESUME__COOLDOWN__X", "GENIE___X"])
def test_an_unknown_variable_is_refused(home: Home, name: str) -> None:
    error = refused(home, {name: "1"})
    assert error.message.startswith(f"environment {name}: ")
    assert "unknown" in error.message
    assert error.details["line"] is None


def test_the_value_of_a_variable_is_checked(home: Home) -> None:
    error = refused(home, {"GENIE_MAX_RUNNING": "many"})
    assert error.message == "environment GENIE_MAX_RUNNING: max_running: 'many' is not a whole number"


def test_a_flag_is_checked(home: Home) -> None:
    with pytest.raises(BadConfig, match=r"flag: tmux\.layout: unknown layout 'round'"):
        load(home, project=None, env={}, flags={"tmux.layout": "round"})


def test_all_problems_are_collected_overridden_ones_too(home: Home, project: Path) -> None:
    user = write(home, "max_running = 0\n")
    own = write_project(project, "[resume]\ncooldown = 'x'\nfoo = 1\n")
    env = {"GENIE_MAX_RUNNING": "5", "GENIE_TMUX__HEIGHT": "1"}
    found = check(home, project=project, env=env)
    places = [f"{user}:1", f"{own}:2", f"{own}:3", "environment GENIE_TMUX__HEIGHT"]
    assert [problem.origin for problem in found] == places
    error = refused(home, env, project)
    assert error.message == str(found[0])
    errors = error.details["errors"]
    assert isinstance(errors, list)
    assert [one["key"] for one in errors] == ["max_running", "resume.cooldown", "resume.foo", "tmux.height"]
    assert set(errors[0]) == {"origin", "file", "line", "key", "message", "hint"}


def test_check_finds_nothing_in_a_good_file(home: Home, project: Path) -> None:
    write(home, "max_running = 3\n")
    assert check(home, project=project, env={"GENIE_STOP__GRACE": "1s"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "database_url = 'postgresql://evil/x'",
        "postgres_dir = '/x'",
        "max_running = 9",
        "tmux.socket = 'x'",
        "log.level = 'debug'",
        "log.keep = 0",
        "log.max_size = 5000",
        "claude.binary = './evil'",
        "codex.binary = 'x'",
        "codex.hooks = true",
        "claude.accept_dialogs = ['trust']",
    ],
)
def test_what_a_project_may_not_say(home: Home, project: Path, text: str) -> None:
    path = write_project(project, f"\n{text}\n")
    error = refused(home, {}, project)
    assert error.message == f"{path}:2: {text.split(' ')[0]}: a project's file may not set this"
    assert str(home.config) in error.hint
    assert "evil" not in error.message
    write_project(project, "")
    write(home, f"{text}\n")
    assert check(home, project=project, env={}) == []


def test_a_wrong_url_shows_no_password(home: Home) -> None:
    write(home, "database_url = 'mysql://me:hunter2@db/x'\n")
    error = refused(home)
    assert "hunter2" not in repr((error.message, error.hint, error.details))
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"database_url": "mysql://me:hunter2@db/x"})
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(Settings.model_validate({"database_url": "postgresql://me:hunter2@db/x"}))


def test_a_problem_reads_as_one_line() -> None:
    assert str(Problem("f:3", "a.b", "is odd", "be even", "f", 3)) == "f:3: a.b: is odd"
    assert str(Problem("f", "", "is odd")) == "f: is odd"


# ---- origins --------------------------------------------------------------------------------


def origin(home: Home, key: str, env: dict[str, str] | None = None, project: Path | None = None) -> str:
    return {name: place for name, _, place in origins(home, project=project, env=env or {})}[key]


def test_origins_say_where_each_value_comes_from(home: Home, project: Path) -> None:
    user = write(home, "database_url = 'postgresql://me:hunter2@db/genie'\n[resume]\ncooldown = 90\nheartbeat = '1s'\n")
    own = write_project(project, "resume.heartbeat = '3s'\nclaude.extra_args = ['--x y']\n")
    env = {"GENIE_TMUX_SOCKET": "mine", "GENIE_LOG__MAX_SIZE": "1MiB"}
    rows = {key: (value, place) for key, value, place in origins(home, project=project, env=env)}
    assert tuple(rows) == KEYS
    assert rows["database_url"] == ("postgresql://me:***@db/genie", f"{user}:1")
    assert rows["resume.cooldown"] == ("1m30s", f"{user}:3")
    assert rows["resume.heartbeat"] == ("3s", f"{own}:1")
    assert rows["claude.extra_args"] == ('["--x y"]', f"{own}:2")
    assert rows["tmux.socket"] == ("mine", "environment GENIE_TMUX_SOCKET")
    assert rows["log.max_size"] == ("1MiB", "environment GENIE_LOG__MAX_SIZE")
    assert rows["max_running"] == ("50", "default")
    assert rows["tmux.layout"] == ("mosaic", "default")
    assert rows["claude.binary"] == ("(not set)", "default")
    assert "hunter2" not in repr(rows)


def test_origins_refuse_what_load_refuses(home: Home) -> None:
    write(home, "foo = 1\n")
    with pytest.raises(BadConfig, match="unknown key"):
        origins(home, project=None, env={})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:p@ss:w@db:5432/x?a=1", "postgresql://me:***@db:5432/x?a=1"),
        ("postgresql://me@db/x", "postgresql://me@db/x"),
        ("postgresql:///x?host=/run&user=me&password=pw", "postgresql:///x?host=/run&user=me&password=***"),
        ("postgresql://db/x?password=pw&sslpassword=pw2&a=b", "postgresql://db/x?password=***&sslpassword=***&a=b"),
        ("postgresql://me:pw@[::1]:5/x?b@c:d#e", "postgresql://me:***@[::1]:5/x?b@c:d#e"),
        ("postgresql://me:pw@db", "postgresql://me:***@db"),
    ],
)
def test_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


# ---- durations and sizes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("200ms", 0.2),
        ("1s", 1),
        ("5m", 300),
        ("1h30m", 5400),
        ("2h", 7200),
        ("1d", 86400),
        ("1.5s", 1.5),
        ("1m500ms", 60.5),
        (0, 0),
        (7, 7),
        (0.25, 0.25),
        ("7", 7),
        ("0.5", 0.5),
        ("0s", 0),
        (timedelta(1), 86400),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "s",
        "-1s",
        "1s1m",
        "1x",
        "1 s",
        "1s ",
        "1e3",
        "\u0663s",
        "1S",
        "1m1m",
        "1..5s",
        "1h30",
        "9" * 30 + "d",
        "9" * 50,
        -1,
        True,
        None,
        float("nan"),
        float("inf"),
        1e300,
        [1],
    ],
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400_000)))
def test_durations_survive_being_written(value: timedelta) -> None:
    assert parse_duration(write_duration(value)) == value


@given(st.integers(0, 10**9))
def test_a_number_is_seconds(seconds: int) -> None:
    assert parse_duration(seconds) == parse_duration(str(seconds)) == parse_duration(f"{seconds}s")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8GiB", 8 * 1024**3),
        ("512MiB", 512 * 1024**2),
        ("10MB", 10**7),
        ("1KiB", 1024),
        ("1kB", 1000),
        ("2TB", 2 * 10**12),
        ("1.5GiB", 3 * 2**29),
        (7, 7),
        ("7", 7),
        ("7B", 7),
        ("1tib", 2**40),
        (0, 0),
    ],
)
def test_sizes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "8G", "8 GiB", "-1", -1, True, 1.5, None, "8apples", "1e3", "9" * 50])
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@given(st.integers(0, 2**60))
def test_sizes_survive_being_written(value: int) -> None:
    assert parse_size(write_size(value)) == value


# ---- the reference page -----------------------------------------------------------------------


def documented() -> dict[str, list[str]]:
    """The rows of the page's table of keys, by key."""
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.read_text().splitlines()]
    return {row[0].strip("`"): row for row in rows if len(row) == 4 and row[0].startswith("`")}


def test_the_page_has_every_key_with_its_default_and_variable(home: Home) -> None:
    rows = documented()
    assert tuple(rows) == KEYS
    for key, value, _ in origins(home, project=None, env={}):
        shown = rows[key][1].strip("`")
        assert shown == value.strip("()"), key
        assert rows[key][2] == f"`GENIE_{key.upper().replace('.', '__')}`"


def test_the_page_says_what_a_project_may_not_set(home: Home, project: Path) -> None:
    for key, row in documented().items():
        write_project(project, f"{key} = 'x'\n")
        (problem, *_) = [*check(home, project=project, env={}), Problem("", "", "")]
        assert ("a project's file may not" in problem.message) == ("Only in your own file" in row[3]), key


def test_the_example_of_the_page_reads(home: Home) -> None:
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    write(home, page.read_text().split("```toml\n")[1].split("```")[0])
    assert load(home, project=None, env={"HOME": "/home/me"}).claude.binary == "/home/me/.local/bin/claude"
