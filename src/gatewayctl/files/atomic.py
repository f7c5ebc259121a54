"""Replace a file as a whole: written beside it, synced, renamed.

Owns the order of system calls that leaves the old file or the new one, whatever ends the process
or the power. The lock of the folder is held, so the name of the temporary file is fixed, and an
existing one was left by a killed process. Must not know the content.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gatewayctl.errors import FileUnwritable
from gatewayctl.files.lock import hold_folder_lock
from gatewayctl.files.owner import create_folder, give_to_sudo_user

_LOGGER: Final = logging.getLogger(__name__)
PRIVATE: Final = 0o600
"""Readable and writable by the owner alone."""
# A file system that cannot sync folders answers with one of these.
_UNSUPPORTED: Final = {errno.EINVAL, errno.ENOTSUP}


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Create or replace a file, creating its folders. A reader sees the old or the new content.

    Raises FileUnwritable with the system's reason, and Locked.
    """
    try:
        create_folder(path.parent)
        with hold_folder_lock(path.parent) as folder:
            replace_file(folder, path.name, data, mode=mode)
        _LOGGER.info("wrote %s (%d bytes)", path, len(data))
    except OSError as error:
        raise FileUnwritable(f"Cannot write {path}: {error.strerror}.") from error


def write_text(path: Path, text: str) -> None:
    """Write a file of the operator's own: the target of a link, with the mode that it has.

    Raises what `write_atomically` does.
    """
    target = path.resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o644
    write_atomically(target, text.encode(), mode=mode)


def require_writable(path: Path, *, mode: int = 0o644) -> None:
    """Check that an existing file can be replaced, or a new one created. Raises FileUnwritable."""
    try:
        content = path.read_bytes() if path.exists() else b"\n"
        with hold_folder_lock(path.parent) as folder:
            check_replaceable(folder, path.name, content, mode=mode)
    except OSError as error:
        raise FileUnwritable(f"Cannot write {path}: {error.strerror}.") from error


def replace_file(folder: int, name: str, content: bytes, *, mode: int) -> None:
    """Create or replace ``name`` in an open folder whose lock is held; its owner stays.

    Raises OSError if the old file is unchanged and no temporary file is left, FileUnwritable if
    the new file is in place but may not survive a power cut.
    """
    with _write_beside(folder, name, content, mode) as temporary:
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    sync_folder(folder, name)


def check_replaceable(folder: int, name: str, content: bytes, *, mode: int) -> None:
    """Write the new content beside ``name`` and remove it. Raises OSError where that fails."""
    with _write_beside(folder, name, content, mode):
        pass


def temporary_name(name: str) -> str:
    """Return the file a new ``name`` is written to first; .gitignore lists that of .env."""
    return f"{name}.gatewayctl-tmp"


def discard(folder: int, name: str) -> None:
    """Remove ``name`` from an open folder if it exists."""
    # Looked up first: on a read-only file system unlink fails for a missing name too.
    if _stat(folder, name) is not None:
        os.unlink(name, dir_fd=folder)


def sync_folder(folder: int, name: str) -> None:
    """Make the rename of ``name`` survive a power cut, where the file system can.

    Raises FileUnwritable if the disk fails.
    """
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            message = f"{name} is written, but may not survive a power cut: {error.strerror}."
            raise FileUnwritable(message, hint="Check the disk.") from error


def _stat(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _write_beside(folder: int, name: str, content: bytes, mode: int) -> Iterator[str]:
    """Write the content beside ``name``; yields the temporary file, which does not stay."""
    temporary = temporary_name(name)
    discard(folder, temporary)
    try:
        _write(folder, temporary, content, mode, _stat(folder, name))
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            discard(folder, temporary)


def _write(
    folder: int, name: str, content: bytes, mode: int, replaced: os.stat_result | None
) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, PRIVATE, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        # The umask does not apply; a file system without modes may refuse.
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, mode)
        if replaced is None:
            give_to_sudo_user(descriptor, os.fstat(folder))
        else:
            _keep_owner(descriptor, replaced, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _keep_owner(descriptor: int, replaced: os.stat_result, mode: int) -> None:
    """Give the new file the owner of the replaced one, who could not read a private one of ours."""
    created = os.fstat(descriptor)
    if created.st_uid != replaced.st_uid:
        try:
            os.fchown(descriptor, replaced.st_uid, -1)
        except PermissionError:
            if not mode & ~PRIVATE:
                raise PermissionError(errno.EPERM, "it belongs to another user") from None
    if created.st_gid != replaced.st_gid:
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, -1, replaced.st_gid)
