"""LiteLLM's loader in the embedded environment.

Owns how it is run: in a temporary folder, with the environment of the service. Must not know what
its result means for the operator's files.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayctl.errors import ProgramTimeout
from gatewayctl.runtimes.base import Progress
from gatewayctl.runtimes.config_loader import known_packages
from gatewayctl.runtimes.config_loader.base import (
    LOAD_CONFIG,
    LOAD_SECONDS,
    RUN_SECONDS,
    LoadResult,
    parse_result,
    write_for_loading,
)
from gatewayctl.runtimes.embedded import network, packages
from gatewayctl.runtimes.embedded.environment import Environment, locate
from gatewayctl.runtimes.embedded.layout import Layout
from gatewayctl.runtimes.embedded.links.mounts import link_mounts
from gatewayctl.runtimes.embedded.services import litellm_program
from gatewayctl.runtimes.process import run
from gatewayctl.settings.generate import with_generated_secrets
from gatewayctl.settings.model import CA_BUNDLE_NAME, Settings

if TYPE_CHECKING:
    from gatewayctl.rendering.plan import RenderedFile


class EmbeddedConfigLoader:
    """Satisfies ``runtimes.config_loader.base.ConfigLoader``."""

    def __init__(self, settings: Settings, environment: Environment | None = None) -> None:
        self._settings = settings
        self._environment = environment or locate()

    @property
    def release(self) -> str:
        folder = packages.folder_of(self._settings, self._environment)
        return f"{self._environment.root} {folder or ''}"

    @property
    def missing(self) -> str:
        return "the embedded environment"

    def of(self, settings: Settings) -> EmbeddedConfigLoader:
        return EmbeddedConfigLoader(settings, self._environment)

    def require_packages(self) -> None:
        known_packages.require_packages(self._settings)

    def is_ready(self) -> bool:
        return packages.is_installed(self._settings, self._environment)

    def fetch(self, *, refresh: bool = False) -> Generator[Progress, None, None]:
        variables = network.download_variables(self._settings)
        yield from packages.ensure(self._settings, self._environment, variables)

    def load(self, files: Sequence[RenderedFile]) -> LoadResult:
        settings = with_generated_secrets(self._settings)
        layout = Layout(state_dir=settings.state_dir)
        program = litellm_program(settings, self._environment, layout, os.environ)
        with tempfile.TemporaryDirectory(prefix="gatewayctl-") as name:
            folder = Path(name)
            write_for_loading(files, folder)
            link_mounts(settings, folder)
            environment = dict(program.environment)
            if settings.ca_bundle is not None:
                # Its copy is in the folder that is not written yet.
                environment |= dict.fromkeys(network.BUNDLES, str(folder / CA_BUNDLE_NAME))
            config = str(folder / "litellm_config.yaml")
            argv = (program.argv[0], str(LOAD_CONFIG), config, str(LOAD_SECONDS))
            try:
                done = run(argv, env=environment, cwd=folder, timeout=RUN_SECONDS)
            except ProgramTimeout:
                return LoadResult(state="timed_out")
        return parse_result(done)
