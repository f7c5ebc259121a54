"""Manual edits of rendered files: detected by the digest of what was last written, and kept.

Rendering overwrites a file whenever it differs from gateway.yaml, so a manual edit would be lost.
Owns the digests of what was written and the names of the backups. Must not know templates.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from gatewayctl.errors import FileUnwritable
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.json_text import parse_json
from gatewayctl.files.owner import create_folder
from gatewayctl.rendering.plan import RenderedFile
from gatewayctl.settings.model import Settings

_DIGESTS: Final = "rendered.json"


def back_up_edited(
    settings: Settings, paths: Iterable[PurePosixPath], folder: Path
) -> tuple[str, ...]:
    """Copy each of these files that was edited since it was written to `<name>.bak`.

    ``folder`` is the one they are in. Returns a warning for each. A file that gatewayctl never
    wrote here counts as edited. Raises FileUnwritable before anything is overwritten.
    """
    known = _read_digests(settings)
    found = []
    for path in paths:
        file = folder / path
        try:
            content = file.read_bytes()
        except OSError as error:
            raise FileUnwritable(f"Cannot read {file}: {error.strerror}.") from error
        if known.get(_name(settings, folder, path)) == _digest(content):
            continue
        copy = file.with_name(f"{file.name}.bak")
        # An edit may contain a secret.
        write_atomically(copy, content, mode=0o600)
        inside = copy.is_relative_to(settings.project_dir)
        where = copy.relative_to(settings.project_dir) if inside else copy
        found.append(
            f"{folder.name}/{path} had manual edits; it was regenerated from "
            f"gateway.yaml, and the edited file is kept as {where}."
        )
    return tuple(found)


def record_digests(settings: Settings, files: Sequence[RenderedFile], folder: Path) -> None:
    """Record what was written, to distinguish a manual edit from an older rendering."""
    now = {_name(settings, folder, file.path): _digest(file.content.encode()) for file in files}
    known = _read_digests(settings)
    if known | now == known:
        return
    try:
        create_folder(settings.state_dir, mode=0o700)
    except OSError as error:
        raise FileUnwritable(f"Cannot write to {settings.state_dir}: {error.strerror}.") from error
    write_atomically(settings.state_dir / _DIGESTS, json.dumps(known | now, indent=1).encode())


def find_obsolete(
    settings: Settings, files: Sequence[RenderedFile], folder: Path
) -> tuple[PurePosixPath, ...]:
    """Files that were written beside these in a folder of their own, and are no longer rendered.

    Whoever applies the whole folder would apply them, too. Those with manual edits are kept.
    """
    known, planned = _read_digests(settings), {file.path for file in files}
    own = {path.parts[0] for path in planned if len(path.parts) > 1}
    candidates = (
        PurePosixPath(top, path.name) for top in own for path in (folder / top).glob("*.yaml")
    )
    return tuple(
        path
        for path in sorted(candidates)
        if path not in planned
        and (digest := known.get(_name(settings, folder, path)))
        and (folder / path).is_file()
        and digest == _digest((folder / path).read_bytes())
    )


def _name(settings: Settings, folder: Path, path: PurePosixPath) -> str:
    """The name of a file in the record: relative to compose/, absolute anywhere else."""
    return str(path) if folder == settings.compose_dir else str(folder.absolute() / path)


def _read_digests(settings: Settings) -> dict[str, str]:
    try:
        found = parse_json((settings.state_dir / _DIGESTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
