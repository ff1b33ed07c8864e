"""The template that `genie template new` writes: every field, with what it may be."""

from __future__ import annotations

from collections.abc import Sequence

EVERY_FIELD = (
    ("description", "What it is for, shown in lists", "text"),
    ("provider", "claude", "claude, codex, gemini, ollama, shell, or one of yours: genie providers ls"),
    ("model", "medium", "the provider's word, or small, medium, large"),
    ("effort", "high", "the provider's word"),
    ("permission_mode", "acceptEdits", "manual, acceptEdits, plan, auto, dontAsk, bypassPermissions"),
    ("prompt_mode", "append", "append to the provider's system prompt, or replace it"),
    ("team", "web", "the team of its agents, whoever spawns them"),
    ("color", "blue", "blue, green, yellow, magenta, cyan, red, orange, pink, purple, white"),
    ("layout", "mosaic", "of the team's window: mosaic, vertical"),
    ("skills", "[testing]", "are loaded before the first prompt, and named in the role prompt"),
    ("tools", '[Read, "Bash(git *)"]', "what it may use without asking"),
    ("disallowed_tools", "[WebFetch]", "what it may never use"),
    ("mcp", "[mcp.json]", "files with MCP servers"),
    ("add_dirs", "[../shared]", "further directories that it may work in"),
    ("env", "{PORT: 8080}", "variables of its environment"),
    ("extra_args", "[--verbose]", "further words for the provider's command"),
    ("auto_resume", "true", "whether it is brought back when it dies: true, false"),
    ("restart", "on-failure", "on-failure, always, never"),
    ("max_resume_attempts", "3", "a whole number"),
    ("cooldown", "60s", "between two attempts"),
    ("stable_after", "5m", "alive for so long, it has its attempts back"),
    ("ttl", "2h", "it is ended after this time"),
    ("spawn", "{mode: static}", "what it may start: docs/templates.md"),
    ("on_resume", "Look at git status, then go on.", "what it is told when it was brought back, or none"),
    ("cwd", "backend", "its directory, seen from where it is spawned"),
    ("worktree", "true", "a git worktree for each of its agents: true, false"),
    ("stdin", "true", "its command reads lines, and messages may be typed to it: true, false"),
    ("cross_team", "[docs]", "it may send messages to other teams: true, false, or their names"),
)
"""Each field of a template but its name, a value that it may have, and what else it may be."""

BODY = """You are {name}. Say here, as to a new colleague:

- what this agent is for, and what it must leave alone;
- what it looks at first, and how it works;
- how it shows that its work is right, and what it hands over at the end.
"""


def fresh(name: str) -> str:
    """A template in which every field is commented out."""
    return f"---\n{_head(name)}{_commented(())}---\n\n{BODY.format(name=name)}"


def copied(name: str, block: str, body: str, *, of: str) -> str:
    """A copy of another template under its own name, with the fields that the other does not use commented out."""
    lines = [line for line in block.splitlines() if not line.startswith("name:")]
    said = [line.partition(":")[0] for line in lines if not line.startswith((" ", "#", "-"))]
    kept = "".join(f"{line}\n" for line in lines)
    return f"---\n# begun as a copy of {of}\n{_head(name)}{kept}\n{_commented(said)}---\n\n{body.strip()}\n"


def _head(name: str) -> str:
    return f"# All fields are optional: take away the # of those that you use.\nname: {name}\n"


def _commented(said: Sequence[str]) -> str:
    rest = [row for row in EVERY_FIELD if row[0] not in said]
    width = max((len(f"{field}: {value}") for field, value, _ in rest), default=0)
    return "".join(f"# {f'{field}: {value}':<{width}}  # {text}\n" for field, value, text in rest)
