"""The `docker` program, for one Compose project.

Owns its command lines, and turns its failures into ours. Reading goes through `process.run`, which
has a timeout for an engine that hangs; output that is followed through `process.follow`, which ends
the program when its reader stops. Actions go through python-on-whales, imported for them only: it
has neither, and where it cannot parse an inspected container it writes it, secrets included, to a
file in /tmp. Must not know the services of the stack.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Generator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from gatewayctl.errors import RuntimeProblem
from gatewayctl.runtimes import process
from gatewayctl.runtimes.database_shell import PSQL_OPTIONS, clean_psql_errors
from gatewayctl.runtimes.docker import (
    compose,
    concurrent_up,
    engine,
    mounts,
    proxies,
    stopping,
    volumes,
)
from gatewayctl.runtimes.docker.states import PROJECT, parse_container
from gatewayctl.runtimes.process import Completed
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from python_on_whales import DockerClient

Lines = Generator[str, None, Completed]
Inspected = Sequence[dict[str, Any]]
Variables = Mapping[str, str]

COMPOSE_FILE: Final = "docker-compose.yml"
NO_VARIABLES: Final[Variables] = MappingProxyType({})
# As Docker says it, and Podman in the place of the docker program.
_NO_IMAGE: Final = re.compile("no such image|image not known", re.IGNORECASE)
_MOUNTED: Final = "/gatewayctl-check"
_STOP_SECONDS: Final = 30
"""Enough for PostgreSQL to close its connections and for LiteLLM to write its last spend."""
_READ_SECONDS: Final = 30.0
_RESTART_SECONDS: Final = 300.0
_RUN_ONCE_SECONDS: Final = 600.0
_UP: Final = ("--detach", "--remove-orphans", "--no-build", "--pull", "never")


class DockerCli:
    """Docker, for one Compose project. ``compose_file`` and ``env_file`` need not exist to read.

    ``variables`` override the environment for Compose. ``start_hint`` is the hint where no engine
    answers, by default the offer of another that does.
    Every method raises RuntimeProblem, or the subclass that says why Docker cannot be used.
    Methods that return Lines yield the program's output and return its result; closing them early
    ends the program. Where a method takes the text of a compose file, secrets come from .env, and
    ``generated`` holds the variables that .env lacks.
    """

    def __init__(
        self,
        *,
        project: str,
        compose_file: Path,
        env_file: Path,
        variables: Variables = NO_VARIABLES,
        start_hint: str | None = None,
    ) -> None:
        self._project = project
        self._start_hint = start_hint
        self._compose_file = compose_file
        self._env_file = env_file
        self._variables = variables

    @classmethod
    def of(cls, settings: Settings) -> DockerCli:
        """Docker for a project of gatewayctl, with the proxies for its containers."""
        return cls(
            project=settings.project_name,
            compose_file=settings.compose_dir / COMPOSE_FILE,
            env_file=settings.env_file,
            variables=proxies.compose_variables(settings, proxies.read_docker_config()),
            start_hint=volumes.advise_start(settings),
        )

    def check(self) -> None:
        """Require an engine that answers, and a Compose that is new enough."""
        # Compose reports its version without an engine, so the engine is asked first.
        self._read(["version", "--format", "{{.Server.Version}}"], doing="reach its engine")
        version = self._read(["compose", "version", "--short"], doing="run Compose")
        engine.check_compose(version)

    @property
    def endpoint(self) -> str:
        """The address of the engine."""
        return engine.endpoint().host

    def engine_id(self) -> str | None:
        """What identifies the engine wherever it is reached; None if it cannot be asked."""
        found = engine.get_json(engine.endpoint(), "/info")
        return str(found.get("ID") or "") or None if isinstance(found, dict) else None

    def containers(self) -> Inspected:
        """Inspect every container of the project."""
        return self._inspect(["--all", "--filter", f"label={PROJECT}={self._project}"])

    def containers_publishing(self, port: int) -> Inspected:
        """Inspect the running containers, of any project, that publish a port of the host."""
        # Podman refuses Docker's filter publish=, so the ports are compared here.
        running = self._inspect([])
        return [item for item in running if port in parse_container(item).ports]

    def publishers(self, port: int) -> list[Mapping[str, str]] | None:
        """The labels of these containers, asked in milliseconds; None where that is impossible."""
        return engine.find_publishers(engine.endpoint(), port)

    def image_id(self, name: str) -> str | None:
        """The id of a local image; None if there is none of that name."""
        args = ["image", "inspect", "--format", "{{.Id}}", name]
        done = process.run([self._program, *args], timeout=_READ_SECONDS)
        if done.returncode and _NO_IMAGE.search(done.stderr) is None:
            raise self._failure(done.stderr, doing=f"look for the image {name}")
        return done.stdout.strip() or None

    def repo_digests(self, name: str) -> tuple[str, ...]:
        """The digests of a local image in registries, as ``repository@sha256:…``."""
        if self.image_id(name) is None:
            return ()
        args = ["image", "inspect", "--format", "{{json .RepoDigests}}", name]
        return tuple(json.loads(self._read(args, doing=f"inspect the image {name}")) or ())

    def remove_image(self, name: str) -> None:
        """Remove the name of an image, and the image if it has no other and is not used."""
        process.run([self._program, "image", "rm", name], timeout=_READ_SECONDS)

    def compose_services(
        self, compose_file: str, *, interpolate: bool = True, generated: Variables = NO_VARIABLES
    ) -> dict[str, dict[str, Any]]:
        """The services that the text of a compose file defines, by name, secrets included.

        Without ``interpolate`` references to variables stay as written.
        """
        options = ["--format", "json", *([] if interpolate else ["--no-interpolate"])]
        args = ["config", *options]
        done = self._compose_text(compose_file, args, generated, doing="read the compose file")
        return dict(json.loads(done.stdout).get("services") or {})

    def service_hashes(
        self, compose_file: str, *, generated: Variables = NO_VARIABLES
    ) -> dict[str, str]:
        """Compose's hash of each service in the text of a compose file."""
        args = ["config", "--hash", "*"]
        done = self._compose_text(compose_file, args, generated, doing="read the compose file")
        lines = done.stdout.splitlines()
        return dict(line.split(maxsplit=1) for line in lines if line.strip())

    def run_once(
        self,
        compose_file: str,
        service: str,
        args: Sequence[str],
        *,
        entrypoint: str = "",
        generated: Variables = NO_VARIABLES,
        timeout: float = _RUN_ONCE_SECONDS,
    ) -> Completed:
        """Run a command in a new container of a service, and remove the container.

        It has the service's environment, files and network, and publishes no port. Those that an
        earlier, killed process left are removed first.
        """
        options = ["--rm", "--no-deps", "--no-TTY", "--interactive=false", "--quiet-pull"]
        options += [f"--entrypoint={entrypoint}"] if entrypoint else []
        env = {**self.environment(), **generated}
        with stopping.name_temporary(self._program, self._project, service) as name:
            argv = self._compose("run", f"--name={name}", *options, service, *args, file="-")
            return process.run(argv, env=env, stdin=compose_file, timeout=timeout)

    def read_file(self, image: str, file: Path) -> Completed:
        """Print a file of this machine from a temporary container of a local image."""
        mounts.check_files(self._compose_file.parent)
        # In the syntax of --mount a quoted field may contain commas. Without label=disable SELinux
        # would refuse a file that was not relabelled yet.
        source = str(file).replace('"', '""')
        mount = f'type=bind,"source={source}",target={_MOUNTED},readonly'
        isolated = ["--pull=never", "--network=none", "--security-opt=label=disable"]
        args = ["--rm", *isolated, "--mount", mount, "--entrypoint=cat", image, _MOUNTED]
        return process.run([self._program, "run", *args], timeout=_RUN_ONCE_SECONDS)

    def preview_recreations(
        self, compose_file: str, services: Sequence[str], *, generated: Variables = NO_VARIABLES
    ) -> frozenset[str]:
        """The services whose containers `up` would recreate, with those that depend on them."""
        args = ["--dry-run", "up", *_UP, *services]
        done = self._compose_text(compose_file, args, generated, doing="preview a start")
        steps = (compose.parse_progress(line, self._project) for line in done.stderr.splitlines())
        return frozenset(step.subject for step in steps if step and step.detail == "recreate")

    def pull(self, image: str) -> Lines:
        return process.follow([self._program, "pull", image])

    def build(self, services: Sequence[str]) -> Lines:
        return process.follow(self._compose("build", *services), env=self.environment())

    def up(self, services: Sequence[str]) -> Lines:
        """Create and start these and what they need, recreate what changed, remove orphans."""
        mounts.check_files(self._compose_file.parent)
        # Images were fetched and built before: a start contacts no registry. Not --no-deps: Compose
        # includes dependencies in its hash, and would recreate the service next time.
        return process.follow(self._compose("up", *_UP, *services), env=self.environment())

    def find_concurrent_ups(self) -> tuple[int, ...]:
        """The ids of other processes that are starting the project."""
        return concurrent_up.find_concurrent_ups(self._project)

    def restart(self, services: Sequence[str]) -> None:
        """Stop and start existing containers."""
        argv = self._compose("restart", "--timeout", str(_STOP_SECONDS), *services)
        done = process.run(argv, env=self.environment(), timeout=_RESTART_SECONDS)
        if done.returncode:
            raise self._failure(done.stderr, doing="restart " + ", ".join(services))

    def stop(self, ids: Sequence[str]) -> None:
        with engine.translate_errors("stop containers"):
            self._client.container.stop(list(ids), time=_STOP_SECONDS)

    def remove(self, ids: Sequence[str], *, data: bool) -> None:
        """Remove containers; with ``data`` also their anonymous volumes.

        The image of an app may keep data that matters in a VOLUME that no setting mentions.
        """
        with engine.translate_errors("remove containers"):
            self._client.container.remove(list(ids), force=True, volumes=data)

    def remove_networks(self) -> None:
        names = self._list_names("network")
        if names:
            with engine.translate_errors("remove the network " + ", ".join(names)):
                self._client.network.remove([*names])

    def volumes(self) -> list[str]:
        """The names of the project's volumes."""
        return self._list_names("volume")

    def remove_volumes(self) -> None:
        names = self.volumes()
        if names:
            with engine.translate_errors("remove the volumes " + ", ".join(names)):
                self._client.volume.remove([*names])

    def execute(self, container: str, args: Sequence[str]) -> None:
        with engine.translate_errors(f"run {args[0]} in a container"):
            self._client.container.execute(container, list(args))

    def ask_database(self, container: str, user: str, sql: str) -> tuple[str, ...]:
        """Run SQL as a superuser over the socket of a container; return the rows."""
        # The socket needs no password (the image's pg_hba.conf).
        login = (f"--username={user}", "--dbname=postgres")
        argv = self.exec_argv(container, ("psql", *login, *PSQL_OPTIONS))
        done = process.run(argv, stdin=sql, timeout=_READ_SECONDS)
        if done.returncode:
            raise RuntimeProblem(f"PostgreSQL refused: {clean_psql_errors(done.stderr)}")
        return tuple(done.stdout.splitlines())

    def exec_argv(self, container: str, args: Sequence[str]) -> tuple[str, ...]:
        """The command line that runs a command in a container, connected to standard input."""
        return (self._program, "exec", "--interactive", container, *args)

    def run_argv(self, image: str, program: str, variables: Sequence[str]) -> tuple[str, ...]:
        """The command line of a program in a temporary container, connected to standard input.

        It gets these variables from the environment of the command: no value is in its arguments.
        """
        names = [word for name in variables for word in ("--env", name)]
        options = ["--rm", "--interactive", "--pull=never", f"--entrypoint={program}", *names]
        host = "--add-host=host.docker.internal:host-gateway"
        return (self._program, "run", *options, host, image)

    def environment(self) -> dict[str, str]:
        """Our environment without empty variables, which count as unset: Compose would prefer them
        to the values of .env. An empty proxy of ours hides one of .env."""
        environ = {name: value for name, value in os.environ.items() if value}
        return {**environ, **self._variables}

    def events(self, container: str, since: datetime) -> tuple[dict[str, Any], ...]:
        """The exits of a container's main process: events `die` (Podman: `died`) and `oom`."""
        filters = (f"container={container}", "event=die", "event=died", "event=oom")
        until = datetime.now(since.tzinfo)
        args = ["events", "--since", since.isoformat(), "--until", until.isoformat()]
        args += [word for one in filters for word in ("--filter", one)]
        output = self._read([*args, "--format", "{{json .}}"], doing="list events")
        return tuple(json.loads(line) for line in output.splitlines())

    def last_lines(self, container: str, count: int) -> str:
        lines = process.follow([self._program, "logs", "--tail", str(count), container])
        return "\n".join(lines)

    def logs(
        self, services: Sequence[str], *, tail: int | None, since: datetime | None, follow: bool
    ) -> Lines:
        """Lines as Compose writes them: service, container number, time, text."""
        options = ["--timestamps"]
        options += [] if tail is None else ["--tail", str(tail)]
        options += [] if since is None else ["--since", since.isoformat()]
        options += ["--follow"] if follow else []
        # By the project's name alone: neither a compose file nor its variables are needed.
        project = ["--ansi", "never", "--project-name", self._project]
        argv = [self._program, "compose", *project, "logs", *options, *services]
        return process.follow(argv, keep=not follow)

    # Private from here on.

    @cached_property
    def _program(self) -> str:
        found = shutil.which("docker")
        if found is None:
            raise engine.engine_missing()
        return found

    @cached_property
    def _client(self) -> DockerClient:
        from python_on_whales import DockerClient

        return DockerClient(
            client_call=[self._program],
            compose_files=[self._compose_file],
            compose_env_files=[self._env_file] if self._env_file.exists() else [],
            # An environment variable would win over the name in the file, but not over this.
            compose_project_name=self._project,
        )

    def _compose(self, *args: str, file: str = "") -> list[str]:
        """The command line of Compose; the ``file`` "-" is read from standard input."""
        options = ["--ansi", "never", "--progress", "plain"]
        options += ["--file", file or str(self._compose_file), "--project-name", self._project]
        options += ["--project-directory", str(self._compose_file.parent)]
        options += ["--env-file", str(self._env_file)] if self._env_file.exists() else []
        return [self._program, "compose", *options, *args]

    def _compose_text(
        self, text: str, args: Sequence[str], generated: Variables, *, doing: str
    ) -> Completed:
        argv = self._compose(*args, file="-")
        # Generated secrets are passed in the environment, never on the command line.
        env = {**self.environment(), **generated}
        done = process.run(argv, env=env, stdin=text, timeout=_READ_SECONDS)
        if done.returncode:
            raise self._failure(done.stderr, doing=doing)
        return done

    def _failure(self, output: str, *, doing: str) -> RuntimeProblem:
        return engine.failure(output, doing=doing, start=self._start_hint)

    def _read(self, args: Sequence[str], *, doing: str) -> str:
        done = process.run([self._program, *args], timeout=_READ_SECONDS)
        if done.returncode:
            raise self._failure(done.stderr or done.stdout, doing=doing)
        return done.stdout

    def _inspect(self, filters: Sequence[str]) -> Inspected:
        args = ["ps", "--quiet", "--no-trunc", *filters]
        ids = self._read(args, doing="list containers").split()
        if not ids:
            return []
        # A container removed meanwhile makes the command fail; it still prints the others.
        args = ["container", "inspect", *ids]
        done = process.run([self._program, *args], timeout=_READ_SECONDS)
        found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
        return found

    def _list_names(self, kind: str) -> list[str]:
        filters = ["--filter", f"label={PROJECT}={self._project}"]
        args = [kind, "ls", "--format", "{{.Name}}", *filters]
        return self._read(args, doing=f"list {kind}s").split()
