"""Containers and images, for tests that check the engine directly."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Completed = subprocess.CompletedProcess[str]


def docker(*words: str, timeout: float = 120, env: Mapping[str, str] | None = None) -> Completed:
    """Run the docker program to its end."""
    return subprocess.run(
        ("docker", *words),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=None if env is None else {**os.environ, **env},
        check=False,
    )


def ok(*words: str, timeout: float = 120) -> str:
    """Run the docker program, expect exit code 0, return stdout."""
    done = docker(*words, timeout=timeout)
    assert done.returncode == 0, f"docker {words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll until the condition is true; fail the test if it never is."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.25)


@dataclass(frozen=True, kw_only=True)
class Container:
    """A running container; ``address`` is its address on its network."""

    name: str
    address: str = field(default="")

    def exec(self, *words: str, env: Mapping[str, str] | None = None) -> Completed:
        """Run a program inside."""
        given = [f"--env={name}={value}" for name, value in (env or {}).items()]
        return docker("exec", *given, self.name, *words)

    def until_works(self, *words: str, seconds: float = 60) -> None:
        """Wait until a program inside exits with 0, as a health check does."""
        until(
            lambda: self.exec(*words).returncode == 0,
            seconds=seconds,
            what=f"{words[0]} in {self.name}; its log ends with:\n{self.log()[-2000:]}",
        )

    def log(self) -> str:
        """Its output so far."""
        done = docker("logs", self.name)
        return done.stdout + done.stderr

    def state(self) -> dict[str, Any]:
        """Its state in the engine: Running, ExitCode, …"""
        found: dict[str, Any] = json.loads(ok("inspect", "--format", "{{json .State}}", self.name))
        return found

    def user_of_main_process(self) -> str:
        """The numeric user that process 1 runs as."""
        return self.exec("stat", "--format=%u", "/proc/1").stdout.strip()


@contextmanager
def running(
    image: str,
    *words: str,
    env: Mapping[str, str] | None = None,
    volume: tuple[str, str] | None = None,
) -> Iterator[Container]:
    """A container of ``image`` until the end of the block; removed with its anonymous volumes."""
    name = f"gatewayctl-e2e-{secrets.token_hex(4)}"
    given = [f"--env={key}={value}" for key, value in (env or {}).items()]
    given += [] if volume is None else ["--volume", ":".join(volume)]
    ok("run", "--detach", "--pull=never", "--name", name, *given, image, *words)
    try:
        address = ok(
            "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name
        )
        yield Container(name=name, address=address)
    finally:
        docker("rm", "--force", "--volumes", name)


@contextmanager
def a_volume() -> Iterator[str]:
    """A named volume until the end of the block."""
    name = ok("volume", "create", f"gatewayctl-e2e-{secrets.token_hex(4)}")
    try:
        yield name
    finally:
        docker("volume", "rm", "--force", name)


def container_of(project: str, service: str) -> str:
    """The id of a service's container in a Compose project; empty if there is none."""
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": service}
    filters = [f"--filter=label={key}={value}" for key, value in labels.items()]
    return ok("ps", "--all", "--quiet", "--no-trunc", *filters)


def inspected(container: str) -> dict[str, Any]:
    """The `docker inspect` of a container."""
    (known,) = json.loads(ok("inspect", container))
    found: dict[str, Any] = known
    return found


def remove_project(name: str) -> None:
    """Remove what is left of a Compose project, volumes included."""
    docker("compose", "--project-name", name, "down", "--volumes", "--remove-orphans")


def left_of_project(name: str) -> list[str]:
    """Names of the remaining containers, volumes and networks of a Compose project."""
    mine = f"label=com.docker.compose.project={name}"
    listed = [
        ok("ps", "--all", "--filter", mine, "--format", "{{.Names}}"),
        ok("volume", "ls", "--filter", mine, "--format", "{{.Name}}"),
        ok("network", "ls", "--filter", mine, "--format", "{{.Name}}"),
    ]
    return [line for text in listed for line in text.splitlines()]


def copy_changed(folder: Path, source: Path, changes: Mapping[str, str]) -> Path:
    """Copy a file to ``folder`` with these replacements; each must match exactly once."""
    text = source.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, f"{source} has {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    target = folder / source.name
    target.write_text(text, encoding="utf-8")
    return target
