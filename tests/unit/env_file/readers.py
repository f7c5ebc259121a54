"""The three readers of .env that must agree, as functions from a file to what they read."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest
from dotenv import dotenv_values


def by_dotenv(path: Path, *, interpolate: bool = False) -> Mapping[str, str]:
    values = dotenv_values(path, interpolate=interpolate, encoding="utf-8")
    return {name: value for name, value in values.items() if value is not None}


def by_sh(path: Path, names: Collection[str]) -> Mapping[str, str]:
    """What a shell that sources the file sees, byte by byte."""
    prints = "".join(f"printf '%s\\0' \"${name}\"\n" for name in names)
    done = subprocess.run(
        ["sh"],
        input=f". ./{path.name}\n{prints}".encode(),
        cwd=path.parent,
        env={"PATH": os.environ["PATH"], "HOME": "/what/a/tilde/becomes"},
        capture_output=True,
        check=True,
    )
    return dict(zip(names, done.stdout.decode().split("\0")[:-1], strict=True))


def by_compose(path: Path, names: Collection[str]) -> Mapping[str, str]:
    """What Compose puts in the place of ``${NAME}``; asks no engine."""
    lines = "".join(f"      {name}: ${{{name}}}\n" for name in names)
    project = path.with_name("compose.yaml")
    project.write_text(f"services:\n  a:\n    image: a\n    environment:\n{lines}")
    done = subprocess.run(
        ["docker", "compose", "--env-file", path.name, "config", "--format", "json"],
        cwd=path.parent,
        env={name: os.environ[name] for name in COMPOSE_NEEDS if name in os.environ},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)["services"]["a"]["environment"]
    # `config` prints a compose file, in which a dollar sign is written twice
    return {name: (read[name] or "").replace("$$", "$") for name in names}


COMPOSE_NEEDS = ("PATH", "HOME", "DOCKER_CONFIG")


def skip_without_compose() -> None:
    """Skip the test, saying why, where there is no Compose to ask."""
    try:
        done = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    except OSError as error:
        pytest.skip(f"Compose cannot be asked: no docker command ({error.strerror})")
    if done.returncode:
        said = done.stderr.decode().strip().splitlines()[:1]
        pytest.skip(f"Compose cannot be asked: `docker compose version` says {said}")
