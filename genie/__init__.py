"""genie: a team manager for coding agents that live in tmux panes."""

__version__ = "0.1.0"
