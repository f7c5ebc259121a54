"""Docker's own program, driven for one Compose project through python-on-whales.

Owns which words are said to `docker` and how its failures come back as ours. python-on-whales
finds the program, assembles Compose's options and does what ends by itself; what is listened to
while it runs goes through `process.follow`, because python-on-whales leaves the program behind
when its reader stops. Must not know the stack's services.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from gatewayctl.runtimes import process
from gatewayctl.runtimes.docker import compose, concurrent_up, engine
from gatewayctl.runtimes.docker.states import PROJECT
from gatewayctl.runtimes.process import Completed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from python_on_whales import DockerClient

Lines = Generator[str, None, Completed]
Inspected = Sequence[dict[str, Any]]
Variables = Mapping[str, str]

_NONE: Final[Variables] = MappingProxyType({})
_STOP_SECONDS: Final = 30
"""PostgreSQL closes its connections and LiteLLM writes its last spend in that time."""
_ASK_SECONDS: Final = 30.0
_UP: Final = ("--detach", "--remove-orphans", "--no-build", "--pull", "never")
_ONCE_SECONDS: Final = 600.0


class Docker(Protocol):
    """What the runtime asks of Docker; all of it is about one Compose project.

    Every verb raises RuntimeProblem, or the class that says why Docker cannot be used. Verbs that
    return Lines hand on what the program writes, and how it ended; closed early they end it.
    """

    def check(self) -> None:
        """An engine answers, and Compose is here and new enough."""

    def containers(self) -> Inspected:
        """Every container of the project, as inspected."""

    def publishing(self, port: int) -> Inspected:
        """The running containers, of any project, that publish a port of the host."""

    def image_id(self, name: str) -> str | None:
        """The id of the image of that name; None where it is not here."""

    def config(
        self, compose_file: str, *, interpolate: bool = True, generated: Variables = _NONE
    ) -> dict[str, dict[str, Any]]:
        """The services that a compose file's text means, by name; secrets in their place.

        Without ``interpolate`` references to variables stay as they are written. ``generated``
        are variables that .env lacks.
        """

    def hashes(self, compose_file: str, *, generated: Variables = _NONE) -> dict[str, str]:
        """Compose's hash of each service of a compose file's text."""

    def run_once(self, compose_file: str, service: str, words: Sequence[str]) -> Completed:
        """Run words in a new container of a service of a compose file's text, gone at the end.

        It has the service's environment, files and network, and publishes nothing.
        """

    def preview_recreations(
        self, compose_file: str, services: Sequence[str], *, generated: Variables = _NONE
    ) -> frozenset[str]:
        """The services whose containers `up` would make anew, those that need them included."""

    def pull(self, image: str) -> Lines: ...

    def build(self, services: Sequence[str]) -> Lines: ...

    def up(self, services: Sequence[str]) -> Lines:
        """Create and start these and what they need, recreate what changed, remove orphans."""

    def find_concurrent_ups(self) -> tuple[int, ...]:
        """The processes that start the project beside us, in the background."""

    def restart(self, services: Sequence[str]) -> None:
        """Stop and start the containers that are there."""

    def stop(self, ids: Sequence[str]) -> None: ...

    def remove(self, ids: Sequence[str], *, data: bool) -> None:
        """Remove containers; with ``data`` also the volumes without a name that they alone have.

        An image of an app may keep what people miss under a VOLUME that no setting names.
        """

    def remove_networks(self) -> None: ...

    def volumes(self) -> tuple[str, ...]:
        """The names of the project's volumes."""

    def remove_volumes(self) -> None: ...

    def execute(self, container: str, words: Sequence[str]) -> None: ...

    def inside(self, container: str, words: Sequence[str]) -> tuple[str, ...]:
        """The command line that runs words in a container, standard input with it."""

    def events(self, container: str, since: datetime) -> tuple[dict[str, Any], ...]:
        """The endings of a container's main process: events `die` and `oom`."""

    def last_lines(self, container: str, count: int) -> str: ...

    def logs(
        self, services: Sequence[str], *, tail: int | None, since: datetime | None, follow: bool
    ) -> Lines:
        """Lines as Compose writes them: service, container number, time, text."""


