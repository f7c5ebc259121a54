from __future__ import annotations

from dataclasses import dataclass

import pytest

from gatewayctl.errors import RuntimeUnavailable
from gatewayctl.operations.stack.sbom import sbom
from gatewayctl.runtimes.components import SoftwareComponent
from gatewayctl.runtimes.registry import ResolvedRuntime
from tests.fakes.runtime import FakeRuntime


@dataclass(kw_only=True)
class RuntimeWithComponents(FakeRuntime):
    def list_components(self) -> tuple[SoftwareComponent, ...]:
        return (
            SoftwareComponent(purl="pkg:pypi/a@1", name="a", version="1", license="MIT"),
            SoftwareComponent(purl="pkg:pypi/b@2", name="b", version="2", license=""),
        )


def resolved(runtime: FakeRuntime) -> ResolvedRuntime:
    return ResolvedRuntime(name="docker", why="chosen", runtime=runtime)


def test_the_document_has_each_component_and_its_license() -> None:
    document = sbom(resolved(RuntimeWithComponents())).document

    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["components"] == [
        {
            "type": "library",
            "bom-ref": "pkg:pypi/a@1",
            "name": "a",
            "version": "1",
            "purl": "pkg:pypi/a@1",
            "licenses": [{"license": {"name": "MIT"}}],
        },
        {
            "type": "library",
            "bom-ref": "pkg:pypi/b@2",
            "name": "b",
            "version": "2",
            "purl": "pkg:pypi/b@2",
        },
    ]


def test_the_same_software_makes_the_same_document() -> None:
    first, second = (sbom(resolved(RuntimeWithComponents())) for _ in range(2))

    assert first == second


def test_images_are_not_listed() -> None:
    with pytest.raises(RuntimeUnavailable, match="docker runtime uses images"):
        sbom(resolved(FakeRuntime()))
