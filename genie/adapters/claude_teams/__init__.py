"""Claude Code's own team folders, of which genie is the lead: `<configuration>/teams/<team>/`."""

from genie.adapters.claude_teams.folder import ClaudeTeams

__all__ = ["ClaudeTeams"]
