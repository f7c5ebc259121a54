from __future__ import annotations

from pathlib import Path

from gatewayctl.rendering.tracing import COLLECTOR
from gatewayctl.runtimes.embedded.services import tracing_variables
from tests.fakes.projects import project


def test_spans_go_to_the_phoenix_of_the_project(tmp_path: Path) -> None:
    assert tracing_variables(project(tmp_path))[COLLECTOR] == "http://127.0.0.1:6006/v1/traces"


def test_a_collector_set_in_env_file_gets_them_instead(tmp_path: Path) -> None:
    address = "http://127.0.0.1:4318/v1/traces"

    assert (
        tracing_variables(project(tmp_path, env=f"{COLLECTOR}={address}\n"))[COLLECTOR] == address
    )


def test_an_empty_collector_in_env_file_is_ignored(tmp_path: Path) -> None:
    found = tracing_variables(project(tmp_path, env=f"{COLLECTOR}=\n"))

    assert found[COLLECTOR] == "http://127.0.0.1:6006/v1/traces"
