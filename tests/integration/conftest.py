"""Whole commands through Typer's runner, on a command line that is built once, and a project."""

from __future__ import annotations

import copy
import functools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.testing

from tests.integration.forwarded_project import Forwarded, forward_project
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


@pytest.fixture(scope="session")
def brought_up(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = Project(folder=tmp_path_factory.mktemp("brought_up") / "shop")
    made.folder.mkdir()
    made.litellm.master = master_key_of(made)
    assert made.run("up").exit_code == 0
    made.runtime.calls.clear()
    return made


@pytest.fixture
def ready(project: Project, brought_up: Project) -> Project:
    """A project that was brought up: a copy, for `init` and `up` take a tenth of a second."""
    shutil.copytree(brought_up.folder, project.folder, dirs_exist_ok=True)
    project.runtime = copy.deepcopy(brought_up.runtime)
    project.litellm = copy.deepcopy(brought_up.litellm)
    return project


@pytest.fixture
def forwarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forwarded]:
    with forward_project(tmp_path, monkeypatch) as made:
        yield made
