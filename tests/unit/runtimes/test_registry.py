from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import RuntimeUnavailable
from gatewayctl.runtimes.base import Runtime
from gatewayctl.runtimes.embedded.runtime import EmbeddedRuntime
from gatewayctl.runtimes.registry import resolve
from tests.fakes.projects import project
from tests.fakes.runtime import FakeRuntime


def test_a_project_that_leaves_the_choice_gets_embedded_and_is_told_why(tmp_path: Path) -> None:
    found = resolve(project(tmp_path))

    assert found.name == "embedded"
    assert found.why
    assert isinstance(found.runtime, EmbeddedRuntime)


def test_a_runtime_that_was_asked_for_names_who_asked(tmp_path: Path) -> None:
    found = resolve(project(tmp_path, "runtime: embedded\n"))

    assert (found.name, found.why) == ("embedded", "asked for by gateway.yaml line 1 column 10")


@pytest.mark.parametrize("name", ["docker", "swarm"])
def test_a_runtime_that_is_not_here_is_refused_with_the_source_of_the_wish(
    tmp_path: Path, name: str
) -> None:
    settings = project(tmp_path, environ={"GATEWAYCTL_RUNTIME": name})

    with pytest.raises(RuntimeUnavailable) as refused:
        resolve(settings)

    assert name in refused.value.message
    assert "environment variable GATEWAYCTL_RUNTIME" in refused.value.message
    assert "embedded" in refused.value.hint


@pytest.mark.parametrize("kind", [EmbeddedRuntime, FakeRuntime])
def test_every_runtime_has_what_the_protocol_promises(kind: type[Runtime]) -> None:
    promised = {name for name in vars(Runtime) if not name.startswith("_")}

    assert promised - set(dir(kind)) == set()
