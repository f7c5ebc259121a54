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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from gatewayctl.errors import RuntimeProblem, ServiceFailed
from gatewayctl.runtimes.base import ProcessState
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.logs import last_lines
from gatewayctl.runtimes.process import start

_LOGGER: Final = logging.getLogger(__name__)
_PROGRAM: Final = Path(__file__).with_name("supervise.py")
_LOG_BYTES: Final = "10MB"
_LOG_BACKUPS: Final = "3"
# A service that fails to start ends within this time; LiteLLM takes longest with a bad master key.
_START_SECONDS: Final = {"postgres": 1, "litellm": 20, "phoenix": 20}
# Each try waits a second longer than the one before. A full disk or a taken port is free again some
# time, and then the services return without `up`.
_START_RETRIES: Final = "1000000"
_STOP_SECONDS: Final = 20
"""How long a service has to stop; then supervisord kills it."""
_STATES: Final[Mapping[str, ProcessState]] = {
    "STOPPED": "stopped",
    "STARTING": "starting",
    "RUNNING": "running",
    "STOPPING": "stopped",
}
"""All other states are failures: BACKOFF, EXITED, FATAL, UNKNOWN."""

# A supervisord that is shutting down answers every request with a fault.
_NOT_RUNNING: Final = (OSError, xmlrpc.client.Fault)
_SOCKET: Final = "GATEWAYCTL_SOCKET"
"""The variable with the path of the socket that supervisord creates."""
_SOCKET_SECTION: Final = f"[unix_http_server]\nfile = %(ENV_{_SOCKET})s\nchmod = 0600\n"
_SOCKET_PATH_BYTES: Final = 103 - len(".4194304")
"""The longest path of a Unix socket: 103 bytes on macOS, 107 on Linux. supervisord appends its
process id while it creates one."""
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
            "stopwaitsecs": str(_STOP_SECONDS),
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": _log_path(layout, service),
            "stdout_logfile_maxbytes": _LOG_BYTES,
            "stdout_logfile_backups": _LOG_BACKUPS,
        }
    rendered = (_render_section(name, options) for name, options in sections.items())
    return "\n".join((_SOCKET_SECTION, *rendered))


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


def socket_prefix(run: Path) -> str:
    """How the name of a socket's folder begins: a copy of run/ has another one."""
    found = run.stat()
    return f"gatewayctl-socket-{found.st_dev:x}-{found.st_ino:x}-"


