"""The supervisord that runs the three services: its configuration, its start, its control socket.

Supervisor (supervisord.org) restarts services that crash and rotates their logs. Owns the
supervisord of one project. Must not know what the services do.
"""

from __future__ import annotations

import http.client
import logging
import os
import re
import shlex
import socket
import sys
import time
import xmlrpc.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from gatewayctl.errors import RuntimeProblem, ServiceFailed
from gatewayctl.runtimes.base import ProcessState
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.logs import last_lines
from gatewayctl.runtimes.process import start

_LOGGER: Final = logging.getLogger(__name__)
_PROGRAM: Final = Path(__file__).with_name("supervise.py")
_CWD: Final = "/proc/self/cwd"
_LOG_BYTES: Final = "10MB"
_LOG_BACKUPS: Final = "3"
# A service that fails to start ends within this time; LiteLLM takes longest with a bad master key.
_START_SECONDS: Final = {"postgres": 1, "litellm": 20, "phoenix": 20}
# Each try waits a second longer than the one before. A full disk or a taken port is free again some
# time, and then the services return without `up`.
_START_RETRIES: Final = "1000000"
_STATES: Final[Mapping[str, ProcessState]] = {
    "STOPPED": "stopped",
    "STARTING": "starting",
    "RUNNING": "running",
    "STOPPING": "stopped",
}
"""All other states are failures: BACKOFF, EXITED, FATAL, UNKNOWN."""

