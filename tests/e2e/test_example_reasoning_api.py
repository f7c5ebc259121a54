"""The example application as a local process beside the real stack, started as in its README."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e import reasoning_api
from tests.e2e.conftest import Project, free_ports

EXAMPLE = Path(__file__).parents[2] / "examples" / "reasoning-api"
MODES = ("passthrough", "reasoning", "auto")


@contextmanager
def run_app(stack: Project, log: Path, **environ: str) -> Iterator[str]:
    """Run the application; yield its address. It must exit cleanly on SIGTERM."""
    (port,) = free_ports(1)
    command = [str(Path(sys.executable).with_name("uvicorn")), "--factory"]
    command += ["reasoning_api.app:create_app", "--env-file", "demo.env", "--port", str(port)]
    environment = stack.environment() | stack.data("env")["variables"] | environ
    environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = stack.phoenix_url
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, cwd=EXAMPLE, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            reasoning_api.wait_until_ready(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            returncode = process.wait(30)
    # uvicorn raises the signal again after a clean shutdown.
    assert returncode in {0, -signal.SIGTERM}, log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reasoning-api") / "app.log"


@pytest.fixture(scope="module")
def app(stack: Project, log: Path) -> Iterator[str]:
    with run_app(stack, log) as url:
        yield url


def test_each_mode_is_one_tree_under_the_span_of_the_application(stack: Project, app: str) -> None:
    answers = [reasoning_api.ask(app, mode, stream=False) for mode in MODES]

    reasoning_api.verify(stack.phoenix_url, answers)


def test_each_mode_streams_with_usage(stack: Project, app: str) -> None:
    answers = [reasoning_api.ask(app, mode, stream=True) for mode in MODES]

    reasoning_api.verify(stack.phoenix_url, answers)


def test_the_requests_of_the_readme_are_answered(app: str) -> None:
    text = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    lines = text.replace("\\\n", " ").splitlines()
    paths = []
    for arguments in (shlex.split(line) for line in lines if line.startswith("curl ")):
        options = list(zip(arguments[3::2], arguments[4::2], strict=True))
        headers = dict(value.split(": ", 1) for flag, value in options if flag == "-H")
        url = arguments[2].replace("http://127.0.0.1:8000", app)
        answer = httpx.post(url, headers=headers, content=dict(options)["-d"], timeout=60)
        assert answer.status_code == 200, answer.text
        paths.append(answer.headers["x-routing-path"])

    assert paths == ["passthrough", "reasoning", "reasoning"]


def test_a_refusal_of_the_gateway_keeps_its_status(app: str) -> None:
    statuses = {}
    for model in ("say-429", "say-500", "say-hang", "no-such-model"):
        body = {"model": model, "messages": [{"role": "user", "content": "?"}]}
        answer = httpx.post(f"{app}/v1/chat/completions", json=body, timeout=60)
        statuses[model] = (answer.status_code, bool(answer.json()["error"]["message"]))

    assert statuses == {
        "say-429": (429, True),
        "say-500": (500, True),
        "say-hang": (408, True),  # LiteLLM's own status for a provider that does not answer
        "no-such-model": (400, True),
    }


def test_a_caller_that_disconnects_is_recorded_in_the_trace(stack: Project, app: str) -> None:
    body = {"model": "slow", "messages": [{"role": "user", "content": "?"}], "stream": True}
    with httpx.stream("POST", f"{app}/v1/chat/completions", json=body, timeout=60) as answer:
        trace_id = answer.headers["x-trace-id"]
        next(answer.iter_lines())

    spans = reasoning_api.wait_for_spans(
        stack.phoenix_url, trace_id, lambda spans: any(not span["parent_id"] for span in spans)
    )

    (root,) = [span for span in spans if not span["parent_id"]]
    assert (root["status_code"], root["status_message"]) == ("ERROR", "ClientGone")


def test_a_wrong_key_is_reported_and_not_logged(stack: Project, tmp_path: Path) -> None:
    wrong = "sk-wrong-0123456789abcdef"
    with run_app(stack, tmp_path / "app.log", LLM_API_KEY=wrong) as app:
        body = {"messages": [{"role": "user", "content": "?"}]}
        answer = httpx.post(f"{app}/v1/chat/completions", json=body, timeout=60)

    assert answer.status_code == 401
    assert "refused the application's key" in answer.json()["error"]["message"]
    assert wrong not in answer.text + (tmp_path / "app.log").read_text(encoding="utf-8")


def test_the_log_contains_no_secret(stack: Project, app: str, log: Path) -> None:
    reasoning_api.ask(app, None, stream=False)

    text = log.read_text(encoding="utf-8")
    assert "POST /v1/chat/completions" in text
    assert [name for name, value in stack.secrets().items() if value and value in text] == []