class Supervisor:
    """The supervisord of one project, which may or may not be running."""

    def __init__(self, layout: Layout, *, stop_seconds: float = _STOP_SECONDS + 10) -> None:
        self._layout = layout
        self._stop_seconds = stop_seconds
        self._started: dict[str, datetime] = {}
        """When each service was started here: its earlier exits do not count any more."""

    def pid(self) -> int | None:
        """The pid of the supervisord that answers on the project's socket, else None."""
        try:
            with self._rpc() as rpc:
                return int(rpc.supervisor.getPID())
        except _NOT_RUNNING:
            return None

    def read_environment(self) -> Mapping[str, str]:
        """The environment that it was started with; empty when it cannot be read."""
        if (pid := self.pid()) is None:
            return {}
        import psutil

        try:
            return dict(psutil.Process(pid).environ())
        except (psutil.Error, OSError):
            return {}

    def launch(self, python: Path, environment: Mapping[str, str], timeout: float = 60) -> None:
        """Start supervisord and wait until it answers; ``timeout`` in seconds.

        Raises RuntimeProblem when it ends or does not answer in time.
        """
        layout = self._layout
        environment = {**environment, _SOCKET: self._prepare_socket()}
        # Without -P the folder of the program is searched first, where this module has the name of
        # supervisord's package.
        argv = (str(python), "-P", str(_PROGRAM), "-c", str(layout.supervisor_config))
        process = start(argv, env=environment, cwd=layout.run, log=layout.log("supervisord"))
        deadline = time.monotonic() + timeout
        while self.pid() != process.pid:
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                self.remove_socket()
                raise RuntimeProblem(
                    "supervisord did not start.", hint=f"See {layout.log('supervisord')}."
                )
            time.sleep(0.02)

    def remove_socket(self) -> None:
        """Remove the socket of a supervisord that has ended. Repeatable."""
        link = self._layout.socket
        if link.is_symlink() and self._is_own(path := link.readlink()):
            with suppress(OSError):
                path.unlink(missing_ok=True)
                path.parent.rmdir()
        link.unlink(missing_ok=True)

    def _prepare_socket(self) -> str:
        """Return where supervisord creates its socket: relative to run/, if that is short enough.

        Otherwise it is in a new folder of /tmp, and the one in run/ is a link to it.
        """
        link = self._layout.socket
        self.remove_socket()
        if len(os.fsencode(link)) <= _SOCKET_PATH_BYTES:
            return link.name
        # Only its owner may enter it. TMPDIR may be too long as well.
        path = Path(mkdtemp(prefix=socket_prefix(self._layout.run), dir="/tmp")) / link.name
        link.symlink_to(path)
        return str(path)

    def _is_own(self, path: Path) -> bool:
        """False for the target of a link that was copied with the folder of another project."""
        return path.parent.name.startswith(socket_prefix(self._layout.run))

    def processes(self) -> tuple[Process, ...]:
        """All services; empty when supervisord has ended."""
        return tuple(_parse_process(item) for item in self._read_processes())

    def _read_processes(self) -> list[Mapping[str, Any]]:
        try:
            with self._rpc() as rpc:
                return list(rpc.supervisor.getAllProcessInfo())
        except _NOT_RUNNING:
            return []

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

        A failed one is started at once, not when supervisord's next try is due. One that still
        stops is started afterwards.
        """
        if any(one.service == service and one.state == "failed" for one in self.processes()):
            self.stop(service)
        self._wait_while_stopping(service)
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
        """Stop a service, which may have ended already, and wait for it. Raises RuntimeProblem.

        It may be stopping already, since a command that was interrupted.
        """
        try:
            with self._rpc() as rpc:
                rpc.supervisor.stopProcess(service, True)
        except xmlrpc.client.Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise RuntimeProblem(f"{service} cannot be stopped: {fault.faultString}") from None
        except OSError as error:
            raise RuntimeProblem(f"{service} cannot be stopped: supervisord has ended.") from error
        self._wait_while_stopping(service)

    def _wait_while_stopping(self, service: str) -> None:
        """Wait until a stop in progress has ended. Raises ServiceFailed if it takes too long.

        Meanwhile supervisord 4.3 refuses to stop the service as not running, and answers a start
        with success without starting anything (supervisor/process.py: spawn).
        """
        deadline = time.monotonic() + self._stop_seconds
        while any(
            item["name"] == service and item["statename"] == "STOPPING"
            for item in self._read_processes()
        ):
            if time.monotonic() > deadline:
                raise ServiceFailed(
                    f"{service} is still stopping after {self._stop_seconds:g} s.",
                    hint="Run `gatewayctl down`, which ends it, and then `gatewayctl up`.",
                )
            time.sleep(0.05)

    def shut_down(self) -> None:
        """Ask supervisord to stop all services and exit; the caller waits for its process."""
        try:
            with self._rpc() as rpc:
                rpc.supervisor.shutdown()
        except _NOT_RUNNING:
            return

    @contextmanager
    def _rpc(self) -> Iterator[Any]:
        link = self._layout.socket
        if link.is_symlink() and not self._is_own(link.readlink()):
            raise FileNotFoundError(link)
        transport = _UnixTransport(link)
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
        self.sock.connect(os.path.realpath(self._path))


def _parse_process(info: Mapping[str, Any]) -> Process:
    return Process(
        service=str(info["name"]),
        state=_STATES.get(str(info["statename"]), "failed"),
        pid=int(info["pid"]) or None,
        started=float(info["start"]),
    )
