"""The commands that run the stack, as scripts see them: exit codes, stdout, stderr, JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner, Result

from gatewayctl.cli.app import app
from gatewayctl.cli.context import Overrides
from gatewayctl.errors import PortTaken, RuntimeProblem
from gatewayctl.operations.lock import held
from gatewayctl.runtimes.base import LogLine, ServiceState
from tests.fakes.answers import silent_stack
from tests.fakes.litellm import FakeLiteLLM, error
from tests.fakes.phoenix import healthy_stack
from tests.fakes.runtime import SERVICES, FakeRuntime, up_and_running

KEY = "sk-virtual-0123456789abcdefWXYZ"
AT = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@dataclass(kw_only=True)
class Project:
    """A project in a folder, its runtime and its services, and gatewayctl run on them."""

    folder: Path
    runtime: FakeRuntime = field(default_factory=FakeRuntime)
    litellm: FakeLiteLLM = field(default_factory=healthy_stack)

    def run(self, *words: str, stdin: str | None = None) -> Result:
        overrides = Overrides(runtime=self.runtime, transport=self.litellm.transport())
        return CliRunner().invoke(app, ["-C", str(self.folder), *words], obj=overrides, input=stdin)

    def secrets(self) -> dict[str, str]:
        lines = (self.folder / ".env").read_text().splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line and line[0] != "#")
        return {name: value for name, _, value in pairs}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(folder=tmp_path / "shop")
    made.folder.mkdir()
    return made


@pytest.fixture
def ready(project: Project) -> Project:
    """A project that was brought up."""
    project.litellm.master = _master_key_of(project)
    assert project.run("up").exit_code == 0
    project.runtime.calls.clear()
    return project


def _master_key_of(project: Project) -> str:
    """Secrets are generated once: LiteLLM has to know the one that was."""
    project.run("init")
    return project.secrets()["LITELLM_MASTER_KEY"]


def document(result: Result) -> dict[str, Any]:
    """Stdout, which is exactly one JSON document."""
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["schema"] == "gatewayctl/1"
    assert result.stdout == json.dumps(found, ensure_ascii=False) + "\n"
    return found


# up


def test_up_makes_a_project_of_an_empty_folder(project: Project) -> None:
    result = project.run("up", "--no-keys")

    assert result.exit_code == 0, result.output
    assert "Generated into .env: LITELLM_MASTER_KEY, LITELLM_SALT_KEY" in result.stdout
    assert "Rendered: compose/litellm_config.yaml" in result.stdout
    assert (project.folder / ".env").stat().st_mode & 0o777 == 0o600
    assert ".env" in (project.folder / ".gitignore").read_text().splitlines()
    assert (project.folder / "compose" / "litellm_config.yaml").exists()


def test_up_makes_the_declared_keys(project: Project) -> None:
    project.litellm.master = _master_key_of(project)

    result = project.run("up")

    assert result.exit_code == 0, result.output
    assert "Virtual key litellm-dev created, in .env as LITELLM_API_KEY" in result.stdout
    assert {row["key_alias"] for row in project.litellm.keys.values()} == {
        "litellm-dev",
        "litellm-eval",
    }


def test_the_progress_of_up_is_on_stderr_and_its_result_on_stdout(project: Project) -> None:
    project.litellm.master = _master_key_of(project)

    result = project.run("up")

    assert "litellm working: starting" in result.stderr
    assert "working" not in result.stdout
    assert "SERVICE" not in result.stderr


def test_a_second_up_says_that_nothing_changed(ready: Project) -> None:
    result = ready.run("up")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "Nothing changed: everything runs as declared."


def test_up_as_a_document(ready: Project) -> None:
    found = document(ready.run("up", "--json"))

    assert (found["command"], found["status"]) == ("up", "success")
    assert set(found["data"]) == {
        *("project", "runtime", "runtime_why", "changed", "secrets_added", "files", "started"),
        *("restarted", "services", "keys", "gateway_url", "phoenix_url", "seconds", "tracing"),
        "warnings",
        "tracing",
    }
    assert found["data"]["changed"] is False
    assert [s["health"] for s in found["data"]["services"]] == ["healthy"] * 3


def test_no_command_prints_a_secret_that_it_is_not_for(ready: Project) -> None:
    secrets = ready.secrets().values()

    for words in (["up"], ["up", "--json"], ["status"], ["status", "--json"], ["ui", "--print"]):
        result = ready.run(*words)
        assert not [s for s in secrets if len(s) > 12 and s in result.output], words


def test_up_without_keys_makes_none(project: Project) -> None:
    result = project.run("up", "--no-keys")

    assert result.exit_code == 0
    assert project.litellm.keys == {}
    assert document(project.run("up", "--no-keys", "--json"))["data"]["keys"] is None


def test_up_hands_its_options_on(project: Project) -> None:
    project.run("up", "--no-keys", "--pull")

    assert "prepare --refresh" in project.runtime.calls


def test_a_taken_port_is_exit_code_4_with_a_remedy(project: Project) -> None:
    project.runtime.raising["preflight"] = PortTaken(
        "Port 4000, which litellm needs, is held by python (pid 7).", hint="Stop that process."
    )

    result = project.run("up")

    assert result.exit_code == 4
    assert result.stdout == ""
    assert result.stderr.endswith(
        "Error: Port 4000, which litellm needs, is held by python (pid 7).\n"
        "Hint: Stop that process.\n"
    )


def test_a_service_that_fails_is_exit_code_4_with_its_last_words_and_no_key(
    project: Project,
) -> None:
    project.runtime.looks = [{}, {"litellm": "failed"}]
    project.runtime.details["litellm"] = "exit code 3"
    project.runtime.words["litellm"] = f"refused {KEY}"

    text = project.run("up")
    project.runtime.looks = [{}, {"litellm": "failed"}]
    found = document(project.run("up", "--json"))

    assert text.exit_code == 4
    assert "litellm failed (exit code 3: LiteLLM refused its settings" in text.stderr
    assert "refused sk-…WXYZ" in text.stderr
    assert (found["status"], found["error"]["code"]) == ("error", "service_failed")
    assert KEY not in text.output + json.dumps(found)


def test_keys_that_were_made_in_part_are_exit_code_7_with_both_halves(project: Project) -> None:
    project.litellm.master = _master_key_of(project)

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
    project.runtime.stops_at = "start"

    text = project.run("up")
    found = document(project.run("up", "--json"))

    assert text.exit_code == 130
    assert text.stderr.rstrip().splitlines()[-2] == "Error: Interrupted."
    assert project.runtime.running == set()
    assert (found["command"], found["error"]["code"]) == ("up", "interrupted")


def test_another_gatewayctl_at_work_is_exit_code_4(project: Project) -> None:
    with held(project.folder / ".gatewayctl", "down"):
        found = document(project.run("up", "--json"))

    assert found["error"]["code"] == "locked"
    assert "gatewayctl down (pid" in found["error"]["message"]


# down


def test_down_stops_everything(ready: Project) -> None:
    result = ready.run("down")

    assert (result.exit_code, ready.runtime.running) == (0, set())
    assert result.stdout.splitlines()[0] == "Stopped: postgres, litellm, phoenix."
    assert document(ready.run("down", "--json"))["data"] == {
        "project": "shop",
        "stopped": [],
        "data_removed": False,
        "changed": False,
    }


def test_data_is_not_removed_without_a_terminal_and_without_yes(ready: Project) -> None:
    text = ready.run("down", "--volumes")
    found = document(ready.run("down", "--volumes", "--json"))

    assert text.exit_code == 2
    assert "This loses every key, all spend and all traces" in text.stderr
    assert "--yes" in text.stderr
    assert found["error"]["code"] == "confirmation_required"
    assert ready.runtime.calls == []


def test_data_is_removed_with_yes(ready: Project) -> None:
    result = ready.run("down", "--volumes", "--yes")

    assert result.exit_code == 0
    assert ready.runtime.calls == ["stop --remove-data"]


# status


def test_status_of_a_healthy_stack_is_exit_code_0(ready: Project) -> None:
    result = ready.run("status")

    assert result.exit_code == 0
    assert result.stdout.startswith("Project shop, embedded runtime (given by the test)")
    assert result.stderr == ""


def test_status_of_a_stopped_stack_is_exit_code_4_and_still_a_status(project: Project) -> None:
    text = project.run("status")
    found = document(project.run("status", "--json"))

    assert text.exit_code == 4
    assert "litellm   stopped  stopped" in text.stdout
    assert "Start it with `gatewayctl up`." in text.stderr
    assert (found["status"], found["error"]["code"]) == ("partial", "not_healthy")
    assert [s["uptime"] for s in found["data"]["services"]] == [None] * 3


def test_status_needs_no_project_and_makes_none(project: Project) -> None:
    project.run("status")

    assert list(project.folder.iterdir()) == []


def test_status_shows_which_keys_there_are_masked(ready: Project) -> None:
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


def test_a_stranger_on_the_port_makes_the_stack_unhealthy(ready: Project) -> None:
    ready.runtime.strangers = {"litellm"}

    result = ready.run("status")

    assert result.exit_code == 4
    assert "port 4000 is answered by a process that is not ours" in result.stdout


# restart


def test_restart_of_one_service(ready: Project) -> None:
    result = ready.run("restart", "litellm")

    assert result.exit_code == 0
    assert result.stdout.startswith("Restarted: litellm.\n")
    assert "restart litellm" in ready.runtime.calls


def test_restart_as_a_document(ready: Project) -> None:
    found = document(ready.run("restart", "--json"))

    assert found["command"] == "restart"
    assert found["data"]["restarted"] == list(SERVICES)


def test_an_unknown_service_is_exit_code_4_and_nothing_is_restarted(ready: Project) -> None:
    for words in (["restart", "redis"], ["logs", "redis"]):
        result = ready.run(*words)
        assert result.exit_code == 4
        assert "There is no service 'redis' here." in result.stderr
    assert not any(call.startswith("restart") for call in ready.runtime.calls)


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


# ui


def test_an_address_is_printed_and_how_to_log_in_is_said(project: Project) -> None:
    result = project.run("ui", "--print")

    assert result.exit_code == 0
    assert result.stdout == "http://127.0.0.1:4000/ui\n"
    assert result.stderr == "Log in as user admin, password: UI_PASSWORD in .env.\n"


def test_the_page_of_phoenix_as_a_document(project: Project) -> None:
    found = document(project.run("ui", "phoenix", "--print", "--json"))

    assert found["data"] == {"page": "phoenix", "url": "http://127.0.0.1:6006", "login": None}


def test_a_page_is_opened_unless_it_is_only_to_be_printed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(typer, "launch", opened.append)

    project.run("ui", "phoenix")
    project.run("ui", "litellm", "--print")

    assert opened == ["http://127.0.0.1:6006"]


def test_a_page_that_does_not_exist_is_exit_code_2(project: Project) -> None:
    assert project.run("ui", "grafana").exit_code == 2


# env


@pytest.fixture
def keyed(project: Project) -> Project:
    (project.folder / ".env").write_text(f"LITELLM_API_KEY={KEY}\n")
    return project


@pytest.mark.parametrize(
    ("words", "out"),
    [
        ([], f"LLM_BASE_URL=http://127.0.0.1:4000\nLLM_API_KEY={KEY}\n"),
        (
            ["--format", "shell"],
            f"export LLM_BASE_URL=http://127.0.0.1:4000\nexport LLM_API_KEY={KEY}\n",
        ),
        (
            ["--format", "dotenv", "--for", "container"],
            f"LLM_BASE_URL=http://host.docker.internal:4000\nLLM_API_KEY={KEY}\n",
        ),
    ],
)
def test_what_an_application_needs(words: list[str], out: str, keyed: Project) -> None:
    result = keyed.run("env", *words)

    assert (result.exit_code, result.stdout) == (0, out)


def test_what_an_application_needs_as_json(keyed: Project) -> None:
    variables = {"LLM_BASE_URL": "http://127.0.0.1:4000", "LLM_API_KEY": KEY}

    assert json.loads(keyed.run("env", "--format", "json").stdout) == variables
    assert document(keyed.run("env", "--json"))["data"] == {"variables": variables}


def test_a_key_that_was_not_made_yet_is_exit_code_3(keyed: Project) -> None:
    result = keyed.run("env", "--key", "litellm-eval")

    assert result.exit_code == 3
    assert "LITELLM_EVAL_KEY, the virtual key litellm-eval, is not set." in result.stderr
    assert result.stdout == ""


# reset


def test_a_reset_is_not_done_without_a_terminal_and_without_yes(ready: Project) -> None:
    before = ready.secrets()

    text = ready.run("reset")
    found = document(ready.run("reset", "--json"))

    assert text.exit_code == 2
    assert "2 virtual keys, spend $0.0000" in text.stderr
    assert found["error"]["code"] == "confirmation_required"
    assert ready.runtime.calls == []
    assert ready.secrets() == before


def test_a_reset_with_yes_makes_the_keys_anew(ready: Project) -> None:
    before = ready.secrets()
    ready.litellm.keys.clear()  # as the emptied database has it

    found = document(ready.run("reset", "--yes", "--json"))

    assert (found["command"], found["status"]) == ("reset", "success")
    assert "empty_litellm_database" in ready.runtime.calls
    assert ready.secrets()["LITELLM_API_KEY"] != before["LITELLM_API_KEY"]
    assert ready.secrets()["LITELLM_MASTER_KEY"] == before["LITELLM_MASTER_KEY"]


def test_a_reset_of_a_gateway_that_does_not_answer_says_that_the_loss_is_unknown(
    ready: Project,
) -> None:
    ready.litellm = silent_stack()

    result = ready.run("reset")

    assert result.exit_code == 2
    assert "an unknown number of virtual keys, spend unknown" in result.stderr


# demo


def test_the_demo_brings_up_chats_and_proves_the_trace(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It must work on any machine, also where everything else is to run in Docker.
    monkeypatch.setenv("GATEWAYCTL_RUNTIME", "docker")
    project.litellm.master = _master_key_of(project)

    result = project.run("demo")

    assert result.exit_code == 0, result.output
    assert "reply       Hello there." in result.stdout
    assert "component passthrough (read back from Phoenix" in result.stdout


# Settings


def test_an_unknown_setting_is_exit_code_3_with_its_place(project: Project) -> None:
    (project.folder / "gateway.yaml").write_text("portz:\n  litellm: 1\nrunetime: x\n")

    text = project.run("up")
    found = document(project.run("up", "--json"))

    assert text.exit_code == 3
    assert "gateway.yaml line 1 column 1: unknown setting 'portz'" in text.stderr
    assert found["error"]["code"] == "settings_invalid"
    assert [problem["source"] for problem in found["error"]["problems"]] == [
        "gateway.yaml line 1 column 1",
        "gateway.yaml line 3 column 1",
    ]
    assert project.runtime.calls == []


def test_a_weak_master_key_is_exit_code_3_before_anything_is_started(project: Project) -> None:
    (project.folder / ".env").write_text("LITELLM_MASTER_KEY=sk-1234\n")

    result = project.run("up")

    assert result.exit_code == 3
    assert "LITELLM_MASTER_KEY (.env line 1) is a key everybody knows" in result.stderr
    assert project.runtime.calls == []


def test_a_runtime_that_is_not_here_is_exit_code_4(tmp_path: Path) -> None:
    for words in (["--runtime", "swarm", "status"], ["--runtime", "swarm", "up"]):
        result = CliRunner().invoke(app, ["-C", str(tmp_path), *words])
        assert result.exit_code == 4, result.output
        assert "'swarm' (from --runtime)" in result.stderr


def test_a_folder_that_does_not_exist_is_exit_code_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["-C", str(tmp_path / "nowhere"), "status"])

    assert result.exit_code == 2
    assert f"There is no folder {tmp_path}/nowhere" in result.stderr


# What no command may do


class Buggy(FakeRuntime):
    def states(self) -> tuple[ServiceState, ...]:
        held_secret = KEY
        raise ValueError(f"surprise about {held_secret}")


def test_a_bug_is_exit_code_1_and_its_traceback_is_for_those_who_ask(project: Project) -> None:
    project.runtime = Buggy()

    quiet, verbose = project.run("status"), project.run("-v", "status")

    assert (quiet.exit_code, verbose.exit_code) == (1, 1)
    assert "Error: A bug in gatewayctl: ValueError: surprise about sk-…WXYZ" in quiet.stderr
    assert "Run again with -v" in quiet.stderr
    assert "Traceback" not in quiet.stderr
    assert "Traceback (most recent call last)" in verbose.stderr
    assert "in states" in verbose.stderr


def test_no_traceback_carries_a_key(project: Project) -> None:
    project.runtime = Buggy()

    for words in (["status"], ["-v", "status"], ["-v", "status", "--json"]):
        result = project.run(*words)
        assert KEY not in result.output


def test_a_bug_is_a_document_too(project: Project) -> None:
    project.runtime = Buggy()

    found = document(project.run("status", "--json"))

    assert (found["command"], found["error"]["code"]) == ("status", "bug")


def test_control_c_anywhere_is_exit_code_130(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed() -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(project.runtime, "states", pressed)

    assert project.run("status").exit_code == 130
    assert document(project.run("status", "--json"))["error"]["code"] == "interrupted"


def test_a_question_that_is_broken_off_is_an_interruption_and_no_bug(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pressed() -> Any:
        raise typer.Abort

    monkeypatch.setattr(project.runtime, "states", pressed)

    assert project.run("status").exit_code == 130


# Usage


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
        (["--json", "status"], "status"),
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
def test_a_usage_error_is_for_people_where_no_document_is_wanted(
    words: list[str], project: Project
) -> None:
    result = project.run(*words)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage:" in result.stderr


def test_documents_can_be_asked_for_by_the_environment(
    ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAYCTL_JSON", "1")

    assert document(ready.run("status"))["status"] == "success"
    assert document(ready.run("status", "--nonsense"))["error"]["code"] == "usage"
    assert document(ready.run("--nonsense", "status"))["error"]["code"] == "usage"


@pytest.mark.parametrize("value", ["0", "false", "off", "no", ""])
def test_documents_can_be_declined_by_the_environment(
    value: str, ready: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAYCTL_JSON", value)

    assert ready.run("status").stdout.startswith("Project shop")


def test_quiet_says_nothing_but_results_and_errors(ready: Project) -> None:
    ready.runtime.raising["stop"] = RuntimeProblem("litellm cannot be stopped")

    up, down = ready.run("-q", "up"), ready.run("-q", "down")

    assert up.stderr == ""
    assert down.stderr.startswith("Error: litellm cannot be stopped\n")


def test_the_runtime_that_runs_already_is_left_in_peace_by_every_look(project: Project) -> None:
    project.runtime = up_and_running()

    for words in (["status"], ["logs"], ["ui", "--print"], ["status", "--env"]):
        project.run(*words)

    assert set(project.runtime.calls) <= {"states", "logs all tail=None follow=False"}
