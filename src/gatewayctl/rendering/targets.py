"""What a project can be rendered for, whatever runtime it uses itself.

Must not know where the files go.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from gatewayctl.rendering.helm import plan_values
from gatewayctl.rendering.plan import RenderedFile, plan_files
from gatewayctl.settings.model import RuntimeName, Settings

Target = Literal["compose", "kubernetes", "helm"]


def plan_target(
    settings: Settings, target: Target, *, folder: Path | None = None
) -> tuple[RenderedFile, ...]:
    """Render the files of a target, sorted by path, for ``folder`` if not for compose/.

    Raises CaBundleUnusable, and SettingsInvalid for what a cluster cannot run.
    """
    if target == "helm":
        return plan_values(settings)
    runtime: RuntimeName = "docker" if target == "compose" else "kubernetes"
    return plan_files(settings, runtime=runtime, folder=folder)
