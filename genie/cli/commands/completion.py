"""`genie completion`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.output import line
from genie.domain.errors import BadInput
from genie.domain.words import nearest

HEADING = "System"
CALL = ""
EXAMPLE = """
source <(genie completion bash)
genie completion zsh > "${fpath[1]}/_genie"
genie completion fish > ~/.config/fish/completions/genie.fish
"""

SCRIPTS = {
    "bash": r"""_genie() {
    local IFS=$'\n'
    COMPREPLY=($(genie __complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _genie genie""",
    "zsh": r"""#compdef genie
_genie() {
    local -a found
    found=(${(f)"$(genie __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( $#found )); then
        _describe genie found
    else
        _files
    fi
}
if [ "$funcstack[1]" = _genie ]; then
    _genie "$@"
else
    compdef _genie genie
fi""",
    "fish": r"""function __genie_complete
    set -l before (commandline -opc)
    set -e before[1]
    set -l now (commandline -ct)
    genie __complete fish $before "$now" 2>/dev/null
end
complete -c genie -f -a "(__genie_complete)"
complete -c genie -n "__fish_seen_subcommand_from backup restore" -F""",
}


def _shells(incomplete: str) -> list[str]:
    return [shell for shell in SCRIPTS if shell.startswith(incomplete)]


def command(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", autocompletion=_shells)],
) -> None:
    """Print the completion script of a shell.

    It completes commands, agents, teams and templates.
    """
    if shell not in SCRIPTS:
        raise BadInput(f"no completion for '{shell}'", hint=nearest(shell, SCRIPTS))
    line(SCRIPTS[shell])
