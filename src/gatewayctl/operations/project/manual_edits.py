"""Rendered files that somebody edited: found by what was last written, and kept beside.

A rendered file is written anew whenever gateway.yaml means something else, so an edit by hand would
be lost. Owns the memory of what was written and the names of the copies. Must not know templates.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Final

from gatewayctl.errors import FileUnwritable
from gatewayctl.rendering.atomic import write_atomically
from gatewayctl.rendering.plan import RenderedFile
from gatewayctl.settings.model import Settings

_MEMORY: Final = "rendered.json"


def back_up_edited(settings: Settings, paths: Iterable[PurePosixPath]) -> tuple[str, ...]:
    """Copy those of these files that are not as they were last written to `<name>.bak`.

    Hands back a warning for each; a file that gatewayctl never wrote here counts as edited.
    Raises FileUnwritable before anything is overwritten.
    """
    known = _known(settings)
    found = []
    for path in paths:
        file = settings.compose_dir / path
        try:
            content = file.read_bytes()
        except OSError as error:
            raise FileUnwritable(f"Cannot read {file}: {error.strerror}.") from error
        if known.get(str(path)) == _digest(content):
            continue
        copy = file.with_name(f"{file.name}.bak")
        # It may hold a secret that does not belong there.
        write_atomically(copy, content, mode=0o600)
        where = copy.relative_to(settings.project_dir)
        found.append(
            f"{settings.compose_dir.name}/{path} was not as gatewayctl wrote it; it is written "
            f"anew from gateway.yaml, and the edited one is kept as {where}."
        )
    return tuple(found)


def record_digests(settings: Settings, files: Sequence[RenderedFile]) -> None:
    """Note what was written, so that an edit can be told from an older rendering."""
    now = {str(file.path): _digest(file.content.encode()) for file in files}
    known = _known(settings)
    if known | now == known:
        return
    try:
        settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnwritable(f"Cannot write to {settings.state_dir}: {error.strerror}.") from error
    write_atomically(settings.state_dir / _MEMORY, json.dumps(known | now, indent=1).encode())


def _known(settings: Settings) -> dict[str, str]:
    try:
        found = json.loads((settings.state_dir / _MEMORY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
