from __future__ import annotations

from pathlib import Path

from gatewayctl.rendering.kubernetes.labels import service_labels
from gatewayctl.runtimes.kubernetes import access
from gatewayctl.runtimes.kubernetes.context import ChosenContext
from tests.fakes.projects import project

PLACE = ChosenContext(context="staging", server="https://staging:6443", namespace="shop")


def test_pods_are_selected_by_the_labels_that_they_have(tmp_path: Path) -> None:
    # A label cannot end with a hyphen, and a project's name can.
    settings = project(tmp_path, "project_name: shop-\nruntime: kubernetes\n")

    selector = access._specify(settings, PLACE, ("kubectl",))["selector"]

    found = service_labels(settings, "litellm")
    assert found["app.kubernetes.io/instance"] == "shop"
    assert selector == (
        "app.kubernetes.io/instance=shop,app.kubernetes.io/name in (litellm,phoenix)"
    )
