"""LiteLLM's loader in a temporary container of the image of the next start.

It has the variables and mounts of the service, no port, and no network of the project, which may
not exist yet. Must not know what the result means.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gatewayctl.errors import ProgramTimeout
from gatewayctl.rendering.single_service import single_service
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.config_loader.base import (
    LOAD_CONFIG,
    LOAD_SECONDS,
    RUN_SECONDS,
    LoadResult,
    parse_result,
    write_for_loading,
)
from gatewayctl.runtimes.docker import images
from gatewayctl.runtimes.docker.docker_cli import DockerCli
from gatewayctl.settings.generate import generate_missing_secrets
from gatewayctl.settings.model import Settings

if TYPE_CHECKING:
    from gatewayctl.rendering.plan import RenderedFile

_SERVICE: Final = "litellm"
_CONFIG: Final = "/app/config.yaml"


class DockerConfigLoader:
    """Satisfies ``runtimes.config_loader.base.ConfigLoader``."""

    def __init__(self, settings: Settings, docker: DockerCli | None = None) -> None:
        self._settings = settings
        self._docker = docker or DockerCli.of(settings)

    @property
    def release(self) -> str:
        image = self._settings.images.litellm
        # A tag can be pulled again, and is another image then.
        return self._docker.image_id(image) or image

    @property
    def missing(self) -> str:
        return f"the image {self._settings.images.litellm}"

    def of(self, settings: Settings) -> DockerConfigLoader:
        return DockerConfigLoader(settings)

    def require_packages(self) -> None:
        """The image decides which packages it has."""

    def is_ready(self) -> bool:
        return self._docker.image_id(self._settings.images.litellm) is not None

    def fetch(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        image = images.Image(name=self._settings.images.litellm, setting="images.litellm")
        yield from images.fetch_images(self._docker, self._settings, [image], refresh=refresh)

    def load(self, files: Sequence[RenderedFile]) -> LoadResult:
        # In the project: engines that see only shared folders can read it there.
        parent = self._settings.state_dir if self._settings.state_dir.is_dir() else None
        with tempfile.TemporaryDirectory(prefix="check-", dir=parent) as name:
            write_for_loading(files, Path(name))
            # The user of a container can be another one.
            for path in (Path(name), *Path(name).rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)
            try:
                done = self._docker.run_once(
                    single_service(files, _SERVICE, folder=name),
                    _SERVICE,
                    ("-c", LOAD_CONFIG.read_text(encoding="utf-8"), _CONFIG, str(LOAD_SECONDS)),
                    entrypoint="python3",
                    generated=generate_missing_secrets(self._settings),
                    timeout=RUN_SECONDS,
                )
            except ProgramTimeout:
                return LoadResult(state="timed_out")
        return parse_result(done)
