from __future__ import annotations

from pathlib import Path

from gatewayctl.rendering.kubernetes.resources import resources
from tests.fakes.projects import project


def test_production_requests_more(tmp_path: Path) -> None:
    small = resources(project(tmp_path / "a"), "litellm")
    large = resources(project(tmp_path / "b", "profile: production\n"), "litellm")

    assert small == {
        "requests": {"cpu": "100m", "memory": "512Mi"},
        "limits": {"memory": "2048Mi"},
    }
    assert large["requests"] == {"cpu": "1", "memory": "1Gi"}


def test_more_workers_get_more_memory(tmp_path: Path) -> None:
    found = resources(project(tmp_path, "workers: 3\n"), "litellm")

    assert found["limits"] == {"memory": "4096Mi"}


def test_what_is_declared_of_a_kind_replaces_its_default(tmp_path: Path) -> None:
    settings = project(
        tmp_path, "kubernetes: {resources: {litellm: {requests: {memory: 8Gi}}, redis: {}}}\n"
    )

    # The limit of memory would be below the request.
    assert resources(settings, "litellm") == {"requests": {"cpu": "100m", "memory": "8Gi"}}
    assert resources(settings, "redis")["limits"] == {"memory": "512Mi"}


def test_the_migration_has_the_default_of_the_gateway(tmp_path: Path) -> None:
    settings = project(tmp_path, "kubernetes: {resources: {litellm: {limits: {cpu: 1}}}}\n")

    assert resources(settings, "litellm-migrate")["limits"] == {"memory": "2048Mi"}
