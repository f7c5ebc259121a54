"""Usage errors, and output as JSON, as text, or with --quiet."""

from __future__ import annotations

import pytest

from gatewayctl.errors import RuntimeProblem
from tests.integration.stack_project import Project, document


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["status", "--nonsense", "--json"], "status"),
        (["up", "--timeout", "x", "--json"], "up"),
        (["up", "--timeout", "0", "--json"], "up"),
        (["ui", "grafana", "--json"], "ui"),
        (["nonsense", "--json"], ""),
        (["--runtime", "nonsense", "status", "--json"], "status"),
        (["--nonsense", "status", "--json"], "status"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_usage_error_is_exit_code_2_and_one_document(
    words: list[str], command: str, project: Project
) -> None:
    result = project.run(*words)

    found = document(result)
    assert result.exit_code == 2
    assert (found["command"], found["status"]) == (command, "error")
    assert found["error"]["code"] == "usage"
    assert found["error"]["message"]


@pytest.mark.parametrize(
    "words", [["status", "--nonsense"], ["--runtime", "nonsense", "status"], ["nonsense"]]
)
def test_a_usage_error_without_json_is_text_on_stderr(words: list[str], project: Project) -> None:
    result = project.run(*words)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage:" in result.stderr


def test_json_output_can_be_turned_on_by_the_environment(
    ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAYCTL_JSON", "1")

    assert document(ready.run("status"))["status"] == "success"
    assert document(ready.run("status", "--nonsense"))["error"]["code"] == "usage"
    assert document(ready.run("--nonsense", "status"))["error"]["code"] == "usage"


@pytest.mark.parametrize("value", ["0", "false", "off", "no", ""])
def test_json_output_can_be_turned_off_by_the_environment(
    value: str, ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAYCTL_JSON", value)

    assert ready.run("status").stdout.startswith("Project shop")


def test_quiet_prints_only_results_and_errors(ready: Project) -> None:
    ready.runtime.raising["stop"] = RuntimeProblem("litellm cannot be stopped")

    up, down = ready.run("-q", "up"), ready.run("-q", "down")

    assert up.stderr == ""
    assert down.stderr.startswith("Error: litellm cannot be stopped\n")