# A supervisord that is shutting down answers every request with a fault.
_NOT_RUNNING: Final = (OSError, xmlrpc.client.Fault)
_SOCKET_PATH_BYTES: Final = 103
"""The longest path of a Unix socket: 107 bytes on Linux, 103 on macOS."""
# "exited: litellm (exit status 3; not expected)", "exited: x (terminated by SIGKILL; …)"
_EXITED: Final = re.compile(r"exited: (\S+) \((?:exit status (\d+)|terminated by (\w+))")
# "2026-11-23 14:00:00,123 WARN exited: litellm (…)", in local time.
_EVENT: Final = re.compile(
    r"^(?P<at>\S+ [\d:]+),\d+ \w+ "
    r"(?:(?P<what>exited|stopped|gave up): (?P<service>\w+)|supervisord started)",
    re.MULTILINE,
)
_RECENT: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A service as supervisord sees it. ``started`` is its start time in epoch seconds."""

    service: str
    state: ProcessState
    pid: int | None
    started: float


def render_config(layout: Layout, project_dir: Path, stop_signals: Mapping[str, str]) -> str:
    """Render supervisord.conf; it holds no secret.

    Paths are relative to run/, where supervisord is started: it reads " #" and " ;" as comments,
    and % in the path of a log as an expansion, even when doubled.
    """
    # supervisord makes this path absolute; through /proc it is never too long for a socket.
    folder = f"{_CWD}/" if Path(_CWD).exists() else ""
    sections = {
        "supervisord": {
            "logfile": _log_path(layout, "supervisord"),
            "logfile_maxbytes": _LOG_BYTES,
            "logfile_backups": _LOG_BACKUPS,
            "pidfile": layout.supervisor_pid.name,
            "nodaemon": "true",
            "silent": "true",
            "umask": "077",
            **({"user": "root"} if os.geteuid() == 0 else {}),
        },
        "unix_http_server": {"file": f"{folder}{layout.socket.name}", "chmod": "0600"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
    }
    launch = (sys.executable, "-P", "-m", "gatewayctl.runtimes.embedded.launch")
    for order, (service, stop_signal) in enumerate(stop_signals.items()):
        sections[f"program:{service}"] = {
            "command": _quote_command(*launch, service, str(project_dir)),
            "priority": str(order),
            "autostart": "false",
            "autorestart": "true",
            "startsecs": str(_START_SECONDS[service]),
            "startretries": _START_RETRIES,
            "stopsignal": stop_signal,
            "stopwaitsecs": "20",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": _log_path(layout, service),
            "stdout_logfile_maxbytes": _LOG_BYTES,
            "stdout_logfile_backups": _LOG_BACKUPS,
        }
    return "\n".join(_render_section(name, options) for name, options in sections.items())


def _render_section(name: str, options: Mapping[str, str]) -> str:
    # supervisord reads % as the start of an expansion.
    lines = (f"{option} = {value.replace('%', '%%')}\n" for option, value in options.items())
    return f"[{name}]\n{''.join(lines)}"


def _log_path(layout: Layout, name: str) -> str:
    return os.path.relpath(layout.log(name), layout.run)


def _quote_command(*argv: str) -> str:
    """Quote a command line for supervisord, which splits it with shlex after removing comments."""
    # shlex.join quotes an argument with blanks in single quotes. Closing and opening them between
    # a blank and a comment sign keeps the argument, and supervisord sees no comment.
    return re.sub(r"(?<=\s)(?=[#;])", "''", shlex.join(argv))


class Supervisor:
    """The supervisord of one project, which may or may not be running."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._started: dict[str, datetime] = {}
        """When each service was started here: its earlier exits do not count any more."""

    def pid(self) -> int | None:
        """The pid of the supervisord that answers on the project's socket, else None."""
        try:
            with self._rpc() as rpc:
                return int(rpc.supervisor.getPID())
        except _NOT_RUNNING:
            return None

    def launch(self, python: Path, environment: Mapping[str, str], timeout: float = 60) -> None:
        """Start supervisord and wait until it answers; ``timeout`` in seconds.

        Raises RuntimeProblem when it ends or does not answer in time.
        """
        layout = self._layout
        layout.socket.unlink(missing_ok=True)
        # Without -P the folder of the program is searched first, where this module has the name of
        # supervisord's package.
        argv = (str(python), "-P", str(_PROGRAM), "-c", str(layout.supervisor_config))
        process = start(argv, env=environment, cwd=layout.run, log=layout.log("supervisord"))
        deadline = time.monotonic() + timeout
        while self.pid() != process.pid:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise RuntimeProblem(
                    "supervisord did not start.", hint=f"See {layout.log('supervisord')}."
                )
            time.sleep(0.02)

    def processes(self) -> tuple[Process, ...]:
        """All services; empty when supervisord has ended."""
        try:
            with self._rpc() as rpc:
                processes = rpc.supervisor.getAllProcessInfo()
        except _NOT_RUNNING:
            return ()
        return tuple(_parse_process(item) for item in processes)

    def last_exit(self, service: str) -> str:
        """How the service ended last, ``exit code 3`` or ``signal SIGKILL``; "" if it never did.

        From supervisord's log: its API does not keep the exit code of a failed start.
        """
        exits = _EXITED.findall(last_lines(self._layout.log("supervisord"), 200))
        for name, status, signal in reversed(exits):
            if name == service:
                return f"exit code {status}" if status else f"signal {signal}"
        return ""

    def crash_loop(self, service: str) -> str:
        """How a service that is starting exits again and again; "" if it does not.

        One exit is what supervisord is for; another one soon after is a failure.
        """
        exits = 0
        recent = datetime.now().astimezone() - _RECENT
        since = max(recent, self._started.get(service, recent))
        for event in _EVENT.finditer(last_lines(self._layout.log("supervisord"), 200)):
            if event["service"] not in {service, None}:
                continue
            if event["what"] != "exited":
                # Somebody stopped it, or starts it after supervisord gave up or was started.
                exits = 0
            elif datetime.fromisoformat(event["at"]).astimezone() > since:
                exits += 1
        return self.last_exit(service) if exits > 1 else ""

    def start(self, service: str) -> None:
        """Start a service without waiting for it. Raises ServiceFailed.

        A failed one is started at once, not when supervisord's next try is due.
        """
        if any(one.service == service and one.state == "failed" for one in self.processes()):
            self.stop(service)
        self._started[service] = datetime.now().astimezone()
        try:
            with self._rpc() as rpc:
                rpc.supervisor.startProcess(service, False)
        except xmlrpc.client.Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise ServiceFailed(f"{service} cannot be started: {fault.faultString}") from None
        except OSError as error:
            raise ServiceFailed(f"{service} cannot be started: supervisord has ended.") from error

    def stop(self, service: str) -> None:
        """Stop a service, which may have ended already, and wait for it. Raises RuntimeProblem."""
        try:
            with self._rpc() as rpc:
                rpc.supervisor.stopProcess(service, True)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise RuntimeProblem(f"{service} cannot be stopped: {fault.faultString}") from None
        except OSError as error:
            raise RuntimeProblem(f"{service} cannot be stopped: supervisord has ended.") from error

    def shut_down(self) -> None:
        """Ask supervisord to stop all services and exit; the caller waits for its process."""
        try:
            with self._rpc() as rpc:
                rpc.supervisor.shutdown()
        except _NOT_RUNNING:
            return

    @contextmanager
    def _rpc(self) -> Iterator[Any]:
        transport = _UnixTransport(self._layout.socket)
        with xmlrpc.client.ServerProxy("http://supervisor/RPC2", transport=transport) as proxy:
            yield proxy


class _UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket, as supervisorctl does it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def request(
        self, host: Any, handler: str, request_body: Any, verbose: bool = False
    ) -> tuple[Any, ...]:
        if _LOGGER.isEnabledFor(logging.DEBUG):
            arguments, method = xmlrpc.client.loads(request_body)
            _LOGGER.debug("supervisord: %s%s", method, arguments)
        return super().request(host, handler, request_body, verbose)

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _UnixConnection(self._path)
        # Transport.close() closes this.
        self._connection = host, connection
        return connection


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, however deep the folder of the project is."""

    def __init__(self, path: Path) -> None:
        super().__init__("supervisor", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        if len(os.fsencode(self._path)) <= _SOCKET_PATH_BYTES:
            self.sock.connect(str(self._path))
            return
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


def _parse_process(info: Mapping[str, Any]) -> Process:
    return Process(
        service=str(info["name"]),
        state=_STATES.get(str(info["statename"]), "failed"),
        pid=int(info["pid"]) or None,
        started=float(info["start"]),
    )
