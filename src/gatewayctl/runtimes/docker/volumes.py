"""Which folder created the volumes of a Compose project: the engine knows the project's name only.

Owns ``.gatewayctl/volumes.json``, which maps names of projects to the folder that created their
volumes. Must not know what is in a volume.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from gatewayctl.errors import ProjectNameTaken
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.json_text import parse_json
from gatewayctl.runtimes.runtime_marker import read_runtime
from gatewayctl.settings.model import Settings

_OTHER_NAME: Final = "Choose another project_name in gateway.yaml."
_ADOPT: Final = (
    "If they are this project's own, and its .gatewayctl was lost: "
    "mkdir -p .gatewayctl; echo docker > .gatewayctl/runtime"
)


def require_own_volumes(settings: Settings, volumes: Sequence[str]) -> None:
    """Refuse volumes that another folder created, whose databases a start or stop would change.

    Call it where the project has no containers: they name their folder themselves. Raises
    ProjectNameTaken.
    """
    name, known = settings.project_name, _read(settings.state_dir)
    creator = known.get(name)
    if not volumes or creator == str(settings.project_dir):
        return
    if creator is None:
        # Stacks older than the file have only the marker.
        if not known and read_runtime(settings.state_dir) == "docker":
            return
        raise ProjectNameTaken(
            f"Volumes of a project {name!r} exist already, which this folder did not create: "
            f"{', '.join(volumes)}.",
            hint=_OTHER_NAME if known else f"{_OTHER_NAME} {_ADOPT}",
        )
    if _read(Path(creator) / settings.state_dir.name).get(name) == creator:
        raise ProjectNameTaken(
            f"Volumes of a project {name!r} exist already, created in {creator}.",
            hint=_OTHER_NAME,
        )


def claim_volumes(settings: Settings) -> None:
    """Record, before the volumes are created, that this folder creates them."""
    folder = str(settings.project_dir)
    known = _read(settings.state_dir)
    if known.get(settings.project_name) != folder:
        _write(settings, {**known, settings.project_name: folder})


def forget_volumes(settings: Settings) -> None:
    """Remove the record, after the volumes were removed."""
    known = dict(_read(settings.state_dir))
    if known.pop(settings.project_name, None) is not None:
        _write(settings, known)


def _read(state_dir: Path) -> Mapping[str, str]:
    try:
        found = dict(parse_json(_file(state_dir).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
    return {str(name): str(folder) for name, folder in found.items()}


def _write(settings: Settings, folders: Mapping[str, str]) -> None:
    text = json.dumps(folders, indent=1)
    write_atomically(_file(settings.state_dir), text.encode(), mode=0o600)


def _file(state_dir: Path) -> Path:
    return state_dir / "volumes.json"
