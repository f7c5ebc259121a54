"""A private folder for a verb's half-made files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gatewayctl.errors import FileUnwritable


@contextmanager
def open_workdir(path: Path) -> Iterator[Path]:
    """A folder of mode 0700 that is empty at the start and gone at the end.

    What a killed gatewayctl left in it goes too, so the caller holds the project's lock. Raises
    FileUnwritable.
    """
    try:
        shutil.rmtree(path, ignore_errors=True)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
    except OSError as error:
        raise FileUnwritable(f"Cannot write to {path}: {error.strerror}.") from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
