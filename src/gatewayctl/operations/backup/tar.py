"""The members of a tar file, written and read one after the other.

Owns headers, contents and padding. Reading is strict: each member must be a plain file of the
expected name and size, and a name never becomes a path here. Must not know which members a backup
has.
"""

from __future__ import annotations

import errno
import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final

from gatewayctl.errors import BackupBroken, FileUnwritable
from gatewayctl.operations.backup.workdir import create_file

END: Final = bytes(2 * tarfile.BLOCKSIZE)
"""What a tar file ends with."""
_BLOCK: Final = tarfile.BLOCKSIZE
_CHUNK: Final = 1024 * 1024
_LARGEST_TEXT: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in the backup: ``size`` in bytes, ``sha256`` in hex."""

    size: int
    sha256: str


def is_nameable(name: str) -> bool:
    """True if one header has room for a name, which may be 100 bytes, or 255 with its folders."""
    try:
        _header(name, 0)
    except ValueError:
        return False
    return True


def write_text(out: IO[bytes], name: str, text: bytes) -> None:
    """Write a member with this content."""
    _write(out, name, len(text), [text])


def write_file(out: IO[bytes], name: str, size: int, path: Path) -> None:
    """Write a member with the content of a file. Raises OSError, also if its size is another."""
    with path.open("rb") as file:
        _write(out, name, size, iter(partial(file.read, _CHUNK), b""))


def _write(out: IO[bytes], name: str, size: int, chunks: Iterable[bytes]) -> None:
    out.write(_header(name, size))
    written = 0
    for chunk in chunks:
        out.write(chunk)
        written += len(chunk)
    if written != size:
        raise OSError(errno.EIO, f"{name} changed while it was packed")
    out.write(bytes(-size % _BLOCK))


def _header(name: str, size: int) -> bytes:
    """One block. Raises ValueError for a name that needs more."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    # The GNU format has room for files beyond 8 GiB, the other one for longer names.
    is_long = len(name.encode()) > tarfile.LENGTH_NAME
    return info.tobuf(tarfile.USTAR_FORMAT if is_long else tarfile.GNU_FORMAT, "utf-8", "strict")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads the members in order; each must be the expected one. ``first`` is the name of the
    member without which the file is no backup.
    """

    file: IO[bytes]
    archive: Path
    first: str

    def read(self, name: str) -> bytes:
        """The content of a small member. Raises BackupBroken."""
        size = self._read_header(name)
        if size > _LARGEST_TEXT:
            raise BackupBroken(f"{self.archive}: {name} is larger than any backup has it.")
        return b"".join(self._read_content(name, size))

    def extract(self, name: str, member: Member, target: Path) -> None:
        """Write a member to a new private file. Raises BackupBroken and FileUnwritable."""
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
        if name == self.first:
            return BackupBroken(f"{self.archive} is not a gatewayctl backup.")
        return BackupBroken(f"{self.archive} is incomplete: {name} is not in its place.")
