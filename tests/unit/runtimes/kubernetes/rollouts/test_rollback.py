from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from gatewayctl.runtimes.kubernetes.rollouts.pods import parse_pod
from gatewayctl.runtimes.kubernetes.rollouts.rollback import find_previous_template
from gatewayctl.runtimes.kubernetes.rollouts.snapshot import REVISION, Snapshot
from tests.fakes.cluster import FakeCluster
from tests.fakes.cluster_controllers import CRASHING, pod_status, waiting

NO_IMAGE = waiting("ImagePullBackOff", "not found")


def replica_set(revision: int, *, minute: int) -> dict[str, Any]:
    """The revision of an image, created in this minute."""
    template = {"metadata": {"labels": {"pod-template-hash": f"h{revision}"}}}
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"set-{revision}",
            "annotations": {REVISION: str(revision)},
            "labels": {"pod-template-hash": f"h{revision}"},
            "creationTimestamp": f"2026-11-29T12:{minute:02d}:00Z",
            "ownerReferences": [{"uid": "u"}],
        },
        "spec": {"template": {**template, "spec": {"image": f"image:{revision}"}}},
        "status": {},
    }


def recreated(
    service: str, *sets: dict[str, Any], unavailable: int | None = None, pod: dict[str, Any]
) -> Snapshot:
    """A Deployment at the last of its revisions, unavailable since this minute."""
    newest, conditions = sets[-1]["metadata"], []
    if unavailable is not None:
        since = f"2026-11-29T12:{unavailable:02d}:00Z"
        conditions = [{"type": "Available", "status": "False", "lastTransitionTime": since}]
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": service, "uid": "u", "annotations": newest["annotations"]},
        "spec": {"strategy": {"type": "Recreate"}},
        "status": {"conditions": conditions},
    }
    container = {"name": service, "image": "image"}
    labels = {**newest["labels"], "app.kubernetes.io/name": service}
    found = {
        "metadata": {"name": f"{service}-x", "labels": labels},
        "spec": {"containers": [container]},
        "status": pod_status(pod, container),
    }
    return Snapshot(
        workloads=MappingProxyType({service: deployment}),
        replica_sets=sets,
        pods=(parse_pod(found),),
    )


def previous_image(snapshot: Snapshot, service: str) -> str | None:
    template = find_previous_template(FakeCluster().kubectl(), snapshot, service)
    return None if template is None else template["spec"]["image"]


@pytest.mark.parametrize(
    ("unavailable", "image"),
    [
        # The second revision was created after the first one had ended, and never served.
        (20, "image:1"),
        # It served until the third one took its place.
        (30, "image:2"),
        # Nothing is known.
        (None, "image:2"),
        # None of them served.
        (5, None),
    ],
)
def test_what_was_recreated_goes_back_to_the_revision_that_served_last(
    unavailable: int | None, image: str | None
) -> None:
    sets = (replica_set(1, minute=10), replica_set(2, minute=21), replica_set(3, minute=31))
    snapshot = recreated("redis", *sets, unavailable=unavailable, pod=NO_IMAGE)

    assert previous_image(snapshot, "redis") == image


@pytest.mark.parametrize(
    ("unavailable", "pod", "image"),
    [
        (30, NO_IMAGE, "image:2"),
        (30, CRASHING, None),
        (30, waiting("ContainerCreating"), "image:2"),
        (30, waiting("CrashLoopBackOff", restarts=0, exitCode=1), None),
        # The second revision may have migrated the database before it failed.
        (20, NO_IMAGE, None),
    ],
)
def test_what_migrates_at_its_start_goes_back_only_if_nothing_newer_ran(
    unavailable: int, pod: dict[str, Any], image: str | None
) -> None:
    sets = (replica_set(1, minute=10), replica_set(2, minute=21), replica_set(3, minute=31))
    snapshot = recreated("phoenix", *sets, unavailable=unavailable, pod=pod)

    assert previous_image(snapshot, "phoenix") == image
