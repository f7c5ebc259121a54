from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatewayctl.runtimes.embedded import self_check
from gatewayctl.runtimes.embedded.environment import Environment
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.orphans import MARK
from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime
from gatewayctl.runtimes.self_check import SelfCheck
from tests.fakes.environments import fake_install
from tests.fakes.projects import project


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return fake_install(Environment(root=tmp_path / "cache" / "now"))


def find_faults(environment: Environment, layout: Layout) -> dict[str, str]:
    return {
        fault.finding: fault.evidence for fault in self_check.find_faults(environment, layout, None)
    }


def test_the_embedded_runtime_has_a_self_check(tmp_path: Path) -> None:
    assert isinstance(EmbeddedRuntime(project(tmp_path)), SelfCheck)


def test_a_complete_environment_without_orphans_has_no_fault(
    environment: Environment, layout: Layout
) -> None:
    assert find_faults(environment, layout) == {}


def test_an_environment_that_was_never_installed_is_not_broken(
    tmp_path: Path, layout: Layout
) -> None:
    assert find_faults(Environment(root=tmp_path / "cache" / "now"), layout) == {}


def test_missing_files_are_named_and_fixing_removes_the_mark(
    environment: Environment, layout: Layout
) -> None:
    environment.node.unlink()
    environment.query_engine.unlink()

    evidence = find_faults(environment, layout)["environment_broken"]
    assert str(environment.node) in evidence

    assert "incomplete" in self_check.fix_fault("environment_broken", environment, layout, None)
    assert not environment.complete
    assert environment.root.exists()
    assert self_check.fix_fault("environment_broken", environment, layout, None) == ""


@pytest.fixture
def old(environment: Environment) -> Environment:
    other = Environment(root=environment.root.with_name("old"))
    other.root.mkdir()
    other.complete_mark.write_text("{}")
    (other.root / "big").write_bytes(b"x" * 1000)
    return other


def test_environments_of_other_versions_are_removed_and_nothing_else(
    environment: Environment, layout: Layout, old: Environment
) -> None:
    unfinished = environment.root.with_name("unfinished")
    unfinished.mkdir()

    assert str(old.root) in find_faults(environment, layout)["environments_old"]
    self_check.fix_fault("environments_old", environment, layout, None)

    assert not old.root.exists()
    assert unfinished.exists()
    assert environment.missing_paths() == ()
    assert self_check.fix_fault("environments_old", environment, layout, None) == ""


@pytest.fixture
def user_of_old(old: Environment) -> Iterator[None]:
    """A process that runs from the old environment through a link, as in virtual environments."""
    python = old.python("litellm")
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    argv = [str(python), "-c", "print('up', flush=True); import time; time.sleep(60)"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


@pytest.mark.usefixtures("user_of_old")
def test_an_environment_that_a_process_uses_stays(
    environment: Environment, layout: Layout, old: Environment
) -> None:
    assert find_faults(environment, layout) == {}
    assert self_check.fix_fault("environments_old", environment, layout, None) == ""
    assert old.complete


def test_orphan_processes_are_found_and_ended(environment: Environment, layout: Layout) -> None:
    env = {MARK: str(layout.state_dir), "PATH": os.defpath}
    with subprocess.Popen(["sleep", "60"], env=env) as orphan:
        assert f"pid {orphan.pid}" in find_faults(environment, layout)["processes_left"]
        assert self_check.find_faults(environment, layout, orphan.pid) == ()

        assert (
            self_check.fix_fault("processes_left", environment, layout, None) == "ended 1 processes"
        )

    assert self_check.fix_fault("processes_left", environment, layout, None) == ""


def test_an_unknown_finding_is_not_fixed(environment: Environment, layout: Layout) -> None:
    assert self_check.fix_fault("disk_full", environment, layout, None) == ""
