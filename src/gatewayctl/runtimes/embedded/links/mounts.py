"""``services.litellm.mounts`` without containers: links beside the configuration.

Services of this runtime see the machine as it is. Only the folder of the configuration, which is
/app in LiteLLM's image, is another one here. Owns its links and the record of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from gatewayctl.errors import Problem, SettingsInvalid
from gatewayctl.files.json_text import parse_json
from gatewayctl.settings.litellm.service import APP
from gatewayctl.settings.model import Settings

_APP: Final = f"{APP}/"
_RECORD: Final = "linked_mounts.json"


def check_mounts(settings: Settings) -> None:
    """Raise SettingsInvalid for a mount at a path that this machine does not have."""
    problems = tuple(
        Problem(
            source=str(settings.source_of(f"services.litellm.mounts.{target}")), message=message
        )
        for target in settings.litellm_service.mounts
        if (message := _find_fault(settings, target))
    )
    if problems:
        hint = f"Mount below {_APP}, put the file there, or choose `--runtime docker`."
        raise SettingsInvalid(problems=problems, hint=hint)


def _find_fault(settings: Settings, target: str) -> str:
    if not target.startswith(_APP):
        there = Path(target).exists()
        end = "and the embedded runtime mounts nothing there"
        return "" if there else f"{target} does not exist on this machine, {end}"
    link = settings.compose_dir / target.removeprefix(_APP)
    is_free = link.is_symlink() or not link.exists()
    return "" if is_free else f"{link} is in the place of this mount: move it away"


def link_mounts(settings: Settings, folder: Path) -> None:
    """Link what is mounted below /app into a folder with the rendered configuration."""
    for name, source in _links(settings):
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink():
            link.unlink()
        link.symlink_to(source)


def update_links(settings: Settings) -> None:
    """The same in the project's own folder; links of earlier settings are removed."""
    record = settings.state_dir / _RECORD
    earlier: list[str] = []
    with suppress(OSError, ValueError):
        earlier = [str(name) for name in parse_json(record.read_text(encoding="utf-8"))]
    names = [name for name, _ in _links(settings)]
    if not earlier and not names:
        return
    record.write_text(json.dumps(sorted({*earlier, *names})), encoding="utf-8")
    for name in set(earlier) - set(names):
        link = settings.compose_dir / name
        if link.is_symlink():
            link.unlink()
    link_mounts(settings, settings.compose_dir)
    record.write_text(json.dumps(names), encoding="utf-8")


def _links(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Name in the folder of the configuration, and what it is a link to."""
    for target, source in settings.litellm_service.mounts.items():
        if target.startswith(_APP):
            yield target.removeprefix(_APP), settings.project_dir / Path(source).expanduser()
