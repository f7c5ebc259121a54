"""Supervisord around the three services: its configuration, its start, its control socket.

Supervisor (supervisord.org) restarts what crashes and rotates logs. Owns supervisord of one
project; must not know what the services are for.
"""

from __future__ import annotations

import configparser
import http.client
import os
import re
import shlex
import socket
import sys
import time
import xmlrpc.client
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gatewayctl.errors import RuntimeProblem, ServiceFailed
from gatewayctl.runtimes.base import ProcessState
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.logs import last_lines
from gatewayctl.runtimes.process import start

_CWD: Final = "/proc/self/cwd"
_LOG_BYTES: Final = "10MB"
_LOG_BACKUPS: Final = "3"
# A start that fails ends within this time; LiteLLM needs most of it to find a bad master key.
_START_SECONDS: Final = {"postgres": 1, "litellm": 20, "phoenix": 20}
_STATES: Final[Mapping[str, ProcessState]] = {
    "STOPPED": "stopped",
    "STARTING": "starting",
    "RUNNING": "running",
    "BACKOFF": "failed",
    "STOPPING": "stopped",
    "EXITED": "failed",
    "FATAL": "failed",
    "UNKNOWN": "failed",
}


# What supervisord answers with to everything once it was told to end.
_NOT_RUNNING: Final = (OSError, xmlrpc.client.Fault)
# "exited: litellm (exit status 3; not expected)", "exited: x (terminated by SIGKILL; …)"
_EXITED: Final = re.compile(r"exited: (\S+) \((?:exit status (\d+)|terminated by (\w+))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A service as supervisord sees it. ``started`` is its start time in epoch seconds."""

    service: str
    state: ProcessState
    pid: int | None
    started: float
    word: str


def render_config(layout: Layout, project_dir: Path, stop_signals: Mapping[str, str]) -> str:
    """The text of supervisord.conf; holds no secret."""
    config = configparser.RawConfigParser()
    # Paths are relative to run/, where supervisord is started: supervisord reads " #" and " ;"
    # as comments, and % in the path of a log as an expansion, however often it is doubled.
    config["supervisord"] = {
        "logfile": _log_path(layout, "supervisord"),
        "logfile_maxbytes": _LOG_BYTES,
        "logfile_backups": _LOG_BACKUPS,
        "pidfile": layout.supervisor_pid.name,
        "nodaemon": "true",
        "silent": "true",
        "umask": "077",
        **({"user": "root"} if os.geteuid() == 0 else {}),
    }
    # supervisord makes every path absolute, and that can be longer than a socket's name may be.
    file = f"{_CWD}/{layout.socket.name}" if Path(_CWD).exists() else layout.socket.name
    config["unix_http_server"] = {"file": file, "chmod": "0600"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    for order, (service, stop_signal) in enumerate(stop_signals.items()):
        words = (
            sys.executable, "-P", "-m", "gatewayctl.runtimes.embedded.launch",
            service, str(project_dir),
        )  # fmt: skip
        config[f"program:{service}"] = {
            "command": _quote_command(words),
            "priority": str(order),
            "autostart": "false",
            "autorestart": "true",
            "startsecs": str(_START_SECONDS[service]),
            "startretries": "2",
            "stopsignal": stop_signal,
            "stopwaitsecs": "20",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": _log_path(layout, service),
            "stdout_logfile_maxbytes": _LOG_BYTES,
            "stdout_logfile_backups": _LOG_BACKUPS,
        }
    lines: list[str] = []
    for section in config.sections():
        lines.append(f"[{section}]")
        # supervisord reads % as the start of an expansion.
        lines += [f"{name} = {value.replace('%', '%%')}" for name, value in config.items(section)]
        lines.append("")
    return "\n".join(lines)


def _log_path(layout: Layout, name: str) -> str:
    return os.path.relpath(layout.log(name), layout.run)


def _quote_command(words: tuple[str, ...]) -> str:
    """A command line for shlex, in which nothing looks like a comment to supervisord."""
    # shlex.join puts words with blanks into single quotes: closing and opening them in
    # between changes no word, and parts the blank from the sign that would begin a comment.
    return re.sub(r"(?<=\s)(?=[#;])", "''", shlex.join(words))


class Supervisor:
    """The running supervisord of one project, or the absence of one."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def pid(self) -> int | None:
        """The pid of the supervisord that answers on our socket, else None."""
        try:
            with self._rpc() as rpc:
                return int(rpc.supervisor.getPID())
        except _NOT_RUNNING:
            return None

    def begin(self, python: Path, environment: Mapping[str, str], timeout: float = 60) -> None:
        """Start supervisord and wait until it answers. Raises RuntimeProblem when it does not."""
        layout = self._layout
        layout.socket.unlink(missing_ok=True)
        argv = (str(python), "-m", "supervisor.supervisord", "-c", str(layout.supervisor_config))
        process = start(argv, env=environment, cwd=layout.run, log=layout.log("supervisord"))
        until = time.monotonic() + timeout
        while self.pid() != process.pid:
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                process.wait()
                raise RuntimeProblem(
                    "supervisord did not start.", hint=f"See {layout.log('supervisord')}."
                )
            time.sleep(0.02)

    def processes(self) -> tuple[Process, ...]:
        """All services, or nothing when supervisord does not run."""
        try:
            with self._rpc() as rpc:
                found = rpc.supervisor.getAllProcessInfo()
        except _NOT_RUNNING:
            return ()
        return tuple(_parse_process(item) for item in found if isinstance(item, dict))

    def last_exit(self, service: str) -> str:
        """How the service ended last, ``exit code 3`` or ``signal SIGKILL``; "" if it never did.

        From supervisord's log: its interface forgets the code of a start that failed.
        """
        found = _EXITED.findall(last_lines(self._layout.log("supervisord"), 200))
        ends = [(status, signal) for name, status, signal in found if name == service]
        if not ends:
            return ""
        status, signal = ends[-1]
        return f"exit code {status}" if status else f"signal {signal}"

    def start(self, service: str) -> None:
        """Tell supervisord to start a service, without waiting. Raises ServiceFailed."""
        try:
            with self._rpc() as rpc:
                rpc.supervisor.startProcess(service, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise ServiceFailed(f"{service} cannot be started: {fault.faultString}") from None
        except OSError as error:
            raise ServiceFailed(f"{service} cannot be started: supervisord is gone.") from error

    def stop(self, service: str) -> None:
        """Stop a service and wait until it ended; one that does not run is fine."""
        try:
            with self._rpc() as rpc:
                rpc.supervisor.stopProcess(service, True)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise RuntimeProblem(f"{service} cannot be stopped: {fault.faultString}") from None
        except OSError as error:
            raise RuntimeProblem(f"{service} cannot be stopped: supervisord is gone.") from error

    def end(self) -> None:
        """Tell supervisord to stop everything and go; the caller waits for its pid."""
        try:
            with self._rpc() as rpc:
                rpc.supervisor.shutdown()
        except _NOT_RUNNING:
            return

    @contextmanager
    def _rpc(self) -> Iterator[Any]:
        with _short_path(self._layout.socket) as path:
            proxy = xmlrpc.client.ServerProxy(
                "http://supervisor/RPC2", transport=_UnixTransport(path)
            )
            with proxy:
                yield proxy


@contextmanager
def _short_path(path: Path) -> Generator[str, None, None]:
    """A name of the socket that fits into 107 bytes however deep the project lies."""
    if len(os.fsencode(path)) < 104 or not Path("/proc/self/fd").exists():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("supervisor", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket, as supervisorctl does it."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _UnixConnection(self._path)
        # What Transport.close() closes.
        self._connection = host, connection
        return connection


def _parse_process(item: Mapping[str, Any]) -> Process:
    word = str(item["statename"])
    return Process(
        service=str(item["name"]),
        state=_STATES.get(word, "failed"),
        pid=int(item["pid"]) or None,
        started=float(item["start"]),
        word=word,
    )
