"""Files that LiteLLM's pods read: those that are rendered, and those that are mounted.

A pod has no files of the machine that applies its objects: the rendered ones are in a ConfigMap,
those of ``services.litellm.mounts`` in a Secret, because they can be credentials. Owns the keys
that they have there. Must not know what is in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatewayctl.settings.model import Settings

MOST_BYTES: Final = 1000 * 1024
"""The API takes 1 MiB of data for a Secret or a ConfigMap."""
_KEY_SIGNS: Final = re.compile(r"[^-._a-zA-Z0-9]")
_LONGEST_KEY: Final = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class MountedFile:
    """A file of this machine at a path in the pods; ``key`` is its name in the Secret."""

    key: str
    source: Path
    target: str


def mounted_files(settings: Settings) -> tuple[MountedFile, ...]:
    """The files of ``services.litellm.mounts``, those of a folder one by one."""
    found = [
        (f"{target}/{name}" if name else target, source)
        for target, given in settings.litellm_service.mounts.items()
        for name, source in _files(settings.project_dir / Path(given).expanduser())
    ]
    keys = unique_keys(target.strip("/") for target, _ in found)
    return tuple(
        MountedFile(key=key, source=source, target=target)
        for key, (target, source) in zip(keys, found, strict=True)
    )


def unique_keys(paths: Iterable[str]) -> list[str]:
    """A key for each path, in which only letters, digits, ``-``, ``.`` and ``_`` are allowed."""
    keys: list[str] = []
    for path in paths:
        key = plain = _KEY_SIGNS.sub("_", path)[-_LONGEST_KEY:]
        number = 2
        while key in keys or key in (".", ".."):
            key = f"{plain[-_LONGEST_KEY + 6 :]}_{number}"
            number += 1
        keys.append(key)
    return keys


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """The file, or those below a folder with their paths in it, sorted."""
    if not path.is_dir():
        yield "", path
        return
    for file in sorted(path.rglob("*")):
        if file.is_file():
            yield file.relative_to(path).as_posix(), file
