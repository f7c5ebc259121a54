"""A compose file with one service alone, for a temporary container of it.

Owns what is left out of it. Must not know what the container does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from gatewayctl.rendering.compose import escape_dollars
from gatewayctl.rendering.plan import RenderedFile

_COMPOSE_FILE: Final = "docker-compose.yml"
_LEFT_OUT: Final = ("ports", "depends_on", "healthcheck", "networks", "restart", "labels")


def single_service(files: Sequence[RenderedFile], name: str, *, folder: str) -> str:
    """The service without ports and without the project's network; ``folder`` has its files."""
    text = next(file.content for file in files if str(file.path) == _COMPOSE_FILE)
    service: dict[str, Any] = yaml.safe_load(text)["services"][name]
    for part in _LEFT_OUT:
        service.pop(part, None)
    names = {f"./{file.path}" for file in files}
    for volume in service["volumes"]:
        if volume["source"] in names:
            volume["source"] = escape_dollars(str(Path(folder, volume["source"])))
    return json.dumps({"services": {name: service | {"network_mode": "bridge"}}})
