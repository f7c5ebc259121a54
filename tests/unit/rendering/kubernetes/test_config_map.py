from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import SettingsInvalid
from gatewayctl.rendering.kubernetes.config_map import config_files, volume_mounts
from gatewayctl.rendering.kubernetes.mounts import unique_keys
from tests.fakes.projects import project


def test_the_name_changes_with_the_content() -> None:
    first = config_files({"litellm_config.yaml": "a"})

    assert first.name == config_files({"litellm_config.yaml": "a"}).name
    assert first.name != config_files({"litellm_config.yaml": "b"}).name
    assert first.name.startswith("litellm-config-")


def test_files_are_where_litellm_looks_for_them(tmp_path: Path) -> None:
    found = config_files({"litellm_config.yaml": "a", "hooks/my guard.py": "b"})

    assert found.data == {"litellm_config.yaml": "a", "hooks_my_guard.py": "b"}
    assert found.paths == {
        "litellm_config.yaml": "/app/config.yaml",
        "hooks_my_guard.py": "/app/hooks/my guard.py",
    }
    mounts = volume_mounts(project(tmp_path), found)
    assert [mount["mountPath"] for mount in mounts] == [*found.paths.values(), "/tmp"]


def test_paths_that_differ_have_keys_that_differ() -> None:
    assert unique_keys(["a/b", "a_b", "a b", "."]) == ["a_b", "a_b_2", "a_b_3", "._2"]
    assert all(len(key) <= 253 for key in unique_keys(["x" * 400, f"{'x' * 399}y", "x" * 400]))


def test_files_that_no_configmap_can_hold_are_refused() -> None:
    with pytest.raises(SettingsInvalid, match="build an image with the files"):
        config_files({"litellm_config.yaml": "x" * 1_100_000})
