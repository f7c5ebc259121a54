from __future__ import annotations

import io
import json
import stat
import tarfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatewayctl.errors import (
    BackupBroken,
    BackupExists,
    BackupTooNew,
    FileUnreadable,
    FileUnwritable,
    GatewayctlError,
)
from gatewayctl.operations.backup.archive import (
    CONFIG,
    DUMPS,
    ENV,
    Manifest,
    measure_file,
    pack,
    publish_file,
    unpack,
)

AT = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
CONTENT = {
    "litellm.dump": b"PGDMP" + bytes(range(256)) * 5,
    "phoenix.dump": b"PGDMP phoenix",
    ENV: b"LITELLM_MASTER_KEY=sk-master-0123456789abcdef\n",
    CONFIG: b"project_name: shop\n",
}


def pack_example(tmp_path: Path, *, config: bool = True) -> tuple[Path, Manifest]:
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    names = [name for name in (*DUMPS, ENV, CONFIG) if config or name != CONFIG]
    for name in names:
        (source / name).write_bytes(CONTENT[name])
    manifest = Manifest(
        project="shop",
        runtime="embedded",
        made_at=AT,
        gatewayctl="0.1.0",
        versions={"litellm": "1.106.2"},
        files={name: measure_file(source / name) for name in names},
        rows={"litellm": {"LiteLLM_VerificationToken": 2}, "phoenix": {"spans": 11}},
    )
    archive = tmp_path / "a.gatewayctl-backup"
    pack(archive, manifest, source)
    return archive, manifest


def empty_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir(exist_ok=True)
    for left in folder.iterdir():
        left.unlink()
    return folder


def tamper(tmp_path: Path, **changes: object) -> Path:
    """A well-formed archive with other values in its manifest."""
    archive, _ = pack_example(tmp_path)
    members = read_members(archive)
    document = json.loads(members["manifest.json"]) | changes
    members["manifest.json"] = json.dumps(document).encode()
    import hashlib

    members["manifest.sha256"] = hashlib.sha256(members["manifest.json"]).hexdigest().encode()
    write_members(archive, list(members.items()))
    return archive


def read_members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]


def write_members(archive: Path, members: list[tuple[str, bytes]]) -> None:
    out = io.BytesIO()
    for name, content in members:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        out.write(info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512))
    archive.write_bytes(out.getvalue() + bytes(1024))


# Writing


@pytest.mark.parametrize("config", [True, False])
def test_what_is_packed_is_unpacked_byte_for_byte(tmp_path: Path, config: bool) -> None:
    archive, manifest = pack_example(tmp_path, config=config)
    folder = empty_folder(tmp_path)

    assert unpack(archive, folder) == manifest
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert found == {name: CONTENT[name] for name in CONTENT if config or name != CONFIG}


def test_the_file_and_what_is_unpacked_are_private(tmp_path: Path) -> None:
    archive, _ = pack_example(tmp_path)
    folder = empty_folder(tmp_path)
    unpack(archive, folder)

    assert {stat.S_IMODE(p.stat().st_mode) for p in (archive, *folder.iterdir())} == {0o600}


def test_a_plain_tar_can_read_it(tmp_path: Path) -> None:
    archive, _ = pack_example(tmp_path)

    members = read_members(archive)

    assert list(members) == ["manifest.json", *DUMPS, ENV, CONFIG, "manifest.sha256"]
    assert {name: members[name] for name in CONTENT} == CONTENT
    assert b"sk-master" not in members["manifest.json"]


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    partial, there = tmp_path / ".partial", tmp_path / "there"
    partial.write_text("new")
    there.write_text("old")

    with pytest.raises(BackupExists):
        publish_file(partial, there)

    assert there.read_text() == "old"
    assert not partial.exists()


def test_a_file_that_changes_while_it_is_packed_is_an_error(tmp_path: Path) -> None:
    _, manifest = pack_example(tmp_path)
    (tmp_path / "source" / ENV).write_text("shorter\n")

    with pytest.raises(FileUnwritable, match="changed"):
        pack(tmp_path / "b", manifest, tmp_path / "source")


# Refusals


def test_the_error_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="nowhere"):
        unpack(tmp_path / "nowhere", empty_folder(tmp_path))


@pytest.mark.parametrize(
    "content",
    [b"", b"\0", b"garbage", bytes(512), bytes(4096), b"\xff" * 5000, b"PGDMP" + bytes(600)],
)
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "garbage"
    file.write_bytes(content)

    with pytest.raises(BackupBroken, match="not a gatewayctl backup"):
        unpack(file, empty_folder(tmp_path))


@given(content=st.binary(max_size=3000))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_are_refused_and_nothing_else_happens(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "any"
    file.write_bytes(content)

    with pytest.raises(BackupBroken):
        unpack(file, empty_folder(tmp_path))


@pytest.mark.parametrize("percent", range(0, 100, 10))
def test_a_truncated_backup_is_refused_wherever_it_ends(tmp_path: Path, percent: int) -> None:
    archive, _ = pack_example(tmp_path)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) * percent // 100])

    with pytest.raises(BackupBroken):
        unpack(archive, empty_folder(tmp_path))


def test_a_missing_last_byte_and_an_added_one_are_refused(tmp_path: Path) -> None:
    archive, _ = pack_example(tmp_path)
    whole = archive.read_bytes()
    for content in (whole[:-1], whole + b"\0", whole + whole):
        archive.write_bytes(content)
        with pytest.raises(BackupBroken):
            unpack(archive, empty_folder(tmp_path))


