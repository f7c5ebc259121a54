"""The command `doctor`, and the finding in the error of a failed command."""

from __future__ import annotations

import pytest

from gatewayctl.errors import PortTaken
from tests.integration.stack_project import Project, document


@pytest.fixture
def ready(ready: Project) -> Project:
    """LiteLLM serves the declared models."""
    ready.litellm.models = ("gpt-4o", "gpt-4o-mini", "o1-mini", "demo")
    return ready


def test_a_healthy_project_has_no_problems(ready: Project) -> None:
    result = ready.run("doctor")

    assert result.exit_code == 0, result.output
    assert "no problems found" in result.stdout


def test_an_empty_folder_is_checked_and_nothing_is_created(project: Project) -> None:
    result = project.run("doctor", "--json")

    said = document(result)
    assert (result.exit_code, said["status"]) == (7, "partial")
    assert "env_file_missing" in [each["id"] for each in said["data"]["findings"]]
    assert list(project.folder.iterdir()) == []


def test_a_finding_is_shown_with_evidence_remedy_and_id(ready: Project) -> None:
    (ready.folder / ".env").chmod(0o644)

    result = ready.run("doctor")

    assert result.exit_code == 7
    for words in ("[env_file_mode]", "has mode 0644", "→ Run `chmod 600 .env`.", "doctor --fix"):
        # A long path breaks the line.
        assert words in " ".join(result.stdout.split()), words
    assert "Warning: 0 errors and 1 warning found" in result.stderr


def test_every_finding_of_the_document_links_to_its_documentation(ready: Project) -> None:
    (ready.folder / ".env").chmod(0o644)

    said = document(ready.run("doctor", "--json"))

    (found,) = [each for each in said["data"]["findings"] if each["severity"] != "info"]
    assert found["id"] == said["error"]["finding"] == "env_file_mode"
    assert found["docs"] == "docs/troubleshooting.md#env_file_mode"
    assert found["fixable"] is True


def test_a_fix_is_reported_and_its_finding_disappears(ready: Project) -> None:
    (ready.folder / ".env").chmod(0o644)

    fixed = ready.run("doctor", "--fix")

    assert fixed.exit_code == 0, fixed.output
    assert "Fixed: env_file_mode: set the mode" in fixed.stdout
    assert ready.run("doctor").exit_code == 0


def test_settings_that_do_not_load_are_findings_and_not_a_failure(ready: Project) -> None:
    (ready.folder / "gateway.yaml").write_text("nonsense: 1\n")

    said = document(ready.run("doctor", "--json"))

    assert [each["id"] for each in said["data"]["findings"]] == ["settings_invalid"]
    assert said["error"]["code"] == "problems_found"


def test_a_failed_command_has_the_finding_in_its_error(project: Project) -> None:
    project.runtime.raising["preflight"] = PortTaken("Port 4000 is used by nginx (pid 7).")

    error = document(project.run("up", "--yes", "--json"))["error"]

    assert error["finding"] == error["code"] == "port_taken"


def test_a_failure_without_a_finding_has_none_in_its_error(project: Project) -> None:
    error = document(project.run("chat", "--json", ""))["error"]

    assert "finding" not in error
    assert "service" not in error
