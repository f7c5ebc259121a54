"""The file of a backup: one tar, whose first member says what the others must be.

Owns the format: ``manifest.json``, the dumps, ``.env``, ``gateway.yaml``, and at the end the
manifest's own checksum. Read strictly: whatever is not exactly what was written (another name, a
link, a byte too many or too few) is refused, and nothing is written but under names of our own.
Must not know databases or encryption.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from gatewayctl.errors import (
    BackupBroken,
    BackupExists,
    BackupTooNew,
    FileUnreadable,
    FileUnwritable,
)

SCHEMA: Final = 1
FORMAT: Final = "gatewayctl-backup"
MANIFEST: Final = "manifest.json"
ENV: Final = ".env"
CONFIG: Final = "gateway.yaml"
DUMPS: Final = ("litellm.dump", "phoenix.dump")
_SEAL: Final = "manifest.sha256"
_REQUIRED: Final = (*DUMPS, ENV)
_KNOWN: Final = (*_REQUIRED, CONFIG)
_BLOCK: Final = tarfile.BLOCKSIZE
_END: Final = bytes(2 * _BLOCK)
_LARGEST_TEXT: Final = 16 * 1024 * 1024
_CHUNK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file of the backup: its ``size`` in bytes and its checksum in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds. ``rows`` counts every table of each database at its dump."""

    project: str
    runtime: str
    made_at: datetime
    gatewayctl: str
    versions: Mapping[str, str]
    files: Mapping[str, Member]
    rows: Mapping[str, Mapping[str, int]]
    schema: int = SCHEMA


def measure_file(path: Path) -> Member:
    """Size and checksum of a file as it is. Raises FileUnreadable."""
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise FileUnreadable(f"Cannot read {path}: {error.strerror}.") from error
    return Member(size=size, sha256=digest.hexdigest())


def pack(target: Path, manifest: Manifest, folder: Path) -> None:
    """Write the archive of the manifest's files, which are in ``folder``; mode 0600, synced.

    Raises FileUnwritable. The caller gives ``target`` its name once it is whole.
    """
    text = json.dumps(_as_json(manifest), indent=1).encode()
    seal = hashlib.sha256(text).hexdigest().encode()
    try:
        target.unlink(missing_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            _put(out, MANIFEST, len(text), [text])
            for name, member in manifest.files.items():
                _put(out, name, member.size, _chunks(folder / name))
            _put(out, _SEAL, len(seal), [seal])
            out.write(_END)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise FileUnwritable(f"Cannot write {target}: {error.strerror}.") from error


def publish_file(partial: Path, target: Path) -> None:
    """The whole file appears under its name at once, unless one is there already.

    Raises BackupExists and FileUnwritable; the partial file is gone in any case.
    """
    try:
        os.link(partial, target)
    except FileExistsError:
        raise BackupExists(f"{target} is there already, and is left as it is.") from None
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.EXDEV}:
            raise FileUnwritable(f"Cannot write {target}: {error.strerror}.") from error
        # A file system without hard links.
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def unpack(archive: Path, folder: Path) -> Manifest:
    """Check an archive from its first byte to its last and put its files into ``folder``.

    Raises BackupBroken for anything that is not exactly a backup, BackupTooNew,
    FileUnreadable, FileUnwritable.
    """
    try:
        file = archive.open("rb")
    except OSError as error:
        raise FileUnreadable(f"Cannot read {archive}: {error.strerror}.") from error
    with file:
        reader = _Reader(file=file, archive=archive)
        text = reader.text(MANIFEST)
        manifest = _from_json(text, archive)
        for name, member in manifest.files.items():
            reader.extract(name, member, folder / name)
        if reader.text(_SEAL) != hashlib.sha256(text).hexdigest().encode():
            raise BackupBroken(f"{archive}: the manifest is not the one that was written.")
        if file.read(len(_END) + 1) != _END:
            raise BackupBroken(f"{archive} does not end where a backup ends.")
    return manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """One member after the other, each the one that is expected."""

    file: IO[bytes]
    archive: Path

    def text(self, name: str) -> bytes:
        size = self._header(name)
        if size > _LARGEST_TEXT:
            raise BackupBroken(f"{self.archive}: {name} is larger than it can be.")
        return b"".join(self._content(name, size))

    def extract(self, name: str, member: Member, target: Path) -> None:
        if self._header(name) != member.size:
            raise BackupBroken(f"{self.archive}: {name} has another size than the manifest says.")
        digest = hashlib.sha256()
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(target, flags, 0o600), "wb") as out:
                for chunk in self._content(name, member.size):
                    digest.update(chunk)
                    out.write(chunk)
        except OSError as error:
            raise FileUnwritable(f"Cannot write {target}: {error.strerror}.") from error
        if digest.hexdigest() != member.sha256:
            raise BackupBroken(f"{self.archive}: {name} is damaged, its checksum is another one.")

    def _header(self, name: str) -> int:
        """The size of the next member, which has this name and is a plain file."""
        block = self.file.read(_BLOCK)
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise self._broken(name) from error
        if info.name != name or info.type != tarfile.REGTYPE or info.size < 0:
            raise self._broken(name)
        return info.size

    def _content(self, name: str, size: int) -> Iterator[bytes]:
        left = size
        while left:
            chunk = self.file.read(min(left, _CHUNK))
            if not chunk:
                raise BackupBroken(f"{self.archive} ends in the middle of {name}.")
            left -= len(chunk)
            yield chunk
        padding = -size % _BLOCK
        if len(self.file.read(padding)) != padding:
            raise BackupBroken(f"{self.archive} ends in the middle of {name}.")

    def _broken(self, name: str) -> BackupBroken:
        if name == MANIFEST:
            return BackupBroken(f"{self.archive} is no backup of gatewayctl.")
        return BackupBroken(f"{self.archive} is not whole: {name} is not where it should be.")


