"""Restoring the files that gateway.yaml refers to: written where they lack, never replaced."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
from pathlib import Path

import pytest

from gatewayctl.errors import (
    BackupBroken,
    BackupForeign,
    FileUnwritable,
    FolderUnusable,
    PortTaken,
    SettingsInvalid,
)
from gatewayctl.operations.backup.create import backup
from gatewayctl.operations.backup.restore import RestoreReport
from tests.fakes.driving import report_of
from tests.fakes.projects import MASTER_KEY, project
from tests.fakes.runtime import SERVICES, FakeRuntime, resolved
from tests.unit.operations.backup.restoring import BACKED_UP, ENV, World
from tests.unit.operations.backup.test_archive import read_members, write_members
from tests.unit.operations.backup.test_archive_own_files import tamper

GATEWAY = """\
litellm: litellm.yaml
services:
  litellm:
    files: [prompts/hello.txt]
    mounts: {/app/google.json: google.json}
"""
FILES = {
    "litellm.yaml": (
        "include: [conf/models.yaml]\nlitellm_settings:\n  callbacks: [my_hooks.stamp]\n"
    ),
    "conf/models.yaml": (
        "model_list:\n  - model_name: demo\n    litellm_params: {model: openai/demo}\n"
    ),
    "my_hooks.py": "stamp = object()\n",
    "prompts/hello.txt": "Hello\n",
    "google.json": '{"type": "service_account"}',
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A backed-up project with files, named after its folder."""
    world = World(tmp_path)
    for name, content in FILES.items():
        (world.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (world.folder / name).write_text(content)
    (world.folder / "google.json").chmod(0o600)
    settings = project(world.folder, GATEWAY, env=ENV)
    report_of(backup(settings, resolved(world.runtime), world.file))
    world.change()
    return world


def move_to_empty_folder(world: World, name: str = "shop") -> None:
    """Continue on another machine, without a stack."""
    file = world.folder.parent / f"kept-{world.file.name}"
    world.file.rename(file)
    shutil.rmtree(world.folder)
    world.file, world.folder = file, world.folder.parent / name
    world.folder.mkdir()
    world.runtime = FakeRuntime()
    world.runtime.server.databases.clear()


def states(report: RestoreReport) -> dict[str, str]:
    return {file.path: file.state for file in report.files}


def read(world: World) -> dict[str, str]:
    return {name: (world.folder / name).read_text() for name in FILES}


@pytest.mark.parametrize("name", ["shop", "another"])
def test_an_empty_folder_becomes_the_whole_project(world: World, name: str) -> None:
    move_to_empty_folder(world, name)

    report = world.restore()

    assert read(world) == FILES
    assert (world.folder / "gateway.yaml").read_text() == GATEWAY
    assert (report.config, set(states(report).values())) == ("restored", {"restored"})
    assert world.databases == BACKED_UP
    assert world.runtime.running == set(SERVICES)
    assert world.env()["LITELLM_MASTER_KEY"] == MASTER_KEY


def test_a_credential_is_private_and_ignored_by_git(world: World) -> None:
    move_to_empty_folder(world)

    world.restore()

    modes = {name: stat.S_IMODE((world.folder / name).stat().st_mode) for name in FILES}
    assert modes == dict.fromkeys(FILES, 0o644) | {"google.json": 0o600}
    assert "google.json" in (world.folder / ".gitignore").read_text().splitlines()


def test_what_exists_is_kept_and_what_lacks_is_written(world: World) -> None:
    (world.folder / "conf/models.yaml").write_text("model_list: []\n")
    (world.folder / "gateway.yaml").write_text("project_name: shop\n")
    (world.folder / "my_hooks.py").unlink()
    shutil.rmtree(world.folder / "prompts")

    report = world.restore()

    assert states(report) == {
        "litellm.yaml": "kept",
        "conf/models.yaml": "kept_different",
        "my_hooks.py": "restored",
        "prompts/hello.txt": "restored",
        "google.json": "kept",
    }
    assert read(world) == FILES | {"conf/models.yaml": "model_list: []\n"}


def test_a_link_that_leads_nowhere_is_kept(world: World, tmp_path: Path) -> None:
    move_to_empty_folder(world)
    (world.folder / "google.json").symlink_to(tmp_path / "nowhere.json")
    (world.folder / "gateway.yaml").write_text("project_name: shop\n")

    assert states(world.restore())["google.json"] == "kept_different"
    assert not (tmp_path / "nowhere.json").exists()


@pytest.mark.parametrize("place", ["{outside}/there", "{outside}/nowhere", ".git", ".gatewayctl"])
def test_nothing_is_written_through_a_folder_that_is_a_link(
    world: World, tmp_path: Path, place: str
) -> None:
    (tmp_path / "there").mkdir()
    move_to_empty_folder(world)
    (world.folder / "gateway.yaml").write_text("project_name: shop\n")
    (world.folder / ".git").mkdir()
    (world.folder / "prompts").symlink_to(place.format(outside=tmp_path))

    assert states(world.restore())["prompts/hello.txt"] == "outside"
    assert not list(tmp_path.rglob("hello.txt"))


def test_a_folder_of_the_project_that_is_a_link_into_it_is_used(world: World) -> None:
    move_to_empty_folder(world)
    (world.folder / "texts").mkdir()
    (world.folder / "prompts").symlink_to("texts")

    assert states(world.restore())["prompts/hello.txt"] == "restored"
    assert (world.folder / "texts/hello.txt").read_text() == "Hello\n"


def test_a_file_in_the_place_of_a_folder_is_reported_before_gateway_yaml_is_written(
    world: World,
) -> None:
    move_to_empty_folder(world)
    (world.folder / "prompts").write_text("")

    with pytest.raises(FolderUnusable, match="prompts is not a folder"):
        world.restore()

    assert not (world.folder / "gateway.yaml").exists()
    (world.folder / "prompts").unlink()
    assert world.restore().config == "restored"


def test_a_backup_with_a_hostile_name_changes_nothing(world: World, tmp_path: Path) -> None:
    move_to_empty_folder(world)
    (tmp_path / "tampered").mkdir()
    file = tamper(
        tmp_path / "tampered", project_files={"../evil": {"size": 0, "sha256": "", "private": True}}
    )

    with pytest.raises(BackupBroken, match="its manifest is invalid"):
        world.restore(file)

    assert [path.name for path in world.folder.iterdir()] == [".gatewayctl"]


def test_a_backup_of_another_project_writes_no_file(world: World) -> None:
    move_to_empty_folder(world)
    (world.folder / "gateway.yaml").write_text("project_name: other\n")

    with pytest.raises(BackupForeign):
        world.restore()

    assert not (world.folder / "litellm.yaml").exists()


# Older backups


def make_older(world: World) -> None:
    """Replace the backup by one that an older gatewayctl would have made."""
    members = read_members(world.file)
    document = json.loads(members["manifest.json"]) | {"schema": 1}
    del document["project_files"]
    text = json.dumps(document).encode()
    members |= {
        "manifest.json": text,
        "manifest.sha256": hashlib.sha256(text).hexdigest().encode(),
    }
    write_members(world.file, [m for m in members.items() if not m[0].startswith("project/")])


def test_an_older_backup_without_files_is_restored(world: World) -> None:
    make_older(world)

    report = world.restore()

    assert (report.config, report.files) == ("kept", ())
    assert world.databases == BACKED_UP
    assert read(world) == FILES


def test_an_older_backup_is_restored_once_the_files_are_copied(world: World) -> None:
    make_older(world)
    copies = shutil.copytree(world.folder, world.folder.parent / "copies")
    move_to_empty_folder(world, "another")

    with pytest.raises(SettingsInvalid, match=r"there is no file litellm\.yaml"):
        world.restore()
    for name in FILES:
        (world.folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(copies / name, world.folder / name)

    # As on the command line, where the settings are loaded before.
    assert project(world.folder).litellm is not None
    assert world.restore().config == "kept"
    assert world.databases == BACKED_UP


# Interrupted


@pytest.mark.parametrize("last", [*FILES, "gateway.yaml", ".env"])
def test_a_restore_that_ends_at_any_file_is_finished_by_the_next(world: World, last: str) -> None:
    move_to_empty_folder(world, "another")
    obstacle = world.folder / f"{last}.gatewayctl-tmp"
    obstacle.mkdir(parents=True)
    with pytest.raises(FileUnwritable):
        world.restore()
    written = [name for name in FILES if (world.folder / name).exists()]
    # With gateway.yaml alone the settings could not be loaded again.
    assert (world.folder / "gateway.yaml").exists() == (last == ".env")
    obstacle.rmdir()
    obstacle.write_text("half of what a killed process wrote")

    report = world.restore()

    assert [name for name, state in states(report).items() if state == "kept"] == written
    assert (len(written) == len(FILES)) == (last in {"gateway.yaml", ".env"})
    assert read(world) == FILES
    assert world.databases == BACKED_UP


@pytest.mark.parametrize("place", ["before .env", "after .env"])
def test_a_restore_into_a_folder_of_another_name_can_be_repeated(world: World, place: str) -> None:
    move_to_empty_folder(world, "another")
    world.runtime.raising = {"preflight": PortTaken("Port 4000 is held.")}
    with pytest.raises(PortTaken):
        world.restore()
    if place == "before .env":
        (world.folder / ".env").unlink()
    world.runtime.raising = {}

    report = world.restore()

    assert (report.config, set(states(report).values())) == ("kept", {"kept"})
    assert world.databases == BACKED_UP
