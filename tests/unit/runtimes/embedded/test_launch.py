from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gatewayctl.errors import SettingsProblem
from gatewayctl.runtimes.embedded.environment import ROOT, Environment, locate
from gatewayctl.runtimes.embedded.launch import _tie_to_supervisor, build_program
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.orphans import MARK
from gatewayctl.runtimes.embedded.services import SERVICES, Program
from tests.fakes.projects import project
from tests.unit.runtimes.embedded.faked_stack import ENV

PROBE = """
import ctypes, json, os, sys
parent_death_signal = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(parent_death_signal))
print(json.dumps({
    "argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ),
    "signal": parent_death_signal.value,
}))
"""


def launch(
    folder: Path, service: str, cache: Path, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the launcher as supervisord does."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "gatewayctl.runtimes.embedded.launch", service, str(folder)],
        env={MARK: str(folder / ".gatewayctl"), "XDG_CACHE_HOME": str(cache), **(variables or {})},
        capture_output=True,
        text=True,
        check=False,
    )


def install_probe(environment: Environment, folder: Path) -> None:
    """Give Phoenix a Python that prints its arguments and environment."""
    python = environment.python("phoenix")
    python.parent.mkdir(parents=True)
    (folder / "probe.py").write_text(PROBE)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {folder}/probe.py "$@"\n')
    python.chmod(0o755)


@pytest.fixture
def launched(tmp_path: Path) -> dict[str, Any]:
    """What a service sees."""
    settings = project(tmp_path / "my #1 100% project", env=ENV)
    Layout(state_dir=settings.state_dir).make()
    install_probe(locate(tmp_path / "cache"), tmp_path)

    done = launch(settings.project_dir, "phoenix", tmp_path / "cache")

    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return {**seen, "project": settings.project_dir}


def test_secrets_are_in_the_environment_and_not_on_the_command_line(
    launched: dict[str, Any],
) -> None:
    assert "password-of-phoenix" in launched["env"]["PHOENIX_SQL_DATABASE_URL"]
    assert "password" not in " ".join(launched["argv"])
    assert launched["argv"][1:] == ["phoenix", "serve"]


def test_a_service_runs_in_its_own_folder_and_is_marked(
    launched: dict[str, Any],
) -> None:
    state = launched["project"] / ".gatewayctl"

    assert launched["cwd"] == str(state / "phoenix")
    assert launched["env"][MARK] == str(state)


def test_the_kernel_stops_a_service_whose_supervisord_died(launched: dict[str, Any]) -> None:
    assert launched["signal"] == signal.SIGTERM


@pytest.mark.parametrize("is_installed", [False, True])
def test_after_an_upgrade_a_service_restarts_from_the_environment_of_the_last_start(
    is_installed: bool, tmp_path: Path
) -> None:
    """Whether or not another project has installed that of the new gatewayctl."""
    settings = project(tmp_path / "project", env=ENV)
    Layout(state_dir=settings.state_dir).make()
    before = Environment(root=tmp_path / "cache" / "gatewayctl" / "embedded" / "before")
    install_probe(before, tmp_path)
    if is_installed:
        install_probe(locate(tmp_path / "cache"), tmp_path)

    variables = {ROOT: str(before.root)}
    done = launch(settings.project_dir, "phoenix", tmp_path / "cache", variables)

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)["env"]
    assert seen["PATH"].startswith(f"{before.root}/")
    assert ROOT not in seen


def test_unreadable_settings_exit_with_a_code_that_no_service_uses(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("portz: {}\n")

    done = launch(tmp_path, "litellm", tmp_path / "cache")

    assert done.returncode == 78
    assert done.stderr.startswith("gatewayctl: gateway.yaml line 1")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_a_program(service: str, tmp_path: Path) -> None:
    assert build_program(service, project(tmp_path, env=ENV), {}, locate()).service == service


def test_a_project_without_secrets_has_no_program_for_litellm(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblem, match="secret of the stack is missing"):
        build_program("litellm", project(tmp_path), {}, locate())


def test_setpriv_sets_the_parent_death_signal_after_changing_the_user() -> None:
    unprivileged = Program(
        service="postgres",
        argv=("/usr/bin/setpriv", "--reuid=65534", "postgres"),
        environment={},
        directory=Path("/"),
    )

    argv = _tie_to_supervisor(unprivileged, supervisor=1)

    assert argv == ("/usr/bin/setpriv", "--pdeathsig=INT", "--reuid=65534", "postgres")
