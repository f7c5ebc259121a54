"""What a command does not need, it does not load: the start of the program stays Typer's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    *("httpx", "httpcore", "opentelemetry", "yaml", "dotenv", "jinja2", "psutil"),
    *("python_on_whales", "uv", "xmlrpc", "asyncio", "google", "requests", "click"),
}
PROBE = """
import json, sys
from gatewayctl.__main__ import main
sys.argv = ["gatewayctl", *sys.argv[1:]]
code = 0
try:
    main()
except SystemExit as end:
    code = end.code or 0
names = sorted(name for name, module in sys.modules.items() if module is not None)
print("\\n" + json.dumps([code, names]))
"""


def loaded(*words: str, expected: int = 0) -> set[str]:
    """The modules a process has loaded when the command has ended with the expected exit code."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == expected, done.stderr
    return set(modules)


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["up", "--help"], ["chat", "--help"], ["keys", "--help"]],
    ids=" ".join,
)
def test_help_loads_no_library_that_only_a_verb_needs(words: list[str]) -> None:
    modules = loaded(*words)

    assert {module.split(".")[0] for module in modules} & HEAVY == set()


def test_help_loads_nothing_of_ours_but_the_command_line_and_errors() -> None:
    ours = {module for module in loaded("--help") if module.startswith("gatewayctl.")}
    rooms = {module.split(".")[1] for module in ours}

    assert rooms <= {"__main__", "cli", "errors"}


def test_a_verb_that_asks_nobody_loads_no_client(tmp_path: Path) -> None:
    modules = loaded("-C", str(tmp_path), "ui", "--print")

    assert {module.split(".")[0] for module in modules} & {"opentelemetry", "httpx"} == set()


def test_a_chat_loads_what_a_chat_needs(tmp_path: Path) -> None:
    """A tenth of a second more would be seen with each call."""
    (tmp_path / "gateway.yaml").write_text("ports: {litellm: 1}\n")
    (tmp_path / ".env").write_text("LITELLM_API_KEY=sk-virtual-0123456789abcdefWXYZ\n")

    modules = loaded("-C", str(tmp_path), "chat", "--model", "demo", "Hello", expected=5)

    assert "gatewayctl.tracing.client_spans" in modules
    needless = {"click", "pygments", "psutil", "rich"}
    assert {module.split(".")[0] for module in modules} & needless == set()
    assert not [name for name in modules if ".operations.traces." in name]
    assert "gatewayctl.gateway.limit_refusals" not in modules


def test_what_an_application_on_this_machine_needs_asks_no_runtime(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LITELLM_API_KEY=sk-virtual-0123456789abcdefWXYZ\n")

    assert not [name for name in loaded("-C", str(tmp_path), "env") if ".runtimes" in name]


def test_whose_gateway_answers_is_found_without_engine_and_templates() -> None:
    """Each command that asks the gateway checks that first, in a few milliseconds."""
    program = "import sys; import gatewayctl.operations.diagnosis.port_owner; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    modules = set(done.stdout.split())
    assert {"gatewayctl.runtimes.docker", "gatewayctl.runtimes.embedded"} & modules == set()
    assert {module.split(".")[0] for module in modules} & HEAVY == set()


def test_only_the_command_that_runs_is_built(tmp_path: Path) -> None:
    """Typer evaluates the annotations of each function that it makes a command of."""
    program = """
import sys, typer.main as typer
from gatewayctl.cli.app import app
built = []
make = typer.get_params_convertors_ctx_param_name_from_function
def note(callback):
    built.append(callback and callback.__name__)
    return make(callback)
typer.get_params_convertors_ctx_param_name_from_function = note
app(["-C", sys.argv[1], "status"], standalone_mode=False)
"""
    done = subprocess.run(
        [sys.executable, "-c", program + "\nprint(built)", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.splitlines()[-1] == "['root', 'status']", done.stdout + done.stderr
