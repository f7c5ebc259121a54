"""Whole commands through Typer's runner, on a command line that is built once, and a project."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import typer.testing

from tests.integration.stack_project import Project, master_key_of


@pytest.fixture(scope="session", autouse=True)
def _built_once() -> None:
    """The runner builds all commands for each run, which takes longer than running most."""
    build = typer.testing._get_command  # type: ignore[attr-defined]
    typer.testing._get_command = functools.cache(build)  # type: ignore[attr-defined]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(folder=tmp_path / "shop")
    made.folder.mkdir()
    return made


@pytest.fixture
def ready(project: Project) -> Project:
    """A project that was brought up."""
    project.litellm.master = master_key_of(project)
    assert project.run("up").exit_code == 0
    project.runtime.calls.clear()
    return project
