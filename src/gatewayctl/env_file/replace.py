"""A file replaced as a whole: written beside, synced, renamed.

Owns the order of system calls that leaves the old file or the new one, whatever ends the
process or the power. The caller holds the folder's lock, so the name of the temporary file
is fixed, and one that is there already is a dead process's. Must not know the content.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Final

from gatewayctl.errors import EnvFileUnwritable

PRIVATE: Final = 0o600
"""The mode of .env: read and written by its owner alone."""


def temporary_name(name: str) -> str:
    """The file a new ``name`` is written to first; ``.env.*`` in .gitignore covers it."""
    return f"{name}.gatewayctl-tmp"


def replace(folder: int, name: str, content: bytes, *, before: os.stat_result | None) -> None:
    """Make ``name`` in the open ``folder`` a file of mode 0600 with ``content``.

    ``before`` is the file that is replaced, whose owner is kept; ``PermissionError`` if we
    may not. Any ``OSError`` leaves the old file as it was, and no temporary file. Raises
    ``EnvFileUnwritable`` when the new file is there, but may not survive a power cut.
    """
    temporary = temporary_name(name)
    discard(folder, temporary)
    try:
        _write(folder, temporary, content, before)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            discard(folder, temporary)
        raise
    _sync(folder, name)


def discard(folder: int, name: str) -> None:
    """Remove ``name`` from the open ``folder`` if it is there."""
    # looked up first: on a read-only file system unlink fails even for a missing name
    with contextlib.suppress(FileNotFoundError):
        os.stat(name, dir_fd=folder, follow_symlinks=False)
        os.unlink(name, dir_fd=folder)


def _write(folder: int, name: str, content: bytes, before: os.stat_result | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, PRIVATE, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        # the umask may have taken more bits; a file system without modes may say no
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, PRIVATE)
        if before is not None:
            _keep_owner(descriptor, before)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _keep_owner(descriptor: int, before: os.stat_result) -> None:
    """Give the new file the old one's owner, so that nobody is locked out of their file."""
    made = os.fstat(descriptor)
    if made.st_uid != before.st_uid:
        try:
            os.fchown(descriptor, before.st_uid, -1)
        except PermissionError:
            raise PermissionError(errno.EPERM, "it belongs to another user") from None
    if made.st_gid != before.st_gid:
        # mode 0600 gives the group nothing, so failing here takes nothing from anybody
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, -1, before.st_gid)


def _sync(folder: int, name: str) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno != errno.EINVAL:  # what file systems say that sync no folders
            message = f"{name} is written, but may not survive a power cut: {error.strerror}"
            raise EnvFileUnwritable(message, hint="Check the disk.") from error
