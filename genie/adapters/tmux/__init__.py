"""tmux, over libtmux: implements `genie.ports.Terminal`."""

from genie.adapters.tmux.terminal import Tmux

__all__ = ["Tmux"]
