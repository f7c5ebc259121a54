"""Changing names in .env so that nothing else changes and nothing is ever lost.

Owns read-modify-write as one step: lock, read again, decide name by name, verify the new
text with python-dotenv, replace the file. Must not know what the names mean.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatewayctl.env_file.document import EnvDocument
from gatewayctl.env_file.plan import Wishes, plan_edit
from gatewayctl.env_file.read import decode
from gatewayctl.env_file.values import check_name
from gatewayctl.errors import EnvFileUnreadable, EnvFileUnwritable, FileUnwritable
from gatewayctl.files.atomic import PRIVATE, discard, replace_file, temporary_name
from gatewayctl.files.lock import PATIENCE, hold_folder_lock


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvUpdate:
    """The result for each name, without values.

    ``unchanged`` names already had their value or were kept by ``only_missing``; ``conflicts``
    were left alone because another process changed them. ``widened_mode`` is the previous mode
    of the file if other users could access it; it is 0600 now if the file system supports modes.
    """

    path: Path
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    conflicts: tuple[str, ...]
    widened_mode: int | None


def update_env_file(
    path: Path,
    values: Mapping[str, str],
    *,
    remove: Collection[str] = (),
    only_missing: bool = False,
    comment: str | None = None,
    expect: Mapping[str, str | None] | None = None,
    patience: float = PATIENCE,
) -> EnvUpdate:
    """Give each name in ``path`` its value and remove others; all of it, or nothing.

    ``only_missing`` keeps every value that is not empty. ``comment`` stands above the names
    that are new. A name in ``expect`` changes only if its value is still that one (None:
    not set). The file is made if it is missing; of a symbolic link the target is changed;
    a hard link keeps the old content. Waits ``patience`` seconds for other writers.

    Raises ``EnvValueUnsafe`` for what the readers would not agree on, ``EnvFileUnreadable``
    and ``EnvFileUnwritable`` with the path and the reason, and ``Locked``.
    """
    wishes = Wishes(
        wanted=_merge_requests(values, remove),
        only_missing=only_missing,
        expect=expect or {},
        comment=comment,
    )
    target = Path(os.path.realpath(path))
    try:
        with hold_folder_lock(target.parent, patience=patience) as folder:
            return _carry_out(wishes, path, folder, target.name)
    except OSError as error:
        raise EnvFileUnwritable(f"Cannot write {path}: {error.strerror}.") from error
    except FileUnwritable as error:
        raise EnvFileUnwritable(error.message, hint=error.hint) from error


def _merge_requests(values: Mapping[str, str], remove: Collection[str]) -> Mapping[str, str | None]:
    for name in values:
        check_name(name)
    if both := set(values) & set(remove):
        message = f"to be set and to be removed: {', '.join(sorted(both))}"
        raise ValueError(message)
    return {**values, **dict.fromkeys(remove)}


def _carry_out(wishes: Wishes, path: Path, folder: int, name: str) -> EnvUpdate:
    """The read-modify-write itself; ``path`` is only for what is said about it."""
    content, before = _current(path, folder, name)
    document = EnvDocument.parse(decode(path, content))
    planned = plan_edit(document, wishes)
    if planned.text != document.text:
        planned.prove(path)
        replace_file(folder, name, planned.text.encode(), mode=PRIVATE)
    else:
        _tidy(folder, name, before)
    return EnvUpdate(
        path=path,
        added=planned.select("added"),
        changed=planned.select("changed"),
        removed=planned.select("removed"),
        unchanged=planned.select("unchanged"),
        conflicts=planned.select("conflict"),
        widened_mode=_widened_mode(before),
    )


def _current(path: Path, folder: int, name: str) -> tuple[bytes, os.stat_result | None]:
    """The content and the state of the file, or nothing and None if there is none."""
    # not blocking: opening a named pipe would wait for its writer
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        return b"", None
    except OSError as error:
        raise EnvFileUnreadable(f"{path} cannot be read: {error.strerror}") from error
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise EnvFileUnwritable(f"{path} is not a regular file", hint="Make it one.")
    with os.fdopen(descriptor, "rb") as file:
        return file.read(), state


def _tidy(folder: int, name: str, before: os.stat_result | None) -> None:
    """Set the mode and remove what a killed process left, even if the text is unchanged.

    Failures are ignored, for example on a read-only file system or one without modes. A mode that
    is too wide is reported every time.
    """
    with contextlib.suppress(OSError):
        discard(folder, temporary_name(name))
    if _widened_mode(before) is not None:
        with contextlib.suppress(OSError):
            os.chmod(name, PRIVATE, dir_fd=folder)


def _widened_mode(before: os.stat_result | None) -> int | None:
    mode = PRIVATE if before is None else stat.S_IMODE(before.st_mode)
    return mode if mode & ~PRIVATE else None