@given(data=st.data())
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_changed_byte_is_detected_or_without_effect(tmp_path: Path, data: st.DataObject) -> None:
    archive, manifest = pack_example(tmp_path)
    whole = bytearray(archive.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    archive.write_bytes(whole)
    folder = empty_folder(tmp_path)

    try:
        assert unpack(archive, folder) == manifest
    except BackupBroken:
        return
    # Only padding bytes have no effect.
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == CONTENT


def test_a_wrong_checksum_names_the_file(tmp_path: Path) -> None:
    archive, manifest = pack_example(tmp_path)
    files = dict(manifest.files)
    files[ENV] = replace(files[ENV], sha256="0" * 64)
    pack(archive, replace(manifest, files=files), tmp_path / "source")

    with pytest.raises(BackupBroken, match=r"\.env is damaged"):
        unpack(archive, empty_folder(tmp_path))


def test_a_rewritten_manifest_is_detected(tmp_path: Path) -> None:
    archive, _ = pack_example(tmp_path)
    members = read_members(archive)
    document = json.loads(members["manifest.json"])
    document["rows"]["litellm"]["LiteLLM_VerificationToken"] = 1
    members["manifest.json"] = json.dumps(document).encode()
    write_members(archive, list(members.items()))

    with pytest.raises(BackupBroken, match="manifest"):
        unpack(archive, empty_folder(tmp_path))


def test_a_newer_format_is_distinguished_from_a_broken_one(tmp_path: Path) -> None:
    archive = tamper(tmp_path, schema=3, gatewayctl="9.0.0", files="of another shape")

    with pytest.raises(BackupTooNew, match=r"9\.0\.0"):
        unpack(archive, empty_folder(tmp_path))


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "another"},
        {"schema": "one"},
        {"schema": 0},
        {"schema": None},
        {"schema": 2},
        {"rows": {}},
        {"rows": {"litellm": {"t": "many"}, "phoenix": {}}},
        {"rows": {"litellm": {}, "phoenix": {}, "other": {}}},
        {"files": {}},
        {"files": []},
        {"versions": None},
        {"made_at": "yesterday"},
    ],
)
def test_a_manifest_with_invalid_values_is_refused(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    archive = tamper(tmp_path, **changes)

    with pytest.raises(BackupBroken):
        unpack(archive, empty_folder(tmp_path))


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "litellm.dump/../evil", "other"]
)
def test_no_name_in_an_archive_becomes_a_path(tmp_path: Path, name: str) -> None:
    archive, _ = pack_example(tmp_path)
    members = read_members(archive)
    document = json.loads(members["manifest.json"])
    document["files"] = {name if n == ENV else n: file for n, file in document["files"].items()}
    renamed = [(name if n == ENV else n, content) for n, content in members.items()]

    tampered_archive = tamper(tmp_path, files=document["files"])
    with pytest.raises(BackupBroken):
        unpack(tampered_archive, empty_folder(tmp_path))
    write_members(archive, renamed)
    with pytest.raises(BackupBroken):
        unpack(archive, empty_folder(tmp_path))

    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive, _ = pack_example(tmp_path)
    whole = archive.read_bytes()
    at = whole.index(b"litellm.dump\0" + bytes(80)) // 512 * 512
    info = tarfile.TarInfo.frombuf(whole[at : at + 512], "utf-8", "strict")
    info.type, info.linkname = kind, "/etc/passwd"
    header = info.tobuf(tarfile.GNU_FORMAT)
    archive.write_bytes(whole[:at] + header + whole[at + 512 :])

    with pytest.raises(BackupBroken, match=r"litellm\.dump"):
        unpack(archive, empty_folder(tmp_path))


def test_reordered_repeated_or_missing_members_are_refused(tmp_path: Path) -> None:
    archive, _ = pack_example(tmp_path)
    members = list(read_members(archive).items())
    orders = [
        [members[0], members[2], members[1], *members[3:]],
        [members[0], members[1], *members[1:]],
        [members[0], *members[2:]],
        members[1:],
        members[:-1],
    ]
    for order in orders:
        write_members(archive, order)
        with pytest.raises(BackupBroken):
            unpack(archive, empty_folder(tmp_path))


def test_a_manifest_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    archive = tmp_path / "bomb"
    info = tarfile.TarInfo("manifest.json")
    info.size = 10 * 1024**3
    archive.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(5000))

    with pytest.raises(BackupBroken, match="larger"):
        unpack(archive, empty_folder(tmp_path))


def test_extracting_overwrites_nothing(tmp_path: Path) -> None:
    archive, _ = pack_example(tmp_path)
    folder = empty_folder(tmp_path)
    (folder / "litellm.dump").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FileUnwritable):
        unpack(archive, folder)

    assert not (tmp_path / "elsewhere").exists()


def test_a_refusal_has_a_hint(tmp_path: Path) -> None:
    file = tmp_path / "garbage"
    file.write_bytes(b"garbage")

    with pytest.raises(GatewayctlError) as raised:
        unpack(file, empty_folder(tmp_path))

    assert (raised.value.exit_code, raised.value.code) == (4, "backup_broken")
    assert "nothing was changed" in raised.value.hint
