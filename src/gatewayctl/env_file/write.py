"""Change names in .env without changing or losing anything else.

Owns read-modify-write as one step: lock, read, decide name by name, verify the new text with
python-dotenv, replace the file. Must not know what the names mean.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatewayctl.env_file.document import EnvDocument
from gatewayctl.env_file.plan import EnvRequest, plan_edit
from gatewayctl.env_file.read import decode
from gatewayctl.env_file.values import check_name
from gatewayctl.errors import EnvFileUnreadable, EnvFileUnwritable, FileUnwritable
from gatewayctl.files.atomic import (
    PRIVATE,
    check_replaceable,
    discard,
    replace_file,
    temporary_name,
)
from gatewayctl.files.lock import PATIENCE, hold_folder_lock

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvUpdate:
    """The result for each name, without values.

    ``unchanged`` are the names that already had their value, or kept it by ``only_missing``;
    ``conflicts`` those that another process changed, which are not touched. ``widened_mode``
    is the previous mode of the file if other users had access; it is 0600 now, unless the file
    belongs to another user or its file system has no modes.
    """

    path: Path
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    conflicts: tuple[str, ...]
    widened_mode: int | None

    @property
    def mode_warning(self) -> str | None:
        """What to tell about ``widened_mode``, by the mode that the file has now."""
        if self.widened_mode is None:
            return None
        now = stat.S_IMODE(self.path.stat().st_mode)
        found = f"{self.path} was accessible to other users (mode {self.widened_mode:04o})"
        if now & ~PRIVATE:
            return f"{found}, and still is: run `chmod 600 {self.path.name}` as its owner."
        return f"{found}; its mode is {now:04o} now."


def update_env_file(
    path: Path,
    values: Mapping[str, str],
    *,
    remove: Collection[str] = (),
    only_missing: bool = False,
    comment: str | None = None,
    expect: Mapping[str, str | None] | None = None,
    sh: bool = True,
    patience: float = PATIENCE,
) -> EnvUpdate:
    """Set names in ``path`` to their values and remove others: everything, or nothing.

    ``only_missing`` keeps every value that is not empty. ``comment`` is written above new
    names. A name in ``expect`` is changed only if it still has that value (None: not set).
    ``sh=False`` also takes values that no quoting writes for sh, python-dotenv and Compose alike.
    A missing file is created; for a symbolic link the target is changed; a hard link keeps
    the old content. Waits ``patience`` seconds for other writers.

    Raises ``EnvValueUnsafe`` for a value that programs would read differently,
    ``EnvFileUnreadable`` and ``EnvFileUnwritable`` with path and reason, and ``Locked``.
    """
    request = EnvRequest(
        requested=_merge(values, remove),
        only_missing=only_missing,
        expect=expect or {},
        comment=comment,
        sh=sh,
    )
    return _edit(path, request, patience=patience)


def copy_env_lines(
    path: Path,
    source: EnvDocument,
    names: Collection[str],
    *,
    remove: Collection[str] = (),
    only_missing: bool = False,
    comment: str | None = None,
    dry_run: bool = False,
) -> EnvUpdate:
    """Copy the definitions of ``names`` from another .env into ``path``, as they are written there.

    So a value that no quoting makes unambiguous is kept too. A name with the same value already
    keeps its line. ``dry_run`` checks that it would succeed, and changes nothing. The rest is as in
    ``update_env_file``, and so are the errors.
    """
    request = EnvRequest(
        requested={**{name: source.values[name] for name in names}, **dict.fromkeys(remove)},
        only_missing=only_missing,
        expect={},
        comment=comment,
        source=source,
    )
    return _edit(path, request, dry_run=dry_run)


def require_writable_env_file(path: Path) -> None:
    """Check that ``path`` can be replaced. Raises EnvFileUnreadable, EnvFileUnwritable, Locked."""
    copy_env_lines(path, EnvDocument.parse(""), (), dry_run=True)


def _edit(
    path: Path, request: EnvRequest, *, patience: float = PATIENCE, dry_run: bool = False
) -> EnvUpdate:
    target = Path(os.path.realpath(path))
    try:
        with hold_folder_lock(target.parent, patience=patience) as folder:
            return _apply(request, path, folder, target.name, dry_run=dry_run)
    except OSError as error:
        raise EnvFileUnwritable(f"Cannot write {path}: {error.strerror}.") from error
    except FileUnwritable as error:
        raise EnvFileUnwritable(error.message, hint=error.hint) from error


def _merge(values: Mapping[str, str], remove: Collection[str]) -> Mapping[str, str | None]:
    for name in values:
        check_name(name)
    if both := set(values) & set(remove):
        message = f"both set and removed: {', '.join(sorted(both))}"
        raise ValueError(message)
    return {**values, **dict.fromkeys(remove)}


def _apply(request: EnvRequest, path: Path, folder: int, name: str, *, dry_run: bool) -> EnvUpdate:
    """Read, modify and write ``name`` in the open folder; ``path`` is for messages."""
    content, before = _read(path, folder, name)
    document = EnvDocument.parse(decode(path, content))
    planned = plan_edit(document, request)
    if dry_run:
        planned.verify(path)
        check_replaceable(folder, name, planned.text.encode(), mode=PRIVATE)
    elif planned.text != document.text:
        planned.verify(path)
        replace_file(folder, name, planned.text.encode(), mode=PRIVATE)
        _LOGGER.info("wrote %s", path)
    else:
        _clean_up(folder, name, before)
    return EnvUpdate(
        path=path,
        added=planned.names_with("added"),
        changed=planned.names_with("changed"),
        removed=planned.names_with("removed"),
        unchanged=planned.names_with("unchanged"),
        conflicts=planned.names_with("conflict"),
        widened_mode=_widened_mode(before),
    )


def _read(path: Path, folder: int, name: str) -> tuple[bytes, os.stat_result | None]:
    """Return the content and the state of the file; empty and None if there is none."""
    # O_NONBLOCK: opening a named pipe would wait for its writer
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        return b"", None
    except OSError as error:
        raise EnvFileUnreadable(f"Cannot read {path}: {error.strerror}.") from error
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise EnvFileUnwritable(f"{path} is not a regular file.", hint="Replace it by a file.")
    with os.fdopen(descriptor, "rb") as file:
        return file.read(), state


def _clean_up(folder: int, name: str, before: os.stat_result | None) -> None:
    """Restrict the mode and remove a temporary file even if the text does not change.

    On a read-only file system, or one without modes, this is not possible and not an error;
    a mode that is too wide is reported every time.
    """
    with contextlib.suppress(OSError):
        discard(folder, temporary_name(name))
    if _widened_mode(before) is not None:
        with contextlib.suppress(OSError):
            os.chmod(name, PRIVATE, dir_fd=folder)


def _widened_mode(before: os.stat_result | None) -> int | None:
    mode = PRIVATE if before is None else stat.S_IMODE(before.st_mode)
    return mode if mode & ~PRIVATE else None
