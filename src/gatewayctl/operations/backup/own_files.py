"""The project's own files that gateway.yaml refers to: which go into a backup, and their copies.

They are LiteLLM's configuration with what it includes, modules, copied and mounted files, the
certificates and the lock of packages. A file outside of the project's folder is not taken, because
a restore writes nowhere else, and neither is a large folder; both are reported. Must not know the
format of a backup.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gatewayctl.files.atomic import PRIVATE, write_atomically
from gatewayctl.files.regular import read_regular_file
from gatewayctl.operating_system import real_path
from gatewayctl.operations.backup import own_names
from gatewayctl.operations.backup.archive import CONFIG, ENV, OwnFile, place_own_file
from gatewayctl.operations.backup.disk_space import require_free_space_in
from gatewayctl.rendering.side_files import find_side_files
from gatewayctl.runtimes.embedded.packages import LOCK_NAME
from gatewayctl.settings.model import Settings

_MOST_IN_FOLDER: Final = 200
_NOT_TAKEN: Final = frozenset({".git", "__pycache__"})
"""Folders inside of a mounted one that no service needs."""
_ALWAYS: Final = frozenset({ENV, CONFIG})
"""In every backup, so they are neither copied again nor missing."""
_OTHERS_MAY_READ: Final = 0o004
_MIB: Final = own_names.MIB


@dataclass(slots=True, kw_only=True)
class OwnFiles:
    """What was copied, by its path in the project, and what was not, as sentences."""

    files: dict[str, OwnFile] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def copy_own_files(settings: Settings, folder: Path) -> OwnFiles:
    """Copy them to where `place_own_file` says. Raises DiskFull and FileUnwritable."""
    copies = _Copies(project=settings.project_dir, folder=folder)
    for path in _find(settings):
        copies.add(path)
    for app in settings.apps:
        if app.build is not None:
            copies.leave_out(app.build, f"the folder that the app {app.name} is built from")
    return copies.result


def _find(settings: Settings) -> Iterator[Path]:
    """Files and folders, what a start needs first."""
    if settings.litellm is not None:
        yield from settings.litellm.files
    yield from find_side_files(settings).values()
    lock = settings.project_dir / LOCK_NAME
    if settings.embedded_packages and lock.exists():
        yield lock
    if settings.ca_bundle is not None:
        yield settings.ca_bundle
    for source in settings.litellm_service.mounts.values():
        yield settings.project_dir / Path(source).expanduser()


@dataclass(slots=True, kw_only=True)
class _Copies:
    """The files copied so far."""

    project: Path
    folder: Path
    result: OwnFiles = field(default_factory=OwnFiles)

    def add(self, path: Path) -> None:
        """Copy a file, or those of a folder."""
        given, real = Path(os.path.normpath(path)), real_path(path)
        # An absolute path may lead to the project through a link.
        place = given if given.is_relative_to(self.project) else real
        if not place.is_relative_to(self.project):
            self.leave_out(str(given), "outside of the project's folder")
        elif place.name in _ALWAYS and place.parent == self.project:
            pass
        elif not real.is_relative_to(self.project) or real_path(place) != real:
            self.leave_out(self._name(place), f"a link to {real}, outside of the project's folder")
        elif place == self.project:
            self.leave_out(str(given), "the project's own folder, as a whole")
        elif place.is_dir():
            self._add_folder(place)
        else:
            self._add_file(place)

    def leave_out(self, name: str, reason: str) -> None:
        """Report what is not copied, and what it is."""
        self.result.left_out.append(f"{name} is not in the backup: {reason}.")

    def _name(self, path: Path) -> str:
        return path.relative_to(self.project).as_posix()

    def _add_folder(self, folder: Path) -> None:
        found: list[Path] = []
        size = 0
        for path in self._list(folder):
            found.append(path)
            with suppress(FileNotFoundError):
                size += path.lstat().st_size
            if len(found) > _MOST_IN_FOLDER or size > own_names.MOST_BYTES:
                limits = f"{_MOST_IN_FOLDER} files or {own_names.MOST_BYTES // _MIB} MiB"
                self.leave_out(self._name(folder), f"a folder with more than {limits}")
                return
        if not found:
            self.leave_out(self._name(folder), "a folder without files")
        for path in found:
            self.add(path)

    def _list(self, folder: Path) -> Iterator[Path]:
        """The files below a folder, sorted; links to folders are not followed."""

        def report(error: OSError) -> None:
            self.leave_out(str(error.filename), f"cannot be read ({error.strerror})")

        for at, folders, names in os.walk(folder, onerror=report):
            folders[:] = sorted(set(folders) - _NOT_TAKEN)
            for name in folders:
                if Path(at, name).is_symlink():
                    self.leave_out(self._name(Path(at, name)), "a link to a folder")
            yield from (Path(at, name) for name in sorted(names))

    def _add_file(self, path: Path) -> None:
        name = self._name(path)
        if name in self.result.files:
            return
        if why := own_names.explain_unsafe(name):
            self.leave_out(ascii(name) if not name.isprintable() else name, why)
            return
        try:
            content = read_regular_file(path, most=own_names.MOST_BYTES)
            is_private = not path.stat().st_mode & _OTHERS_MAY_READ
        except OSError as error:
            large = f"a file of more than {own_names.MOST_BYTES // _MIB} MiB"
            unreadable = f"it cannot be read ({error.strerror})"
            self.leave_out(name, large if error.errno == errno.EFBIG else unreadable)
            return
        if self._is_full(len(content)):
            most = f"{own_names.MOST_FILES} files or {own_names.MOST_BYTES_IN_ALL // _MIB} MiB"
            self.leave_out(name, f"a backup has at most {most} of a project's own files")
            return
        require_free_space_in(self.folder, wanted=len(content))
        write_atomically(place_own_file(self.folder, len(self.result.files)), content, mode=PRIVATE)
        self.result.files[name] = OwnFile(
            size=len(content), sha256=hashlib.sha256(content).hexdigest(), private=is_private
        )

    def _is_full(self, more: int) -> bool:
        files = self.result.files
        size = sum(file.size for file in files.values()) + more
        return len(files) >= own_names.MOST_FILES or size > own_names.MOST_BYTES_IN_ALL
