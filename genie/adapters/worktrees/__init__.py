"""Worktrees of the user's repositories, made and removed by calling git.

Under GENIE_HOME/worktrees a directory a repository, in it a directory a worktree, NAME, and beside that its marker,
.NAME.json, which says that genie made it. What has no marker is never touched.

Of the user's repository only what git keeps of worktrees and branches changes: no configuration is written, no hook is
run, nothing is forced.
"""

from genie.adapters.worktrees.trees import GitWorktrees

__all__ = ["GitWorktrees"]
