from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from gatewayctl.errors import ClusterForbidden
from gatewayctl.generators import drain
from tests.fakes.cluster import FakeCluster
from tests.unit.runtimes.kubernetes.stack import SERVICES, Stack, collect, run


@dataclass(kw_only=True)
class StrictCluster(FakeCluster):
    """A cluster that permits everything but these: verb and resource."""

    denied: set[tuple[str, str]] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def _review(self, words: tuple[str, ...], stdin: str) -> str:
        asked = json.loads(stdin)
        if asked["kind"] == "SelfSubjectRulesReview":
            return json.dumps({"status": {"resourceRules": []}})
        answers = []
        for item in asked["items"]:
            attributes = item["spec"]["resourceAttributes"]
            right = attributes["verb"], attributes["resource"]
            self.asked.append(right)
            answers.append(json.dumps({**item, "status": {"allowed": right not in self.denied}}))
        return "\n".join(answers)


@pytest.fixture
def strict(stack: Stack) -> StrictCluster:
    cluster = StrictCluster()
    stack.cluster = cluster
    return cluster


@pytest.mark.parametrize(
    ("postgres", "denied"),
    [
        ("statefulset", "persistentvolumeclaims"),
        ("cloudnative-pg", "clusters"),
    ],
)
def test_nothing_is_removed_for_an_account_that_may_not_delete_the_data(
    stack: Stack, strict: StrictCluster, postgres: str, denied: str
) -> None:
    stack.yaml = f"kubernetes: {{postgres: {postgres}}}\n"
    stack.up()
    strict.denied = {("delete", denied)}

    with pytest.raises(ClusterForbidden, match=f"cannot delete {denied}") as caught:
        drain(stack.runtime.stop(remove_data=True))

    assert strict.changes == []
    assert 'verbs: ["delete"]' in caught.value.hint


def test_a_stop_that_keeps_the_data_needs_no_permission_to_delete_it(
    stack: Stack, strict: StrictCluster
) -> None:
    stack.up()
    strict.denied = {("delete", "persistentvolumeclaims")}

    assert run(stack.runtime.stop()) == SERVICES


def test_who_has_no_data_needs_no_permission_to_delete_it(
    stack: Stack, strict: StrictCluster
) -> None:
    strict.denied = {("delete", "persistentvolumeclaims")}

    assert run(stack.runtime.stop(remove_data=True)) == ()
    assert strict.asked == []


def test_a_namespace_that_may_not_be_deleted_stays_and_the_rest_is_gone(running: Stack) -> None:
    refusal = (
        'Error from server (Forbidden): namespaces "shop" is forbidden: User "dev" cannot delete'
        ' resource "namespaces" in API group "" in the namespace "shop"'
    )
    running.cluster.failing.append((("delete", "namespace/shop"), refusal))

    progress, stopped = collect(running.runtime.stop(remove_data=True))

    assert stopped == SERVICES
    assert progress[-1].detail == "stays: this user may not delete it"
    assert not running.runtime.has_data()
