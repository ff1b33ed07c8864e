"""Who is calling: the kernel's word about the other end of a Unix socket."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import Any

from fastapi import Request
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from genie.domain.errors import Refused

_LOCAL_PEERCRED, _LOCAL_PEERPID = 0x001, 0x002


class PeerProtocol(HttpToolsProtocol):
    """Puts (pid, uid) of the peer into `request.state.peer`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own narrowing
        super().connection_made(transport)
        self.app_state = {**self.app_state, "peer": peer_of(transport.get_extra_info("socket"))}


def peer_of(connection: Any) -> tuple[int, int]:  # noqa: ANN401  asyncio's TransportSocket has no public type
    """pid and uid of the process at the other end; (0, -1) where the kernel does not say."""
    try:
        return _linux(connection) if hasattr(socket, "SO_PEERCRED") else _macos(connection)
    except (OSError, struct.error):
        return 0, -1


def _linux(connection: Any) -> tuple[int, int]:  # noqa: ANN401
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, uid


def _macos(connection: Any) -> tuple[int, int]:  # noqa: ANN401
    (pid,) = struct.unpack("i", connection.getsockopt(0, _LOCAL_PEERPID, 4))
    _, uid = struct.unpack("2i", connection.getsockopt(0, _LOCAL_PEERCRED, 8))
    return pid, uid


def check_peer(request: Request) -> int:
    """The caller's pid. Raises Refused unless it is the daemon's own user, or root."""
    pid, uid = request.state.peer
    if uid not in (os.getuid(), 0):
        raise Refused(f"user {uid} may not talk to this daemon", hint="every user has a genie of their own")
    return int(pid)
