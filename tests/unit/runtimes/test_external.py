from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from gatewayctl.errors import ExternallyManaged
from gatewayctl.rendering.plan import plan_files
from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.external import ExternalRuntime
from gatewayctl.runtimes.registry import resolve_runtime
from gatewayctl.runtimes.runtime_marker import write_runtime
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project

CONFIG = "runtime: external\nexternal: {url: http://127.0.0.1:4000%s}\n"


def settings(folder: Path, more: str = "") -> Settings:
    return project(folder, CONFIG % more)


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    resolved = resolve_runtime(settings(tmp_path))
    assert (resolved.name, isinstance(resolved.runtime, ExternalRuntime)) == ("external", True)
    assert resolved.why.startswith("selected by gateway.yaml line 1")
    return resolved.runtime


REFUSED: dict[str, Callable[[Runtime], Any]] = {
    "prepare": lambda runtime: list(runtime.prepare()),
    "start": lambda runtime: list(runtime.start()),
    "stop": lambda runtime: list(runtime.stop(remove_data=True)),
    "restart": lambda runtime: list(runtime.restart(())),
    "empty_litellm_database": lambda runtime: list(runtime.empty_litellm_database()),
    "shell": lambda runtime: runtime.shell("litellm"),
    "logs": lambda runtime: list(
        runtime.logs((), tail=None, since=None, follow=False)
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", REFUSED)
def test_what_only_the_owner_can_do_is_refused(runtime: Runtime, method: str) -> None:
    with pytest.raises(ExternallyManaged, match=r"at http://127\.0\.0\.1:4000: it is operated"):
        REFUSED[method](runtime)


def test_there_is_nothing_to_check_start_or_keep(runtime: Runtime) -> None:
    runtime.preflight()
    started: Iterable[object] = runtime.start_apps()

    assert list(started) == []
    assert (runtime.preview_start(()), runtime.apps, runtime.has_data()) == ((), (), False)
    assert (runtime.find_salt_key(), runtime.last_lines("litellm")) == (None, "")
    assert (runtime.is_healthy("litellm"), runtime.owns_port("litellm", 4000)) == (None, True)


def test_services_are_those_with_an_address_in_an_unknown_state(tmp_path: Path) -> None:
    with_phoenix = ExternalRuntime(settings(tmp_path, ", phoenix_url: http://127.0.0.1:6006"))
    without = ExternalRuntime(settings(tmp_path))

    assert [(each.service, each.state, each.address) for each in with_phoenix.states()] == [
        ("litellm", "unknown", "http://127.0.0.1:4000"),
        ("phoenix", "unknown", "http://127.0.0.1:6006"),
    ]
    assert without.services == ("litellm",)


def test_no_file_is_rendered_not_even_certificates(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not read")

    assert plan_files(project(tmp_path, f"{CONFIG % ''}ca_bundle: ca.pem\n")) == ()


def test_auto_never_chooses_it(tmp_path: Path) -> None:
    configured = project(tmp_path, (CONFIG % "").replace("runtime: external\n", ""))
    write_runtime(configured.state_dir, "external")

    found = resolve_runtime(configured, portable=True)

    assert found.name != "external"
