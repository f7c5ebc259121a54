"""The project's own files in a backup file: no name of them becomes a path without a check."""

from __future__ import annotations

import hashlib
import json
import stat
import tarfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from gatewayctl.errors import BackupBroken
from gatewayctl.operations.backup.archive import (
    Manifest,
    OwnFile,
    measure_file,
    pack,
    place_own_file,
    unpack,
)
from gatewayctl.operations.backup.own_names import (
    FOLDER,
    MOST_BYTES,
    MOST_FILES,
    explain_unsafe,
)
from tests.unit.operations.backup.test_archive import (
    empty_folder,
    pack_example,
    read_members,
    write_members,
)

LONG = f"{'prompts-of-a-team/' * 7}{'x' * 90}.txt"
CONTENT = {
    "litellm.yaml": b"model_list: []\n",
    "hooks/notify.py": b"",
    "google.json": b"{}",
    "größe ü.txt": b"text",
    LONG: b"long",
}
HOSTILE = (
    "",
    ".",
    "..",
    "../evil",
    "a/../../evil",
    "a/../evil",
    "a/./evil",
    "/etc/evil",
    "//evil",
    "a//evil",
    "evil/",
    "..\\evil",
    "a\\evil",
    "evil\n",
    "evil\0",
    "e\u202evil",
    "e\u200bvil",
    "\ud800evil",
    ".env",
    ".ENV",
    ".env.gatewayctl-tmp",
    "gateway.yaml",
    "Gateway.YAML",
    ".gitignore",
    ".git/config",
    ".GIT/hooks/evil",
    "sub/.git/config",
    ".gatewayctl/restore.json",
    "compose/evil.yml",
    "x" * 300,
    f"{'x' * 160}/evil",
)


def pack_files(tmp_path: Path) -> tuple[Path, Manifest]:
    archive, manifest = pack_example(tmp_path)
    source = tmp_path / "source"
    files = {}
    for number, (name, content) in enumerate(CONTENT.items()):
        path = place_own_file(source, number)
        path.write_bytes(content)
        member = measure_file(path)
        files[name] = OwnFile(
            size=member.size, sha256=member.sha256, private=name.endswith(".json")
        )
    manifest = replace(manifest, project_files=files)
    pack(archive, manifest, source)
    return archive, manifest


def tamper(tmp_path: Path, **changes: Any) -> Path:
    """A well-formed archive with other values in its manifest."""
    archive, _ = pack_files(tmp_path)
    members = read_members(archive)
    text = json.dumps(json.loads(members["manifest.json"]) | changes).encode()
    members |= {
        "manifest.json": text,
        "manifest.sha256": hashlib.sha256(text).hexdigest().encode(),
    }
    write_members(archive, list(members.items()))
    return archive


def described(**changes: object) -> dict[str, dict[str, object]]:
    """A description of one file in a manifest."""
    content = CONTENT["litellm.yaml"]
    good = OwnFile(size=len(content), sha256=hashlib.sha256(content).hexdigest(), private=False)
    return {"litellm.yaml": asdict(good) | changes}


def test_files_of_the_project_are_unpacked_byte_for_byte(tmp_path: Path) -> None:
    archive, manifest = pack_files(tmp_path)
    folder = empty_folder(tmp_path)

    assert unpack(archive, folder) == manifest
    found = [place_own_file(folder, number).read_bytes() for number in range(len(CONTENT))]
    assert found == list(CONTENT.values())


def test_unpacked_files_have_names_of_ours_and_are_private(tmp_path: Path) -> None:
    archive, _ = pack_files(tmp_path)
    folder = empty_folder(tmp_path)
    unpack(archive, folder)

    assert all(path.is_file() for path in folder.iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_plain_tar_extracts_them_into_a_folder_of_their_own(tmp_path: Path) -> None:
    archive, _ = pack_files(tmp_path)

    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "plain", filter="data")

    for name, content in CONTENT.items():
        assert (tmp_path / "plain" / "project" / name).read_bytes() == content


def test_only_a_backup_with_files_of_the_project_needs_the_newer_format(tmp_path: Path) -> None:
    old = json.loads(read_members(pack_example(tmp_path)[0])["manifest.json"])
    new = json.loads(read_members(pack_files(tmp_path)[0])["manifest.json"])

    assert (old["schema"], "project_files" in old) == (1, False)
    assert (new["schema"], list(new["project_files"])) == (2, list(CONTENT))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    assert explain_unsafe(name)
    archive = tamper(tmp_path, project_files={name: described()["litellm.yaml"]})

    with pytest.raises(BackupBroken, match="its manifest is invalid"):
        unpack(archive, empty_folder(tmp_path))

    assert list(empty_folder(tmp_path).iterdir()) == []
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("name", CONTENT)
def test_a_usual_name_is_taken(name: str) -> None:
    assert explain_unsafe(name) == ""
    assert explain_unsafe(f"a/{name}" if len(name) < 200 else name) == ""


@pytest.mark.parametrize(
    "files",
    [
        described(size=-1),
        described(size=MOST_BYTES + 1),
        described(size="many"),
        described(sha256="0" * 64),
        {"litellm.yaml": {"size": 1}},
        {"a": described()["litellm.yaml"], "a/b": described()["litellm.yaml"]},
        {f"{n}.txt": described(size=MOST_BYTES)["litellm.yaml"] for n in range(5)},
        {f"{n}.txt": described(size=0)["litellm.yaml"] for n in range(MOST_FILES + 1)},
        ["litellm.yaml"],
        None,
        {},
    ],
)
def test_a_description_that_is_not_true_or_too_large_is_refused(
    tmp_path: Path, files: object
) -> None:
    archive = tamper(tmp_path, project_files=files)

    with pytest.raises(BackupBroken):
        unpack(archive, empty_folder(tmp_path))


def test_files_of_the_project_in_the_older_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupBroken):
        unpack(tamper(tmp_path, schema=1), empty_folder(tmp_path))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_a_link_in_the_place_of_a_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    archive, _ = pack_files(tmp_path)
    whole = archive.read_bytes()
    at = whole.index(f"{FOLDER}google.json".encode() + bytes(80)) // 512 * 512
    info = tarfile.TarInfo.frombuf(whole[at : at + 512], "utf-8", "strict")
    info.type, info.linkname = kind, "/etc/passwd"
    archive.write_bytes(whole[:at] + info.tobuf(tarfile.GNU_FORMAT) + whole[at + 512 :])

    with pytest.raises(BackupBroken, match=r"google\.json"):
        unpack(archive, empty_folder(tmp_path))


def test_a_member_with_another_name_than_in_the_manifest_is_refused(tmp_path: Path) -> None:
    archive, _ = pack_files(tmp_path)
    members = read_members(archive)
    renamed = [
        ("../evil.json" if name.endswith("google.json") else name, content)
        for name, content in members.items()
        if len(name) < 100
    ]
    write_members(archive, renamed)

    with pytest.raises(BackupBroken, match=r"google\.json is not in its place"):
        unpack(archive, empty_folder(tmp_path))