class DockerCli:
    """``Docker`` on a real engine. ``compose_file`` and ``env_file`` need not exist to look."""

    def __init__(self, *, project: str, compose_file: Path, env_file: Path) -> None:
        self._project = project
        self._compose_file = compose_file
        self._env_file = env_file

    def check(self) -> None:
        # Compose answers without an engine, so the engine is asked first.
        self._said(["version", "--format", "{{.Server.Version}}"], doing="reach its engine")
        engine.check_compose(
            self._said(["compose", "version", "--short"], doing="run Compose").stdout
        )

    def containers(self) -> Inspected:
        return self._inspected(["--all", "--filter", f"label={PROJECT}={self._project}"])

    def publishing(self, port: int) -> Inspected:
        return self._inspected(["--filter", f"publish={port}"])

    def image_id(self, name: str) -> str | None:
        done = process.run(
            [*self._base, "image", "inspect", "--format", "{{.Id}}", name], timeout=_ASK_SECONDS
        )
        if done.returncode and "no such image" not in done.stderr.lower():
            raise engine.failure(done.stderr, doing=f"look for the image {name}")
        return done.stdout.strip() or None

    def config(
        self, compose_file: str, *, interpolate: bool = True, generated: Variables = _NONE
    ) -> dict[str, dict[str, Any]]:
        options = ["--format", "json", *([] if interpolate else ["--no-interpolate"])]
        found = json.loads(self._configured(compose_file, *options, generated=generated))
        return dict(found.get("services") or {})

    def hashes(self, compose_file: str, *, generated: Variables = _NONE) -> dict[str, str]:
        said = self._configured(compose_file, "--hash", "*", generated=generated)
        lines = said.splitlines()
        return dict(line.split(maxsplit=1) for line in lines if line.strip())

    def run_once(self, compose_file: str, service: str, words: Sequence[str]) -> Completed:
        options = ["--rm", "--no-deps", "--no-TTY", "--interactive=false", "--quiet-pull"]
        argv = [*self._reading(), "run", *options, service, *words]
        return process.run(argv, stdin=compose_file, timeout=_ONCE_SECONDS)

    def preview_recreations(
        self, compose_file: str, services: Sequence[str], *, generated: Variables = _NONE
    ) -> frozenset[str]:
        words = ["--ansi", "never", "--progress", "plain", "--dry-run", "up", *_UP, *services]
        env = {**os.environ, **generated}
        argv = [*self._reading(), *words]
        done = process.run(argv, env=env, stdin=compose_file, timeout=_ASK_SECONDS)
        if done.returncode:
            raise engine.failure(done.stderr, doing="rehearse a start")
        steps = (compose.parse_progress(line, self._project) for line in done.stderr.splitlines())
        return frozenset(step.subject for step in steps if step and step.detail == "recreate")

    def pull(self, image: str) -> Lines:
        return process.follow([*self._base, "pull", image])

    def build(self, services: Sequence[str]) -> Lines:
        return process.follow(self._compose("build", *services))

    def up(self, services: Sequence[str]) -> Lines:
        # Images were fetched and built before: a start asks no registry. Not --no-deps: Compose
        # takes what a service waits for into its hash, and would make it anew next time.
        return process.follow(self._compose("up", *_UP, *services))

    def find_concurrent_ups(self) -> tuple[int, ...]:
        return concurrent_up.find_concurrent_ups(self._project)

    def restart(self, services: Sequence[str]) -> None:
        with _failures("restart " + ", ".join(services)):
            self._client.compose.restart(list(services), timeout=_STOP_SECONDS)

    def stop(self, ids: Sequence[str]) -> None:
        with _failures("stop containers"):
            self._client.container.stop(list(ids), time=_STOP_SECONDS)

    def remove(self, ids: Sequence[str], *, data: bool) -> None:
        with _failures("remove containers"):
            self._client.container.remove(list(ids), force=True, volumes=data)

    def remove_networks(self) -> None:
        names = self._names("network")
        if names:
            with _failures("remove the network " + ", ".join(names)):
                self._client.network.remove([*names])

    def volumes(self) -> tuple[str, ...]:
        return tuple(self._names("volume"))

    def remove_volumes(self) -> None:
        names = self.volumes()
        if names:
            with _failures("remove the volumes " + ", ".join(names)):
                self._client.volume.remove([*names])

    def inside(self, container: str, words: Sequence[str]) -> tuple[str, ...]:
        return (*self._base, "exec", "--interactive", container, *words)

    def execute(self, container: str, words: Sequence[str]) -> None:
        with _failures(f"run {words[0]} in a container"):
            self._client.container.execute(container, list(words))

    def events(self, container: str, since: datetime) -> tuple[dict[str, Any], ...]:
        filters = (f"container={container}", "event=die", "event=oom")
        until = datetime.now(since.tzinfo)
        words = ["events", "--since", since.isoformat(), "--until", until.isoformat()]
        words += [word for one in filters for word in ("--filter", one)]
        said = self._said([*words, "--format", "{{json .}}"], doing="tell what happened")
        return tuple(json.loads(line) for line in said.stdout.splitlines())

    def last_lines(self, container: str, count: int) -> str:
        lines = process.follow([*self._base, "logs", "--tail", str(count), container])
        return "\n".join(lines)

    def logs(
        self, services: Sequence[str], *, tail: int | None, since: datetime | None, follow: bool
    ) -> Lines:
        options = ["--timestamps"]
        options += [] if tail is None else ["--tail", str(tail)]
        options += [] if since is None else ["--since", since.isoformat()]
        options += ["--follow"] if follow else []
        # By the project's name alone: neither a compose file nor its variables are needed.
        project = ["--ansi", "never", "--project-name", self._project]
        argv = [*self._base, "compose", *project, "logs", *options, *services]
        return process.follow(argv, keep=not follow)

    # Private from here on.

    @cached_property
    def _client(self) -> DockerClient:
        from python_on_whales import DockerClient
        from python_on_whales.client_config import ClientNotFoundError

        client = DockerClient(
            compose_files=[self._compose_file],
            compose_env_files=[self._env_file] if self._env_file.exists() else [],
            # An environment variable would win over the name in the file, and not over this.
            compose_project_name=self._project,
        )
        try:
            client.client_config.get_client_call_with_path()
        except ClientNotFoundError as error:
            raise engine.engine_missing() from error
        return client

    @property
    def _base(self) -> list[str]:
        return [str(word) for word in self._client.client_config.docker_cmd]

    def _compose(self, *words: str) -> list[str]:
        base = [str(word) for word in self._client.client_config.docker_compose_cmd]
        at = len(self._base) + 1
        return [*base[:at], "--ansi", "never", "--progress", "plain", *base[at:], *words]

    def _configured(self, compose_file: str, *words: str, generated: Variables = _NONE) -> str:
        argv = [*self._reading(), "config", *words]
        # In the environment of the program, where nobody else sees them.
        env = {**os.environ, **generated}
        done = process.run(argv, env=env, stdin=compose_file, timeout=_ASK_SECONDS)
        if done.returncode:
            raise engine.failure(done.stderr, doing="read the compose file")
        return done.stdout

    def _reading(self) -> list[str]:
        """Compose on the text of a compose file that comes by standard input."""
        folder = str(self._compose_file.parent)
        env_file = ["--env-file", str(self._env_file)] if self._env_file.exists() else []
        options = ["--file", "-", "--project-name", self._project, "--project-directory", folder]
        return [*self._base, "compose", *options, *env_file]

    def _said(self, words: Sequence[str], *, doing: str) -> Completed:
        done = process.run([*self._base, *words], timeout=_ASK_SECONDS)
        if done.returncode:
            raise engine.failure(done.stderr or done.stdout, doing=doing)
        return done

    def _inspected(self, filters: Sequence[str]) -> Inspected:
        listed = self._said(["ps", "--quiet", "--no-trunc", *filters], doing="list containers")
        ids = listed.stdout.split()
        if not ids:
            return []
        # One that went away meanwhile makes the program fail, and the others are told all the same.
        said = process.run([*self._base, "container", "inspect", *ids], timeout=_ASK_SECONDS)
        found: list[dict[str, Any]] = json.loads(said.stdout or "[]")
        return found

    def _names(self, kind: str) -> list[str]:
        filters = ["--filter", f"label={PROJECT}={self._project}"]
        said = self._said([kind, "ls", "--format", "{{.Name}}", *filters], doing=f"list {kind}s")
        return said.stdout.split()


@contextmanager
def _failures(doing: str) -> Iterator[None]:
    """python-on-whales' exceptions as ours: what the program wrote, not how it was called."""
    from python_on_whales.exceptions import DockerException

    try:
        yield
    except DockerException as error:
        raise engine.failure(error.stderr or error.stdout or "", doing=doing) from error
