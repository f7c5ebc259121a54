"""What is taken over from a Compose file: images, ports, variables, and where the files are.

Owns which of it has a place in gateway.yaml or .env, and the report of what has none. Must not know
how the configuration itself is changed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gatewayctl import network
from gatewayctl.operations.project.adopt import compose_file
from gatewayctl.operations.project.adopt.compose_file import ComposeFile
from gatewayctl.operations.project.adopt.moves import (
    DATABASE,
    IGNORED_BY_LITELLM,
    OF_GATEWAYCTL,
    use_database,
)
from gatewayctl.operations.project.adopt.report import Notice
from gatewayctl.operations.project.adopt.side_files import Find
from gatewayctl.settings import image
from gatewayctl.settings.cursor import VARIABLE_NAME
from gatewayctl.settings.litellm.service import APP
from gatewayctl.settings.problems import Problems
from gatewayctl.settings.sections.litellm_service import OWNED

_POSTGRES: Final = re.compile(r"(?:docker\.io/)?(?:library/)?postgres:.+")
_TRACING: Final = re.compile(r"OTEL_.*|PHOENIX_.*|LITELLM_OTEL_.*")
_OF_COMPOSE: Final = frozenset(
    {
        *("CONFIG_FILE_PATH", "PORT", "HOST", "NUM_WORKERS"),
        *("LITELLM_POSTGRES_PASSWORD", "POSTGRES_PASSWORD"),
    }
)
"""Variables that only mean something to the old service: gatewayctl has a setting for each."""
_OF_MACHINE: Final = IGNORED_BY_LITELLM - {"LITELLM_ENABLE_MCP_STDIO"}
_CERTIFICATES: Final = frozenset({*network.CERTIFICATES, "NODE_EXTRA_CA_CERTS"})
_DEFAULT_PORT: Final = 4000
_EVERYWHERE: Final = {"", "0.0.0.0", "::"}  # noqa: S104 - as Compose means it
_TAKEN: Final = frozenset(
    {
        *("image", "command", "entrypoint", "environment", "env_file", "ports", "volumes"),
        *("configs", "secrets", "working_dir"),
        # What gatewayctl's own service has, too.
        *("depends_on", "restart", "healthcheck", "container_name", "networks", "extra_hosts"),
        *("stop_grace_period", "hostname", "labels", "pull_policy", "logging", "expose"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeGateway:
    """A gateway in a Compose file. ``text`` is its configuration if that is in the file itself.

    ``settings`` are those of gateway.yaml by dotted name.
    """

    compose: Path
    path: Path
    text: str | None = field(repr=False)
    find: Find
    variables: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, str]
    notes: tuple[Notice, ...]


def read_gateway(file: ComposeFile, problems: Problems) -> ComposeGateway | None:
    """Read the service that runs LiteLLM; None after a problem."""
    name = file.litellm()
    if name is None:
        problems.add(file.source("services"), "has no service that runs LiteLLM")
        return None
    inside = compose_file.config_path(file, name)
    mounts = compose_file.mounts_of(file, name)
    text = compose_file.inline_config(file, name, inside)
    path = compose_file.find_inside(mounts, "/", inside)
    if text is None and (path is None or not path.is_file()):
        where = (
            "is not mounted from this machine" if path is None else f"is {path}, which is no file"
        )
        problems.add(
            file.source("services", name),
            f"the configuration of {name} is {inside}, which {where}; give that file itself",
        )
        return None
    return _Reader(file, name, problems).read(inside, mounts, path or file.path, text)


class _Reader:
    def __init__(self, file: ComposeFile, name: str, problems: Problems) -> None:
        self.file = file
        self.name = name
        self.problems = problems
        self.service = file.services[name]
        self.settings: dict[str, str] = {}
        self.notes: list[Notice] = []

    def read(
        self, inside: str, mounts: Mapping[str, Path], path: Path, text: str | None
    ) -> ComposeGateway:
        folder = posixpath.dirname(inside)

        def find(wanted: str) -> Path | None:
            found = compose_file.find_inside(mounts, folder, wanted)
            # A module can also be in the folder that is the current one there.
            return found or compose_file.find_inside(mounts, APP, wanted)

        variables = self._variables()
        self._image()
        self._port()
        self._others()
        return ComposeGateway(
            compose=self.file.path,
            path=path,
            text=text,
            find=find,
            variables=variables,
            settings=self.settings,
            notes=tuple(self.notes),
        )

    def _note(self, message: str, *path: str) -> None:
        place = str(self.file.source("services", *path))
        self.notes.append(Notice(place=place, message=message))

    def _variables(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in compose_file.environment_of(self.file, self.name, self.problems):
            here = (self.name, "environment", name)
            if name == "DATABASE_URL":
                found |= self._database(value)
            elif reason := _explain_not_taken(name):
                self._note(f"{name} is not taken over: {reason}", *here)
            elif not VARIABLE_NAME.fullmatch(name):
                self._note(f"{name!r} is not taken over: .env cannot hold this name", *here)
            elif value is None:
                self._note(f"{name} is not set: put it into .env", *here)
            else:
                found[name] = value
        return found

    def _database(self, value: str | None) -> dict[str, str]:
        if not value:
            return {}
        self._note(
            f"DATABASE_URL is {DATABASE} in .env now. {use_database(DATABASE)}",
            *(self.name, "environment", "DATABASE_URL"),
        )
        return {DATABASE: value}

    def _image(self) -> None:
        given = self.file.expand(str(self.service.get("image") or ""))
        if not given:
            self._note("the image that is built here is not taken over: images.litellm", self.name)
        elif reason := _unfit(given):
            self._note(f"image {given} is not taken over: it {reason}", self.name, "image")
        else:
            self.settings["images.litellm"] = given
        for service in self.file.services.values():
            used = self.file.expand(str(service.get("image") or ""))
            if _POSTGRES.fullmatch(used) and not _unfit(used):
                self.settings.setdefault("images.postgres", used)

    def _port(self) -> None:
        given = compose_file.option(self.service, "--port") or str(_DEFAULT_PORT)
        inside = int(given) if given.isdecimal() else _DEFAULT_PORT
        found = compose_file.host_port(self.file, self.name, inside)
        if found is None:
            self._note(f"no port leads to {inside} of {self.name}; it is on 4000 now", self.name)
            return
        port, address = found
        self.settings["ports.litellm"] = str(port)
        if address in _EVERYWHERE:
            self._note(
                f"port {port} was open on every address of this machine, and is on 127.0.0.1 now;"
                " set bind: to open it",
                *(self.name, "ports"),
            )
        elif address not in network.LOOPBACK_HOSTS and not address.startswith("127."):
            self._note(
                f"port {port} was on {address}, and is on 127.0.0.1 now; set bind: to change this",
                *(self.name, "ports"),
            )

    def _others(self) -> None:
        workers = compose_file.option(self.service, "--num_workers")
        if workers and workers != "1":
            self._note(f"--num_workers {workers} is not taken over: workers:", self.name, "command")
        for key in self.service:
            if key not in _TAKEN:
                self._note(f"{key} of {self.name} is not taken over", self.name, str(key))
        for name in self.file.services:
            if name != self.name:
                self._note(f"the service {name} is not taken over, with its data", name)


def _explain_not_taken(name: str) -> str:
    """Why a variable has no place in .env; empty if it has one."""
    if name in _CERTIFICATES:
        return "set ca_bundle: to the file of your certificates"
    if name in network.VARIABLES:
        return ""
    if _TRACING.fullmatch(name):
        return "gatewayctl sends traces to Phoenix itself; tracing: adds other places"
    if name in OWNED | _OF_COMPOSE:
        return "gatewayctl sets it itself"
    if name in _OF_MACHINE | OF_GATEWAYCTL:
        return "in .env it would change more than LiteLLM"
    return ""


def _unfit(given: str) -> str:
    """Why an image is not taken over, as a sentence without its subject."""
    if image.explain_invalid(given):
        return "is not a valid name"
    if image.explain_unpinned(given):
        return "has no version"
    return "changes without notice" if image.is_moving_tag(given) else ""
