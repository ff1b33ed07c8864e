"""The daemon: the one process of a host that touches tmux, the registry and agents."""
