"""The backup file: one tar, whose first member lists the others with size and checksum.

Owns the format: ``manifest.json``, the dumps, ``.env``, ``gateway.yaml``, the project's own files
below ``project/``, and at the end the manifest's own checksum. Reading is strict: any difference
from what was written (another name, a link, a byte too many or too few) is refused, and files are
unpacked under names of ours, never under one of the archive. Must not know databases or encryption.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gatewayctl.errors import (
    BackupBroken,
    BackupExists,
    BackupTooNew,
    FileUnreadable,
    FileUnwritable,
)
from gatewayctl.operations.backup import own_names
from gatewayctl.operations.backup.tar import END, Member, Reader, write_file, write_text
from gatewayctl.operations.backup.workdir import create_file

SCHEMA: Final = 2
"""The newest format: with files of the project. Without any a backup has format 1, which older
versions read. With the number 1 they would call the newest one broken, instead of too new.
"""
FORMAT: Final = "gatewayctl-backup"
MANIFEST: Final = "manifest.json"
ENV: Final = ".env"
CONFIG: Final = "gateway.yaml"
DUMPS: Final = ("litellm.dump", "phoenix.dump")
_CHECKSUM: Final = "manifest.sha256"
_KNOWN: Final = frozenset(
    (*dumps, ENV, *config) for dumps in (DUMPS, DUMPS[:1]) for config in ((), (CONFIG,))
)
"""The possible members, in order. A project without a Phoenix of its own has one dump."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFile(Member):
    """A file of the project; ``private`` is one that only its owner may read."""

    private: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup contains. ``rows`` are the row counts of each database's dump, by table.

    ``project_files`` are the project's own files, by their paths in its folder.
    """

    project: str
    runtime: str
    made_at: datetime
    gatewayctl: str
    versions: Mapping[str, str]
    files: Mapping[str, Member]
    rows: Mapping[str, Mapping[str, int]]
    project_files: Mapping[str, OwnFile] = field(default_factory=dict)

    @property
    def schema(self) -> int:
        """The number of the format that this needs."""
        return SCHEMA if self.project_files else 1


def place_own_file(folder: Path, number: int) -> Path:
    """Where the project's own file of that number is, while it is packed or unpacked."""
    return folder / f"own-file-{number}"


def measure_file(path: Path) -> Member:
    """Size and checksum of a file. Raises FileUnreadable."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return Member(size=file.tell(), sha256=digest.hexdigest())
    except OSError as error:
        raise FileUnreadable(f"Cannot read {path}: {error.strerror}.") from error


def pack(target: Path, manifest: Manifest, folder: Path) -> None:
    """Write the manifest's files, which are in ``folder``, into an archive; synced to disk.

    Raises FileUnwritable. Publish ``target`` under its final name only after this returned.
    """
    text = _format_manifest(manifest)
    try:
        target.unlink(missing_ok=True)
        with create_file(target) as out:
            write_text(out, MANIFEST, text)
            for name, member in manifest.files.items():
                write_file(out, name, member.size, folder / name)
            for number, (name, own) in enumerate(manifest.project_files.items()):
                path = place_own_file(folder, number)
                write_file(out, f"{own_names.FOLDER}{name}", own.size, path)
            write_text(out, _CHECKSUM, hashlib.sha256(text).hexdigest().encode())
            out.write(END)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise FileUnwritable(f"Cannot write {target}: {error.strerror}.") from error


def publish_file(partial: Path, target: Path) -> None:
    """Give a complete file its name, atomically; never overwrites one.

    Raises BackupExists and FileUnwritable; removes the partial file in any case.
    """
    try:
        os.link(partial, target)
    except FileExistsError:
        raise BackupExists(f"{target} exists already; it was not changed.") from None
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV}:
            raise FileUnwritable(f"Cannot write {target}: {error.strerror}.") from error
        # The file system has no hard links.
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def unpack(archive: Path, folder: Path) -> Manifest:
    """Check every byte of an archive and extract its files into ``folder``.

    Raises BackupBroken for anything but an intact backup, BackupTooNew, FileUnreadable,
    FileUnwritable.
    """
    try:
        file = archive.open("rb")
    except OSError as error:
        raise FileUnreadable(f"Cannot read {archive}: {error.strerror}.") from error
    with file:
        reader = Reader(file=file, archive=archive, first=MANIFEST)
        text = reader.read(MANIFEST)
        manifest = _parse_manifest(text, archive)
        for name, member in manifest.files.items():
            reader.extract(name, member, folder / name)
        for number, (name, own) in enumerate(manifest.project_files.items()):
            path = place_own_file(folder, number)
            reader.extract(f"{own_names.FOLDER}{name}", own, path)
        if reader.read(_CHECKSUM) != hashlib.sha256(text).hexdigest().encode():
            raise BackupBroken(f"{archive}: the manifest was changed, its checksum differs.")
        if file.read(len(END) + 1) != END:
            raise BackupBroken(f"{archive} does not end where a backup ends.")
    return manifest


def _format_manifest(manifest: Manifest) -> bytes:
    document: dict[str, Any] = {"format": FORMAT, "schema": manifest.schema, **asdict(manifest)}
    if not manifest.project_files:
        del document["project_files"]
    return json.dumps(document | {"made_at": manifest.made_at.isoformat()}, indent=1).encode()


def _parse_manifest(text: bytes, archive: Path) -> Manifest:
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError
        schema = int(document["schema"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BackupBroken(f"{archive} is not a gatewayctl backup.") from error
    if schema > SCHEMA:
        made_by = document.get("gatewayctl")
        raise BackupTooNew(
            f"{archive} has format {schema}, made by gatewayctl {made_by}; "
            f"this version reads formats up to {SCHEMA}."
        )
    try:
        return _validate_manifest(document, schema)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupBroken(f"{archive}: its manifest is invalid.") from error


def _validate_manifest(document: dict[str, Any], schema: int) -> Manifest:
    """Raises ValueError, KeyError, TypeError or AttributeError for an invalid one."""
    files = {
        name: Member(size=int(file["size"]), sha256=str(file["sha256"]))
        for name, file in document["files"].items()
    }
    # Only these names, in this order: a name from the file never becomes a path.
    if tuple(files) not in _KNOWN:
        raise ValueError
    rows = {
        str(database): {str(table): int(count) for table, count in tables.items()}
        for database, tables in document["rows"].items()
    }
    if set(rows) != {name.removesuffix(".dump") for name in files if name in DUMPS}:
        raise ValueError
    made_at = datetime.fromisoformat(document["made_at"])
    manifest = Manifest(
        project=str(document["project"]),
        runtime=str(document["runtime"]),
        made_at=made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC),
        gatewayctl=str(document["gatewayctl"]),
        versions={str(name): str(value) for name, value in document["versions"].items()},
        files=files,
        rows=rows,
        project_files=_validate_own_files(document.get("project_files", {})),
    )
    if manifest.schema != schema:
        raise ValueError
    return manifest


def _validate_own_files(document: dict[str, Any]) -> dict[str, OwnFile]:
    """The same; their names become paths, so each must be one that stays in the project."""
    own_names.require_safe_names(document.keys())
    files = {
        name: OwnFile(size=int(f["size"]), sha256=str(f["sha256"]), private=bool(f["private"]))
        for name, f in document.items()
    }
    sizes = [file.size for file in files.values()]
    if any(not 0 <= size <= own_names.MOST_BYTES for size in sizes):
        raise ValueError
    if sum(sizes) > own_names.MOST_BYTES_IN_ALL:
        raise ValueError
    return files
