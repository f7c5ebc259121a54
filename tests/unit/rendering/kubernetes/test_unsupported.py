from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import SettingsInvalid
from gatewayctl.rendering.plan import plan_files
from tests.fakes.projects import project


def refusal(folder: Path, gateway_yaml: str) -> str:
    with pytest.raises(SettingsInvalid) as refused:
        plan_files(project(folder, gateway_yaml), runtime="kubernetes")
    return str(refused.value)


def test_an_app_that_has_to_be_built_is_refused_with_what_to_do(tmp_path: Path) -> None:
    found = refusal(tmp_path, "apps:\n  web:\n    build: ./web\n")

    assert found == (
        "gateway.yaml line 3 column 5: apps.web: a cluster cannot build: push the image to a"
        " registry that it reaches, and name it with image:"
    )


def test_an_app_whose_name_no_service_may_have_is_refused(tmp_path: Path) -> None:
    found = refusal(tmp_path, "apps:\n  3scale: 'w:1'\n")

    assert found.startswith("gateway.yaml line 2 column 3: apps.3scale: in a cluster the name")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "host.docker.internal"])
def test_a_trace_store_on_this_machine_is_refused(tmp_path: Path, host: str) -> None:
    assert "is this machine" in refusal(tmp_path, f"tracing: 'http://{host}:4318'\n")


def test_mounts_that_no_secret_can_hold_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"x" * 1_100_000)

    found = refusal(tmp_path, "services:\n  litellm:\n    mounts: {/app/model.bin: model.bin}\n")

    assert found.startswith("gateway.yaml line 3 column 5: services.litellm.mounts has 1074 KiB")
    assert "build an image with these files" in found


def test_every_reason_is_reported_at_once(tmp_path: Path) -> None:
    text = "apps: {web: {build: ./web}, api: {build: ./api}}\n"

    assert len(refusal(tmp_path, text).splitlines()) == 2


def test_docker_still_builds(tmp_path: Path) -> None:
    assert plan_files(project(tmp_path, "apps: {web: {build: ./web}}\n"), runtime="docker")
