from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatewayctl.settings.generate import generate_missing_secrets
from gatewayctl.settings.load import load_settings
from tests.fakes.projects import problems, project


def test_the_default_in_production_is_one_worker_per_core(
    tmp_path: Path,
) -> None:
    assert project(tmp_path / "1").workers == 1
    assert project(tmp_path / "2", "profile: production\n").workers == os.cpu_count()


def test_the_cores_are_those_of_the_machine_that_the_services_run_on(tmp_path: Path) -> None:
    asked: list[str] = []

    def cores(runtime: str, _state_dir: Path) -> int:
        asked.append(runtime)
        return 12

    (tmp_path / "gateway.yaml").write_text("profile: production\nruntime: docker\n")
    assert load_settings(tmp_path, environ={}, cores=cores).workers == 12
    assert load_settings(tmp_path, environ={"GATEWAYCTL_WORKERS": "2"}, cores=cores).workers == 2
    (tmp_path / "gateway.yaml").write_text("profile: development\n")
    assert load_settings(tmp_path, environ={}, cores=cores).workers == 1
    assert asked == ["docker"]


@pytest.mark.parametrize("profile", ["development", "production"])
def test_a_set_number_of_workers_is_used_in_any_profile(tmp_path: Path, profile: str) -> None:
    assert project(tmp_path / "1", f"profile: {profile}\nworkers: 3\n").workers == 3
    assert project(tmp_path / "2", environ={"GATEWAYCTL_WORKERS": "1"}).workers == 1


@pytest.mark.parametrize("value", ["0", "-1", "2.5", "257", "many", "true", "[2]"])
def test_workers_are_a_number(tmp_path: Path, value: str) -> None:
    (found,) = problems(tmp_path, f"workers: {value}\n")

    assert "workers must be a number from 1 to 256" in found


def test_only_workers_that_share_a_redis_need_its_password(tmp_path: Path) -> None:
    one, two = project(tmp_path / "1"), project(tmp_path / "2", "workers: 2\n")

    assert (one.needs_redis, two.needs_redis) == (False, True)
    assert "REDIS_PASSWORD" not in generate_missing_secrets(one)
    assert "REDIS_PASSWORD" in generate_missing_secrets(two)
