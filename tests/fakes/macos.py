"""Linux that behaves as macOS does, wherever gatewayctl can notice.

The fixture `macos` does it for one test, `pytest --as-macos` for all of them. The programs that a
test starts stay on Linux. Each part names where macOS behaves so.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import functools
import io
import os
import platform
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

# These choose by the system's name when they are imported, so they are imported as on Linux.
import httpx  # noqa: F401
import psutil
import pytest
import python_on_whales  # noqa: F401
import typer.testing  # noqa: F401

VERSION: Final = "14.5"
USER: Final = 501
"""The first user of a Mac; nobody works as root there."""
F_GETPATH: Final = 50  # sys/fcntl.h
_SUN_PATH: Final = 104  # sys/un.h, with the NUL at its end
_ANY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with
_TAKES_PATHS: Final = (
    "access", "chdir", "chmod", "listdir", "lstat", "mkdir", "open", "readlink", "rename",
    "replace", "rmdir", "scandir", "stat", "symlink", "unlink", "utime",
)  # fmt: skip


def behave_as_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Change what this process sees of its system, until the test ends."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(platform, "mac_ver", lambda: (VERSION, ("", "", ""), "arm64"))
    monkeypatch.setattr(os, "geteuid", _not_root(os.geteuid))
    _restrict_sockets(monkeypatch)
    _hide_processes(monkeypatch)
    _ignore_case(monkeypatch)


def _not_root(real: Callable[[], int]) -> Callable[[], int]:
    """The root of a container is an ordinary user to gatewayctl, and root to the tests."""

    def geteuid() -> int:
        found = real()
        is_sudo = "SUDO_UID" in os.environ
        return USER if found == 0 and not is_sudo and _caller() == "gatewayctl" else found

    return geteuid


def _caller() -> str:
    """The first package on the stack that is gatewayctl, psutil or tests."""
    frame = sys._getframe(2)
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in {"gatewayctl", "psutil", "tests"} and frame.f_globals is not globals():
            return package
        frame = frame.f_back  # type: ignore[assignment]
    return ""


def _hide_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Psutil needs root for the processes of others (psutil, _psosx.py: wrap_exceptions).

    Those that are older than the tests stand for others'.
    """
    began = psutil.Process().create_time()

    def net_connections(kind: str = "inet") -> list[Any]:
        # Asks process after process, and there is always one of another user.
        raise psutil.AccessDenied(0)

    monkeypatch.setattr(psutil, "net_connections", net_connections)
    for name in ("cmdline", "cwd", "environ", "net_connections"):
        real = getattr(psutil.Process, name)

        def ask(
            process: psutil.Process, *args: Any, _real: Callable[..., Any] = real, **kwargs: Any
        ) -> Any:
            if process.create_time() < began:
                raise psutil.AccessDenied(process.pid)
            return _real(process, *args, **kwargs)

        monkeypatch.setattr(psutil.Process, name, functools.wraps(real)(ask))


def _restrict_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    bind, connect = socket.socket.bind, socket.socket.connect
    connections = psutil.net_connections

    def check(path: str | bytes) -> None:
        name = os.fsencode(path)
        if name.startswith(b"\0"):
            raise FileNotFoundError(errno.ENOENT, "macOS has no abstract sockets")
        if len(name) >= _SUN_PATH:
            raise OSError("AF_UNIX path too long")
        if name.startswith(b"/proc/") and _caller() == "gatewayctl":
            raise FileNotFoundError(errno.ENOENT, "macOS has no /proc")

    def bind_as_there(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_UNIX:
            check(address)
        try:
            bind(self, address)
        except OSError as error:
            # xnu, bsd/netinet/in_pcb.c: with SO_REUSEADDR only the same address is in use. Linux
            # cannot do that: the socket stays unbound.
            reuse = self.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
            if error.errno != errno.EADDRINUSE or not reuse or _is_used(connections, *address[:2]):
                raise

    def connect_as_there(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_UNIX:
            check(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "bind", bind_as_there)
    monkeypatch.setattr(socket.socket, "connect", connect_as_there)


def _is_used(connections: Callable[..., list[Any]], host: str, port: int) -> bool:
    """Whether a socket has this address, or has the port and does not listen yet."""
    listeners = [
        item.laddr.ip
        for item in connections(kind="tcp")
        if item.status == psutil.CONN_LISTEN and item.laddr.port == port
    ]
    return not listeners or (host in _ANY) in {ip in _ANY for ip in listeners}


def _ignore_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find files whatever the case of their names (APFS), and no /proc."""
    real_lstat, real_listdir = os.lstat, os.listdir

    def stored(path: Any) -> Any:
        """The path as its disk stores it, as far as it exists."""
        if isinstance(path, int):
            return path
        text = os.fspath(path)
        if isinstance(text, bytes):
            return path
        if text.startswith("/proc") and _caller() == "gatewayctl":
            return f"/nonexistent{text}"
        try:
            real_lstat(text)
        except FileNotFoundError:
            return find(text)
        except OSError:
            pass
        return path

    def find(text: str) -> str:
        found = "/" if text.startswith("/") else ""
        for part in text.split("/"):
            if part in {"", "."}:
                continue
            try:
                names = real_listdir(found or ".")
            except OSError:
                names = []
            same = (name for name in names if name.casefold() == part.casefold())
            found = os.path.join(found, part if part in names else next(same, part))  # noqa: PTH118
        return found or text

    def wrap(real: Callable[..., Any], paths: int) -> Callable[..., Any]:
        @functools.wraps(real)
        def call(*args: Any, **kwargs: Any) -> Any:
            if any(kwargs.get(name) is not None for name in ("dir_fd", "src_dir_fd", "dst_dir_fd")):
                return real(*args, **kwargs)
            return real(*(stored(each) for each in args[:paths]), *args[paths:], **kwargs)

        return call

    _give_stored_paths(monkeypatch)
    for name in _TAKES_PATHS:
        real = getattr(os, name)
        wrapped = wrap(real, 2 if name in {"rename", "replace"} else 1)
        monkeypatch.setattr(os, name, wrapped)
        supports = (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks)
        for supported in (*supports, os.supports_effective_ids):
            if real in supported:
                supported.add(wrapped)
    opener = wrap(io.open, 1)
    monkeypatch.setattr(io, "open", opener)
    monkeypatch.setattr(builtins, "open", opener)


def _give_stored_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    """F_GETPATH of fcntl(2): the path of an open file, as its disk stores it."""
    control, readlink = fcntl.fcntl, os.readlink

    def control_as_there(descriptor: int, command: int, argument: Any = 0) -> Any:
        if command == F_GETPATH:
            path = os.fsencode(readlink(f"/proc/self/fd/{descriptor}"))
            return path + bytes(len(argument) - len(path))
        return control(descriptor, command, argument)

    monkeypatch.setattr(fcntl, "F_GETPATH", F_GETPATH, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control_as_there)
