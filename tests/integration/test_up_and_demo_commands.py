"""``gatewayctl up`` and ``demo``, as scripts see them: exit codes, stdout, stderr, JSON."""

from __future__ import annotations

import json

import httpx
import pytest

from gatewayctl.errors import PortTaken
from gatewayctl.operations.state.lock import hold_lock
from gatewayctl.operations.traces import verification
from tests.fakes.litellm import error
from tests.integration.stack_project import KEY, Project, document, master_key_of


def test_up_with_consent_makes_a_project_of_an_empty_folder(project: Project) -> None:
    result = project.run("up", "--yes", "--no-keys")

    assert result.exit_code == 0, result.output
    assert "Generated into .env: LITELLM_MASTER_KEY, LITELLM_SALT_KEY" in result.stdout
    assert "Rendered: compose/litellm_callbacks.py, compose/litellm_config.yaml" in result.stdout
    assert (project.folder / ".env").stat().st_mode & 0o777 == 0o600
    assert ".env" in (project.folder / ".gitignore").read_text().splitlines()
    assert (project.folder / "compose" / "litellm_config.yaml").exists()


def test_up_makes_the_declared_keys(project: Project) -> None:
    project.litellm.master = master_key_of(project)

    result = project.run("up")

    assert result.exit_code == 0, result.output
    assert "Virtual key litellm-dev created, in .env as LITELLM_API_KEY" in result.stdout
    assert {row["key_alias"] for row in project.litellm.keys.values()} == {
        "litellm-dev",
        "litellm-eval",
    }


def test_the_progress_of_up_is_on_stderr_and_its_result_on_stdout(project: Project) -> None:
    project.litellm.master = master_key_of(project)

    result = project.run("up")

    assert "litellm working: starting" in result.stderr
    assert "working" not in result.stdout
    assert "SERVICE" not in result.stderr


def test_a_second_up_reports_that_nothing_changed(ready: Project) -> None:
    result = ready.run("up")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == (
        "Nothing changed: everything runs as declared (embedded runtime: given by the test)."
    )


def test_up_as_a_document(ready: Project) -> None:
    found = document(ready.run("up", "--json"))

    assert (found["command"], found["status"]) == ("up", "success")
    assert set(found["data"]) == {
        *("project", "runtime", "runtime_why", "changed", "secrets_added", "files", "started"),
        *("restarted", "services", "keys", "gateway_url", "phoenix_url", "seconds", "tracing"),
        *("warnings", "kubernetes", "retention"),
    }
    assert found["data"]["changed"] is False
    assert [s["health"] for s in found["data"]["services"]] == ["healthy"] * 3


def test_no_command_prints_a_secret_that_it_is_not_for(ready: Project) -> None:
    secrets = ready.secrets().values()

    for words in (["up"], ["up", "--json"], ["status"], ["status", "--json"], ["ui", "--print"]):
        result = ready.run(*words)
        assert not [s for s in secrets if len(s) > 12 and s in result.output], words


def test_up_without_keys_makes_none(project: Project) -> None:
    project.run("init")

    result = project.run("up", "--no-keys")

    assert result.exit_code == 0
    assert project.litellm.keys == {}
    assert document(project.run("up", "--no-keys", "--json"))["data"]["keys"] is None


def test_up_hands_its_options_on(project: Project) -> None:
    project.run("up", "--yes", "--no-keys", "--pull")

    assert "prepare --refresh" in project.runtime.calls


def test_up_in_a_folder_without_a_project_is_refused_without_a_terminal(project: Project) -> None:
    text = project.run("up")
    found = document(project.run("up", "--json"))

    assert (text.exit_code, found["error"]["code"]) == (3, "project_missing")
    assert f"`gatewayctl -C {project.folder} init`" in text.stderr
    assert f"`gatewayctl -C {project.folder} up --yes`" in text.stderr
    assert list(project.folder.iterdir()) == []


