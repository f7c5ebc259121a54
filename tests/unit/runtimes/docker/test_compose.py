from __future__ import annotations

import pytest

from gatewayctl.errors import (
    EngineNotRunning,
    ImageMissing,
    PortTaken,
    RuntimeProblem,
    ServiceFailed,
)
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.docker.compose import failed_service, failure, parse_progress, service_of


@pytest.mark.parametrize(
    ("line", "subject", "detail"),
    [
        (" Container my-shop-litellm-1  Creating", "litellm", "creating"),
        (" Container my-shop-postgres-litellm-1  Healthy", "postgres-litellm", "healthy"),
    ],
)
def test_a_step_of_compose_is_progress_of_a_service(line: str, subject: str, detail: str) -> None:
    assert parse_progress(line, "my-shop") == Progress(
        subject=subject, state="working", detail=detail
    )


@pytest.mark.parametrize("line", ["", " Network my-shop_gateway  Created", "time=x level=warning"])
def test_other_lines_report_no_progress(line: str) -> None:
    assert parse_progress(line, "my-shop") is None


@pytest.mark.parametrize(
    ("output", "kind", "message"),
    [
        (
            "dependency failed to start: container shop-postgres-litellm-1 is unhealthy",
            ServiceFailed,
            "postgres-litellm failed (is unhealthy).",
        ),
        (
            "dependency failed to start: container shop-phoenix-1 exited (3)",
            ServiceFailed,
            "phoenix failed (exited (3)).",
        ),
        (
            "driver failed: Bind for 127.0.0.1:4000 failed: port is already allocated",
            PortTaken,
            "Port 4000 is in use",
        ),
        (
            "Error starting userland proxy: listen tcp4 127.0.0.1:4000: bind: address in use",
            PortTaken,
            "Port 4000 is in use",
        ),
        ("Error: address already in use", PortTaken, "A port is in use"),
        ("Error: No such image: litellm:typo", ImageMissing, "There is no image litellm:typo"),
        ("Cannot connect to the Docker daemon at unix:///x.", EngineNotRunning, "unix:///"),
        ("Error response from daemon: boom", RuntimeProblem, "Docker cannot start the stack"),
    ],
)
def test_a_failed_start_is_classified(
    output: str, kind: type[RuntimeProblem], message: str
) -> None:
    found = failure(f" Container shop-litellm-1  Starting\n{output}\n", "shop")

    assert type(found) is kind
    assert message in found.message


def test_the_service_that_others_waited_for_is_identified() -> None:
    output = "dependency failed to start: container shop-postgres-litellm-1 is unhealthy"

    assert failed_service(output, "shop") == "postgres-litellm"
    assert failed_service("boom", "shop") is None
    assert service_of("my-shop-my-app-12", "my-shop") == "my-app"
