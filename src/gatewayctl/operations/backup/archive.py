"""The backup file: one tar, whose first member lists the others with size and checksum.

Owns the format: ``manifest.json``, the dumps, ``.env``, ``gateway.yaml``, and at the end the
manifest's own checksum. Reading is strict: any difference from what was written (another name, a
link, a byte too many or too few) is refused, and no name in the archive ever becomes a path. Must
not know databases or encryption.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from gatewayctl.errors import (
    BackupBroken,
    BackupExists,
    BackupTooNew,
    FileUnreadable,
    FileUnwritable,
)
from gatewayctl.operations.backup.workdir import create_file

SCHEMA: Final = 1
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
_BLOCK: Final = tarfile.BLOCKSIZE
_END: Final = bytes(2 * _BLOCK)
_LARGEST_TEXT: Final = 16 * 1024 * 1024
_CHUNK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in the backup: ``size`` in bytes, ``sha256`` in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup contains. ``rows`` are the row counts of each database's dump, by table."""

    schema: int = SCHEMA
    project: str
    runtime: str
    made_at: datetime
    gatewayctl: str
    versions: Mapping[str, str]
    files: Mapping[str, Member]
    rows: Mapping[str, Mapping[str, int]]


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
    document = {"format": FORMAT} | asdict(manifest)
    text = json.dumps(document | {"made_at": manifest.made_at.isoformat()}, indent=1).encode()
    checksum = hashlib.sha256(text).hexdigest().encode()
    try:
        target.unlink(missing_ok=True)
        with create_file(target) as out:
            _write_member(out, MANIFEST, len(text), [text])
            for name, member in manifest.files.items():
                with (folder / name).open("rb") as file:
                    _write_member(out, name, member.size, iter(partial(file.read, _CHUNK), b""))
            _write_member(out, _CHECKSUM, len(checksum), [checksum])
            out.write(_END)
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
        reader = _Reader(file=file, archive=archive)
        text = reader.read(MANIFEST)
        manifest = _parse_manifest(text, archive)
        for name, member in manifest.files.items():
            reader.extract(name, member, folder / name)
        if reader.read(_CHECKSUM) != hashlib.sha256(text).hexdigest().encode():
            raise BackupBroken(f"{archive}: the manifest was changed, its checksum differs.")
        if file.read(len(_END) + 1) != _END:
            raise BackupBroken(f"{archive} does not end where a backup ends.")
    return manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """Reads the members in order; each must be the expected one."""

    file: IO[bytes]
    archive: Path

    def read(self, name: str) -> bytes:
        size = self._read_header(name)
        if size > _LARGEST_TEXT:
            raise BackupBroken(f"{self.archive}: {name} is larger than any backup has it.")
        return b"".join(self._read_content(name, size))

    def extract(self, name: str, member: Member, target: Path) -> None:
        if self._read_header(name) != member.size:
            raise BackupBroken(f"{self.archive}: the size of {name} differs from the manifest.")
        digest = hashlib.sha256()
        try:
            with create_file(target) as out:
                for chunk in self._read_content(name, member.size):
                    digest.update(chunk)
                    out.write(chunk)
        except OSError as error:
            raise FileUnwritable(f"Cannot write {target}: {error.strerror}.") from error
        if digest.hexdigest() != member.sha256:
            raise BackupBroken(f"{self.archive}: {name} is damaged, its checksum differs.")

    def _read_header(self, name: str) -> int:
        """The size of the next member. Raises BackupBroken unless it is a plain file ``name``."""
        block = self.file.read(_BLOCK)
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise self._not_found(name) from error
        if info.name != name or info.type != tarfile.REGTYPE or info.size < 0:
            raise self._not_found(name)
        return info.size

    def _read_content(self, name: str, size: int) -> Iterator[bytes]:
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

    def _not_found(self, name: str) -> BackupBroken:
        if name == MANIFEST:
            return BackupBroken(f"{self.archive} is not a gatewayctl backup.")
        return BackupBroken(f"{self.archive} is incomplete: {name} is not in its place.")


def _write_member(out: IO[bytes], name: str, size: int, chunks: Iterable[bytes]) -> None:
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
    if tuple(files) not in _KNOWN or schema < 1:
        raise ValueError
    rows = {
        str(database): {str(table): int(count) for table, count in tables.items()}
        for database, tables in document["rows"].items()
    }
    if set(rows) != {name.removesuffix(".dump") for name in files if name in DUMPS}:
        raise ValueError
    made_at = datetime.fromisoformat(document["made_at"])
    return Manifest(
        schema=schema,
        project=str(document["project"]),
        runtime=str(document["runtime"]),
        made_at=made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC),
        gatewayctl=str(document["gatewayctl"]),
        versions={str(name): str(value) for name, value in document["versions"].items()},
        files=files,
        rows=rows,
    )
