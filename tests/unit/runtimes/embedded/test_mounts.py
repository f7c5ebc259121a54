from __future__ import annotations

from pathlib import Path

import pytest

from gatewayctl.errors import SettingsInvalid
from gatewayctl.runtimes.embedded import fingerprints
from gatewayctl.runtimes.embedded.links.mounts import check_mounts, update_links
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project
from tests.unit.runtimes.embedded.faked_stack import ENV


def with_mounts(folder: Path, mounts: str) -> Settings:
    made = project(folder, f"services: {{litellm: {{mounts: {mounts}}}}}\n", env=ENV)
    made.state_dir.mkdir(exist_ok=True)
    made.compose_dir.mkdir(exist_ok=True)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("key.json", "other.json"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_a_mount_beside_the_configuration_is_a_link_there(folder: Path) -> None:
    settings = with_mounts(folder, "{/app/keys/one.json: key.json}")

    for _ in range(2):
        check_mounts(settings)
        update_links(settings)

    assert (settings.compose_dir / "keys" / "one.json").read_text() == "key.json"


def test_links_of_earlier_settings_are_removed_and_others_stay(folder: Path) -> None:
    first = with_mounts(folder, "{/app/a.json: key.json, /app/b.json: key.json}")
    update_links(first)
    (first.compose_dir / "own.json").symlink_to(folder / "key.json")

    update_links(with_mounts(folder, "{/app/b.json: other.json}"))

    links = {path.name: path.read_text() for path in first.compose_dir.iterdir()}
    assert links == {"b.json": "other.json", "own.json": "key.json"}
    update_links(with_mounts(folder, "{}"))
    assert [path.name for path in first.compose_dir.iterdir()] == ["own.json"]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/run/none/key.json", "does not exist on this machine"),
        ("/app/key.json", "is in the place of this mount"),
    ],
)
def test_a_mount_that_cannot_be_made_is_named_before_the_start(
    target: str, message: str, folder: Path
) -> None:
    settings = with_mounts(folder, f"{{{target}: key.json}}")
    (settings.compose_dir / "key.json").write_text("old")

    with pytest.raises(SettingsInvalid, match=message) as caught:
        check_mounts(settings)

    assert "gateway.yaml line 1" in str(caught.value)


def test_a_path_of_the_machine_is_read_where_it_is(folder: Path) -> None:
    check_mounts(with_mounts(folder, f"{{{folder / 'key.json'}: key.json}}"))


def test_another_source_restarts_litellm_alone(folder: Path) -> None:
    before, after, without = (
        fingerprints.compute(with_mounts(folder, mounts), environ={})
        for mounts in ("{/app/a: key.json}", "{/app/a: other.json}", "{}")
    )

    assert before["litellm"] != after["litellm"] != without["litellm"]
    assert before["phoenix"] == after["phoenix"] == without["phoenix"]
