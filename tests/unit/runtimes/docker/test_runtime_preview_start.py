from __future__ import annotations

from gatewayctl.rendering.plan import plan_files
from gatewayctl.settings.model import Settings
from tests.unit.runtimes.docker.faked_engine import runtime_of, up_and_running


def test_a_plan_counts_with_the_secrets_that_up_would_generate(settings: Settings) -> None:
    needed = "${POSTGRES_PASSWORD:?run gatewayctl init to generate it in .env}"
    docker = up_and_running()
    docker.configured = {"postgres-phoenix": {"environment": {"POSTGRES_PASSWORD": needed}}}
    files = plan_files(settings, runtime="docker")

    found = {c.service: c for c in runtime_of(settings, docker).preview_start(files)}

    assert found["postgres-phoenix"].action == "recreate"
    assert found["postgres-phoenix"].why[-1] == "POSTGRES_PASSWORD"
