"""Which folder created the volumes of a Compose project, and on which engine.

An engine knows the project's name only, and another engine knows nothing of it. Owns
``.gatewayctl/volumes.json``, which maps names of projects to that folder and that engine. Must not
know what is in a volume.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import FileUnwritable, ProjectNameTaken, RuntimeProblem, VolumesMissing
from gatewayctl.files.atomic import write_atomically
from gatewayctl.files.json_text import parse_json
from gatewayctl.runtimes.docker.engine import endpoint
from gatewayctl.runtimes.runtime_marker import read_runtime
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.runtimes.docker.docker_cli import DockerCli

_OTHER_NAME: Final = "Choose another project_name in gateway.yaml."
_ADOPT: Final = (
    "If they are this project's own, and its .gatewayctl was lost: "
    "mkdir -p .gatewayctl; echo docker > .gatewayctl/runtime"
)
_START: Final = "(open Docker Desktop, or on Linux `sudo systemctl start docker`)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """Who created the volumes of a project.

    ``exists`` is true from when they were seen until their removal begins, None in a record of an
    older version. ``host`` is the address of their engine and ``engine`` its id, where known.
    """

    folder: str
    exists: bool | None = False
    host: str = ""
    engine: str = ""


def require_own_volumes(settings: Settings, volumes: Sequence[str]) -> None:
    """Refuse volumes that another folder created, whose databases a start or stop would change.

    Call it where the project has no containers: they name their folder themselves. Raises
    ProjectNameTaken.
    """
    name, known = settings.project_name, _read(settings.state_dir)
    record = known.get(name)
    if not volumes or (record and record.folder == str(settings.project_dir)):
        return
    if record is None:
        # Stacks older than the file have only the marker.
        if not known and read_runtime(settings.state_dir) == "docker":
            return
        raise ProjectNameTaken(
            f"Volumes of a project {name!r} exist already, which this folder did not create: "
            f"{', '.join(volumes)}.",
            hint=_OTHER_NAME if known else f"{_OTHER_NAME} {_ADOPT}",
        )
    theirs = _read(Path(record.folder) / settings.state_dir.name).get(name)
    if theirs and theirs.folder == record.folder:
        raise ProjectNameTaken(
            f"Volumes of a project {name!r} exist already, created in {record.folder}.",
            hint=_OTHER_NAME,
        )


def require_volumes(settings: Settings, docker: DockerCli) -> None:
    """Refuse an engine that has none of the volumes that this project is known to have.

    A start would create empty databases there and give them the keys of .env, so that nothing
    would look wrong. Raises VolumesMissing.
    """
    record = _existing(settings)
    if record is None or docker.volumes():
        return
    where, now = docker.endpoint, f"on the engine at {docker.endpoint}"
    message = (
        f"This project has data in Docker's volumes, and none of them is {now}: a start there "
        "would create an empty gateway."
    )
    if record.engine and record.engine == docker.engine_id():
        message += " They were created on this engine, so they were deleted since."
    elif record.host and record.host != where:
        message += f" They were created on the engine at {record.host}."
    raise VolumesMissing(message)


def claim_volumes(settings: Settings) -> None:
    """Record, before the volumes are created, that this folder creates them."""
    folder = str(settings.project_dir)
    known = _read(settings.state_dir)
    record = known.get(settings.project_name)
    if record is None or record.folder != folder:
        claimed = _Record(folder=folder) if record is None else replace(record, folder=folder)
        _write(settings, {**known, settings.project_name: claimed})


def record_volumes(settings: Settings, docker: DockerCli) -> None:
    """Record that the claimed volumes exist and where, after a start that may have failed.

    An engine that cannot be asked, and a full disk, leave the record as it is: the next start
    writes it.
    """
    known = _read(settings.state_dir)
    record = known.get(settings.project_name)
    if record is None or (record.exists and record.host == docker.endpoint):
        return
    with suppress(RuntimeProblem, FileUnwritable):
        if docker.volumes():
            seen = replace(
                record, exists=True, host=docker.endpoint, engine=docker.engine_id() or ""
            )
            _write(settings, {**known, settings.project_name: seen})


def begin_removal(settings: Settings) -> None:
    """Record, before the volumes are removed, that they may be gone: a removal can be killed."""
    known = _read(settings.state_dir)
    if record := known.get(settings.project_name):
        _write(settings, {**known, settings.project_name: replace(record, exists=False)})


def forget_volumes(settings: Settings) -> None:
    """Remove the record, after the volumes were removed."""
    known = dict(_read(settings.state_dir))
    if known.pop(settings.project_name, None) is not None:
        _write(settings, known)


def advise_start(settings: Settings) -> str | None:
    """The hint where no engine answers: that of this project's volumes; None if it has none.

    Another engine, or another runtime, would start an empty gateway.
    """
    record = _existing(settings)
    if record is None:
        return None
    if not record.host:
        return f"Start the engine that has this project's volumes {_START}."
    hint = f"This project's volumes are on the engine at {record.host}: start it {_START}"
    if record.host == endpoint().host:
        return f"{hint}."
    return f"{hint}, and choose it: export DOCKER_HOST={shlex.quote(record.host)}"


def _existing(settings: Settings) -> _Record | None:
    """The record of volumes that exist and are this folder's, also if it was moved."""
    record = _read(settings.state_dir).get(settings.project_name)
    if record is None:
        return None
    # The folder that a copy was made of exists, and so the volumes are not those of the copy.
    is_own = record.folder == str(settings.project_dir) or not os.path.lexists(record.folder)
    # An older version recorded the volumes and its runtime before it created them, and undid the
    # runtime if it created none.
    was_started = record.exists is None and read_runtime(settings.state_dir) == "docker"
    return record if is_own and (record.exists or was_started) else None


def _read(state_dir: Path) -> Mapping[str, _Record]:
    try:
        found = dict(parse_json(_file(state_dir).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
    return {str(name): _parse(each) for name, each in found.items()}


def _parse(found: object) -> _Record:
    if not isinstance(found, dict):
        return _Record(folder=str(found), exists=None)
    texts = {name: str(found.get(name, "")) for name in ("folder", "host", "engine")}
    return _Record(exists=found.get("exists") is True, **texts)


def _write(settings: Settings, records: Mapping[str, _Record]) -> None:
    text = json.dumps({name: asdict(each) for name, each in records.items()}, indent=1)
    write_atomically(_file(settings.state_dir), text.encode(), mode=0o600)


def _file(state_dir: Path) -> Path:
    return state_dir / "volumes.json"
