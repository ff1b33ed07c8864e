"""Claude Code through claude-agent-sdk: its messages are told in the lines of claude's own."""

from genie.adapters.records.claude import FORMS as FORMS
