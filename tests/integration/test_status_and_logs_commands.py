"""``gatewayctl status`` and ``logs``, as scripts see them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gatewayctl.runtimes.base import LogLine
from tests.fakes.runtime import up_and_running
from tests.integration.stack_project import AT, KEY, Project, document

# status


def test_status_of_a_healthy_stack_is_exit_code_0(ready: Project) -> None:
    result = ready.run("status")

    assert result.exit_code == 0
    assert result.stdout.startswith("Project shop, embedded runtime (given by the test)")
    assert result.stderr == ""


def test_status_of_a_stopped_stack_is_exit_code_4_and_still_a_status(project: Project) -> None:
    project.run("init")

    text = project.run("status")
    found = document(project.run("status", "--json"))

    assert text.exit_code == 4
    assert "litellm   stopped  stopped" in text.stdout
    assert f"Start the stack with `gatewayctl -C {project.folder} up`." in text.stderr
    assert (found["status"], found["error"]["code"]) == ("partial", "not_healthy")
    assert [s["uptime"] for s in found["data"]["services"]] == [None] * 3


def test_status_of_a_folder_without_a_project_says_so_and_makes_none(project: Project) -> None:
    result = project.run("status")

    assert result.exit_code == 4
    assert result.stdout == ""
    assert "There is no gateway project in this folder." in result.stderr
    assert f"Hint: Create one with `gatewayctl -C {project.folder} init`" in result.stderr
    assert list(project.folder.iterdir()) == []


def test_status_lists_the_keys_masked(ready: Project) -> None:
    keys = document(ready.run("status", "--json"))["data"]["keys"]

    assert [key["alias"] for key in keys] == ["litellm-dev", "litellm-eval"]
    assert all(key["key"].startswith("sk-…") for key in keys)


def test_status_for_scripts(ready: Project) -> None:
    result = ready.run("status", "--env")

    assert result.exit_code == 0
    assert result.stdout == (
        "GATEWAYCTL_PROJECT_NAME=shop\n"
        "GATEWAYCTL_RUNTIME=embedded\n"
        "LLM_BASE_URL=http://127.0.0.1:4000\n"
        "PHOENIX_URL=http://127.0.0.1:6006\n"
    )


def test_another_process_on_the_port_makes_the_stack_unhealthy(ready: Project) -> None:
    ready.runtime.strangers = {"litellm"}

    result = ready.run("status")

    assert result.exit_code == 4
    assert "port 4000 is used by another process" in result.stdout


def test_the_runtime_that_runs_already_is_left_in_peace_by_every_look(project: Project) -> None:
    project.runtime = up_and_running()

    for words in (["status"], ["logs"], ["ui", "--print"], ["status", "--env"]):
        project.run(*words)

    assert set(project.runtime.calls) <= {"states", "logs all tail=None follow=False"}


# logs


@pytest.fixture
def logging(project: Project) -> Project:
    project.runtime.lines = (
        LogLine(service="litellm", text=f"\x1b[31mBearer {KEY}\x1b[0m", at=AT),
        LogLine(service="phoenix", text="[bold]ready[/bold]"),
    )
    return project


def test_logs_are_lines_of_text_without_keys_or_escape_sequences(logging: Project) -> None:
    result = logging.run("logs")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "2026-11-23T14:00:00.000+00:00 litellm  Bearer sk-…WXYZ",
        "- phoenix  [bold]ready[/bold]",
    ]


def test_logs_as_a_document(logging: Project) -> None:
    found = document(logging.run("logs", "--json"))

    assert found["data"]["lines"][1] == {
        "service": "phoenix",
        "text": "[bold]ready[/bold]",
        "at": None,
    }
    assert found["data"]["lines"][0]["at"] == "2026-11-23T14:00:00+00:00"
    assert KEY not in json.dumps(found)


def test_a_folder_without_a_project_has_no_logs(project: Project) -> None:
    assert document(project.run("logs", "--json"))["error"]["code"] == "project_missing"


def test_logs_hands_its_options_on(logging: Project) -> None:
    logging.run("logs", "phoenix", "--tail", "5", "-f")

    assert logging.runtime.calls == ["logs phoenix tail=5 follow=True"]


@pytest.mark.parametrize(
    "words", [["--since", "soon"], ["--tail", "-1"], ["--tail", "x"], ["-f", "--json"]]
)
def test_logs_with_wrong_options_is_exit_code_2(words: list[str], logging: Project) -> None:
    result = logging.run("logs", *words)

    assert result.exit_code == 2
    assert logging.runtime.calls == []


def test_following_ends_with_exit_code_130(logging: Project) -> None:
    def endless(*_args: object, **_options: object) -> Any:
        yield LogLine(service="litellm", text="one")
        raise KeyboardInterrupt

    logging.runtime.logs = endless  # type: ignore[method-assign]

    result = logging.run("logs", "-f")

    assert result.exit_code == 130
    assert result.stdout == "- litellm  one\n"
