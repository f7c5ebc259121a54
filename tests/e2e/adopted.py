"""Gateways that operators have already: adopt one, start it, and count what LiteLLM serves."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import httpx

from gatewayctl.settings.load import load_settings
from tests.e2e.conftest import Project, free_ports

CASES: Final = sorted((Path(__file__).parents[1] / "cases" / "litellm-configs").glob("*.yaml"))
SENTRY_DSN: Final = "https://0123456789abcdef@sentry.example.internal/1"
PORTS: Final = ("LITELLM_PORT", "PHOENIX_PORT", "PHOENIX_GRPC_PORT", "LITELLM_POSTGRES_PORT")


def adopt(folder: Path, original: Path) -> Project:
    """A project with the adopted gateway on free ports; what it refers to has some value."""
    ports = free_ports(len(PORTS))
    project = Project(folder=folder, ports={"litellm": ports[0]})
    project.extra_env |= {n: str(port) for n, port in zip(PORTS, ports, strict=True)}
    project.ok("init", "--from", str(original))
    settings = load_settings(folder, environ={**os.environ, **project.extra_env})
    assert settings.litellm is not None
    needed = {*settings.litellm.variables} | {m.api_key_env or "" for m in settings.models}
    for name in needed - {*settings.environment, ""}:
        is_dsn = name.endswith("_DSN")
        project.extra_env[name] = SENTRY_DSN if is_dsn else "fake-value-0123456789"
    return project


def serves_all(project: Project, original: Path) -> bool:
    """True if LiteLLM serves as many deployments as the original declares."""
    answer = httpx.get(
        f"{project.gateway_url}/v2/model/info",
        params={"size": 500},
        headers={"Authorization": f"Bearer {project.secrets()['LITELLM_MASTER_KEY']}"},
        timeout=60,
    )
    texts = [original, *original.with_suffix("").glob("*.yaml")]
    declared = sum(len(re.findall(r"model_name\"?:", path.read_text())) for path in texts)
    names = [row["model_name"] for row in answer.json()["data"]]
    return len([name for name in names if not name.startswith("demo")]) == declared
