"""The port-forward of a project: started once, kept in the background, ended with its stack.

Owns its specification (`.gatewayctl/port-forward.json`), which exists from a start to `down`, and
the process that serves it (forwarding/supervisor.py). Needed only with access: port-forward. Must
not know what is asked through it.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gatewayctl.errors import FileUnwritable, RuntimeProblem
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.json_text import parse_json
from gatewayctl.files.owner import create_folder
from gatewayctl.rendering.kubernetes.labels import INSTANCE, NAME, instance
from gatewayctl.runtimes.kubernetes.context import ChosenContext, read_record
from gatewayctl.runtimes.kubernetes.forwarding.project import LOCK, MARK, SPECIFICATION
from gatewayctl.runtimes.process import start
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.runtimes.kubernetes.kubectl import Kubectl

LOG: Final = "port-forward.log"
_MODULE: Final = "gatewayctl.runtimes.kubernetes.forwarding.supervisor"
_START_SECONDS: Final = 20.0
_END_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.01
_LOG_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class PortForward:
    """A running port-forward; ``ports`` maps service → port of the service → local port."""

    pid: int
    ports: Mapping[str, Mapping[str, int]]
    log: Path


def ensure(settings: Settings, kubectl: Kubectl) -> None:
    """Start the port-forward of the project's place, unless it runs. Repeatable.

    Ends one with other ports or of another place. Without `access: port-forward` it only ends one.
    Raises PortTaken, and RuntimeProblem if the process does not start.
    """
    record = read_record(settings)
    if settings.kubernetes.access != "port-forward" or record is None:
        end(settings)
        return
    _apply(settings, _specify(settings, record, kubectl.argv()))


def resume(settings: Settings) -> None:
    """Start the port-forward again if it should run and does not, such as after a reboot.

    Costs a millisecond if it runs, and asks neither kubectl nor the cluster. Raises what `ensure`
    raises.
    """
    known, record = _read_specification(settings.state_dir), read_record(settings)
    if known is None:
        return
    if record is None or known.get("place") != asdict(record):
        end(settings)
        return
    if settings.kubernetes.access == "port-forward":
        _apply(settings, _specify(settings, record, known["kubectl"]))


def end(settings: Settings) -> None:
    """End the port-forward, and do not start it again before the next start. Repeatable."""
    (settings.state_dir / SPECIFICATION).unlink(missing_ok=True)
    _stop(settings.state_dir)


def describe(settings: Settings) -> PortForward | None:
    """The port-forward that runs, if one does."""
    found = _read_running(settings.state_dir)
    if not found or "ports" not in found:
        return None
    log = settings.state_dir / "logs" / LOG
    return PortForward(pid=int(found["pid"]), ports=found["ports"], log=log)


def owns_port(settings: Settings, port: int) -> bool:
    """True if the listener on this local port is the project's port-forward."""
    found = describe(settings)
    return found is not None and any(port in each.values() for each in found.ports.values())


def require_free_ports(settings: Settings) -> None:
    """Raise PortTaken with the owner of each local port that something else uses."""
    if settings.kubernetes.access != "port-forward":
        return
    from gatewayctl.runtimes.ports import find_listeners

    wanted = _needed_ports(settings)
    running = describe(settings)
    ours = {port for each in (running.ports if running else {}).values() for port in each.values()}
    taken = find_listeners(settings.connect_host, [port for port in wanted if port not in ours])
    if taken:
        from gatewayctl.runtimes.port_owners import find_owner, port_taken

        raise port_taken({port: find_owner(who) for port, who in taken.items()}, wanted)


def _needed_ports(settings: Settings) -> Mapping[int, tuple[str, str]]:
    """Local port → the service behind it and the name of its setting."""
    ports = settings.ports
    found: dict[int | None, tuple[str, str]] = {ports.litellm: ("litellm", "ports.litellm")}
    if settings.tracing.own:
        found[ports.phoenix] = ("phoenix", "ports.phoenix")
        found[ports.phoenix_grpc] = ("phoenix", "ports.phoenix_grpc")
    return {port: who for port, who in found.items() if port is not None}


def _specify(settings: Settings, place: ChosenContext, kubectl: tuple[str, ...]) -> dict[str, Any]:
    ports = settings.ports
    phoenix = {"6006": ports.phoenix, "4317": ports.phoenix_grpc}
    wanted = {"litellm": {"4000": ports.litellm}}
    if settings.tracing.own:
        wanted["phoenix"] = {remote: local for remote, local in phoenix.items() if local}
    names = ",".join(wanted)
    return {
        "place": asdict(place),
        "kubectl": list(kubectl),
        "selector": f"{INSTANCE}={instance(settings)},{NAME} in ({names})",
        "host": settings.connect_host,
        "ports": wanted,
    }


def _apply(settings: Settings, wanted: Mapping[str, Any]) -> None:
    """Let exactly this be served."""
    state_dir = settings.state_dir
    is_same = _read_specification(state_dir) == wanted
    if is_same and describe(settings) is not None:
        return
    if not is_same:
        _stop(state_dir)
    require_free_ports(settings)
    if not is_same:
        text = json.dumps(wanted, indent=2).encode() + b"\n"
        write_atomically(state_dir / SPECIFICATION, text, mode=0o600)
    _start(settings)


def _start(settings: Settings) -> None:
    """Start the process and wait until it listens; another one may be faster, and serves too."""
    state_dir = settings.state_dir
    log = _prepare_log(state_dir)
    argv = (sys.executable, "-P", "-m", _MODULE, str(state_dir))
    environment = {**os.environ, MARK: str(state_dir)}
    # kubectl reads a relative KUBECONFIG from here.
    process = start(argv, env=environment, cwd=Path.cwd(), log=log)
    deadline = time.monotonic() + _START_SECONDS
    while describe(settings) is None:
        if time.monotonic() > deadline or process.poll() not in {None, 0}:
            process.kill()
            process.wait()
            require_free_ports(settings)
            raise RuntimeProblem("The port-forward did not start.", hint=f"See {log}.")
        time.sleep(_POLL_SECONDS)
    _forget(process)


def _forget(process: subprocess.Popen[bytes]) -> None:
    """Let it outlive us without a warning that it still runs."""
    process.returncode = 0


def _prepare_log(state_dir: Path) -> Path:
    log = state_dir / "logs" / LOG
    try:
        create_folder(log.parent, mode=0o700)
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
    except OSError as error:
        raise FileUnwritable(f"Cannot write {log}: {error.strerror}.") from error
    return log


def _stop(state_dir: Path) -> None:
    """End the process that holds the lock, with its kubectl, and wait until it has ended."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _END_SECONDS
        signalled = None
        while (found := _read_running(state_dir)) is not None:
            pid = found.get("pid")
            if pid is not None and pid != signalled:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(int(pid), number)
                signalled = pid
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)
        else:
            return
    raise RuntimeProblem("The port-forward does not end.", hint=f"End the process {pid} yourself.")


def _read_running(state_dir: Path) -> dict[str, Any] | None:
    """What the process that holds the lock reports, ``ports`` once it listens; None without one."""
    try:
        lock = os.open(state_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with suppress(OSError, ValueError):
            found = parse_json(os.pread(lock, 2**16, 0).decode())
            return found if isinstance(found, dict) else {}
        return {}
    finally:
        os.close(lock)
    return None


def _read_specification(state_dir: Path) -> dict[str, Any] | None:
    try:
        found = parse_json((state_dir / SPECIFICATION).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