@pytest.mark.parametrize("command", [["up", "--yes"], ["demo"]], ids=lambda words: words[0])
def test_a_refused_start_leaves_nothing_in_a_new_folder(
    command: list[str], project: Project
) -> None:
    project.runtime.raising["preflight"] = PortTaken("Port 4000 is used by nginx (pid 7).")

    assert project.run(*command).exit_code == 4
    assert list(project.folder.iterdir()) == []


def test_a_refused_start_adds_nothing_to_a_project_that_was_never_started(project: Project) -> None:
    (project.folder / "gateway.yaml").write_text("project_name: shop\n")
    (project.folder / ".env").write_text("LITELLM_MASTER_KEY=sk-1234\n")

    assert document(project.run("up", "--json"))["error"]["code"] == "master_key_weak"
    assert {path.name for path in project.folder.iterdir()} == {"gateway.yaml", ".env"}


def test_a_taken_port_is_exit_code_4_with_a_remedy(project: Project) -> None:
    project.runtime.raising["preflight"] = PortTaken(
        "Port 4000, which litellm needs, is used by python (pid 7).", hint="Stop that process."
    )

    result = project.run("up", "--yes")

    assert result.exit_code == 4
    assert result.stdout == ""
    assert result.stderr.endswith(
        "Error: Port 4000, which litellm needs, is used by python (pid 7).\n"
        "Hint: Stop that process.\n"
    )


def test_a_service_that_fails_is_exit_code_4_with_its_last_log_lines_and_no_key(
    project: Project,
) -> None:
    project.run("init")
    project.runtime.looks = [{}, {"litellm": "failed"}]
    project.runtime.details["litellm"] = "exit code 3"
    project.runtime.words["litellm"] = f"refused {KEY}"

    text = project.run("up")
    project.runtime.looks = [{}, {"litellm": "failed"}]
    found = document(project.run("up", "--json"))

    assert text.exit_code == 4
    assert "litellm failed (exit code 3).\n" in text.stderr
    assert "refused sk-…WXYZ" in text.stderr
    assert (found["status"], found["error"]["code"]) == ("error", "service_failed")
    assert found["error"]["finding"] == "service_failed"
    assert KEY not in text.output + json.dumps(found)


def test_partly_created_keys_are_exit_code_7_with_created_and_failed_ones(project: Project) -> None:
    project.litellm.master = master_key_of(project)

    def refuse_one(request: httpx.Request) -> httpx.Response:
        if json.loads(request.content)["key_alias"] == "litellm-eval":
            return error(400, "This alias is not wanted.")
        return project.litellm._key_generate(request)

    project.litellm.planted["/key/generate"] = refuse_one

    result = project.run("up", "--json")

    found = document(result)
    assert (result.exit_code, found["status"]) == (7, "partial")
    assert found["data"]["keys"]["keys"][0]["status"] == "created"
    assert found["error"]["code"] == "partly_done"


def test_control_c_is_exit_code_130_and_what_was_started_is_stopped(project: Project) -> None:
    project.run("init")
    project.runtime.stops_at = "start"

    text = project.run("up")
    found = document(project.run("up", "--json"))

    assert text.exit_code == 130
    said = "Error: Interrupted. What was started is stopped again."
    assert text.stderr.rstrip().splitlines()[-2] == said
    assert project.runtime.running == set()
    assert (found["command"], found["error"]["code"]) == ("up", "interrupted")


def test_another_running_gatewayctl_is_exit_code_4(project: Project) -> None:
    with hold_lock(project.folder / ".gatewayctl", "down"):
        found = document(project.run("up", "--json"))

    assert found["error"]["code"] == "locked"
    assert "gatewayctl down (pid" in found["error"]["message"]


def test_the_demo_starts_the_stack_chats_and_verifies_the_trace(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It must work on any machine, also where everything else is to run in Docker.
    monkeypatch.setenv("GATEWAYCTL_RUNTIME", "docker")
    # No more spans come here, so that there is nothing to wait for.
    monkeypatch.setattr(verification, "QUIET", 0)
    project.litellm.master = master_key_of(project)

    result = project.run("demo")

    assert result.exit_code == 0, result.output
    assert "reply       Hello there." in result.stdout
    assert "component passthrough (read from Phoenix" in result.stdout
