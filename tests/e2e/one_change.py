"""One setting of a project changed at a time, and what a start then did: for any runtime."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from tests.e2e.conftest import Project, free_ports

Change = Callable[[Project], None]


def predicted(project: Project) -> dict[str, Any]:
    """The data of `plan`, which ends with 8 where there is anything to do."""
    done = project.run("plan", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == (8 if document["data"]["changed"] else 0), done.stderr
    data: dict[str, Any] = document["data"]
    return data


def moved(report: dict[str, Any]) -> set[str]:
    return {each["service"] for each in report["services"] if each["action"] != "untouched"}


START = """
import sys
from pathlib import Path
from gatewayctl.operations.render import render
from gatewayctl.runtimes.registry import resolve
from gatewayctl.settings.load import load
settings = load(Path(sys.argv[1]))
runtime = resolve(settings).runtime
runtime.preflight()
render(settings, runtime=runtime.name)
list(runtime.start())
"""
"""What `up` does up to the point where it waits."""


def started(project: Project) -> None:
    # A process of its own: the supervisor outlives whoever starts it.
    words = [sys.executable, "-c", START, str(project.folder)]
    subprocess.run(words, env=project.environment(), check=True, timeout=120)


def pids(project: Project) -> dict[str, int | None]:
    done = project.run("status", "--json")
    return {each["service"]: each["pid"] for each in json.loads(done.stdout)["data"]["services"]}


def yaml(line: str) -> Change:
    """A line more in gateway.yaml."""

    def change(project: Project) -> None:
        file = project.folder / "gateway.yaml"
        file.write_text(file.read_text() + line + "\n")

    return change


def port(name: str) -> Change:
    def change(project: Project) -> None:
        file = project.folder / "gateway.yaml"
        (new,) = free_ports(1)
        file.write_text(
            file.read_text().replace(f"{name}: {project.ports[name]}", f"{name}: {new}")
        )
        project.ports[name] = new

    return change


def env(name: str, value: str) -> Change:
    def change(project: Project) -> None:
        file = project.folder / ".env"
        lines = [li for li in file.read_text().splitlines() if not li.startswith(f"{name}=")]
        file.write_text("\n".join([*lines, f"{name}={value}"]) + "\n")

    return change
