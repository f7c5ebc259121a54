"""Tests on a real Docker engine. `make test-docker` starts one, and fetches the images."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.conftest import Project, make_project
from tests.e2e.docker.containers import docker, remove_project

MakeProject = Callable[..., Project]
POSTGRES_PORT = 5432
"""Where the PostgreSQL of a machine listens."""


@pytest.fixture(scope="session", autouse=True)
def engine() -> str:
    """The engine's version. Without an engine these tests fail: they are never skipped."""
    try:
        done = docker("version", "--format", "{{.Server.Version}}")
        compose = docker("compose", "version", "--short")
    except FileNotFoundError:
        pytest.fail("There is no docker program. `make test-docker` installs an engine if it can.")
    if done.returncode != 0:
        pytest.fail(f"No Docker engine answers: {done.stderr.strip()}\nTry: sh tools/engine.sh")
    if compose.returncode != 0:
        pytest.fail(f"No Compose plugin: {compose.stderr.strip()}\nTry: sh tools/engine.sh")
    return done.stdout.strip()


@pytest.fixture
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeProject]:
    """Create projects on the Docker runtime; remove their containers and volumes afterwards."""
    made: list[Project] = []

    def make(*, upstream: str | None = None) -> Project:
        made.append(_make(tmp_path_factory.mktemp("project"), upstream))
        return made[-1]

    yield make
    for project in made:
        _end(project)


@pytest.fixture(scope="session")
def docker_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A running stack beside a PostgreSQL of the machine.

    Tests that stop or break one create their own.
    """
    folder = tmp_path_factory.mktemp("docker-stack")
    with listening(POSTGRES_PORT), new_stack(folder) as project:
        project.ok("up", "--timeout", "280")
        yield project


@contextmanager
def listening(port: int) -> Iterator[None]:
    """Something of the machine listens on a port; whatever does so already is as good."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            server.bind(("127.0.0.1", port))
            server.listen()
        yield


@contextmanager
def new_stack(folder: Path) -> Iterator[Project]:
    """A project with nothing started, for a whole module; removed with its volumes."""
    project = _make(folder, None)
    try:
        yield project
    finally:
        _end(project)


def _make(folder: Path, upstream: str | None) -> Project:
    name = f"e2e-{secrets.token_hex(4)}"
    return make_project(folder, upstream=upstream, runtime="docker", name=name)


def _end(project: Project) -> None:
    project.run("down", "--volumes", "--yes")
    # Also if the command under test failed to.
    remove_project(project.name)
