"""supervisord's control socket without any processes: it answers, records calls, and can fail.

``python -m tests.fakes.supervisord`` serves ``supervisor.sock`` in the current folder until it is
asked to shut down, as supervisord does when it is started there.
"""

from __future__ import annotations

import math
import os
import socketserver
import threading
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

from gatewayctl.runtimes.embedded.supervisor import socket_prefix


@dataclass(kw_only=True)
class FakeSupervisord:
    """The methods of the socket; ``faults`` maps a method to the fault it answers with.

    A service in the state STOPPING is reported as that ``stopping_reports`` times, then as STOPPED.
    """

    pid: int = field(default_factory=os.getpid)
    states: dict[str, str] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    stopping_reports: float = math.inf
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def _dispatch(self, method: str, params: tuple[Any, ...]) -> Any:
        name = method.removeprefix("supervisor.")
        self.calls.append((name, *params))
        if name in self.faults:
            raise xmlrpc.client.Fault(6, self.faults[name])
        return getattr(self, name)(*params)

    def getPID(self) -> int:  # noqa: N802 - supervisord's names
        return self.pid

    def getAllProcessInfo(self) -> list[dict[str, Any]]:  # noqa: N802
        if self.stopping_reports <= 0:
            stopped = {
                name: "STOPPED" for name, state in self.states.items() if state == "STOPPING"
            }
            self.states.update(stopped)
        self.stopping_reports -= 1
        return [
            {"name": name, "statename": state, "pid": self.pids.get(name, 0), "start": 1000}
            for name, state in self.states.items()
        ]

    def startProcess(self, name: str, wait: bool) -> bool:  # noqa: N802
        # supervisor 4.3 starts nothing while the process is there, and reports success.
        if self.states.get(name) != "STOPPING":
            self.states[name] = "STARTING"
        return not wait

    def stopProcess(self, name: str, wait: bool) -> bool:  # noqa: N802
        if self.states.get(name) in {"STOPPING", "STOPPED"}:
            raise xmlrpc.client.Fault(70, f"NOT_RUNNING: {name}")
        self.states[name] = "STOPPED"
        return wait

    def shutdown(self) -> bool:
        self.ended.set()
        return True


class _Handler(SimpleXMLRPCRequestHandler):
    rpc_paths = ("/RPC2",)
    disable_nagle_algorithm = False  # there is none on a Unix socket

    def address_string(self) -> str:
        return "unix"

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Log nothing."""


class _Server(socketserver.UnixStreamServer, SimpleXMLRPCDispatcher):
    def __init__(self, path: str, fake: FakeSupervisord) -> None:
        SimpleXMLRPCDispatcher.__init__(self, allow_none=False, encoding=None)
        socketserver.UnixStreamServer.__init__(self, path, _Handler)
        self.register_instance(fake)


@contextmanager
def serve(socket: Path, fake: FakeSupervisord) -> Iterator[FakeSupervisord]:
    """Serve on the socket until the block ends, however long its path is."""
    socket.parent.mkdir(parents=True, exist_ok=True)
    folder = TemporaryDirectory(prefix=socket_prefix(socket.parent))
    server = _Server(f"{folder.name}/sock", fake)
    socket.unlink(missing_ok=True)
    socket.symlink_to(f"{folder.name}/sock")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        folder.cleanup()
        socket.unlink(missing_ok=True)


if __name__ == "__main__":
    with serve(Path(os.environ["GATEWAYCTL_SOCKET"]).absolute(), FakeSupervisord()) as running:
        running.ended.wait(60)
