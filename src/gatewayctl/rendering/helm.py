"""Values for the official Helm charts, as files.

Must not know the names of the values: see kubernetes/litellm_chart.py and phoenix_chart.py.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from gatewayctl.rendering.kubernetes import litellm_chart, phoenix_chart
from gatewayctl.rendering.kubernetes.manifests import template_environment
from gatewayctl.rendering.kubernetes.unsupported import check_supported
from gatewayctl.rendering.locate import locate_templates
from gatewayctl.rendering.plan import HEADER, RenderedFile, litellm_files
from gatewayctl.settings.model import Settings


def plan_values(settings: Settings, *, templates: Path | None = None) -> tuple[RenderedFile, ...]:
    """Render the values of both charts; those of Phoenix if the project has one.

    Raises SettingsInvalid for what a cluster cannot run.
    """
    check_supported(settings)
    source = templates or locate_templates()
    config = litellm_files(settings, source)
    litellm = litellm_chart.litellm_values(settings, config)
    found: dict[str, dict[str, Any]] = {
        "litellm-values.yaml": {
            "settings": settings,
            "values": litellm,
            "secrets": litellm_chart.needed_secrets(litellm),
        }
    }
    if settings.tracing.own:
        name, key = phoenix_chart.secret_and_key(settings)
        found["phoenix-values.yaml"] = {
            "values": phoenix_chart.phoenix_values(settings),
            "secret": name,
            "key": key,
        }
    environment = template_environment(source / "helm")
    namespace = settings.kubernetes.namespace
    return tuple(
        RenderedFile(
            path=PurePosixPath("helm", name),
            content=environment.get_template(name).render(
                header=HEADER, namespace=namespace, **values
            ),
        )
        for name, values in found.items()
    )