def _put(out: IO[bytes], name: str, size: int, chunks: Iterator[bytes] | list[bytes]) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    out.write(info.tobuf(tarfile.GNU_FORMAT))
    written = 0
    for chunk in chunks:
        out.write(chunk)
        written += len(chunk)
    if written != size:
        raise OSError(errno.EIO, f"{name} changed while it was packed")
    out.write(bytes(-size % _BLOCK))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _as_json(manifest: Manifest) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "schema": manifest.schema,
        "project": manifest.project,
        "runtime": manifest.runtime,
        "made_at": manifest.made_at.isoformat(),
        "gatewayctl": manifest.gatewayctl,
        "versions": dict(manifest.versions),
        "files": {
            name: {"size": file.size, "sha256": file.sha256}
            for name, file in manifest.files.items()
        },
        "rows": {name: dict(tables) for name, tables in manifest.rows.items()},
    }


def _from_json(text: bytes, archive: Path) -> Manifest:
    try:
        said = json.loads(text)
        if said["format"] != FORMAT:
            raise ValueError
        schema = int(said["schema"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BackupBroken(f"{archive} is no backup of gatewayctl.") from error
    if schema > SCHEMA:
        made_by = said.get("gatewayctl")
        raise BackupTooNew(
            f"{archive} has format {schema}, made by gatewayctl {made_by}; "
            f"this version reads up to format {SCHEMA}."
        )
    try:
        return _manifest(said, schema)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupBroken(f"{archive}: its manifest cannot be read.") from error


def _manifest(said: dict[str, Any], schema: int) -> Manifest:
    files = {
        name: Member(size=int(file["size"]), sha256=str(file["sha256"]))
        for name, file in said["files"].items()
    }
    # The order and the names are ours: a name is never a path.
    if tuple(files) not in {_REQUIRED, _KNOWN} or schema < 1:
        raise ValueError
    rows = {
        str(database): {str(table): int(count) for table, count in tables.items()}
        for database, tables in said["rows"].items()
    }
    if set(rows) != {name.removesuffix(".dump") for name in DUMPS}:
        raise ValueError
    made_at = datetime.fromisoformat(said["made_at"])
    return Manifest(
        schema=schema,
        project=str(said["project"]),
        runtime=str(said["runtime"]),
        made_at=made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC),
        gatewayctl=str(said["gatewayctl"]),
        versions={str(name): str(value) for name, value in said["versions"].items()},
        files=files,
        rows=rows,
    )
