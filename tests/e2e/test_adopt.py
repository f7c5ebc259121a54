"""Gateways that operators have already: adopted and started with the real LiteLLM."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from gatewayctl.runtimes.embedded.environment import Environment
from tests.e2e.conftest import Project, free_ports

CASES = Path(__file__).parents[1] / "cases" / "litellm-configs"
# The embedded LiteLLM has no prometheus_client, which 05-newsroom asks for.
STARTED = sorted(path for path in CASES.glob("*.yaml") if path.stem != "05-newsroom")
USUAL = "06-post-office"
PORTS = ("LITELLM_PORT", "PHOENIX_PORT", "PHOENIX_GRPC_PORT", "LITELLM_POSTGRES_PORT")


@pytest.mark.parametrize(
    "original",
    [
        pytest.param(path, id=path.stem, marks=[] if path.stem == USUAL else [pytest.mark.full])
        for path in STARTED
    ],
)
def test_an_adopted_gateway_starts_and_serves_every_deployment(
    tmp_path: Path, embedded_environment: Environment, original: Path
) -> None:
    project = Project(folder=tmp_path, ports={})
    ports = free_ports(len(PORTS))
    project.extra_env |= {n: str(port) for n, port in zip(PORTS, ports, strict=True)}
    project.ok("init", "--from", str(original))
    for name in json.loads(project.ok("init", "--from", str(original), "--json"))["data"][
        "provider_keys_missing"
    ]:
        project.extra_env[name] = "fake-value-0123456789"
    try:
        project.ok("up", "--timeout", "280", "--no-keys", "--runtime", "embedded")
        key = project.secrets()["LITELLM_MASTER_KEY"]
        served = httpx.get(
            f"http://127.0.0.1:{ports[0]}/v1/model/info",
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
        ).json()["data"]
        texts = [original, *original.with_suffix("").glob("*.yaml")]
        declared = sum(len(re.findall(r"model_name\"?:", path.read_text())) for path in texts)
        own = [model for model in served if not model["model_name"].startswith("demo")]
        assert len(own) >= declared
    finally:
        project.run("down", "--runtime", "embedded")
