from __future__ import annotations

import os

import pytest

from gatewayctl.errors import EmbeddedUnsupported
from gatewayctl.operating_system import System
from gatewayctl.runtimes.embedded.requirements import require_supported
from tests.unit.runtimes.embedded.faked_stack import Stack

LINUX = System(name="linux", machine="x86_64", version=(2, 28))
MAC = System(name="darwin", machine="arm64", version=(13, 5))


@pytest.fixture(autouse=True)
def _ordinary_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 501)


def other(system: System, **changed: object) -> System:
    fields = {name: getattr(system, name) for name in ("name", "machine", "version")}
    return System(**(fields | changed))


@pytest.mark.parametrize("system", [LINUX, other(LINUX, machine="aarch64"), MAC], ids=str)
def test_it_runs_where_every_package_has_a_wheel(system: System) -> None:
    assert require_supported(system, (3, 14)).uid is None


@pytest.mark.parametrize(
    ("system", "named"),
    [
        (other(MAC, machine="x86_64"), "macOS 13.5 on x86_64"),
        (other(MAC, version=(13, 4)), "macOS 13.4 on arm64"),
        (other(LINUX, version=(2, 27)), "Linux with glibc 2.27 on x86_64"),
        (other(LINUX, version=None), "Linux without glibc on x86_64"),
        (
            other(LINUX, machine="x86_64 (32-bit Python)"),
            "Linux with glibc 2.28 on x86_64 (32-bit Python)",
        ),
        (other(LINUX, machine="riscv64"), "Linux with glibc 2.28 on riscv64"),
        (System(name="freebsd14", machine="amd64", version=None), "freebsd14 on amd64"),
    ],
)
def test_another_machine_is_refused_with_its_name_and_docker_as_the_way_out(
    system: System, named: str
) -> None:
    with pytest.raises(EmbeddedUnsupported) as refused:
        require_supported(system)

    assert f"has no packages for {named}: it needs Linux" in refused.value.message
    assert "--runtime docker" in refused.value.hint


def test_a_python_that_is_too_new_is_refused_with_the_newest_that_works() -> None:
    with pytest.raises(EmbeddedUnsupported, match=r"Python 3\.15 yet") as refused:
        require_supported(LINUX, (3, 15))

    assert "Python 3.14 or older" in refused.value.hint


def test_root_of_a_mac_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    with pytest.raises(EmbeddedUnsupported, match="does not run as root"):
        require_supported(MAC)


def test_preflight_asks_for_it_before_anything_is_installed(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "sparc")

    with pytest.raises(EmbeddedUnsupported):
        stack.runtime().preflight()
    assert stack.supervisor.take_calls() == []
