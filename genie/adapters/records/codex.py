"""Codex: its rollouts, and `codex exec --json`."""

from __future__ import annotations

from genie.adapters.records._codex_exec import CodexExecParser
from genie.adapters.records._codex_rollout import CodexRolloutParser

FORMS = {"rollout": CodexRolloutParser, "exec": CodexExecParser}
