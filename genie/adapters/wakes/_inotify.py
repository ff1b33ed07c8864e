"""Linux: inotify, by its system calls. Waiting costs nothing, and a write wakes within a fraction of a millisecond."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import threading

from genie.adapters.wakes._notifier import Change

_MODIFY, _ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x2, 0x4, 0x8, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_UNMOUNT, _OVERFLOW, _IGNORED, _ONLYDIR = 0x2000, 0x4000, 0x8000, 0x1000000
_CHANGES = _MODIFY | _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
_HEAD = struct.Struct("iIII")
_BUFFER = 2**16


class Inotify:
    """Raises OSError where the system has no inotify, or no more of it for this user."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            self._add, self._remove = libc.inotify_add_watch, libc.inotify_rm_watch
            self._descriptor: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        except AttributeError as error:
            raise OSError("this system has no inotify") from error
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        self._poll.register(self._reader, select.POLLIN)
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._directories: dict[int, str] = {}

    def watch(self, directory: str) -> bool:
        with self._lock:
            number: int = self._add(self._descriptor, os.fsencode(directory), ctypes.c_uint32(_CHANGES | _ONLYDIR))
            if number < 0:
                return False
            self._numbers[directory] = number
            self._directories[number] = directory
            return True

    def unwatch(self, directory: str) -> None:
        with self._lock:
            number = self._numbers.pop(directory, None)
            if number is not None and self._directories.get(number) == directory:
                del self._directories[number]
                self._remove(self._descriptor, number)

    def wait(self, timeout: float | None) -> list[Change]:
        ready = dict(self._poll.poll(None if timeout is None else timeout * 1000))
        if self._reader in ready:
            os.read(self._reader, 4096)
        return self._read() if self._descriptor in ready else []

    def wake(self) -> None:
        try:
            os.write(self._writer, b"x")
        except BlockingIOError:
            return  # it is full of wakes already

    def close(self) -> None:
        for descriptor in (self._descriptor, self._reader, self._writer):
            os.close(descriptor)

    def _read(self) -> list[Change]:
        try:
            data = os.read(self._descriptor, _BUFFER)
        except BlockingIOError:
            return []
        changes: dict[Change, None] = {}
        at = 0
        while at < len(data):
            number, mask, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size + length
            name = os.fsdecode(data[at - length : at].rstrip(b"\0"))
            changes |= dict.fromkeys(self._changes(number, mask, name))
        return list(changes)

    def _changes(self, number: int, mask: int, name: str) -> list[Change]:
        with self._lock:
            if mask & _OVERFLOW:
                return [Change(directory, maybe=True) for directory in self._numbers]
            directory = self._directories.get(number)
            if directory is None:
                return []
            if not mask & (_IGNORED | _UNMOUNT | _MOVE_SELF | _DELETE_SELF):
                return [Change(directory, name or None)]
            del self._directories[number]
            if self._numbers.get(directory) == number:
                del self._numbers[directory]
            if mask & _MOVE_SELF:
                self._remove(self._descriptor, number)
            return [Change(directory, gone=True)]
