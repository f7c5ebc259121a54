"""Providers behind a company's proxy, with a certificate of its own CA."""

from __future__ import annotations

import pytest

from tests.e2e.company import THROUGH_PROXY, Company
from tests.e2e.conftest import Project
from tests.fakes.forward_proxy import PASSWORD


@pytest.mark.parametrize(
    ("model", "stream"),
    [
        ("behind-tls", True),
        ("behind-proxy", False),
        pytest.param("behind-tls", False, marks=pytest.mark.full),
        pytest.param("behind-proxy", True, marks=pytest.mark.full),
    ],
)
def test_a_provider_is_reached_through_the_proxy_and_trusted_by_the_ca(
    stack: Project, network: Company, model: str, stream: bool
) -> None:
    words = ("chat", "--model", model, "--verify", *(() if stream else ("--no-stream",)), "Hello")
    report = stack.data(*words)

    assert report["reply"] == "Hello from upstream."
    provider = network.secure if model == "behind-tls" else network.plain
    assert provider.of_model(model)


def test_nothing_but_calls_of_providers_went_through_the_proxy(
    stack: Project, network: Company
) -> None:
    stack.ok("chat", "--model", "behind-tls", "Hello")
    stack.ok("chat", "--model", "behind-proxy", "Hello")

    # LiteLLM's database engine, its spans and gatewayctl's own requests are on loopback.
    assert network.calls() == THROUGH_PROXY


def test_the_password_of_the_proxy_is_in_env_file_alone(stack: Project, network: Company) -> None:
    shown = [stack.run("-v", *words) for words in (("up",), ("doctor",), ("render", "--diff"))]
    files = [
        path.read_text(encoding="utf-8", errors="replace")
        for folder in ("compose", ".gatewayctl/logs", ".gatewayctl/run")
        for path in (stack.folder / folder).iterdir()
        if path.is_file()
    ]

    assert [text for done in shown for text in (done.stdout, done.stderr) if PASSWORD in text] == []
    assert [text[:200] for text in files if PASSWORD in text] == []
