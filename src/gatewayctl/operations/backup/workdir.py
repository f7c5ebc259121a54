"""Private folders and files for a verb's unfinished work: modes 0700 and 0600."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter
from pathlib import Path
from typing import Final

from gatewayctl.errors import FileUnwritable
from gatewayctl.files.owner import create_folder, give_to_sudo_user

_LOGGER: Final = logging.getLogger(__name__)


@contextmanager
def open_workdir(path: Path) -> Iterator[Path]:
    """A folder that is empty at the start and removed at the end.

    Removes what a killed gatewayctl left in it too, so the caller holds the project's lock. Raises
    FileUnwritable.
    """
    try:
        shutil.rmtree(path, ignore_errors=True)
        create_folder(path.parent, mode=0o700)
        path.mkdir(mode=0o700)
        give_to_sudo_user(path, path.parent.stat())
    except OSError as error:
        raise FileUnwritable(f"Cannot write to {path}: {error.strerror}.") from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def locate_file(file: Path) -> Path:
    """The absolute path of a file, without ``..``; a link as its last part stays."""
    return file.parent.resolve() / file.name


def create_file(path: Path) -> BufferedWriter:
    """Open a new private file. Raises FileExistsError for anything in its place, also a link."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    _LOGGER.info("writing %s", path)
    give_to_sudo_user(descriptor, path.parent.stat())
    return os.fdopen(descriptor, "wb")
