"""Installed by pip, in the worst folder with the worst names, the Docker stack lives its life."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.e2e.conftest import make_project
from tests.e2e.docker.containers import left_of_project, remove_project
from tests.e2e.worst_project import PASSWORD, live, worst_project


@pytest.mark.full
def test_a_pip_installed_gatewayctl_runs_the_worst_project_in_docker(
    installed_by_pip: Path, tmp_path: Path
) -> None:
    # A number in YAML, and one that no other run has.
    name = f"1e{secrets.randbelow(10**9)}"
    passwords = {"POSTGRES_PASSWORD": PASSWORD}
    project = worst_project(
        tmp_path, runtime="docker", name=name, program=installed_by_pip, passwords=passwords
    )
    try:
        live(project)
        # Stopped, it has volumes only: those of a project with its name in another folder.
        other = make_project(tmp_path / "other", runtime="docker", name=name)
        other.ok("init")
        for words in (["up"], ["backup"], ["down", "--volumes", "--yes"]):
            assert other.run(*words).returncode == 4, words
        project.ok("down", "--volumes", "--yes")
        assert left_of_project(name) == []
    finally:
        project.run("down", "--volumes", "--yes")
        remove_project(name)
