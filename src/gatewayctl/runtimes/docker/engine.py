"""Whether a Docker engine answers, and the meaning of Docker's errors.

Owns the cheap check behind `auto` (one `GET /_ping`: no program started, nothing heavy imported)
and the messages with which Docker reports that it cannot be used. Must not know what runs on the
engine.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from gatewayctl.errors import (
    ComposeMissing,
    EngineMissing,
    EngineNotRunning,
    EnginePermission,
    RuntimeProblem,
)
from gatewayctl.files.json_text import parse_json

_LOGGER: Final = logging.getLogger(__name__)
DEFAULT_HOST: Final = "unix:///var/run/docker.sock"
OLDEST_COMPOSE: Final = (2, 20)
Answer = Literal["answers", "silent", "refused", "elsewhere"]

_TIMEOUT: Final = 1.0
"""Seconds. An engine on this machine answers within milliseconds."""
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
        port = address.port
    except ValueError:
        return "silent"
    if address.scheme == "unix":
        connection: http.client.HTTPConnection = _UnixConnection(address.path, timeout)
    elif address.scheme in {"tcp", "http"} and address.hostname in _LOOPBACK:
        connection = http.client.HTTPConnection(address.hostname, port, timeout=timeout)
    else:
        return "elsewhere"
    answer: Answer = "silent"
    try:
        connection.request("GET", "/_ping")
        answer = "answers" if connection.getresponse().status == 200 else "silent"
    except PermissionError:
        answer = "refused"
    except (OSError, http.client.HTTPException):
        answer = "silent"
    finally:
        connection.close()
    _LOGGER.debug("GET %s/_ping: %s", where.host, answer)
    return answer


def failure(output: str, *, doing: str) -> RuntimeProblem:
    """The failure of a docker command; ``doing`` is its purpose, to follow «Docker cannot»."""
    output = without_lines_of_env(output.strip())
    if _NO_PERMISSION.search(output):
        return EnginePermission(f"This user may not access the Docker engine: {last_line(output)}")
    if _NO_ENGINE.search(output):
        return EngineNotRunning(f"No Docker engine answers at {endpoint().host}.")
    if _NO_COMPOSE.search(output):
        return ComposeMissing("Docker has no Compose plugin (`docker compose`).")
    return RuntimeProblem(f"Docker cannot {doing}: {last_line(output) or 'it gave no reason'}")


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
