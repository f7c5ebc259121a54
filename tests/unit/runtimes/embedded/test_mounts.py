from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import SettingsInvalid
from gatewayctl.runtimes.embedded.services import check_mounts, link_mounts
from tests.fakes.projects import project


def test_a_mount_beside_the_configuration_is_a_link_there(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("{}")
    settings = project(tmp_path, "services: {litellm: {mounts: {/app/keys/one.json: key.json}}}\n")

    for _ in range(2):
        check_mounts(settings)
        link_mounts(settings)

    assert (settings.compose_dir / "keys" / "one.json").read_text() == "{}"


def test_a_file_in_the_place_of_a_link_is_kept(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("new")
    settings = project(tmp_path, "services: {litellm: {mounts: {/app/key.json: key.json}}}\n")
    settings.compose_dir.mkdir()
    (settings.compose_dir / "key.json").write_text("old")

    link_mounts(settings)

    assert (settings.compose_dir / "key.json").read_text() == "old"


def test_a_mount_at_another_path_must_exist_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("{}")
    text = "services: {{litellm: {{mounts: {{{target}: key.json}}}}}}\n"

    check_mounts(project(tmp_path, text.format(target=tmp_path / "key.json")))
    with pytest.raises(SettingsInvalid, match="does not exist on this machine") as caught:
        check_mounts(project(tmp_path, text.format(target="/run/none/key.json")))

    assert "gateway.yaml line 1" in str(caught.value)
