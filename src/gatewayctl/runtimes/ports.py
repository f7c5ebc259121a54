"""Which process listens on a TCP port of this machine."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

_ANY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never bound to
_EXIT_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A process that listens on a port; ``pid`` is None if we may not see which one."""

    port: int
    pid: int | None = None
    name: str | None = None

    def __str__(self) -> str:
        if self.pid is None:
            return "a process that cannot be seen from here (another user's, or a container's)"
        return f"{self.name or 'a process'} (pid {self.pid})"


def find_listeners(
    host: str,
    ports: Collection[int],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Mapping[int, Listener]:
    """Find the listeners that keep us from binding each of ``ports`` on ``host``, by port."""
    until = clock() + _EXIT_SECONDS
    while taken := {port for port in ports if not _is_free(host, port)}:
        seen = {item.port: item for item in _visible_listeners(taken, host)}
        # A process that is ending keeps its port a moment longer than its entry in the list.
        if taken == seen.keys() or clock() >= until:
            return {port: seen.get(port) or Listener(port=port) for port in taken}
        sleep(_POLL_SECONDS)
    return {}


def is_listening(pid: int, port: int) -> bool:
    """True if a process listens on a port; False too if it has ended or we may not see that."""
    import psutil

    try:
        found = psutil.Process(pid).net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return False
    listening = (each for each in found if each.status == psutil.CONN_LISTEN and each.laddr)
    return any(each.laddr.port == port for each in listening)


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # A connection of an earlier run in TIME_WAIT does not count as a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return not _has_answer(family, host, port)


def _has_answer(family: socket.AddressFamily, host: str, port: int) -> bool:
    """Whether something accepts connections there.

    With SO_REUSEADDR macOS binds one address of a port beside a listener on all of them, and the
    other way round (xnu, bsd/netinet/in_pcb.c: in_pcblookup_local without wild_okay).
    """
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_ANSWER_SECONDS)
        try:
            probe.connect((host, port))
        except OSError:
            return False
        # The kernel may have chosen the same port for our end: connected to ourselves.
        return bool(probe.getsockname() != probe.getpeername())


def _visible_listeners(ports: set[int], host: str) -> list[Listener]:
    """Listeners on these ports that keep us from binding to ``host``."""
    import psutil

    found = []
    for pid, connection in _connections():
        if connection.status != psutil.CONN_LISTEN or pid is None:
            continue
        # A listener has an address; the empty tuple stands for sockets without one.
        if not connection.laddr or connection.laddr.port not in ports:
            continue
        port = connection.laddr.port
        # gRPC listens on an IPv6 socket for an IPv4 address.
        address = connection.laddr.ip.removeprefix("::ffff:")
        if not _do_overlap(host, address):
            continue
        try:
            name = psutil.Process(pid).name()
        except psutil.Error:
            name = None
        found.append(Listener(port=port, pid=pid, name=name))
    return found


def _connections() -> Iterator[tuple[int | None, Any]]:
    """The TCP sockets of this machine, as far as we may see them, with their processes."""
    import psutil

    try:
        every = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        # macOS asks each process, and fails at the first that belongs to another user.
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                yield from ((process.pid, each) for each in process.net_connections(kind="tcp"))
        return
    yield from ((each.pid, each) for each in every)


def _do_overlap(one: str, other: str) -> bool:
    """True if two listeners cannot have these addresses: they are equal, or one means all."""
    return one == other or not _ANY.isdisjoint({one, other})
