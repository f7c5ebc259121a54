"""Installed by pip, in the worst folder with the worst names, the embedded stack lives its life."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.worst_project import PASSWORD, live, worst_project


@pytest.mark.full
def test_a_pip_installed_gatewayctl_runs_the_worst_project_embedded(
    embedded_environment: Environment, installed_by_pip: Path, tmp_path: Path
) -> None:
    passwords = {"LITELLM_POSTGRES_PASSWORD": PASSWORD, "POSTGRES_PASSWORD": PASSWORD[::-1]}
    project = worst_project(
        tmp_path, runtime="embedded", name="1e3", program=installed_by_pip, passwords=passwords
    )
    try:
        live(project)
    finally:
        project.run("down")
