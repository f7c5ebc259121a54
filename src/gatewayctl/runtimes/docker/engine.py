"""Whether a Docker engine answers, and the meaning of Docker's errors.

Owns the cheap check behind `auto` (one `GET /_ping` to a socket file: no program started, nothing
heavy imported), and the messages with which Docker reports that it cannot be used. Must not know
what runs on the engine.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import re
import shlex
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from gatewayctl.errors import (
    ComposeMissing,
    EngineMissing,
    EngineNotRunning,
    EnginePermission,
    FolderInvisible,
    RuntimeProblem,
)
from gatewayctl.files.json_text import parse_json
from gatewayctl.runtimes import process

_LOGGER: Final = logging.getLogger(__name__)
DEFAULT_HOST: Final = "unix:///var/run/docker.sock"
OLDEST_COMPOSE: Final = (2, 20)
Answer = Literal["answers", "silent", "refused", "elsewhere"]

_TIMEOUT: Final = 10.0
"""Seconds. An engine answers within milliseconds, but Docker Desktop may have to wake up first."""
_SHORT: Final = 1.0
"""Seconds, for a place that no setting names."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_NO_ENGINE: Final = re.compile(
    r"cannot connect to the docker daemon|is the docker daemon running|failed to connect to the "
    r"docker api|error during connect|dial unix .*(no such file|connection refused)",
    re.IGNORECASE,
)
_NO_PERMISSION: Final = re.compile(r"permission denied.*(docker|connect|socket)", re.IGNORECASE)
_NO_COMPOSE: Final = re.compile(
    r"'compose' is not a docker command|unknown (shorthand )?flag|unknown command.*compose",
    re.IGNORECASE,
)
# Docker's snap reads neither /tmp nor hidden folders: it reports files that exist as missing.
_UNREADABLE: Final = re.compile(
    r"(?:open|stat|env file:?) (/.+?/(?:docker-compose\.yml|\.env))(?:: |$)", re.MULTILINE
)
# Compose quotes the whole line of .env that it cannot parse, with its value (compose-go, dotenv).
_LINE_OF_ENV: Final = re.compile(
    r"(unexpected character .+? in variable name |unterminated quoted value ).*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the docker program looks for its engine, and which setting determines that."""

    host: str
    source: str


def endpoint(environ: Mapping[str, str] = os.environ, home: Path | None = None) -> Endpoint:
    """The engine's address, by the rules of the docker program.

    DOCKER_HOST, else DOCKER_CONTEXT, else the context chosen in Docker's config.json, else the
    socket of this machine (docs.docker.com/engine/manage-resources/contexts).
    """
    if host := environ.get("DOCKER_HOST"):
        return Endpoint(host=host, source="DOCKER_HOST")
    folder = _config_folder(environ, home)
    name = environ.get("DOCKER_CONTEXT") or _read(folder / "config.json").get("currentContext")
    if isinstance(name, str) and name not in {"", "default"}:
        digest = hashlib.sha256(name.encode()).hexdigest()
        known = _read(folder / "contexts" / "meta" / digest / "meta.json")
        host = known.get("Endpoints", {}).get("docker", {}).get("Host")
        if isinstance(host, str) and host:
            return Endpoint(host=host, source=f"Docker's context {name}")
    return Endpoint(host=DEFAULT_HOST, source="its usual socket")


def read_config() -> dict[str, Any]:
    """The docker program's config.json; empty if there is none."""
    return _read(_config_folder(os.environ, None) / "config.json")


def probe_engine(where: Endpoint, *, timeout: float = _TIMEOUT) -> Answer:
    """Check whether an engine of this machine answers; ``timeout`` in seconds.

    ``elsewhere`` is an engine of another machine, which is not contacted: ports that it publishes
    cannot be reached at this machine's address.
    """
    try:
        address = urlsplit(where.host)
        _ = address.port
    except ValueError:
        return "silent"
    if address.scheme == "unix":
        answer = _ping(address.path, timeout)
    elif address.scheme in {"tcp", "http", "https"} and address.hostname in _LOOPBACK:
        answer = _ask_program(timeout)
    else:
        return "elsewhere"
    _LOGGER.debug("engine at %s: %s", where.host, answer)
    return answer


def _ping(socket_file: str, timeout: float) -> Answer:
    connection = _UnixConnection(socket_file, timeout)
    try:
        connection.request("GET", "/_ping")
        return "answers" if connection.getresponse().status == 200 else "silent"
    except PermissionError:
        return "refused"
    except (OSError, http.client.HTTPException):
        return "silent"
    finally:
        connection.close()


def _ask_program(timeout: float) -> Answer:
    """Ask the docker program, which knows whether and with which certificates it uses TLS."""
    argv = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        done = process.run(argv, timeout=timeout)
    except RuntimeProblem:
        return "silent"
    return "silent" if done.returncode else "answers"


def find_other_sockets(
    environ: Mapping[str, str] = os.environ, home: Path | None = None
) -> tuple[str, ...]:
    """Addresses of engines at their usual places, which the docker program does not look at.

    Those of rootless Docker, Docker Desktop, colima, OrbStack and Podman that answer.
    """
    user = home or Path.home()
    run = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    places = (
        run / "docker.sock",
        user / ".docker/desktop/docker.sock",
        user / ".docker/run/docker.sock",
        user / ".orbstack/run/docker.sock",
        user / ".colima/default/docker.sock",
        run / "podman/podman.sock",
        Path("/run/podman/podman.sock"),
    )
    return tuple(f"unix://{path}" for path in places if _ping(str(path), _SHORT) == "answers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What an engine can give to containers; ``memory`` in bytes."""

    memory: int
    cores: int


def read_capacity() -> Capacity | None:
    """Ask the engine, which may be in a virtual machine; None if none answers."""
    argv = ["docker", "info", "--format", "{{json .}}"]
    try:
        done = process.run(argv, timeout=_TIMEOUT)
        found: Any = parse_json(done.stdout) if done.returncode == 0 else None
        # Podman, in the place of the docker program, has another form.
        host = found.get("host") or {"memTotal": found["MemTotal"], "cpus": found["NCPU"]}
        capacity = Capacity(memory=int(host["memTotal"]), cores=int(host["cpus"]))
    except (RuntimeProblem, ValueError, TypeError, LookupError, AttributeError):
        return None
    # An engine that does not answer leaves both at 0.
    return capacity if capacity.memory > 0 and capacity.cores > 0 else None


def find_publishers(where: Endpoint, port: int) -> list[Mapping[str, str]] | None:
    """The labels of the running containers that publish a port; None if the engine cannot be asked.

    As cheap as the probe, for a question that short commands ask each time.
    """
    found = get_json(where, "/containers/json")
    try:
        # Podman has no filter by port.
        return (
            None
            if found is None
            else [
                dict(each["Labels"] or {})
                for each in found
                if any(mapped.get("PublicPort") == port for mapped in each["Ports"] or ())
            ]
        )
    except (LookupError, TypeError, AttributeError):
        return None


def get_json(where: Endpoint, path: str) -> Any | None:
    """An answer of the engine's own API; None if it cannot be asked, or answers anything else."""
    try:
        connection = _connect(where, _TIMEOUT)
        if connection is None:
            return None
        with closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return parse_json(answer.read().decode()) if answer.status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None


def _connect(where: Endpoint, timeout: float) -> http.client.HTTPConnection | None:
    """A connection to an engine of this machine, None for another; ValueError if it is no URL."""
    address = urlsplit(where.host)
    port = address.port
    if address.scheme == "unix":
        return _UnixConnection(address.path, timeout)
    if address.scheme in {"tcp", "http"} and address.hostname in _LOOPBACK:
        return http.client.HTTPConnection(address.hostname, port, timeout=timeout)
    return None


def failure(output: str, *, doing: str, start: str | None = None) -> RuntimeProblem:
    """The failure of a docker command; ``doing`` is its purpose, to follow «Docker cannot».

    ``start`` is the hint where no engine answers, by default the offer of another that does.
    """
    output = without_lines_of_env(output.strip())
    unreadable = _UNREADABLE.search(output)
    if unreadable and Path(unreadable[1]).is_file():
        return FolderInvisible(f"Docker cannot {doing}: {last_line(output)}")
    if _NO_PERMISSION.search(output):
        return EnginePermission(f"This user may not access the Docker engine: {last_line(output)}")
    if _NO_ENGINE.search(output):
        return _not_running(start)
    if _NO_COMPOSE.search(output):
        return ComposeMissing("Docker has no Compose plugin (`docker compose`).")
    return RuntimeProblem(f"Docker cannot {doing}: {last_line(output) or 'it gave no reason'}")


def _not_running(hint: str | None) -> EngineNotRunning:
    host = endpoint().host
    others = () if hint else [other for other in find_other_sockets() if other != host]
    if others:
        hint = f"Another engine answers: export DOCKER_HOST={shlex.quote(others[0])}"
    return EngineNotRunning(f"No Docker engine answers at {host}.", hint=hint)


@contextmanager
def translate_errors(doing: str) -> Iterator[None]:
    """Raise our failure for one of python-on-whales: what docker wrote, not how it was called."""
    from python_on_whales.exceptions import DockerException

    began = time.monotonic()
    try:
        yield
    except DockerException as error:
        process.log_end(error.docker_command, error.return_code, began)
        raise failure(error.stderr or error.stdout or "", doing=doing) from error
    # python-on-whales reports its command line only if it fails.
    _LOGGER.info("docker: %s (%.2f s)", doing, time.monotonic() - began)


def engine_missing() -> EngineMissing:
    """The failure if the docker program is missing."""
    return EngineMissing("There is no program `docker` on this machine (PATH).")


def check_compose(version: str) -> None:
    """Refuse an outdated Compose; raises ComposeMissing with both versions."""
    found = re.search(r"(\d+)\.(\d+)", version)
    if found and (int(found[1]), int(found[2])) < OLDEST_COMPOSE:
        oldest = ".".join(map(str, OLDEST_COMPOSE))
        raise ComposeMissing(
            f"Docker's Compose plugin is {version.strip()}, and {oldest} or newer is needed."
        )


def without_lines_of_env(output: str) -> str:
    """The output of a docker program without the lines of .env it quotes: they hold secrets."""
    return _LINE_OF_ENV.sub(r"\1…", output)


def last_line(output: str) -> str:
    """The last line that is not blank: it is the one that explains a failure."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _config_folder(environ: Mapping[str, str], home: Path | None) -> Path:
    return Path(environ.get("DOCKER_CONFIG") or (home or Path.home()) / ".docker")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
