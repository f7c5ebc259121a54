from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatewayctl.operations.backup import own_names
from gatewayctl.operations.backup.archive import place_own_file
from gatewayctl.operations.backup.own_files import OwnFiles, copy_own_files
from gatewayctl.settings.model import Settings
from tests.fakes.projects import project

MODULE = "import stamps\n\nclass Stamp:\n    pass\n\nstamp = Stamp()\n"
FILES = {
    "litellm.yaml": (
        "include: [conf/models.yaml]\nlitellm_settings:\n  callbacks: [my_hooks.stamp]\n"
    ),
    "conf/models.yaml": "model_list: []\n",
    "my_hooks.py": MODULE,
    "stamps.py": "",
    "prompts/hello.txt": "Hello\n",
    "google.json": "{}",
    "ca.pem": "certificates",
    "embedded-packages.lock": "# lock\n",
}
GATEWAY = """\
litellm: litellm.yaml
ca_bundle: ca.pem
embedded: {packages: [lunary]}
services:
  litellm:
    files: [prompts/hello.txt]
    mounts: {/app/google.json: google.json}
"""


def write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    write(folder, FILES)
    (folder / "google.json").chmod(0o600)
    return folder


def copy(settings: Settings, tmp_path: Path) -> tuple[OwnFiles, dict[str, str]]:
    """What is reported, and the content of each copy."""
    work = tmp_path / "work"
    work.mkdir(mode=0o700)
    own = copy_own_files(settings, work)
    return own, {
        name: place_own_file(work, number).read_text() for number, name in enumerate(own.files)
    }


def mount(folder: Path, source: str, *, more: str = "") -> Settings:
    return project(folder, f"{more}services: {{litellm: {{mounts: {{/app/m: {source}}}}}}}\n")


def test_every_file_that_gateway_yaml_refers_to_is_copied(shop: Path, tmp_path: Path) -> None:
    own, copies = copy(project(shop, GATEWAY), tmp_path)

    assert copies == FILES
    assert own.left_out == []
    assert [name for name, file in own.files.items() if file.private] == ["google.json"]


def test_a_project_with_its_settings_in_gateway_yaml_has_no_files(tmp_path: Path) -> None:
    own, _ = copy(project(tmp_path / "shop", "litellm: {model_list: []}\n"), tmp_path)

    assert (own.files, own.left_out) == ({}, [])


