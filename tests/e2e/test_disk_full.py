"""A disk that fills under a running stack: the services survive, or return when there is space."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project, own_stack
from tests.e2e.failure import failed

pytestmark = pytest.mark.full
PATIENCE = 240.0


@pytest.fixture(scope="module")
def project(
    embedded_environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """A running stack whose folder is a disk of 200 MB."""
    disk = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(disk)]
    refused = subprocess.run(mount, capture_output=True, text=True, check=False)
    if refused.returncode:
        pytest.skip(f"no small disk to fill can be mounted here: {refused.stderr.strip()}")
    try:
        with own_stack(disk / "shop") as made:
            made.ok("up", "--yes", "--timeout", "240")
            yield made
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@contextlib.contextmanager
def full_disk(project: Project) -> Iterator[None]:
    filler = project.folder.parent / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1_000_000))
    try:
        yield
    finally:
        filler.unlink()


def status(project: Project) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(project.run("status", "--json").stdout)
    return document


def supervisor(project: Project) -> psutil.Process:
    pid_file = project.folder / ".gatewayctl" / "run" / "supervisord.pid"
    return psutil.Process(int(pid_file.read_text()))


def wait_until_healthy(project: Project) -> None:
    until = time.monotonic() + PATIENCE
    while project.run("status").returncode != 0:
        assert time.monotonic() < until, status(project)
        time.sleep(1)


def write_logs(project: Project) -> None:
    """Have every service write to its log, which supervisord cannot store."""
    for _ in range(3):
        project.run("chat", "--model", "demo", "Hello")
        project.run("keys", "list")
        project.run("trace", "list")
    time.sleep(2)


def test_supervisord_survives_and_the_stack_works_again_without_up(project: Project) -> None:
    before = supervisor(project)

    with full_disk(project):
        write_logs(project)
        assert before.is_running()
        hint = status(project).get("error", {}).get("hint", "No space left on the disk")
        backup = failed(project, "backup")

    assert hint.startswith("No space left on the disk")
    assert backup.where[:2] == (4, "disk_full")
    assert backup.error["message"].startswith("No space left on the disk")
    wait_until_healthy(project)
    assert supervisor(project) == before
    project.ok("chat", "--model", "demo", "Hello")


def test_services_that_the_full_disk_ended_return_without_up(project: Project) -> None:
    with full_disk(project):
        for service in status(project)["data"]["services"]:
            os.kill(service["pid"], signal.SIGKILL)
        # Longer than the three tries after which supervisord gives up by default.
        time.sleep(15)
        found = status(project)
        backup = failed(project, "backup")

    assert found["error"]["hint"].startswith("No space left on the disk")
    assert "du -xh" in found["error"]["hint"]
    assert backup.where[:2] == (4, "disk_full")
    wait_until_healthy(project)
