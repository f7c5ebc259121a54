"""Gateways that operators have already: adopted and started with the real LiteLLM."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.adopted import CASES, adopt, serves_all
from tests.e2e.conftest import free_ports
from tests.fakes.upstream import Upstream

USUAL = "06-post-office"


@pytest.mark.parametrize(
    "original",
    [
        pytest.param(path, id=path.stem, marks=[] if path.stem == USUAL else [pytest.mark.full])
        for path in CASES
    ],
)
def test_an_adopted_gateway_starts_and_serves_every_deployment(
    tmp_path: Path, embedded_environment: Environment, original: Path
) -> None:
    project = adopt(tmp_path, original)
    try:
        project.ok("up", "--timeout", "280", "--no-keys", "--runtime", "embedded")
        assert serves_all(project, original)
    finally:
        project.run("down", "--runtime", "embedded")


@pytest.mark.full
def test_under_load_a_fallback_answers_for_a_failing_deployment_and_is_verified(
    tmp_path: Path, embedded_environment: Environment, upstream: Upstream
) -> None:
    (original,) = (path for path in CASES if path.stem == "01-reading-room")
    project = adopt(tmp_path, original)
    config = (tmp_path / "gateway.yaml").read_text()
    (closed,) = free_ports(1)
    addresses = (
        f"{{OPENAI_API_BASE: {upstream.url}, ANTHROPIC_API_BASE: 'http://127.0.0.1:{closed}'}}"
    )
    (tmp_path / "gateway.yaml").write_text(
        f"{config}\nservices: {{litellm: {{environment: {addresses}}}}}\n"
    )
    done = threading.Event()
    answers: list[int] = []

    def call() -> None:
        with httpx.Client(timeout=60) as http:
            while not done.is_set():
                answer = http.post(
                    f"{project.gateway_url}/v1/chat/completions",
                    headers={"Authorization": f"Bearer {project.secrets()['LITELLM_API_KEY']}"},
                    json={"model": "large", "messages": [{"role": "user", "content": "Hello"}]},
                )
                answers.append(answer.status_code)

    try:
        project.ok("up", "--timeout", "280", "--runtime", "embedded")
        callers = [threading.Thread(target=call) for _ in range(4)]
        for caller in callers:
            caller.start()
        try:
            data = project.data("chat", "--model", "large", "--verify", "Hello")
        finally:
            done.set()
            for caller in callers:
                caller.join()
    finally:
        project.run("down", "--runtime", "embedded")

    assert (data["model"], data["fallback"], data["verified"]) == ("large", "small", True)
    assert len(answers) > 4
    assert set(answers) == {200}