def test_a_small_mounted_folder_is_copied_with_its_files(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    write(shop, {f"data/{name}": name for name in ("a.txt", "deep/b.txt", ".hidden")})
    write(shop, {"data/.git/config": "", "data/__pycache__/a.pyc": ""})

    own, copies = copy(mount(shop, "./data"), tmp_path)

    assert copies == {
        "data/.hidden": ".hidden",
        "data/a.txt": "a.txt",
        "data/deep/b.txt": "deep/b.txt",
    }
    assert own.left_out == []


@pytest.mark.parametrize("many", [True, False])
def test_a_large_mounted_folder_is_named_and_not_copied(tmp_path: Path, many: bool) -> None:
    shop = tmp_path / "shop"
    write(shop, {f"data/{number}": "" for number in range(201 if many else 2)})
    if not many:
        os.truncate(shop / "data/0", own_names.MOST_BYTES)
        os.truncate(shop / "data/1", 1)

    own, copies = copy(mount(shop, "data"), tmp_path)

    assert copies == {}
    assert own.left_out == [
        "data is not in the backup: a folder with more than 200 files or 16 MiB."
    ]


def test_a_file_outside_of_the_folder_is_named_with_its_place(tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/ca.pem": "", "elsewhere/key.json": ""})
    shop = tmp_path / "shop"
    more = f"ca_bundle: {tmp_path}/elsewhere/ca.pem\n"

    own, copies = copy(mount(shop, "../elsewhere/key.json", more=more), tmp_path)

    assert copies == {}
    assert own.left_out == [
        f"{tmp_path}/elsewhere/{name} is not in the backup: outside of the project's folder."
        for name in ("ca.pem", "key.json")
    ]


@pytest.mark.parametrize("folder", [True, False])
def test_a_link_out_of_the_folder_is_named_and_not_followed(tmp_path: Path, folder: bool) -> None:
    write(tmp_path, {"elsewhere/key.json": "secret"})
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "m").symlink_to(tmp_path / ("elsewhere" if folder else "elsewhere/key.json"))

    own, copies = copy(mount(shop, "m"), tmp_path)

    assert copies == {}
    (line,) = own.left_out
    assert line.startswith(f"m is not in the backup: a link to {tmp_path}/elsewhere")


def test_links_inside_of_a_mounted_folder_are_not_followed_out_of_the_project(
    tmp_path: Path,
) -> None:
    write(tmp_path, {"elsewhere/key.json": "secret"})
    shop = tmp_path / "shop"
    write(shop, {"data/a.txt": "a", "b.txt": "b"})
    (shop / "data/out").symlink_to(tmp_path / "elsewhere")
    (shop / "data/out.json").symlink_to(tmp_path / "elsewhere/key.json")
    (shop / "data/b.txt").symlink_to(shop / "b.txt")

    own, copies = copy(mount(shop, "data"), tmp_path)

    assert copies == {"data/a.txt": "a", "data/b.txt": "b"}
    assert [line.split(" is ")[0] for line in own.left_out] == ["data/out", "data/out.json"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (".gatewayctl/key.json", "its place belongs to gatewayctl or to git"),
        ("compose/key.json", "its place belongs to gatewayctl or to git"),
        ("a\\b.json", "its name has a character that a backup does not take"),
        (f"{'x' * 120}.json", "its path is too long"),
    ],
)
def test_a_file_whose_name_a_restore_would_refuse_is_not_copied(
    tmp_path: Path, name: str, reason: str
) -> None:
    shop = tmp_path / "shop"
    write(shop, {name: "{}"})

    own, copies = copy(mount(shop, f"'{name}'"), tmp_path)

    assert (copies, own.left_out) == ({}, [f"{name} is not in the backup: {reason}."])


def test_what_is_no_file_or_too_large_is_named_and_not_copied(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    write(shop, {"large": ""})
    os.truncate(shop / "large", own_names.MOST_BYTES + 1)
    os.mkfifo(shop / "pipe")
    (shop / "empty").mkdir()
    mounts = ", ".join(f"/app/{name}: {name}" for name in ("large", "pipe", "empty"))
    settings = project(shop, f"services: {{litellm: {{mounts: {{{mounts}}}}}}}\n")

    own, copies = copy(settings, tmp_path)

    assert copies == {}
    assert own.left_out == [
        "large is not in the backup: a file of more than 16 MiB.",
        "pipe is not in the backup: it cannot be read (Not a regular file).",
        "empty is not in the backup: a folder without files.",
    ]


def test_all_files_together_stay_below_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_names, "MOST_FILES", 2)
    shop = tmp_path / "shop"
    write(shop, {f"data/{name}": name for name in "abc"})

    own, copies = copy(mount(shop, "data"), tmp_path)

    assert copies == {"data/a": "a", "data/b": "b"}
    (line,) = own.left_out
    assert line.startswith("data/c is not in the backup: a backup has at most 2 files or 64 MiB")


def test_the_project_itself_as_a_mount_is_not_copied(tmp_path: Path) -> None:
    own, copies = copy(mount(tmp_path / "shop", "."), tmp_path)

    assert copies == {}
    assert own.left_out == [
        f"{tmp_path}/shop is not in the backup: the project's own folder, as a whole."
    ]


def test_a_mounted_gateway_yaml_is_in_the_backup_already(tmp_path: Path) -> None:
    write(tmp_path / "shop", {"gateway.yaml": ""})

    own, copies = copy(mount(tmp_path / "shop", "gateway.yaml"), tmp_path)

    assert (copies, own.left_out) == ({}, [])


def test_the_folder_of_an_app_is_named(tmp_path: Path) -> None:
    text = "keys: {web: {env: WEB_KEY}}\napps: {web: {build: ./web, key: web}}\n"

    own, _ = copy(project(tmp_path / "shop", text), tmp_path)

    assert own.left_out == [
        "./web is not in the backup: the folder that the app web is built from."
    ]
