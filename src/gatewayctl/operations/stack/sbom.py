"""The verb sbom: the software of the embedded stack as a CycloneDX document.

The format is a small JSON document, so it is written here; its libraries would be six more
dependencies of every gatewayctl.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from gatewayctl.errors import RuntimeUnavailable
from gatewayctl.runtimes.components import Components, SoftwareComponent
from gatewayctl.runtimes.registry import ResolvedRuntime


@dataclass(frozen=True, slots=True, kw_only=True)
class SbomReport:
    """The document, as CycloneDX 1.6 defines it. The same software makes the same document."""

    document: Mapping[str, Any]


def sbom(resolved: ResolvedRuntime) -> SbomReport:
    """List what the stack runs. Raises RuntimeUnavailable for images, and EnvironmentBroken."""
    runtime = resolved.runtime
    if not isinstance(runtime, Components):
        raise RuntimeUnavailable(
            f"The {resolved.name} runtime uses images, whose contents gatewayctl does not list.",
            hint="Scan an image, for example with `docker sbom` or syft; "
            "or use --runtime embedded.",
        )
    found = runtime.list_components()
    own = version("gatewayctl")
    identity = " ".join([own, *(each.purl for each in found)])
    return SbomReport(
        document={
            "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, identity)}",
            "version": 1,
            "metadata": {
                "component": {
                    "type": "application",
                    "bom-ref": "gatewayctl-embedded",
                    "name": "gatewayctl embedded environment",
                    "version": own,
                }
            },
            "components": [_describe(each) for each in found],
        }
    )


def _describe(component: SoftwareComponent) -> dict[str, Any]:
    described = {
        "type": component.kind,
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
    }
    # A name, because few packages state an expression that the schema accepts.
    licenses = {"licenses": [{"license": {"name": component.license}}]}
    return described | (licenses if component.license else {})
